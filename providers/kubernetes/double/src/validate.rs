//! What an object may hold: names, labels, selectors, ports, resources. Owns the 422 causes of creation; changes that
//! are refused are in `immutable`.

use serde_json::Value;

use crate::admit;
use crate::kinds::Kind;
use crate::quantity;
use crate::refusal::Cause;
use crate::store::text;

/// What is wrong with an object; empty when nothing is.
pub(crate) fn object(kind: &Kind, o: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    name(kind, o, &mut causes);
    labels(&o["metadata"]["labels"], "metadata.labels", &mut causes);
    match kind.kind {
        "ConfigMap" | "Secret" => data(kind, o, &mut causes),
        "Service" => service(o, &mut causes),
        "Deployment" | "StatefulSet" | "ReplicaSet" | "DaemonSet" => workload(o, &mut causes),
        _ => {}
    }
    let at = match kind.kind {
        "Pod" => "spec",
        "CronJob" => "spec.jobTemplate.spec.template.spec",
        _ => "spec.template.spec",
    };
    if let Some(spec) = admit::pod_spec(kind, o) {
        pod(spec, at, &mut causes);
    }
    causes
}

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const DATA_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

fn name(kind: &Kind, o: &Value, causes: &mut Vec<Cause>) {
    let name = text(o, "/metadata/name");
    let free = matches!(kind.group, "rbac.authorization.k8s.io");
    let edges = |part: &str| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
    let fine = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
        && name.split('.').all(edges);
    if !free && !fine {
        causes.push(Cause::invalid("metadata.name", &name.into(), SUBDOMAIN));
    } else if name.len() > 253 {
        causes.push(Cause::invalid(
            "metadata.name",
            &name.into(),
            "must be no more than 253 bytes",
        ));
    }
}

fn labels(labels: &Value, at: &str, causes: &mut Vec<Cause>) {
    for value in labels.as_object().into_iter().flatten().map(|(_, v)| v) {
        let label = value.as_str().unwrap_or_default();
        let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
        if label.len() > 63 {
            causes.push(Cause::invalid(at, value, "must be no more than 63 bytes"));
        }
        if !label.chars().all(inner) || !ends(label.chars().next()) || !ends(label.chars().last()) {
            causes.push(Cause::invalid(at, value, LABEL));
        }
    }
}

fn data(kind: &Kind, o: &Value, causes: &mut Vec<Cause>) {
    let mut size = 0;
    let binary = o["binaryData"].as_object().into_iter().flatten();
    // Four digits of base64 are three bytes, but for the padding.
    let bytes = |digits: &str| digits.trim_end_matches('=').len() * 3 / 4;
    size += binary.map(|(_, value)| value.as_str().map_or(0, bytes)).sum::<usize>();
    for (key, value) in o["data"].as_object().into_iter().flatten() {
        size += value.as_str().map_or(0, str::len);
        if key.is_empty()
            || !key
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'))
        {
            causes.push(Cause::invalid(format!("data[{key}]"), &key.as_str().into(), DATA_KEY));
        }
    }
    if size > 1 << 20 {
        let field = if kind.kind == "Secret" { "data" } else { "[]" };
        causes.push(Cause {
            reason: "FieldValueTooLong",
            message: "Too long: may not be more than 1048576 bytes".into(),
            field: field.into(),
        });
    }
}

fn service(o: &Value, causes: &mut Vec<Cause>) {
    let address = text(o, "/spec/clusterIP");
    let headless = address.is_empty() || address == "None";
    if !headless && !address.starts_with("10.") {
        let why = format!("failed to allocate IP {address}: the provided network does not match the current range");
        causes.push(Cause::invalid("spec.clusterIPs", &serde_json::json!([address]), &why));
    }
    for (i, port) in o["spec"]["ports"].as_array().into_iter().flatten().enumerate() {
        if !port["port"].as_i64().is_some_and(|p| (1..=65535).contains(&p)) {
            causes.push(Cause::invalid(
                format!("spec.ports[{i}].port"),
                &port["port"],
                "must be between 1 and 65535, inclusive",
            ));
        }
    }
}

fn workload(o: &Value, causes: &mut Vec<Cause>) {
    let selector = &o["spec"]["selector"];
    let before = causes.len();
    labels(&selector["matchLabels"], "spec.selector.matchLabels", causes);
    let found = &o["spec"]["template"]["metadata"]["labels"];
    if causes.len() > before {
        causes.push(Cause::invalid(
            "spec.selector",
            &sorted(selector),
            "invalid label selector",
        ));
    } else if !matches(selector, found) {
        causes.push(Cause::invalid(
            "spec.template.metadata.labels",
            &sorted(found),
            "`selector` does not match template `labels`",
        ));
    }
}

/// The same with keys in order, as messages print it.
pub(crate) fn sorted(v: &Value) -> Value {
    match v {
        Value::Object(map) => {
            let ordered: std::collections::BTreeMap<_, _> = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        other => other.clone(),
    }
}

/// Whether a selector object matches labels.
pub(crate) fn matches(selector: &Value, labels: &Value) -> bool {
    let equal = selector["matchLabels"]
        .as_object()
        .into_iter()
        .flatten()
        .all(|(k, v)| labels[k] == *v);
    let listed = |e: &Value, v: &Value| e["values"].as_array().is_some_and(|all| all.contains(v));
    let expressed = selector["matchExpressions"].as_array().into_iter().flatten().all(|e| {
        let value = &labels[text(e, "/key")];
        match text(e, "/operator") {
            "In" => listed(e, value),
            "NotIn" => !listed(e, value),
            "Exists" => !value.is_null(),
            _ => value.is_null(),
        }
    });
    equal && expressed
}

fn pod(spec: &Value, at: &str, causes: &mut Vec<Cause>) {
    let volumes: Vec<_> = spec["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|v| &v["name"])
        .collect();
    for list in ["initContainers", "containers"] {
        for (i, c) in spec[list].as_array().into_iter().flatten().enumerate() {
            let at = format!("{at}.{list}[{i}]");
            if text(c, "/image").is_empty() {
                causes.push(Cause::required(format!("{at}.image"), ""));
            }
            for (m, mount) in c["volumeMounts"].as_array().into_iter().flatten().enumerate() {
                if !volumes.contains(&&mount["name"]) && !at.starts_with("spec.template.spec") {
                    causes.push(not_found(format!("{at}.volumeMounts[{m}].name"), &mount["name"]));
                }
            }
            resources(&c["resources"], &at, causes);
        }
    }
    if spec["containers"].as_array().is_none_or(Vec::is_empty) {
        causes.push(Cause::required(format!("{at}.containers"), ""));
    }
}

fn not_found(field: String, value: &Value) -> Cause {
    Cause {
        reason: "FieldValueNotFound",
        message: format!("Not found: {value}"),
        field,
    }
}

fn resources(resources: &Value, at: &str, causes: &mut Vec<Cause>) {
    for (name, request) in resources["requests"].as_object().into_iter().flatten() {
        let limit = &resources["limits"][name];
        let parsed = |v: &Value| quantity::parse(v.as_str()?);
        if parsed(limit).is_some_and(|l| parsed(request) > Some(l)) {
            let why = format!(
                "must be less than or equal to {name} limit of {}",
                limit.as_str().unwrap_or_default()
            );
            causes.push(Cause::invalid(format!("{at}.resources.requests"), request, &why));
        }
    }
}
