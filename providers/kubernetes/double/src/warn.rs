//! The `Warning` headers of deprecated or doubtful fields. Owns their wording; refuses nothing.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::admit;
use crate::kinds::Kind;
use crate::quantity;
use crate::store::text;

/// The warning that every request to a kind earns.
pub(crate) fn of_kind(kind: &Kind) -> Option<&'static str> {
    (kind.kind == "Endpoints").then_some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
}

/// The warnings that an object earns.
pub(crate) fn about(kind: &Kind, o: &Value, warnings: &mut Vec<String>) {
    if kind.kind == "Ingress" && o["metadata"]["annotations"]["kubernetes.io/ingress.class"].is_string() {
        warnings.push(
            "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"
                .into(),
        );
    }
    if matches!(kind.kind, "Deployment" | "StatefulSet" | "Pod") && text(o, "/metadata/name").len() > 63 {
        warnings.push("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must be no more than 63 characters]".into());
    }
    let at = match kind.kind {
        "Pod" => "spec",
        "CronJob" => "spec.jobTemplate.spec.template.spec",
        _ => "spec.template.spec",
    };
    if let Some(spec) = admit::pod_spec(kind, o).filter(|_| kind.kind != "ReplicaSet") {
        pod(spec, at, warnings);
    }
}

fn pod(spec: &Value, at: &str, warnings: &mut Vec<String>) {
    for (old, new) in [("arch", "kubernetes.io/arch"), ("os", "kubernetes.io/os")] {
        if spec["nodeSelector"][format!("beta.kubernetes.io/{old}")].is_string() {
            warnings.push(format!(
                "{at}.nodeSelector[beta.kubernetes.io/{old}]: deprecated since v1.14; use \"{new}\" instead"
            ));
        }
    }
    for (i, volume) in spec["volumes"].as_array().into_iter().flatten().enumerate() {
        if volume["gitRepo"].is_object() {
            warnings.push(format!(
                "{at}.volumes[{i}].gitRepo: deprecated in v1.11, and disabled by default in v1.33+"
            ));
        }
    }
    for (i, c) in spec["containers"].as_array().into_iter().flatten().enumerate() {
        container(c, &format!("{at}.containers[{i}]"), warnings);
    }
    if spec["terminationGracePeriodSeconds"].as_i64().is_some_and(|s| s < 0) {
        warnings.push(format!(
            "{at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
        ));
    }
}

fn container(c: &Value, at: &str, warnings: &mut Vec<String>) {
    for list in ["limits", "requests"] {
        let memory = text(c, &format!("/resources/{list}/memory"));
        if quantity::parse(memory).is_some_and(|q| !q.is_whole()) {
            warnings.push(format!(
                "{at}.resources.{list}[memory]: fractional byte value \"{memory}\" is invalid, must be an integer"
            ));
        }
    }
    let mut seen = BTreeSet::new();
    for (i, env) in c["env"].as_array().into_iter().flatten().enumerate() {
        let name = text(env, "/name");
        if !seen.insert(name) {
            warnings.push(format!(
                "{at}.env[{i}]: hides previous definition of \"{name}\", which may be dropped when using apply"
            ));
        }
    }
}
