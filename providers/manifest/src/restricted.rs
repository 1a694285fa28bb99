//! Pod Security `restricted`, as far as a pod's description can break it: what a cluster that enforces it refuses.
//!
//! The rules are those of the Pod Security Standards, baseline and restricted, up to version 1.34 (no probe names a
//! host).

use serde_json::Value;

/// Sources of volumes that are allowed.
const VOLUMES: [&str; 8] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Kernel settings that are safe to change.
const SYSCTLS: [&str; 10] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_syncookies",
];

/// What `restricted` does not allow in the `spec` of a pod, one line each; empty where all is well.
pub fn violations(pod: &Value) -> Vec<String> {
    let mut found = Vec::new();
    of_pod(pod, &mut found);
    for key in ["initContainers", "containers", "ephemeralContainers"] {
        for container in list(&pod[key]) {
            let name = container["name"].as_str().unwrap_or("?");
            let mut own = Vec::new();
            of_container(container, &pod["securityContext"], &mut own);
            found.extend(own.into_iter().map(|what| format!("container {name}: {what}")));
        }
    }
    found
}

fn of_pod(pod: &Value, found: &mut Vec<String>) {
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        refuse(found, pod[key] == true, || format!("{key} is true"));
    }
    for volume in list(&pod["volumes"]) {
        let other = keys(volume).find(|key| *key != "name" && !VOLUMES.contains(key));
        refuse(found, other.is_some(), || {
            let name = volume["name"].as_str().unwrap_or("?");
            format!("volume {name} is a {}", other.unwrap_or_default())
        });
    }
    for sysctl in list(&pod["securityContext"]["sysctls"]) {
        let name = sysctl["name"].as_str().unwrap_or_default();
        refuse(found, !SYSCTLS.contains(&name), || format!("sysctl {name}"));
    }
}

fn of_container(container: &Value, pod: &Value, found: &mut Vec<String>) {
    let own = &container["securityContext"];
    let said = |key: &str| if own[key].is_null() { &pod[key] } else { &own[key] };
    refuse(found, own["privileged"] == true, || "privileged is true".to_owned());
    refuse(found, own["allowPrivilegeEscalation"] != false, || {
        "allowPrivilegeEscalation is not false".to_owned()
    });
    refuse(found, said("runAsNonRoot") != true, || {
        "runAsNonRoot is not true".to_owned()
    });
    refuse(found, said("runAsUser") == 0, || "runAsUser is 0".to_owned());
    let seccomp = said("seccompProfile")["type"].as_str().unwrap_or_default();
    refuse(found, !["RuntimeDefault", "Localhost"].contains(&seccomp), || {
        format!("seccompProfile is `{seccomp}`")
    });
    let dropped = list(&own["capabilities"]["drop"]).iter().any(|name| name == "ALL");
    refuse(found, !dropped, || "capabilities.drop lacks ALL".to_owned());
    for name in list(&own["capabilities"]["add"]) {
        refuse(found, name != "NET_BIND_SERVICE", || format!("adds {name}"));
    }
    let proc = own["procMount"].as_str().unwrap_or("Default");
    refuse(found, proc != "Default", || format!("procMount is {proc}"));
    for port in list(&container["ports"]) {
        let host = port["hostPort"].as_u64().unwrap_or_default();
        refuse(found, host != 0, || format!("hostPort {host}"));
    }
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let named = ["httpGet", "tcpSocket"]
            .iter()
            .any(|how| !container[probe][how]["host"].is_null());
        refuse(found, named, || format!("{probe} names a host"));
    }
}

fn refuse(found: &mut Vec<String>, bad: bool, what: impl FnOnce() -> String) {
    if bad {
        found.push(what());
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn keys(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_object()
        .into_iter()
        .flat_map(|map| map.keys().map(String::as_str))
}

#[cfg(test)]
mod tests;
