use serde_json::json;

use super::{is_over, lock_name, now};

#[test]
fn a_lease_lasts_by_the_clock_of_the_server() {
    let lease = json!({"spec": {"leaseDurationSeconds": 30, "renewTime": "2026-11-23T06:03:52.500000Z"}});
    let at = |date: &str| is_over(&lease, now(Some(date)));
    assert!(!at("Mon, 23 Nov 2026 06:04:22 GMT"));
    assert!(!at("Mon, 23 Nov 2026 06:04:23 GMT"));
    assert!(at("Mon, 23 Nov 2026 06:04:24 GMT"));
    assert!(is_over(&json!({"spec": {}}), now(None)), "one that was given back");
    assert_eq!(lock_name("demo"), "mlstack-demo");
}
