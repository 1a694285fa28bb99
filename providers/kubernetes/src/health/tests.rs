use serde_json::{Value, json};

use super::{Verdict, judge};

fn going(text: &str) -> Verdict {
    Verdict::Going(text.to_owned())
}

fn deployment(generation: u64, status: Value) -> Verdict {
    let mut object = json!({"metadata": {"generation": generation}, "spec": {"replicas": 2}, "status": status});
    object["status"]["observedGeneration"] = 1.into();
    judge("deployment", &object)
}

#[test]
fn a_deployment_is_done_when_all_are_new_and_available() {
    let status = |updated: u64, all: u64, available: u64| json!({"updatedReplicas": updated, "replicas": all, "availableReplicas": available});
    assert_eq!(deployment(1, status(2, 2, 2)), Verdict::Done);
    assert_eq!(
        deployment(2, status(2, 2, 2)),
        going("the controller"),
        "the praise is for the version before"
    );
    assert_eq!(deployment(1, status(1, 2, 2)), going("1 of 2 new"));
    assert_eq!(deployment(1, status(2, 2, 1)), going("1 of 2 available"));
    assert_eq!(deployment(1, status(2, 3, 2)), going("1 old to go"));
    let late = json!({"conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]});
    assert_eq!(deployment(1, late), Verdict::Failed("timed out".to_owned()));
}

#[test]
fn a_stateful_set_is_done_when_its_revision_is_the_only_one() {
    let set = |updated: u64, ready: u64, current: &str| {
        let status = json!({
            "observedGeneration": 1, "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": ready,
            "currentRevision": current, "updateRevision": "b",
        });
        judge(
            "statefulset",
            &json!({"metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": status}),
        )
    };
    assert_eq!(set(2, 2, "b"), Verdict::Done);
    assert_eq!(set(1, 2, "a"), going("1 of 2 new"));
    assert_eq!(set(2, 1, "b"), going("1 of 2 ready"));
    assert_eq!(set(2, 2, "a"), going("the last old one to go"));
}

#[test]
fn a_job_ends_one_way_or_the_other() {
    let job = |condition: &str| {
        judge(
            "job",
            &json!({"status": {"conditions": [{"type": condition, "status": "True", "reason": "R", "message": "m"}]}}),
        )
    };
    assert_eq!(job("Complete"), Verdict::Done);
    assert_eq!(job("FailureTarget"), Verdict::Failed("m (R)".to_owned()));
    assert_eq!(job("SuccessCriteriaMet"), going("its end"));
}

#[test]
fn what_is_being_deleted_is_not_done() {
    let object = json!({"metadata": {"deletionTimestamp": "2026-11-23T06:03:21Z"}});
    assert_eq!(judge("configmap", &object), going("its deletion"));
    assert_eq!(judge("configmap", &json!({"metadata": {}})), Verdict::Done);
}
