use mlstack_provider::Impact::{InPlace, Replace, ReplaceLosesData};

use super::impact;

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
