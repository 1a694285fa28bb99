use std::collections::BTreeSet;

use super::*;

#[test]
fn every_kind_is_found_by_both_of_its_names() {
    for one in KINDS {
        assert_eq!(kind(one.short), Some(one));
        assert_eq!(kind_of(one.api_version, one.kind), Some(one));
    }
    assert_eq!(kind("pod"), None);
    assert_eq!(kind_of("apps/v1beta1", "Deployment"), None);
}

#[test]
fn names_are_unique_and_waves_ascend() {
    let shorts: BTreeSet<_> = KINDS.iter().map(|kind| kind.short).collect();
    assert_eq!(shorts.len(), KINDS.len());
    assert!(KINDS.is_sorted_by_key(|kind| kind.wave));
}

#[test]
fn groups_and_versions_come_from_the_api_version() {
    let of = |short| kind(short).map(|kind| (kind.group(), kind.version()));
    assert_eq!(of("service"), Some(("", "v1")));
    assert_eq!(of("deployment"), Some(("apps", "v1")));
    assert_eq!(of("hpa"), Some(("autoscaling", "v2")));
}

#[test]
fn what_cannot_change_is_known_by_its_path() {
    let fixed = |short: &str, path: &str| kind(short).expect(short).is_immutable(path);
    assert!(fixed("deployment", "spec.selector.matchLabels"));
    assert!(!fixed("deployment", "spec.selectors"));
    assert!(!fixed("deployment", "spec.template"));
    assert!(fixed("statefulset", "spec.volumeClaimTemplates"));
    assert!(fixed("statefulset", "spec.serviceName"));
    assert!(!fixed("statefulset", "spec.template.spec.containers.image"));
    assert!(fixed("pvc", "spec.accessModes"));
    assert!(!fixed("pvc", "spec.resources.requests.storage"));
    assert!(fixed("job", "spec.template.spec.containers.image"));
    assert!(!fixed("service", "spec.type"));
}

#[test]
fn only_data_and_namespaces_are_protected() {
    let kept: Vec<_> = KINDS
        .iter()
        .filter(|kind| kind.protected)
        .map(|kind| kind.short)
        .collect();
    assert_eq!(kept, ["namespace", "pvc"]);
}
