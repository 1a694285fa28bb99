//! The recorded exchanges that the double does not answer equally yet: scenario, number of the exchange, reason.

const BY_KUBECTL: &str = "kubectl itself wrote here, in no recorded request; `kubectl.rs` runs it";

pub(crate) const GAPS: &[(&str, usize, &str)] = &[
    ("applyset/kubectl", 0, BY_KUBECTL),
    ("applyset/kubectl", 4, BY_KUBECTL),
    ("applyset/kubectl", 1, BY_KUBECTL),
    ("applyset/kubectl", 2, BY_KUBECTL),
    ("applyset/kubectl", 3, BY_KUBECTL),
    ("applyset/kubectl", 5, BY_KUBECTL),
    ("applyset/kubectl", 6, BY_KUBECTL),
    ("applyset/kubectl", 8, BY_KUBECTL),
    ("applyset/kubectl", 9, BY_KUBECTL),
    ("delete/orphan", 1, "a controller wrote in between, at another moment"),
    ("delete/orphan", 4, "a controller wrote in between, at another moment"),
    ("discovery", 16, "the groups of the recording's admin"),
    ("discovery", 17, "who owns the fields of a review"),
    (
        "immutable/job",
        1,
        "the message prints the server's internal struct of a pod template",
    ),
    (
        "immutable/job",
        3,
        "the message prints the server's internal struct of a pod template",
    ),
    (
        "immutable/statefulset",
        7,
        "a controller wrote in between, at another moment",
    ),
    ("quota", 10, "the mount of a service account's token is not simulated"),
    (
        "rollout/replica-failure-psa",
        7,
        "events that are alike are not combined after the tenth",
    ),
    (
        "rollout/replica-failure-psa",
        11,
        "events that are alike are not combined after the tenth",
    ),
    (
        "rollout/replica-failure-quota",
        8,
        "events that are alike are not combined after the tenth",
    ),
    (
        "rollout/replica-failure-quota",
        12,
        "events that are alike are not combined after the tenth",
    ),
    (
        "rollout/replica-failure-serviceaccount",
        7,
        "how often a refused pod was tried again",
    ),
    (
        "rollout/replica-failure-serviceaccount",
        11,
        "how often a refused pod was tried again",
    ),
    ("rollout/scale", 1, "the object in the bookmark after the first events"),
    ("rollout/statefulset-ok", 5, "the scheduler's series of events"),
    ("rollout/statefulset-ok", 10, "the scheduler's series of events"),
    ("rollout/statefulset-stuck", 5, "the scheduler's series of events"),
    ("rollout/statefulset-stuck", 9, "the scheduler's series of events"),
    ("rollout/unschedulable", 7, "the scheduler's series of events"),
    ("rollout/unschedulable", 11, "the scheduler's series of events"),
    ("ssa/yaml-body", 2, "the words of another YAML reader"),
    ("warning/deprecation", 7, "who owns a list with the same key twice"),
    ("watch/basics", 5, "the oldest version that is still known is another"),
];
