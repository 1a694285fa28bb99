//! Every exchange that was recorded from a real server, sent to the double: the status, the warnings and the body must
//! be the same. What is not is named in `gaps.rs`, with its reason, and counted aloud.

use std::io::Read as _;
use std::time::Duration;

use mlstack_kube_double::Double;
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::alike::{self, Names};
use crate::client;
use crate::gaps::GAPS;

/// All scenarios of the recording.
pub(crate) fn scenarios() -> Vec<Value> {
    let mut text = String::new();
    let bytes: &[u8] = include_bytes!("../../recorded/exchanges.jsonl.gz");
    flate2::read::GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What became of one exchange.
struct Outcome {
    index: usize,
    note: String,
    difference: Option<String>,
}

type Stream = (usize, Value, JoinHandle<(u16, Vec<Value>)>);

struct Replay {
    double: Double,
    names: Names,
    outcomes: Vec<Outcome>,
    streams: Vec<Stream>,
}

async fn replay(scenario: &Value) -> Vec<Outcome> {
    let mut run = Replay {
        double: Double::start_stopped().await,
        names: Names::default(),
        outcomes: Vec::new(),
        streams: Vec::new(),
    };
    run.double.require_token();
    let mut index = 0;
    for step in scenario["steps"].as_array().unwrap() {
        run.double
            .advance(Duration::from_millis(step["wait"].as_u64().unwrap_or(0)));
        if step["hidden"] == true {
            run.send(step).await;
            continue;
        }
        if step.get("stream").is_some() {
            run.watch(index, step).await;
        } else if step.get("command").is_some() {
            run.outcomes.push(Outcome {
                index,
                note: step["note"].as_str().unwrap().into(),
                difference: Some("a run of kubectl is no exchange".into()),
            });
        } else {
            run.exchange(index, step).await;
        }
        index += 1;
    }
    run.double
        .advance(Duration::from_millis(scenario["tail"].as_u64().unwrap_or(0)));
    run.finish().await
}

impl Replay {
    async fn send(&self, step: &Value) -> (u16, Vec<String>, Value) {
        let (mut path, headers, body) = self.request(step);
        if let Some((before, _)) = path.split_once("/pods/").filter(|_| path.contains("/eviction")) {
            // The pod was listed without a record.
            let pods = self.double.names("Pod");
            path = format!("{before}/pods/{}/eviction", pods[0].rsplit('/').next().unwrap());
        }
        let response = client::send(
            self.double.url(),
            step["method"].as_str().unwrap(),
            &path,
            &headers,
            body,
        )
        .await;
        let status = response.status().as_u16();
        let warnings = response
            .headers()
            .get_all("warning")
            .iter()
            .map(|w| w.to_str().unwrap().to_owned())
            .collect();
        let text = client::text(response).await;
        (
            status,
            warnings,
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        )
    }

    fn request(&self, step: &Value) -> (String, Vec<(String, String)>, Vec<u8>) {
        let (path, query) = step["path"]
            .as_str()
            .unwrap()
            .split_once('?')
            .unwrap_or((step["path"].as_str().unwrap(), ""));
        let part = |p: &str| match p.split_once('=') {
            Some((name, value)) => format!("{name}={}", self.names.translate(value)),
            None => p.to_owned(),
        };
        let query: Vec<_> = query.split('&').map(part).collect();
        let path = format!("{}?{}", self.names.translate(path), query.join("&"));
        let mut headers = vec![("user-agent".to_owned(), "recorder/1".to_owned())];
        let recorded = step["request_headers"].as_object().unwrap();
        headers.extend(
            recorded
                .iter()
                .filter(|(k, _)| *k != "Authorization")
                .map(|(k, v)| (k.to_lowercase(), v.as_str().unwrap().to_owned())),
        );
        if recorded.contains_key("Authorization") {
            headers.push(("authorization".into(), "Bearer invalid".into()));
        } else if step["anonymous"] != true {
            headers.push(("authorization".into(), format!("Bearer {}", self.double.token())));
        }
        if !recorded.contains_key("Accept") {
            headers.push(("accept".into(), "application/json".into()));
        }
        let mut body = self.names.translated(&step["request_body"]);
        if let Some(size) = step["fill"].as_u64() {
            body["data"]["blob"] = "x".repeat(usize::try_from(size).unwrap()).into();
        }
        let body = match body {
            Value::Null => Vec::new(),
            Value::String(text) => text.into_bytes(),
            other => other.to_string().into_bytes(),
        };
        (path, headers, body)
    }

    async fn exchange(&mut self, index: usize, step: &Value) {
        let (status, warnings, body) = self.send(step).await;
        let mut tried = self.names.clone();
        let difference = Self::difference(step, status, &warnings, &body, &mut tried);
        self.names = tried;
        self.outcomes.push(Outcome {
            index,
            note: step["note"].as_str().unwrap().into(),
            difference,
        });
    }

    fn difference(step: &Value, status: u16, warnings: &[String], body: &Value, names: &mut Names) -> Option<String> {
        let wanted = list_marked(&step["response_body"]);
        let found = list_marked(body);
        let difference = alike::differ(&wanted, &found, names);
        if step["status"] != status {
            return Some(format!("status: recorded {}, found {status} {body}", step["status"]));
        }
        let recorded: Vec<_> = step["response_headers"]["Warning"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if recorded != warnings {
            return Some(format!("warnings: recorded {recorded:?}, found {warnings:?}"));
        }
        difference
    }

    async fn watch(&mut self, index: usize, step: &Value) {
        let (path, headers, body) = self.request(step);
        let response = client::send(self.double.url(), "GET", &path, &headers, body).await;
        let task = tokio::spawn(async move {
            let status = response.status().as_u16();
            let text = client::text(response).await;
            (status, text.lines().map(|l| serde_json::from_str(l).unwrap()).collect())
        });
        self.streams.push((index, step.clone(), task));
    }

    async fn finish(mut self) -> Vec<Outcome> {
        self.double.advance(Duration::from_secs(60));
        for (index, step, task) in std::mem::take(&mut self.streams) {
            let (status, events) = task.await.unwrap();
            let mut difference = stream_difference(&step, &events, &mut self.names);
            if step["status"] != status {
                difference = Some(format!("status: recorded {}, found {status}", step["status"]));
            }
            self.outcomes.push(Outcome {
                index,
                note: step["note"].as_str().unwrap().into(),
                difference,
            });
        }
        self.outcomes.sort_by_key(|o| o.index);
        self.outcomes
    }
}

/// The resourceVersion of a list is its own matter.
fn list_marked(body: &Value) -> Value {
    let mut body = body.clone();
    if body["items"].is_array() && body["metadata"]["resourceVersion"].is_string() {
        let version = body["metadata"]["resourceVersion"].take();
        body["metadata"]["resourceVersion"] = serde_json::json!({"list": version});
    }
    body
}

/// Events but for bookmarks that only mark the time.
fn events(all: impl Iterator<Item = Value>) -> Vec<Value> {
    all.filter(|e| e["type"] != "BOOKMARK" || e["object"]["metadata"]["annotations"].is_object())
        .collect()
}

/// What a stream says in the end of each object that it names, and all that it says of what stays itself: how far a
/// controller gets between two writes is a matter of milliseconds.
fn stream_difference(step: &Value, found: &[Value], names: &mut Names) -> Option<String> {
    let recorded = events(step["stream"].as_array().unwrap().iter().map(|e| e["event"].clone()));
    let found = events(found.iter().cloned());
    let last = |all: &[Value]| {
        let mut last: Vec<Value> = Vec::new();
        for event in all {
            last.retain(|e| {
                e["object"]["metadata"]["uid"].is_null()
                    || e["object"]["metadata"]["uid"] != event["object"]["metadata"]["uid"]
            });
            last.push(event.clone());
        }
        last.iter_mut().for_each(|e| {
            drop(
                e["object"]["metadata"]
                    .as_object_mut()
                    .and_then(|m| m.remove("resourceVersion")),
            );
        });
        serde_json::json!({"items": last})
    };
    alike::differ(&last(&recorded), &last(&found), names)
}

/// Replays a scenario and holds it against the table of gaps.
fn check(name: &str) {
    let scenario = scenarios().into_iter().find(|s| s["name"] == name).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let outcomes = runtime.block_on(replay(&scenario));
    let mut wrong = Vec::new();
    for outcome in &outcomes {
        let gap = GAPS.iter().find(|g| g.0 == name && g.1 == outcome.index);
        match (&outcome.difference, gap) {
            (Some(why), None) => wrong.push(format!("#{} {}: {why}", outcome.index, outcome.note)),
            (None, Some(_)) => wrong.push(format!(
                "#{} {}: is equal now, and is to leave the table of gaps",
                outcome.index, outcome.note
            )),
            (Some(_), Some(gap)) => println!("GAP {name} #{} {}: {}", outcome.index, outcome.note, gap.2),
            (None, None) => {}
        }
    }
    println!(
        "{name}: {} of {} exchanges equal",
        outcomes.iter().filter(|o| o.difference.is_none()).count(),
        outcomes.len()
    );
    assert!(
        wrong.is_empty(),
        "{name}: {} exchanges differ\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// At least nine of ten exchanges are equal, and each gap is of an exchange that exists.
#[test]
fn nine_of_ten_exchanges_are_equal() {
    let all: usize = scenarios()
        .iter()
        .map(|s| {
            s["steps"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|e| e["hidden"] != true)
                .count()
        })
        .sum();
    println!("{} of {all} exchanges equal, {} gaps", all - GAPS.len(), GAPS.len());
    assert_eq!(all, 787);
    assert!(GAPS.len() * 10 <= all, "{} gaps", GAPS.len());
}

macro_rules! scenarios {
    ($($test:ident = $name:literal,)*) => {
        $(#[test]
        fn $test() {
            check($name);
        })*

        /// Every recorded scenario has its test.
        #[test]
        fn every_scenario_is_replayed() {
            let recorded: Vec<_> = scenarios().iter().map(|s| s["name"].as_str().unwrap().to_owned()).collect();
            assert_eq!(recorded, [$($name),*]);
        }
    };
}

scenarios! {
    discovery = "discovery",
    ssa_namespace = "ssa/Namespace",
    ssa_configmap = "ssa/ConfigMap",
    ssa_secret = "ssa/Secret",
    ssa_service = "ssa/Service",
    ssa_deployment = "ssa/Deployment",
    ssa_statefulset = "ssa/StatefulSet",
    ssa_persistentvolumeclaim = "ssa/PersistentVolumeClaim",
    ssa_job = "ssa/Job",
    ssa_cronjob = "ssa/CronJob",
    ssa_horizontalpodautoscaler = "ssa/HorizontalPodAutoscaler",
    ssa_poddisruptionbudget = "ssa/PodDisruptionBudget",
    ssa_networkpolicy = "ssa/NetworkPolicy",
    ssa_ingress = "ssa/Ingress",
    ssa_serviceaccount = "ssa/ServiceAccount",
    ssa_lease = "ssa/Lease",
    ssa_role = "ssa/Role",
    ssa_rolebinding = "ssa/RoleBinding",
    ssa_yaml_body = "ssa/yaml-body",
    errors_missing_namespace = "errors/missing-namespace",
    errors_probe_name = "errors/probe-name",
    errors_schema = "errors/schema",
    errors_request = "errors/request",
    errors_auth = "errors/auth",
    errors_stale_write = "errors/stale-write",
    conflict_configmap = "conflict/configmap",
    conflict_scale = "conflict/scale",
    conflict_handover = "conflict/handover",
    conflict_list_merge = "conflict/list-merge",
    adopt_client_side_apply = "adopt/client-side-apply",
    secret_stringdata = "secret/stringdata",
    immutable_deployment = "immutable/deployment",
    immutable_statefulset = "immutable/statefulset",
    immutable_job = "immutable/job",
    immutable_pvc = "immutable/pvc",
    immutable_other = "immutable/other",
    warning_pod_security = "warning/pod-security",
    warning_pod_security_enforce_only = "warning/pod-security-enforce-only",
    warning_deprecation = "warning/deprecation",
    quota = "quota",
    namespace_terminating = "namespace/terminating",
    delete_preconditions = "delete/preconditions",
    delete_dry_run_trap = "delete/dry-run-trap",
    delete_background = "delete/background",
    delete_foreground = "delete/foreground",
    delete_orphan = "delete/orphan",
    delete_finalizer = "delete/finalizer",
    delete_pvc_in_use = "delete/pvc-in-use",
    delete_statefulset_claims = "delete/statefulset-claims",
    list = "list",
    watch_basics = "watch/basics",
    rollout_ok = "rollout/ok",
    rollout_crash = "rollout/crash",
    rollout_image_pull = "rollout/image-pull",
    rollout_bad_update = "rollout/bad-update",
    rollout_never_ready = "rollout/never-ready",
    rollout_unschedulable = "rollout/unschedulable",
    rollout_missing_claim = "rollout/missing-claim",
    rollout_replica_failure_psa = "rollout/replica-failure-psa",
    rollout_replica_failure_serviceaccount = "rollout/replica-failure-serviceaccount",
    rollout_replica_failure_quota = "rollout/replica-failure-quota",
    rollout_statefulset_ok = "rollout/statefulset-ok",
    rollout_statefulset_stuck = "rollout/statefulset-stuck",
    rollout_job_ok = "rollout/job-ok",
    rollout_job_failed = "rollout/job-failed",
    rollout_scale = "rollout/scale",
    eviction = "eviction",
    lease = "lease",
    applyset_by_hand = "applyset/by-hand",
    applyset_kubectl = "applyset/kubectl",
}
