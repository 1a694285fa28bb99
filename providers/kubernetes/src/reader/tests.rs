use mlstack_provider::Impact::{InPlace, Replace, ReplaceLosesData};
use mlstack_provider::{Outage, Value};
use serde_json::json;

use super::{impact, outage};

#[test]
fn what_nobody_may_change_is_made_anew() {
    assert_eq!(impact("deployment", "spec.template.spec.containers.image"), InPlace);
    assert_eq!(
        impact("deployment", r#"spec.selector.matchLabels."app.kubernetes.io/name""#),
        Replace
    );
    assert_eq!(impact("statefulset", "spec.replicas"), InPlace);
    assert_eq!(
        impact(
            "statefulset",
            "spec.volumeClaimTemplates.spec.resources.requests.storage"
        ),
        Replace
    );
    assert_eq!(impact("job", "spec.template.spec.containers.image"), Replace);
    assert_eq!(impact("pvc", "spec.resources.requests.storage"), InPlace);
    assert_eq!(impact("pvc", "spec.storageClassName"), ReplaceLosesData);
    assert_eq!(impact("deployment", "x-mlstack.secrets.token"), InPlace);
    assert_eq!(impact("unknown", "spec"), Replace);
}

#[test]
fn pods_hold_a_claim_and_nothing_else() {
    assert_eq!(impact("deployment", "depends_on.pvc"), Replace);
    assert_eq!(impact("deployment", "depends_on.configmap"), InPlace);
    assert_eq!(impact("hpa", "depends_on.pvc"), InPlace);
    assert_eq!(impact("service", "depends_on.namespace"), Replace);
}

#[test]
fn users_notice_what_stops_before_its_next_version_is_up() {
    let spec = |strategy: &str, replicas: u32| json!({"spec": {"strategy": {"type": strategy}, "replicas": replicas}});
    let image = ["spec.template.spec.containers.image"];
    let outage = |short, spec: &Value, changed: &[&str]| outage(short, spec, changed);
    assert_eq!(outage("deployment", &spec("RollingUpdate", 1), &image), Outage::Rolling);
    assert_eq!(outage("deployment", &spec("Recreate", 1), &image), Outage::Stop);
    assert_eq!(
        outage("deployment", &spec("Recreate", 2), &["spec.replicas"]),
        Outage::None
    );
    assert_eq!(outage("statefulset", &spec("", 1), &image), Outage::Stop);
    assert_eq!(outage("statefulset", &spec("", 3), &image), Outage::Rolling);
    assert_eq!(outage("service", &spec("", 1), &["spec.ports.port"]), Outage::None);
    assert_eq!(outage("service", &spec("", 1), &["spec.clusterIP"]), Outage::Stop);
    assert_eq!(outage("hpa", &spec("", 1), &["spec.maxReplicas"]), Outage::None);
}
