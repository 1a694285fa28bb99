//! The kubelet: plays the life of a pod's containers by the behaviour of their image, and ends pods that are deleted.
//! Owns the pod status and the kubelet's events; nothing runs.

use serde_json::{Value, json};

use super::scheduler::NODE;
use super::{Task, involved, record};
use crate::behaviour::{Behaviour, Mode};
use crate::kinds::named;
use crate::managed::Manager;
use crate::schema;
use crate::store::{Key, World, text};
use crate::typed;
use crate::write::edit;

/// One moment in a pod's life.
#[derive(Debug, Clone)]
struct Moment {
    /// Milliseconds since the kubelet saw the pod.
    at: u64,
    phase: &'static str,
    ready: bool,
    restarts: i64,
    state: Value,
    last: Value,
    /// (warning, reason, message)
    events: Vec<(bool, &'static str, String)>,
}

/// Plays a step of a pod's life, and queues the next.
pub(crate) fn play(world: &mut World, key: &Key, uid: &str, step: usize) {
    let Some(pod) = world.get(key).filter(|p| p["metadata"]["uid"] == uid).cloned() else {
        return;
    };
    if pod["metadata"]["deletionTimestamp"].is_string() {
        return;
    }
    let life = life(world, key, &pod);
    let Some(moment) = life.get(step) else { return };
    for (warning, reason, message) in &moment.events {
        tell(world, &pod, *warning, reason, message);
    }
    show(world, key, &pod, moment);
    if let Some(next) = life.get(step + 1) {
        let at = world.now + next.at - moment.at;
        world.queue.push(at, Task::Play(key.clone(), uid.into(), step + 1));
    } else if moment.events.iter().any(|(_, reason, _)| *reason == "FailedMount") || is_waiting_for_config(moment) {
        world
            .queue
            .push(world.now + 1000, Task::Play(key.clone(), uid.into(), 0));
    }
}

/// What is missing may come: the kubelet looks again.
fn is_waiting_for_config(moment: &Moment) -> bool {
    moment.state["waiting"]["reason"] == "CreateContainerConfigError"
        && moment.state["waiting"]["message"]
            .as_str()
            .is_some_and(|m| m.contains("not found"))
}

/// Ends a pod that is being deleted.
pub(crate) fn stop(world: &mut World, key: &Key, uid: &str) {
    let Some(mut pod) = world.get(key).filter(|p| p["metadata"]["uid"] == uid).cloned() else {
        return;
    };
    pod["metadata"]["deletionGracePeriodSeconds"] = 0.into();
    let held = !crate::write::finalizers(&pod).is_empty()
        && pod["metadata"]["finalizers"] != json!(["batch.kubernetes.io/job-tracking"]);
    pod = world.put(key.clone(), pod);
    if !held {
        crate::admit::release(world, key, &pod);
        world.remove(key);
    }
}

fn waiting(reason: &str, message: Option<String>) -> Value {
    let mut state = json!({"waiting": {"reason": reason}});
    if let Some(message) = message {
        state["waiting"]["message"] = message.into();
    }
    state
}

fn life(world: &World, key: &Key, pod: &Value) -> Vec<Moment> {
    let play = Play {
        world,
        key,
        pod,
        behaviour: world.behaviours.of(pod),
    };
    if let Some(moments) = play.held_up() {
        return moments;
    }
    match play.behaviour.mode {
        Mode::PullFails => play.pull_fails(),
        Mode::NeverPulled => play.stuck("ErrImageNeverPull", &format!("Container image \"{}\" is not present with pull policy of Never", play.image())),
        Mode::BadName => play.stuck("InvalidImageName", &format!("Failed to apply default image tag \"{0}\": couldn't parse image name \"{0}\": invalid reference format", play.image())),
        Mode::RunsAsRoot => play.runs_as_root(),
        Mode::Crashes => play.crashes("Error", play.behaviour.exit),
        Mode::OutOfMemory => play.crashes("OOMKilled", 137),
        Mode::BadCommand => play.bad_command(),
        Mode::NeverReady => play.never_ready(false),
        Mode::NeverAlive => play.never_ready(true),
        Mode::Runs => play.runs(),
    }
}

struct Play<'a> {
    world: &'a World,
    key: &'a Key,
    pod: &'a Value,
    behaviour: Behaviour,
}

impl Play<'_> {
    fn image(&self) -> &str {
        text(self.pod, "/spec/containers/0/image")
    }

    fn container(&self) -> &str {
        text(self.pod, "/spec/containers/0/name")
    }

    fn full(&self) -> String {
        format!(
            "{}_{}({})",
            self.key.name,
            self.key.namespace,
            text(self.pod, "/metadata/uid")
        )
    }

    fn moment(at: u64, phase: &'static str, ready: bool, state: Value) -> Moment {
        Moment {
            at,
            phase,
            ready,
            restarts: 0,
            state,
            last: json!({}),
            events: Vec::new(),
        }
    }

    fn creating() -> Moment {
        Self::moment(0, "Pending", false, waiting("ContainerCreating", None))
    }

    fn running(&self) -> Value {
        json!({"running": {"startedAt": self.world.time()}})
    }

    fn terminated(&self, reason: &str, code: i64) -> Value {
        let time = self.world.time();
        json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": time, "finishedAt": time,
            "containerID": format!("fake://{}", text(self.pod, "/metadata/uid"))}})
    }

    /// The events of a container that is started.
    fn started(&self) -> Vec<(bool, &'static str, String)> {
        vec![
            (
                false,
                "Pulled",
                format!("Container image \"{}\" already present on machine", self.image()),
            ),
            (false, "Created", "Container created".into()),
            (false, "Started", "Container started".into()),
        ]
    }

    fn runs(&self) -> Vec<Moment> {
        if text(self.pod, "/spec/restartPolicy") != "Always" {
            let code = self.behaviour.exit;
            let mut run = Self::moment(300, "Running", true, self.running());
            run.events = self.started();
            let (phase, reason) = if code == 0 {
                ("Succeeded", "Completed")
            } else {
                ("Failed", "Error")
            };
            return vec![
                Self::creating(),
                run,
                Self::moment(1300, phase, false, self.terminated(reason, code)),
            ];
        }
        let mut start = Self::moment(300, "Running", false, self.running());
        start.events = self.started();
        vec![
            Self::creating(),
            start,
            Self::moment(self.behaviour.ready_after.max(301), "Running", true, self.running()),
        ]
    }

    fn crashes(&self, reason: &str, code: i64) -> Vec<Moment> {
        let end = self.terminated(reason, code);
        let mut run = Self::moment(300, "Running", true, self.running());
        run.events = self.started();
        let again = Moment {
            restarts: 1,
            last: end.clone(),
            ..Self::moment(1400, "Running", true, self.running())
        };
        let message = format!(
            "back-off 10s restarting failed container={} pod={}",
            self.container(),
            self.full()
        );
        let back = waiting("CrashLoopBackOff", Some(message));
        let told = (
            true,
            "BackOff",
            format!(
                "Back-off restarting failed container {} in pod {}",
                self.container(),
                self.full()
            ),
        );
        let back = |at, restarts| Moment {
            restarts,
            last: end.clone(),
            events: vec![told.clone()],
            ..Self::moment(at, "Running", false, back.clone())
        };
        vec![
            Self::creating(),
            run,
            Self::moment(900, "Running", false, end.clone()),
            again,
            back(2000, 1),
            back(5000, 2),
        ]
    }

    fn pull_fails(&self) -> Vec<Moment> {
        let image = self.image();
        let why = format!(
            "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {image}: not found"
        );
        let mut first = Self::creating();
        first.events = vec![(false, "Pulling", format!("Pulling image \"{image}\""))];
        let mut failed = Self::moment(400, "Pending", false, waiting("ErrImagePull", Some(why.clone())));
        failed.events = vec![
            (true, "Failed", format!("Failed to pull image \"{image}\": {why}")),
            (true, "Failed", "Error: ErrImagePull".into()),
        ];
        let message = format!("Back-off pulling image \"{image}\": ErrImagePull: {why}");
        let mut back = Self::moment(1500, "Pending", false, waiting("ImagePullBackOff", Some(message)));
        back.events = vec![
            (false, "BackOff", format!("Back-off pulling image \"{image}\"")),
            (true, "Failed", "Error: ImagePullBackOff".into()),
        ];
        vec![first, failed, back]
    }

    fn stuck(&self, reason: &'static str, message: &str) -> Vec<Moment> {
        let mut stuck = Self::moment(300, "Pending", false, waiting(reason, Some(message.into())));
        stuck.events = vec![(
            true,
            if reason == "InvalidImageName" {
                "InspectFailed"
            } else {
                "Failed"
            },
            format!("Error: {reason}"),
        )];
        if reason == "ErrImageNeverPull" {
            stuck.events.insert(0, (true, "ErrImageNeverPull", message.into()));
        }
        vec![Self::creating(), stuck]
    }

    fn config_error(&self, message: &str) -> Vec<Moment> {
        let mut stuck = Self::moment(
            300,
            "Pending",
            false,
            waiting("CreateContainerConfigError", Some(message.into())),
        );
        stuck.events = vec![(true, "Failed", format!("Error: {message}"))];
        vec![Self::creating(), stuck]
    }

    fn runs_as_root(&self) -> Vec<Moment> {
        let spec = &self.pod["spec"];
        let set = |name: &str| {
            [
                &spec["containers"][0]["securityContext"][name],
                &spec["securityContext"][name],
            ]
            .into_iter()
            .find(|v| !v.is_null())
            .cloned()
        };
        if set("runAsNonRoot") != Some(true.into()) || set("runAsUser").is_some_and(|u| u != 0) {
            return self.runs();
        }
        let message = format!(
            "container has runAsNonRoot and image will run as root (pod: \"{}\", container: {})",
            self.full(),
            self.container()
        );
        self.config_error(&message)
    }

    fn bad_command(&self) -> Vec<Moment> {
        let command = text(self.pod, "/spec/containers/0/command/0");
        let why = format!(
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: \"{command}\": executable file not found in $PATH"
        );
        let mut end = self.terminated("StartError", 128);
        end["terminated"]["message"] = why.clone().into();
        let failed = |at, restarts, reason: &str, message: String| Moment {
            restarts,
            last: end.clone(),
            events: vec![(true, "Failed", format!("Error: {why}"))],
            ..Self::moment(at, "Running", false, waiting(reason, Some(message)))
        };
        let back = format!(
            "back-off 10s restarting failed container={} pod={}",
            self.container(),
            self.full()
        );
        vec![
            Self::creating(),
            failed(400, 0, "RunContainerError", why.clone()),
            failed(2000, 1, "CrashLoopBackOff", back),
        ]
    }

    fn never_ready(&self, dies: bool) -> Vec<Moment> {
        let mut start = Self::moment(300, "Running", false, self.running());
        start.events = self.started();
        let mut sick = Self::moment(1000, "Running", false, self.running());
        let (probe, more) = if dies {
            (
                "Liveness",
                vec![(
                    false,
                    "Killing",
                    format!(
                        "Container {} failed liveness probe, will be restarted",
                        self.container()
                    ),
                )],
            )
        } else {
            ("Readiness", vec![])
        };
        sick.events = vec![(
            true,
            "Unhealthy",
            format!("{probe} probe failed: HTTP probe failed with statuscode: 503"),
        )];
        sick.events.extend(more);
        let mut life = vec![Self::creating(), start, sick];
        if dies {
            life.push(Moment {
                restarts: 1,
                last: self.terminated("Error", 137),
                ..Self::moment(2500, "Running", false, self.running())
            });
        }
        life
    }

    /// A volume or a variable whose source is not there.
    fn held_up(&self) -> Option<Vec<Moment>> {
        for volume in self.pod["spec"]["volumes"].as_array().into_iter().flatten() {
            let name = text(volume, "/name");
            if let Some(missing) = self.missing_volume(volume) {
                let mut stuck = Self::creating();
                stuck.events = vec![(
                    true,
                    "FailedMount",
                    format!("MountVolume.SetUp failed for volume \"{name}\" : {missing} not found"),
                )];
                return Some(vec![stuck]);
            }
        }
        self.missing_variable()
            .map(|missing| self.config_error(&format!("{missing} not found")))
    }

    /// `secret "x"` when a source is not there and not optional.
    fn absent(&self, kind: &str, source: &Value, name: &str) -> Option<String> {
        let there = source.is_null() || source["optional"] == true;
        let found = there
            || self
                .world
                .get(&Key::new(named(kind), &self.key.namespace, name))
                .is_some();
        (!found).then(|| format!("{} \"{name}\"", kind.to_lowercase()))
    }

    fn missing_volume(&self, volume: &Value) -> Option<String> {
        let projected = volume["projected"]["sources"].as_array().into_iter().flatten();
        let first = self.absent("Secret", &volume["secret"], text(volume, "/secret/secretName"));
        first
            .or_else(|| self.absent("ConfigMap", &volume["configMap"], text(volume, "/configMap/name")))
            .or_else(|| {
                projected.into_iter().find_map(|s| {
                    let secret = self.absent("Secret", &s["secret"], text(s, "/secret/name"));
                    secret.or_else(|| self.absent("ConfigMap", &s["configMap"], text(s, "/configMap/name")))
                })
            })
    }

    fn missing_variable(&self) -> Option<String> {
        let container = &self.pod["spec"]["containers"][0];
        let env = container["env"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|e| &e["valueFrom"]);
        let refs = env.map(|v| (&v["secretKeyRef"], &v["configMapKeyRef"]));
        let all = container["envFrom"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|e| (&e["secretRef"], &e["configMapRef"]));
        refs.chain(all).find_map(|(secret, map)| {
            self.absent("Secret", secret, text(secret, "/name"))
                .or_else(|| self.absent("ConfigMap", map, text(map, "/name")))
        })
    }
}

/// Writes a moment into the pod's status, merged by list keys as the kubelet's patch is.
fn show(world: &mut World, key: &Key, pod: &Value, moment: &Moment) {
    let time = world.time();
    let finished = matches!(moment.phase, "Succeeded" | "Failed");
    let containers: Vec<_> = pod["spec"]["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|c| container(c, moment))
        .collect();
    let names = containers
        .iter()
        .map(|c| text(c, "/name"))
        .collect::<Vec<_>>()
        .join(" ");
    let mut conditions: Vec<Value> = ["PodScheduled", "Initialized", "PodReadyToStartContainers"]
        .iter()
        .map(|of| json!({"type": of, "status": "True", "lastProbeTime": null, "lastTransitionTime": time}))
        .collect();
    for of in ["ContainersReady", "Ready"] {
        let shut = Some(pod).filter(|_| of == "Ready" && moment.ready).and_then(shut_gate);
        let status = if moment.ready && shut.is_none() {
            "True"
        } else {
            "False"
        };
        let mut c = json!({"type": of, "status": status, "lastProbeTime": null, "lastTransitionTime": time});
        if let Some(gate) = shut {
            c["reason"] = "ReadinessGatesNotReady".into();
            c["message"] = format!("corresponding condition of pod readiness gate \"{gate}\" does not exist.").into();
        }
        if !moment.ready {
            let reason = if moment.phase == "Succeeded" {
                "PodCompleted"
            } else if finished {
                "PodFailed"
            } else {
                "ContainersNotReady"
            };
            c["reason"] = reason.into();
            if !finished {
                c["message"] = format!("containers with unready status: [{names}]").into();
            }
        }
        conditions.push(c);
    }
    let ip = address(text(pod, "/metadata/uid"));
    let status = json!({"phase": moment.phase, "hostIP": "10.255.0.1", "hostIPs": [{"ip": "10.255.0.1"}], "podIP": ip, "podIPs": [{"ip": ip}],
        "startTime": pod["metadata"]["creationTimestamp"], "conditions": conditions, "containerStatuses": containers,
        "observedGeneration": pod["metadata"]["generation"]});
    let of = schema::of(named("Pod")).field("status");
    edit(world, key, &Manager::update("kubelet", "status"), |p| {
        p["status"] = of.map_or_else(|| status.clone(), |of| typed::merge(of, &p["status"], &status));
    });
}

/// A readiness gate of a pod that nobody has opened.
fn shut_gate(pod: &Value) -> Option<&str> {
    let mut gates = pod["spec"]["readinessGates"]
        .as_array()?
        .iter()
        .map(|gate| text(gate, "/conditionType"));
    gates.find(|gate| !super::condition(pod, gate).is_some_and(|condition| condition["status"] == "True"))
}

fn container(spec: &Value, moment: &Moment) -> Value {
    let pulled = moment.state["waiting"].is_null() || moment.last["terminated"].is_object();
    let image_id = if pulled {
        format!("sha256:{}", "0".repeat(64))
    } else {
        String::new()
    };
    json!({"name": spec["name"], "image": spec["image"], "imageID": image_id, "ready": moment.ready,
        "started": moment.ready || moment.state["running"].is_object(), "restartCount": moment.restarts,
        "state": moment.state, "lastState": moment.last})
}

/// An address for a pod, always the same.
fn address(uid: &str) -> String {
    let hash = uid
        .bytes()
        .fold(7_u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
    format!("10.254.{}.{}", hash >> 8 & 255, 1 + (hash & 255) % 254)
}

fn tell(world: &mut World, pod: &Value, warning: bool, reason: &str, message: &str) {
    let same = |e: &Value| e["involvedObject"]["uid"] == pod["metadata"]["uid"] && e["message"] == message;
    if world
        .list(named("Event"), text(pod, "/metadata/namespace"))
        .any(|(_, e)| same(e))
    {
        return;
    }
    let time = world.time();
    let suffix = world.suffix(5);
    let name = text(pod, "/metadata/name");
    let mut about = involved(pod);
    about["fieldPath"] = format!("spec.containers{{{}}}", text(pod, "/spec/containers/0/name")).into();
    let event = json!({
        "kind": "Event", "apiVersion": "v1",
        "metadata": {"name": format!("{name}.{suffix}"), "generateName": format!("{name}."), "namespace": pod["metadata"]["namespace"]},
        "type": if warning { "Warning" } else { "Normal" }, "reason": reason, "message": message, "involvedObject": about,
        "source": {"component": "kubelet", "host": NODE}, "reportingComponent": "kubelet", "reportingInstance": NODE,
        "firstTimestamp": time, "lastTimestamp": time, "eventTime": null, "count": 1,
    });
    record(world, event, &Manager::update("kubelet", ""));
}
