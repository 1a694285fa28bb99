use serde_json::{Value, json};

use super::{Evidence, causes};

/// The first cause as it is shown, with whether it is hard evidence.
fn first(object: &Value, pods: &[Value], events: &[Value]) -> String {
    let all = causes(&Evidence { object, pods, events });
    match all.first() {
        None => "nothing".to_owned(),
        Some(cause) => {
            let weight = if cause.terminal { "terminal" } else { "may pass" };
            format!("{weight}: {}\n{}", cause.sentence(), cause.sort.remedy())
        }
    }
}

fn pod(status: Value) -> Value {
    json!({"metadata": {"name": "web-1"}, "status": status})
}

fn container(status: Value) -> Value {
    let mut status = status;
    status["name"] = "server".into();
    pod(json!({"containerStatuses": [status]}))
}

fn waits(reason: &str, message: &str) -> Value {
    container(json!({"state": {"waiting": {"reason": reason, "message": message}}, "restartCount": 0}))
}

fn event(reason: &str, message: &str) -> Value {
    json!({"reason": reason, "message": message,
        "involvedObject": {"kind": "Pod", "name": "web-1", "fieldPath": "spec.containers{server}"}})
}

fn of_pod(pod: Value) -> String {
    first(&json!({}), &[pod], &[])
}

fn not_made(message: &str) -> String {
    let condition = json!({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message});
    first(&json!({"status": {"conditions": [condition]}}), &[], &[])
}

fn unschedulable(message: &str) -> String {
    of_pod(pod(
        json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]}),
    ))
}

#[test]
fn images() {
    insta::assert_snapshot!(of_pod(waits("ErrImageNeverPull", "Container image \"x\" is not present with pull policy of Never")), @r#"
    terminal: the image is not on the node, and may not be pulled (pod web-1, container server): Container image "x" is not present with pull policy of Never
    push it to a registry and name that one, or set the pull policy to IfNotPresent
    "#);
    insta::assert_snapshot!(of_pod(waits("InvalidImageName", "couldn't parse image name \"A B\"")), @r#"
    terminal: the image's name is none (pod web-1, container server): couldn't parse image name "A B"
    mend `image`: registry/name:tag or registry/name@sha256:…
    "#);
    let missing = "failed to resolve reference \"registry.example/model-server:1.0\": registry.example/model-server:1.0: not found";
    insta::assert_snapshot!(of_pod(waits("ErrImagePull", missing)), @r#"
    may pass: the registry has no such image (pod web-1, container server): failed to resolve reference "registry.example/model-server:1.0": registry.example/model-server:1.0: not found
    mend `image`, or push it first
    "#);
    // The state soon says only that it waits; the event keeps the reason.
    let backing = waits(
        "ImagePullBackOff",
        "Back-off pulling image \"registry.example/model-server:1.0\"",
    );
    let told = event("Failed", &format!("Failed to pull image: {missing}"));
    insta::assert_snapshot!(first(&json!({}), &[backing], &[told]), @r#"
    terminal: the registry has no such image (pod web-1, container server): Failed to pull image: failed to resolve reference "registry.example/model-server:1.0": registry.example/model-server:1.0: not found
    mend `image`, or push it first
    "#);
    insta::assert_snapshot!(of_pod(waits("ImagePullBackOff", "pull access denied, repository does not exist or may require authorization")), @"
    terminal: the registry refuses the image (pod web-1, container server): pull access denied, repository does not exist or may require authorization
    give the namespace a pull secret, or log in to the registry: kubectl create secret docker-registry
    ");
    insta::assert_snapshot!(of_pod(waits("ImagePullBackOff", "dial tcp 10.0.0.9:443: i/o timeout")), @"
    may pass: the image cannot be pulled (pod web-1, container server): dial tcp 10.0.0.9:443: i/o timeout
    see that the nodes reach the registry
    ");
}

#[test]
fn pods_that_are_not_made() {
    insta::assert_snapshot!(not_made("pods \"web-\" is forbidden: violates PodSecurity \"restricted:latest\": allowPrivilegeEscalation != false"), @r#"
    terminal: the namespace's Pod Security level forbids the pods: pods "web-" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false
    mend what the message names, or run it in a namespace of another level
    "#);
    insta::assert_snapshot!(not_made("pods \"web-\" is forbidden: error looking up service account ns/nope: serviceaccount \"nope\" not found"), @r#"
    terminal: there is no such service account: pods "web-" is forbidden: error looking up service account ns/nope: serviceaccount "nope" not found
    make it: kubectl create serviceaccount NAME, or leave it out
    "#);
    insta::assert_snapshot!(not_made("pods \"web-\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1"), @r#"
    terminal: a quota of the namespace is used up: pods "web-" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1
    lower resources or replicas, or ask for a larger quota: kubectl describe quota
    "#);
    insta::assert_snapshot!(not_made("pods \"web-\" is forbidden: maximum cpu usage per Container is 1, but limit is 2"), @r#"
    terminal: the cluster refuses to make the pods: pods "web-" is forbidden: maximum cpu usage per Container is 1, but limit is 2
    mend what the message names: kubectl describe limitrange,resourcequota shows the namespace's rules
    "#);
    // A stateful set tells it by events alone.
    let told = json!({"reason": "FailedCreate", "message": "create Pod db-0 in StatefulSet db failed error: pods \"db-0\" is forbidden: exceeded quota: q"});
    assert!(first(&json!({}), &[], &[told]).starts_with("terminal: a quota"));
}

#[test]
fn containers_that_cannot_begin() {
    insta::assert_snapshot!(of_pod(waits("CreateContainerConfigError", "secret \"token\" not found")), @r#"
    terminal: a ConfigMap or Secret lacks (pod web-1, container server): secret "token" not found
    make what the message names, with that key
    "#);
    insta::assert_snapshot!(of_pod(waits("CreateContainerConfigError", "container has runAsNonRoot and image will run as root")), @"
    terminal: the image runs as root, which is not allowed (pod web-1, container server): container has runAsNonRoot and image will run as root
    take an image with a user of its own, or name one: USER 1000 in its Dockerfile
    ");
    insta::assert_snapshot!(of_pod(waits("RunContainerError", "exec: \"serve\": executable file not found in $PATH")), @r#"
    terminal: the container's command cannot be run (pod web-1, container server): exec: "serve": executable file not found in $PATH
    mend `command`: its first word must be a program in the image
    "#);
    let start =
        json!({"terminated": {"exitCode": 128, "reason": "StartError", "message": "exec: \"serve\": not found"}});
    assert!(
        of_pod(container(json!({"state": start, "restartCount": 0}))).starts_with("terminal: the container's command")
    );
}

#[test]
fn containers_that_end() {
    let crash = |restarts: u64| {
        let last = json!({"terminated": {"exitCode": 3, "reason": "Error"}});
        container(
            json!({"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": last, "restartCount": restarts}),
        )
    };
    insta::assert_snapshot!(of_pod(crash(1)), @"
    may pass: the container crashes (pod web-1, container server): exited (3), 1 restarts
    mend what its last lines say
    ");
    insta::assert_snapshot!(of_pod(crash(2)), @"
    terminal: the container crashes (pod web-1, container server): exited (3), 2 restarts
    mend what its last lines say
    ");
    let memory = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
    let memory = container(json!({"state": {"running": {}}, "lastState": memory, "ready": false, "restartCount": 1}));
    insta::assert_snapshot!(of_pod(memory), @"
    terminal: the container used more memory than its limit (pod web-1, container server): out of memory
    raise resources.memory
    ");
    // Ready between two crashes is not well, but no evidence either.
    let between = json!({"state": {"running": {}}, "lastState": {"terminated": {"exitCode": 3}}, "ready": true, "restartCount": 1});
    assert_eq!(of_pod(container(between)), "nothing");
    insta::assert_snapshot!(of_pod(pod(json!({"reason": "Evicted", "message": "The node was low on resource: memory."}))), @"
    terminal: the node threw the pod out (pod web-1): The node was low on resource: memory.
    set resources to what it really uses: kubectl describe node
    ");
}

#[test]
fn probes() {
    let runs = container(json!({"state": {"running": {}}, "ready": false, "restartCount": 0}));
    let told =
        |pod: &Value, message: &str| first(&json!({}), std::slice::from_ref(pod), &[event("Unhealthy", message)]);
    insta::assert_snapshot!(told(&runs, "Readiness probe failed: HTTP probe failed with statuscode: 503"), @"
    may pass: its readiness probe fails (pod web-1, container server): Readiness probe failed: HTTP probe failed with statuscode: 503
    see that it listens on its port and answers its health path
    ");
    // The kubelet killed it: its exit code says nothing.
    let last = json!({"terminated": {"exitCode": 137, "reason": "Error"}});
    let killed = container(json!({"state": {"running": {}}, "lastState": last, "ready": false, "restartCount": 1}));
    insta::assert_snapshot!(told(&killed, "Liveness probe failed: connection refused"), @"
    terminal: it is restarted because its probe fails (pod web-1, container server): Liveness probe failed: connection refused
    if it only needs longer to start, raise rollout.timeout
    ");
    assert_eq!(of_pod(runs), "nothing");
}

#[test]
fn places() {
    insta::assert_snapshot!(unschedulable("0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: not helpful"), @"
    may pass: no node has the GPUs it asks for (pod web-1): 0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: not helpful
    ask for fewer GPUs, or add nodes that have them: kubectl describe nodes
    ");
    insta::assert_snapshot!(unschedulable("0/3 nodes are available: 3 Insufficient memory."), @"
    may pass: no node has the CPU or memory it asks for (pod web-1): 0/3 nodes are available: 3 Insufficient memory.
    lower resources, or add nodes: kubectl describe nodes
    ");
    insta::assert_snapshot!(unschedulable("0/1 nodes are available: persistentvolumeclaim \"nope\" not found. not found"), @r#"
    may pass: its volume claim is not there or not bound (pod web-1): 0/1 nodes are available: persistentvolumeclaim "nope" not found. not found
    see its claim: kubectl describe pvc; a storage class must be there to make the volume
    "#);
    insta::assert_snapshot!(unschedulable("0/1 nodes are available: 1 node(s) had untolerated taint(s)."), @"
    may pass: no node may run it (pod web-1): 0/1 nodes are available: 1 node(s) had untolerated taint(s).
    see the nodes' taints and labels: kubectl describe nodes
    ");
    let waiting = waits("ContainerCreating", "");
    let mount = event(
        "FailedMount",
        "MountVolume.SetUp failed for volume \"config\" : configmap \"nope\" not found",
    );
    insta::assert_snapshot!(first(&json!({}), &[waiting], &[mount]), @r#"
    may pass: a volume cannot be mounted (pod web-1): MountVolume.SetUp failed for volume "config" : configmap "nope" not found
    make what the message names; a volume that only one node may use must leave the other one first
    "#);
}

#[test]
fn jobs_and_deadlines() {
    let object = |condition: Value| json!({"status": {"conditions": [condition]}});
    let failed = json!({"type": "FailureTarget", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"});
    insta::assert_snapshot!(first(&object(failed), &[], &[]), @"
    terminal: the job failed: Job has reached the specified backoff limit
    mend what its last lines say, then apply again
    ");
    let late = json!({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"web-1\" has timed out progressing."});
    insta::assert_snapshot!(first(&object(late), &[], &[]), @r#"
    terminal: it made no progress in time: ReplicaSet "web-1" has timed out progressing.
    if it only needs longer, raise rollout.timeout
    "#);
    assert_eq!(first(&json!({}), &[], &[]), "nothing");
}

#[test]
fn hard_evidence_comes_first() {
    let passing = pod(
        json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "Insufficient cpu"}]}),
    );
    let all = causes(&Evidence {
        object: &json!({}),
        pods: &[passing, waits("InvalidImageName", "x")],
        events: &[],
    });
    assert_eq!(
        all.iter().map(|cause| cause.terminal).collect::<Vec<_>>(),
        [true, false]
    );
}
