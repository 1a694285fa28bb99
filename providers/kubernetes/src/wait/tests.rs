use std::time::Duration;

use mlstack_manifest::kind;
use serde_json::json;

use super::{applied_at, happened, limit, selector, settled};

#[test]
fn only_warnings_since_the_last_apply_count() {
    let object = json!({"metadata": {"managedFields": [
        {"manager": "mlstack", "time": "2026-11-23T06:03:43Z"},
        {"manager": "kube-controller-manager", "time": "2026-11-23T06:09:00Z", "subresource": "status"},
    ]}});
    let since = applied_at(&object);
    assert!(happened(&json!({"lastTimestamp": "2026-11-23T06:03:43Z"})) >= since);
    assert!(happened(&json!({"eventTime": "2026-11-23T06:03:43.763140Z"})) >= since);
    assert!(happened(&json!({"eventTime": "2026-11-23T06:03:42.9Z", "lastTimestamp": null})) < since);
}

#[test]
fn a_workload_says_how_long_it_may_take() {
    let of = |short: &str, spec| limit(kind(short).expect("a kind"), &json!({"spec": spec}), &json!({})).as_secs();
    assert_eq!(of("deployment", json!({"progressDeadlineSeconds": 90})), 120);
    assert_eq!(of("job", json!({})), 3600);
    let slow = json!({"replicas": 2, "template": {"spec": {"containers": [{"startupProbe": {"failureThreshold": 60, "periodSeconds": 10}}]}}});
    assert_eq!(of("statefulset", slow), 1440);
    let told = json!({"x-mlstack": {"ready_within_s": 40}});
    let set = limit(
        kind("statefulset").expect("a kind"),
        &json!({"spec": {"replicas": 2}}),
        &told,
    );
    assert_eq!(set.as_secs(), 80);
    assert_eq!(
        selector(&json!({"spec": {"selector": {"matchLabels": {"a": "1", "b": "2"}}}})),
        "a=1,b=2"
    );
}

const SETTLE: Duration = Duration::from_secs(2);

#[tokio::test(start_paused = true)]
async fn it_must_stay_well_for_a_while() {
    let mut well = None;
    assert!(!settled(&mut well, 0, SETTLE));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(!settled(&mut well, 0, SETTLE));
    tokio::time::advance(Duration::from_secs(1)).await;
    // It began anew: from the beginning.
    assert!(!settled(&mut well, 1, SETTLE));
    tokio::time::advance(Duration::from_secs(3)).await;
    assert!(settled(&mut well, 1, SETTLE));
}
