//! The values that the server fills in for fields left out. Owns the table of defaults; validates nothing.

use serde_json::{Value, json};

use crate::kinds::Kind;

/// Fills in what an object of a kind leaves out.
pub(crate) fn fill(kind: &Kind, o: &mut Value) {
    o["kind"] = kind.kind.into();
    o["apiVersion"] = kind.api_version().into();
    match kind.kind {
        "Namespace" => {
            let name = o["metadata"]["name"].clone();
            if name.is_string() {
                o["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            }
            default(o, "/spec", json!({}));
            default(o, "/status", json!({}));
        }
        "Secret" => default(o, "/type", json!("Opaque")),
        "Service" => service(o),
        "PersistentVolumeClaim" => claim(o),
        "Pod" => pod(o),
        "Deployment" => deployment(o),
        "ReplicaSet" => replica_set(o),
        "StatefulSet" => stateful_set(o),
        "Job" => {
            job(&mut o["spec"]);
            let labels = o["spec"]["template"]["metadata"]["labels"].clone();
            if labels.is_object() {
                default(o, "/metadata/labels", labels);
            }
            default(o, "/status", json!({}));
        }
        "CronJob" => cron_job(o),
        "HorizontalPodAutoscaler" => autoscaler(o),
        "PodDisruptionBudget" => {
            default(
                o,
                "/status",
                json!({"disruptionsAllowed": 0, "currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0}),
            );
        }
        "NetworkPolicy" => network_policy(o),
        "Ingress" => default(o, "/status", json!({"loadBalancer": {}})),
        "Lease" => default(o, "/spec", json!({})),
        "RoleBinding" | "ClusterRoleBinding" => binding(o),
        "Role" | "ClusterRole" => default(o, "/rules", Value::Null),
        "ResourceQuota" => {
            default(o, "/spec", json!({}));
            default(o, "/status", json!({}));
        }
        "LimitRange" => limit_range(o),
        "Event" => event(o),
        _ => {}
    }
}

/// Sets a field that is absent or null. The path is a JSON pointer; its parents must be maps.
fn default(o: &mut Value, path: &str, value: Value) {
    let (parent, name) = path.rsplit_once('/').expect("paths are written with a slash");
    let at = parent.split('/').skip(1).fold(o, |at, step| &mut at[step]);
    if at[name].is_null() {
        at[name] = value;
    }
}

fn each<'a>(o: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    o.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

fn deployment(o: &mut Value) {
    template(&mut o["spec"]["template"]);
    default(o, "/spec/replicas", json!(1));
    default(o, "/spec/strategy/type", json!("RollingUpdate"));
    if o["spec"]["strategy"]["type"] == "RollingUpdate" {
        default(o, "/spec/strategy/rollingUpdate/maxUnavailable", json!("25%"));
        default(o, "/spec/strategy/rollingUpdate/maxSurge", json!("25%"));
    }
    default(o, "/spec/revisionHistoryLimit", json!(10));
    default(o, "/spec/progressDeadlineSeconds", json!(600));
    default(o, "/status", json!({}));
}

fn replica_set(o: &mut Value) {
    template(&mut o["spec"]["template"]);
    default(o, "/spec/replicas", json!(1));
    default(o, "/status/replicas", json!(0));
}

fn stateful_set(o: &mut Value) {
    template(&mut o["spec"]["template"]);
    default(o, "/spec/replicas", json!(1));
    default(o, "/spec/podManagementPolicy", json!("OrderedReady"));
    default(o, "/spec/updateStrategy/type", json!("RollingUpdate"));
    if o["spec"]["updateStrategy"]["type"] == "RollingUpdate" {
        default(o, "/spec/updateStrategy/rollingUpdate/partition", json!(0));
    }
    default(o, "/spec/revisionHistoryLimit", json!(10));
    default(
        o,
        "/spec/persistentVolumeClaimRetentionPolicy/whenDeleted",
        json!("Retain"),
    );
    default(
        o,
        "/spec/persistentVolumeClaimRetentionPolicy/whenScaled",
        json!("Retain"),
    );
    for claim in each(&mut o["spec"], "volumeClaimTemplates") {
        claim["kind"] = "PersistentVolumeClaim".into();
        claim["apiVersion"] = "v1".into();
        self::claim(claim);
    }
    default(o, "/status/replicas", json!(0));
    default(o, "/status/availableReplicas", json!(0));
}

fn job(spec: &mut Value) {
    template(&mut spec["template"]);
    if spec["completions"].is_null() && spec["parallelism"].is_null() {
        spec["completions"] = 1.into();
    }
    default(spec, "/parallelism", json!(1));
    default(spec, "/backoffLimit", json!(6));
    default(spec, "/completionMode", json!("NonIndexed"));
    default(spec, "/suspend", json!(false));
    default(spec, "/podReplacementPolicy", json!("TerminatingOrFailed"));
}

fn cron_job(o: &mut Value) {
    default(o, "/spec/concurrencyPolicy", json!("Allow"));
    default(o, "/spec/suspend", json!(false));
    default(o, "/spec/successfulJobsHistoryLimit", json!(3));
    default(o, "/spec/failedJobsHistoryLimit", json!(1));
    default(o, "/spec/jobTemplate/metadata", json!({}));
    template(&mut o["spec"]["jobTemplate"]["spec"]["template"]);
    default(o, "/status", json!({}));
}

fn template(template: &mut Value) {
    default(template, "/metadata", json!({}));
    pod_spec(&mut template["spec"]);
}

fn pod(o: &mut Value) {
    pod_spec(&mut o["spec"]);
    default(o, "/spec/enableServiceLinks", json!(true));
    for container in each(&mut o["spec"], "containers") {
        let Some(limits) = container
            .pointer("/resources/limits")
            .filter(|l| l.is_object())
            .cloned()
        else {
            continue;
        };
        for (name, amount) in limits.as_object().into_iter().flatten() {
            default(
                container,
                &format!("/resources/requests/{}", name.replace('/', "~1")),
                amount.clone(),
            );
        }
        restore_slashes(&mut container["resources"]["requests"]);
    }
    default(o, "/status", json!({}));
}

/// Names of resources may hold a slash, which a path cannot.
fn restore_slashes(requests: &mut Value) {
    if requests.is_null() {
        return;
    }
    let map = requests.as_object().cloned().unwrap_or_default();
    *requests = Value::Object(map.into_iter().map(|(k, v)| (k.replace("~1", "/"), v)).collect());
}

fn pod_spec(spec: &mut Value) {
    default(spec, "/restartPolicy", json!("Always"));
    default(spec, "/terminationGracePeriodSeconds", json!(30));
    default(spec, "/dnsPolicy", json!("ClusterFirst"));
    default(spec, "/securityContext", json!({}));
    default(spec, "/schedulerName", json!("default-scheduler"));
    let account = [&spec["serviceAccountName"], &spec["serviceAccount"]]
        .into_iter()
        .find(|a| a.is_string())
        .cloned();
    if let Some(account) = account {
        spec["serviceAccountName"] = account.clone();
        spec["serviceAccount"] = account;
    }
    for volume in each(spec, "volumes") {
        self::volume(volume);
    }
    for list in ["initContainers", "containers"] {
        for container in each(spec, list) {
            self::container(container);
        }
    }
}

fn volume(volume: &mut Value) {
    for source in ["secret", "configMap", "projected", "downwardAPI"] {
        if volume[source].is_object() {
            default(volume, &format!("/{source}/defaultMode"), json!(420));
        }
    }
    if volume["hostPath"].is_object() {
        default(volume, "/hostPath/type", json!(""));
    }
    let map = volume.as_object_mut().expect("a volume is a map");
    map.retain(|_, v| !v.is_null());
    if map.len() == 1 {
        map.insert("emptyDir".into(), json!({}));
    }
}

fn container(c: &mut Value) {
    default(c, "/resources", json!({}));
    default(c, "/terminationMessagePath", json!("/dev/termination-log"));
    default(c, "/terminationMessagePolicy", json!("File"));
    let policy = pull_policy(c["image"].as_str().unwrap_or_default());
    default(c, "/imagePullPolicy", json!(policy));
    for port in each(c, "ports") {
        default(port, "/protocol", json!("TCP"));
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if c[probe].is_object() {
            self::probe(&mut c[probe]);
        }
    }
    for env in each(c, "env") {
        if env.pointer("/valueFrom/fieldRef").is_some() {
            default(env, "/valueFrom/fieldRef/apiVersion", json!("v1"));
        }
    }
    if let Some(map) = c.as_object_mut() {
        map.retain(|_, v| !v.is_null());
    }
}

fn pull_policy(image: &str) -> &'static str {
    let tag = image
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .split_once(':')
        .map(|(_, tag)| tag);
    match tag {
        _ if image.contains('@') => "IfNotPresent",
        None | Some("latest") => "Always",
        Some(_) => "IfNotPresent",
    }
}

fn probe(probe: &mut Value) {
    if probe["httpGet"].is_object() {
        default(probe, "/httpGet/path", json!("/"));
        default(probe, "/httpGet/scheme", json!("HTTP"));
    }
    if probe["grpc"].is_object() {
        default(probe, "/grpc/service", json!(""));
    }
    default(probe, "/timeoutSeconds", json!(1));
    default(probe, "/periodSeconds", json!(10));
    default(probe, "/successThreshold", json!(1));
    default(probe, "/failureThreshold", json!(3));
    if let Some(map) = probe.as_object_mut() {
        map.retain(|_, v| !v.is_null());
    }
}

fn service(o: &mut Value) {
    default(o, "/spec/type", json!("ClusterIP"));
    default(o, "/spec/sessionAffinity", json!("None"));
    if o["spec"]["sessionAffinity"] == "ClientIP" {
        default(o, "/spec/sessionAffinityConfig/clientIP/timeoutSeconds", json!(10800));
    } else if let Some(spec) = o["spec"].as_object_mut() {
        spec.remove("sessionAffinityConfig");
    }
    if o["spec"]["type"] != "ExternalName" {
        default(o, "/spec/internalTrafficPolicy", json!("Cluster"));
    }
    if matches!(o["spec"]["type"].as_str(), Some("NodePort" | "LoadBalancer")) {
        default(o, "/spec/externalTrafficPolicy", json!("Cluster"));
    }
    if o["spec"]["type"] == "LoadBalancer" {
        default(o, "/spec/allocateLoadBalancerNodePorts", json!(true));
    }
    for port in each(&mut o["spec"], "ports") {
        default(port, "/protocol", json!("TCP"));
        let target = port["port"].clone();
        default(port, "/targetPort", target);
    }
    default(o, "/status/loadBalancer", json!({}));
}

fn claim(o: &mut Value) {
    default(o, "/spec/resources", json!({}));
    default(o, "/spec/volumeMode", json!("Filesystem"));
    default(o, "/status/phase", json!("Pending"));
}

fn autoscaler(o: &mut Value) {
    default(o, "/spec/minReplicas", json!(1));
    if o["spec"]["metrics"].is_null() {
        let target = json!({"type": "Utilization", "averageUtilization": 80});
        o["spec"]["metrics"] = json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
    }
    default(o, "/status/desiredReplicas", json!(0));
    default(o, "/status/currentMetrics", Value::Null);
}

fn network_policy(o: &mut Value) {
    default(o, "/spec/podSelector", json!({}));
    if o["spec"]["policyTypes"].is_null() {
        let egress = o["spec"]["egress"].is_array();
        o["spec"]["policyTypes"] = if egress {
            json!(["Ingress", "Egress"])
        } else {
            json!(["Ingress"])
        };
    }
    for side in ["ingress", "egress"] {
        for rule in each(&mut o["spec"], side) {
            for port in each(rule, "ports") {
                default(port, "/protocol", json!("TCP"));
            }
        }
    }
}

fn binding(o: &mut Value) {
    default(o, "/roleRef/apiGroup", json!("rbac.authorization.k8s.io"));
    for subject in each(o, "subjects") {
        if matches!(subject["kind"].as_str(), Some("User" | "Group")) {
            default(subject, "/apiGroup", json!("rbac.authorization.k8s.io"));
        }
    }
}

fn limit_range(o: &mut Value) {
    for limit in each(&mut o["spec"], "limits") {
        if limit["type"] != "Container" {
            continue;
        }
        for (from, to) in [
            ("max", "default"),
            ("default", "defaultRequest"),
            ("min", "defaultRequest"),
        ] {
            let amounts = limit[from].as_object().cloned().unwrap_or_default();
            for (name, amount) in amounts {
                if limit[to][&name].is_null() {
                    limit[to][&name] = amount;
                }
            }
        }
        if let Some(map) = limit.as_object_mut() {
            map.retain(|_, v| !v.is_null());
        }
    }
}

fn event(o: &mut Value) {
    for (name, value) in [
        ("/source", json!({})),
        ("/firstTimestamp", Value::Null),
        ("/lastTimestamp", Value::Null),
        ("/eventTime", Value::Null),
        ("/reportingComponent", json!("")),
        ("/reportingInstance", json!("")),
    ] {
        default(o, name, value);
    }
}
