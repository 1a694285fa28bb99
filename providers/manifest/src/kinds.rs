//! The kinds of objects that mlstack makes.

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// How addresses call it: `deployment`.
    pub short: &'static str,
    /// `apps/v1`.
    pub api_version: &'static str,
    /// `Deployment`.
    pub kind: &'static str,
    /// As in paths of the API: `deployments`.
    pub plural: &'static str,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
    /// Objects of a lower wave are applied first, and deleted last.
    pub wave: u8,
    /// Whether its objects hold data, or all of somebody's objects: kept unless named.
    pub protected: bool,
    /// Paths that no update may change; a path covers everything below it.
    pub immutable: &'static [&'static str],
    /// Paths below those that may change all the same.
    pub mutable: &'static [&'static str],
}

impl Kind {
    /// `apps` of `apps/v1`; empty for the core group.
    pub fn group(&self) -> &'static str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// `v1` of `apps/v1`.
    pub fn version(&self) -> &'static str {
        self.api_version
            .split_once('/')
            .map_or(self.api_version, |(_, version)| version)
    }

    /// Whether an update of `path`, such as `spec.selector.matchLabels`, is refused by the server.
    pub fn is_immutable(&self, path: &str) -> bool {
        let covers = |wide: &str| wide == path || path.strip_prefix(wide).is_some_and(|rest| rest.starts_with('.'));
        self.immutable.iter().any(|wide| covers(wide)) && !self.mutable.iter().any(|wide| covers(wide))
    }
}

/// The kind that addresses call `short`.
pub fn kind(short: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.short == short)
}

/// The kind of an object.
pub fn kind_of(api_version: &str, name: &str) -> Option<&'static Kind> {
    KINDS
        .iter()
        .find(|kind| kind.api_version == api_version && kind.kind == name)
}

/// What the server lets change in a StatefulSet; all the rest of its `spec` is fixed.
const OF_STATEFUL_SETS: &[&str] = &[
    "spec.replicas",
    "spec.ordinals",
    "spec.template",
    "spec.updateStrategy",
    "spec.revisionHistoryLimit",
    "spec.persistentVolumeClaimRetentionPolicy",
    "spec.minReadySeconds",
];

const fn of(
    short: &'static str,
    api_version: &'static str,
    kind: &'static str,
    plural: &'static str,
    wave: u8,
) -> Kind {
    Kind {
        short,
        api_version,
        kind,
        plural,
        namespaced: true,
        wave,
        protected: false,
        immutable: &[],
        mutable: &[],
    }
}

impl Kind {
    const fn cluster(self) -> Self {
        Self {
            namespaced: false,
            ..self
        }
    }

    const fn protected(self) -> Self {
        Self {
            protected: true,
            ..self
        }
    }

    const fn fixed(self, immutable: &'static [&'static str], mutable: &'static [&'static str]) -> Self {
        Self {
            immutable,
            mutable,
            ..self
        }
    }
}

/// Every kind that mlstack makes, wave by wave. What is immutable was seen on a server of version 1.36.
#[rustfmt::skip]
pub const KINDS: &[Kind] = &[
    of("namespace", "v1", "Namespace", "namespaces", 0).cluster().protected(),
    of("serviceaccount", "v1", "ServiceAccount", "serviceaccounts", 1),
    of("networkpolicy", "networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", 1),
    // A map or a secret with `immutable: true`; others may change.
    of("configmap", "v1", "ConfigMap", "configmaps", 2).fixed(&["data", "binaryData", "immutable"], &[]),
    of("secret", "v1", "Secret", "secrets", 2).fixed(&["type"], &[]),
    of("pvc", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", 3).protected()
        .fixed(&["spec"], &["spec.resources.requests", "spec.volumeAttributesClassName"]),
    of("service", "v1", "Service", "services", 4).fixed(&["spec.clusterIP", "spec.clusterIPs"], &[]),
    of("deployment", "apps/v1", "Deployment", "deployments", 5).fixed(&["spec.selector"], &[]),
    of("statefulset", "apps/v1", "StatefulSet", "statefulsets", 5).fixed(&["spec"], OF_STATEFUL_SETS),
    of("job", "batch/v1", "Job", "jobs", 6)
        .fixed(&["spec.template", "spec.selector", "spec.completionMode", "spec.completions"], &[]),
    of("hpa", "autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", 7),
    of("pdb", "policy/v1", "PodDisruptionBudget", "poddisruptionbudgets", 7),
    of("ingress", "networking.k8s.io/v1", "Ingress", "ingresses", 7),
    of("httproute", "gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", 7),
];

#[cfg(test)]
mod tests;
