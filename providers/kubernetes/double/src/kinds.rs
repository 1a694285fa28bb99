//! The kinds that the double serves. Owns the table; never looks at an object's content.

/// One kind of object: how its paths, messages and life differ from others.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Version that is served and stored.
    pub version: &'static str,
    /// As in `kind:`.
    pub kind: &'static str,
    /// As in paths.
    pub plural: &'static str,
    /// Whether objects live in a namespace.
    pub namespaced: bool,
    /// Whether `metadata.generation` counts changes of the spec.
    pub generation: bool,
    /// Whether there is a `status` subresource.
    pub status: bool,
    /// Whether DELETE answers with the object, not with a Status.
    pub returned: bool,
}

impl PartialOrd for Kind {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kind {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.group, self.plural).cmp(&(other.group, other.plural))
    }
}

const NAMESPACED: u8 = 1;
const GENERATION: u8 = 2;
const STATUS: u8 = 4;
const RETURNED: u8 = 8;

const fn kind(group: &'static str, version: &'static str, kind: &'static str, plural: &'static str, flags: u8) -> Kind {
    Kind {
        group,
        version,
        kind,
        plural,
        namespaced: flags & NAMESPACED != 0,
        generation: flags & GENERATION != 0,
        status: flags & STATUS != 0,
        returned: flags & RETURNED != 0,
    }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const NET: &str = "networking.k8s.io";

/// Every kind that is served.
pub static KINDS: &[Kind] = &[
    kind("", "v1", "Namespace", "namespaces", STATUS | RETURNED),
    kind("", "v1", "Node", "nodes", STATUS),
    kind("", "v1", "ConfigMap", "configmaps", NAMESPACED),
    kind("", "v1", "Secret", "secrets", NAMESPACED),
    kind("", "v1", "Service", "services", NAMESPACED | STATUS | RETURNED),
    kind("", "v1", "ServiceAccount", "serviceaccounts", NAMESPACED | RETURNED),
    kind(
        "",
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        NAMESPACED | STATUS | RETURNED,
    ),
    kind("", "v1", "PersistentVolume", "persistentvolumes", STATUS | RETURNED),
    kind("", "v1", "Pod", "pods", NAMESPACED | GENERATION | STATUS | RETURNED),
    kind("", "v1", "Event", "events", NAMESPACED),
    kind("", "v1", "Endpoints", "endpoints", NAMESPACED),
    kind(
        "",
        "v1",
        "ResourceQuota",
        "resourcequotas",
        NAMESPACED | STATUS | RETURNED,
    ),
    kind("", "v1", "LimitRange", "limitranges", NAMESPACED),
    kind(
        "apps",
        "v1",
        "Deployment",
        "deployments",
        NAMESPACED | GENERATION | STATUS,
    ),
    kind(
        "apps",
        "v1",
        "ReplicaSet",
        "replicasets",
        NAMESPACED | GENERATION | STATUS,
    ),
    kind(
        "apps",
        "v1",
        "StatefulSet",
        "statefulsets",
        NAMESPACED | GENERATION | STATUS,
    ),
    kind(
        "apps",
        "v1",
        "DaemonSet",
        "daemonsets",
        NAMESPACED | GENERATION | STATUS,
    ),
    kind("apps", "v1", "ControllerRevision", "controllerrevisions", NAMESPACED),
    kind("batch", "v1", "Job", "jobs", NAMESPACED | GENERATION | STATUS),
    kind("batch", "v1", "CronJob", "cronjobs", NAMESPACED | GENERATION | STATUS),
    kind(
        "autoscaling",
        "v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        NAMESPACED | STATUS,
    ),
    kind(
        "policy",
        "v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        NAMESPACED | GENERATION | STATUS,
    ),
    kind(NET, "v1", "NetworkPolicy", "networkpolicies", NAMESPACED | GENERATION),
    kind(NET, "v1", "Ingress", "ingresses", NAMESPACED | GENERATION | STATUS),
    kind(NET, "v1", "IngressClass", "ingressclasses", GENERATION),
    kind("coordination.k8s.io", "v1", "Lease", "leases", NAMESPACED),
    kind(RBAC, "v1", "Role", "roles", NAMESPACED),
    kind(RBAC, "v1", "RoleBinding", "rolebindings", NAMESPACED),
    kind(RBAC, "v1", "ClusterRole", "clusterroles", 0),
    kind(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", 0),
    kind("storage.k8s.io", "v1", "StorageClass", "storageclasses", RETURNED),
    kind(
        "scheduling.k8s.io",
        "v1",
        "PriorityClass",
        "priorityclasses",
        GENERATION,
    ),
];

impl Kind {
    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        match self.group {
            "" => self.version.into(),
            group => format!("{group}/{}", self.version),
        }
    }

    /// `deployments.apps`: the name of the resource in messages.
    pub fn resource(&self) -> String {
        qualified(self.plural, self.group)
    }

    /// `Deployment.apps`: the name of the kind in messages.
    pub fn qualified(&self) -> String {
        qualified(self.kind, self.group)
    }
}

fn qualified(name: &str, group: &str) -> String {
    match group {
        "" => name.into(),
        _ => format!("{name}.{group}"),
    }
}

/// The kind of a path.
pub fn by_plural(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    KINDS
        .iter()
        .find(|k| k.group == group && k.version == version && k.plural == plural)
}

/// The kind called `name`, whatever its group.
///
/// # Panics
/// When the table has no such kind: only names of the table are asked for.
pub fn named(name: &str) -> &'static Kind {
    KINDS
        .iter()
        .find(|k| k.kind == name)
        .expect("only kinds of the table are asked for")
}

/// Whether a group and version are served at all.
pub fn served(group: &str) -> bool {
    KINDS.iter().any(|k| k.group == group)
}
