//! The Pod Security profile `restricted`, as far as test objects break it. Owns the wording of its findings.

use serde_json::Value;

/// What a pod spec violates: the short name of each check and its full text.
pub(crate) fn violations(spec: &Value) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let containers = containers(spec);
    let named = |bad: &dyn Fn(&Value) -> bool| {
        quoted(
            containers
                .iter()
                .filter(|c| bad(c))
                .map(|c| c["name"].as_str().unwrap_or_default()),
        )
    };
    for host in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec[host] == true {
            found.push(("host namespaces", format!("host namespaces ({host}=true)")));
        }
    }
    let names = named(&|c| c["securityContext"]["privileged"] == true);
    if !names.is_empty() {
        found.push((
            "privileged",
            format!("privileged ({names} must not set securityContext.privileged=true)"),
        ));
    }
    let names = named(&|c| c["securityContext"]["allowPrivilegeEscalation"] != false);
    if !names.is_empty() {
        let short = "allowPrivilegeEscalation != false";
        found.push((
            short,
            format!("{short} ({names} must set securityContext.allowPrivilegeEscalation=false)"),
        ));
    }
    let names = named(&|c| !drops_all(c));
    if !names.is_empty() {
        let short = "unrestricted capabilities";
        found.push((
            short,
            format!("{short} ({names} must set securityContext.capabilities.drop=[\"ALL\"])"),
        ));
    }
    let names = named(&|c| !set(spec, c, |s| s["runAsNonRoot"] == true));
    if !names.is_empty() {
        let short = "runAsNonRoot != true";
        found.push((
            short,
            format!("{short} (pod or {names} must set securityContext.runAsNonRoot=true)"),
        ));
    }
    let names = named(&|c| {
        !set(spec, c, |s| {
            matches!(
                s["seccompProfile"]["type"].as_str(),
                Some("RuntimeDefault" | "Localhost")
            )
        })
    });
    if !names.is_empty() {
        let why = "must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\"";
        found.push(("seccompProfile", format!("seccompProfile (pod or {names} {why})")));
    }
    found
}

/// All findings in one sentence.
pub(crate) fn sentence(spec: &Value) -> Option<String> {
    let found = violations(spec);
    let all = found
        .iter()
        .map(|(_, text)| text.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    (!found.is_empty()).then(|| format!("PodSecurity \"restricted:latest\": {all}"))
}

fn containers(spec: &Value) -> Vec<&Value> {
    ["initContainers", "containers"]
        .iter()
        .flat_map(|l| spec[*l].as_array().into_iter().flatten())
        .collect()
}

fn drops_all(container: &Value) -> bool {
    container["securityContext"]["capabilities"]["drop"]
        .as_array()
        .is_some_and(|d| d.contains(&"ALL".into()))
}

/// Whether the container says so, or says nothing and the pod does.
fn set(spec: &Value, container: &Value, says: impl Fn(&Value) -> bool) -> bool {
    says(&container["securityContext"]) || says(&spec["securityContext"])
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|n| format!("\"{n}\"")).collect();
    match names.len() {
        0 => String::new(),
        1 => format!("container {}", names[0]),
        _ => format!("containers {}", names.join(", ")),
    }
}
