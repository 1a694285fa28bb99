use serde_json::{Value, json};

use super::{Lost, Refusal, Sort};

/// Answers as a server of version 1.36 gave them.
fn status(code: u16, reason: &str, message: &str, about: &str, causes: Value) -> Refusal {
    let body = json!({
        "kind": "Status", "status": "Failure", "reason": reason, "message": message, "code": code,
        "details": {"name": "web", "kind": about, "causes": causes},
    });
    Refusal::of(code, &body)
}

fn told(refusal: &Refusal) -> String {
    let error = refusal.error("cannot check");
    let cause = error.cause.expect("a cause");
    let hints: String = error.hints.iter().map(|hint| format!("\n{hint}")).collect();
    format!("{:?} {}: {cause}{hints}", refusal.sort(), error.kind.name())
}

#[test]
fn the_two_conflicts_are_told_apart() {
    let clash =
        json!([{"reason": "FieldManagerConflict", "message": "conflict with \"hpa\"", "field": ".spec.replicas"}]);
    let clash = status(
        409,
        "Conflict",
        "Apply failed with 1 conflict: conflict with \"hpa\": .spec.replicas",
        "",
        clash,
    );
    insta::assert_snapshot!(told(&clash), @r#"
    Clash foreign: Apply failed with 1 conflict: conflict with "hpa": .spec.replicas
    plan with --force-conflicts to take these fields over, or leave them out of the stack file
    "#);
    let stale = "Operation cannot be fulfilled on configmaps \"cfg\": the object has been modified; please apply your changes to the latest version and try again";
    insta::assert_snapshot!(told(&status(409, "Conflict", stale, "configmaps", json!(null))), @r#"
    Stale stale: Operation cannot be fulfilled on configmaps "cfg": the object has been modified; please apply your changes to the latest version and try again
    plan again: mlstack plan
    "#);
    let exists = status(
        409,
        "AlreadyExists",
        "configmaps \"cfg\" already exists",
        "configmaps",
        json!(null),
    );
    assert_eq!(exists.sort(), Sort::Exists);
}

#[test]
fn what_cannot_change_is_told_from_what_may_not_be() {
    let long = format!(
        "Invalid value: {{\"Volumes\":{}}}: field is immutable",
        "[1],".repeat(100)
    );
    let message = format!("Job.batch \"migrate\" is invalid: spec.template: {long}");
    let job = status(
        422,
        "Invalid",
        &message,
        "Job",
        json!([{"reason": "FieldValueInvalid", "message": long, "field": "spec.template"}]),
    );
    insta::assert_snapshot!(told(&job), @"Immutable failed: spec.template: field is immutable");
    let set = "Forbidden: updates to statefulset spec for fields other than 'replicas', 'template' are forbidden";
    let set = status(
        422,
        "Invalid",
        set,
        "StatefulSet",
        json!([{"message": set, "field": "spec"}]),
    );
    assert_eq!(set.sort(), Sort::Immutable);
    let limit = "Invalid value: \"2\": must be less than or equal to cpu limit of 1";
    let field = "spec.template.spec.containers[0].resources.requests";
    let limit = status(
        422,
        "Invalid",
        limit,
        "Deployment",
        json!([{"message": limit, "field": field}]),
    );
    insta::assert_snapshot!(told(&limit), @r#"Invalid failed: spec.template.spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1"#);
    let shrink = "Forbidden: field can not be less than status.capacity";
    let shrink = status(
        422,
        "Invalid",
        shrink,
        "PersistentVolumeClaim",
        json!([{"message": shrink, "field": "spec.resources.requests.storage"}]),
    );
    assert_eq!(shrink.sort(), Sort::Invalid);
}

#[test]
fn a_schema_error_is_a_500_that_is_never_tried_again() {
    let message = "failed to create typed patch object (ns/web; apps/v1, Kind=Deployment): .spec.replicaz: field not declared in schema";
    insta::assert_snapshot!(told(&status(500, "", message, "", json!(null))), @"Schema failed: spec.replicaz: field not declared in schema");
    let quantity =
        "failed to convert new object (ns/web; apps/v1, Kind=Deployment) to proper version: quantities must match";
    assert_eq!(status(500, "", quantity, "", json!(null)).sort(), Sort::Schema);
    assert_eq!(
        status(500, "", "etcdserver: request timed out", "", json!(null)).sort(),
        Sort::Passing
    );
    assert_eq!(
        status(500, "InternalError", "Internal error occurred", "", json!(null)).sort(),
        Sort::Other
    );
    assert_eq!(
        Refusal::of(503, &json!("apiserver is shutting down")).sort(),
        Sort::Passing
    );
}

#[test]
fn what_lacks_and_what_is_forbidden() {
    let of = |code, reason, message, about| status(code, reason, message, about, json!(null));
    assert_eq!(
        of(404, "NotFound", "deployments.apps \"web\" not found", "deployments").sort(),
        Sort::Missing
    );
    assert_eq!(
        of(404, "NotFound", "namespaces \"x\" not found", "namespaces").sort(),
        Sort::NoNamespace
    );
    assert_eq!(Refusal::of(404, &json!("404 page not found\n")).sort(), Sort::NoKind);
    let denied = "configmaps \"cfg\" is forbidden: User \"ci-user\" cannot patch resource \"configmaps\" in API group \"\" in the namespace \"x\"";
    insta::assert_snapshot!(told(&of(403, "Forbidden", denied, "configmaps")), @r#"
    Denied denied: configmaps "cfg" is forbidden: User "ci-user" cannot patch resource "configmaps" in API group "" in the namespace "x"
    ask whoever runs the cluster for that right, or choose a namespace of yours
    "#);
    insta::assert_snapshot!(told(&of(401, "Unauthorized", "Unauthorized", "")), @"
    Denied denied: Unauthorized
    log in to the cluster again, and see that kubectl get pods works
    ");
    let grow = "persistentvolumeclaims \"data\" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize";
    insta::assert_snapshot!(told(&of(403, "Forbidden", grow, "persistentvolumeclaims")), @r#"
    Forbidden failed: persistentvolumeclaims "data" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize
    its storage class cannot grow volumes: keep the old size, or move the data to a new volume
    "#);
    let ending = json!([{"reason": "NamespaceTerminating", "message": "namespace x is being terminated", "field": "metadata.namespace"}]);
    let ending = status(
        403,
        "Forbidden",
        "unable to create new content in namespace x because it is being terminated",
        "configmaps",
        ending,
    );
    assert_eq!(ending.sort(), Sort::Terminating);
}

#[test]
fn only_the_wire_is_tried_again() {
    let lost = |lost: Lost| {
        let passing = lost.is_passing();
        let error = lost.error("cannot read", "https://10.0.0.1:6443");
        format!("{} {passing} {error}", error.kind.name())
    };
    insta::assert_snapshot!(lost(Lost::Wire("Connection refused".to_owned())), @"unreachable true cannot reach the cluster at https://10.0.0.1:6443");
    insta::assert_snapshot!(lost(Lost::Trust("invalid peer certificate: UnknownIssuer".to_owned())), @"unreachable false cannot reach the cluster at https://10.0.0.1:6443");
    insta::assert_snapshot!(lost(Lost::Login("auth exec command failed".to_owned())), @"denied false cannot log in to https://10.0.0.1:6443");
    insta::assert_snapshot!(lost(Lost::Slow(std::time::Duration::from_secs(45))), @"timeout true cannot read");
}
