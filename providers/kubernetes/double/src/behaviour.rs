//! How the containers of an image behave: scripted by tests per image, or per pod by the annotation `fake/mode` that
//! the recording used. Owns the script; `kubelet` plays it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::store::text;

/// What happens to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Starts and becomes ready; a Job's ends with the exit code.
    #[default]
    Runs,
    /// Ends with the exit code again and again.
    Crashes,
    /// Is killed for memory again and again.
    OutOfMemory,
    /// The image cannot be pulled.
    PullFails,
    /// The image is not there and must not be pulled.
    NeverPulled,
    /// The image's name is none.
    BadName,
    /// Runs, and its readiness probe fails.
    NeverReady,
    /// Its liveness probe fails, so that it is restarted.
    NeverAlive,
    /// Its command does not exist.
    BadCommand,
    /// Its image runs as root, which the pod forbids.
    RunsAsRoot,
}

/// The behaviour of an image's containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behaviour {
    /// What happens.
    pub mode: Mode,
    /// Milliseconds from the start until it is ready.
    pub ready_after: u64,
    /// The code it ends with, for a Job or a crash.
    pub exit: i64,
    /// What it writes.
    pub log: Vec<String>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            mode: Mode::Runs,
            ready_after: 800,
            exit: 0,
            log: Vec::new(),
        }
    }
}

impl From<Mode> for Behaviour {
    fn from(mode: Mode) -> Self {
        let exit = i64::from(mode == Mode::Crashes) * 3;
        Self {
            mode,
            exit,
            ..Self::default()
        }
    }
}

/// The script of all images.
#[derive(Debug, Default)]
pub(crate) struct Behaviours(BTreeMap<String, Behaviour>);

impl Behaviours {
    pub(crate) fn set(&mut self, image: &str, behaviour: Behaviour) {
        self.0.insert(image.into(), behaviour);
    }

    /// The behaviour of a pod's first container.
    pub(crate) fn of(&self, pod: &Value) -> Behaviour {
        let mut behaviour = self
            .0
            .get(text(pod, "/spec/containers/0/image"))
            .cloned()
            .unwrap_or_default();
        let annotation = |name: &str| pod["metadata"]["annotations"][name].as_str();
        if let Some(code) = annotation("fake/exit").and_then(|c| c.parse().ok()) {
            behaviour.exit = code;
        }
        if let Some(after) = annotation("fake/ready-after").and_then(|a| a.parse::<f64>().ok()) {
            behaviour.ready_after = std::time::Duration::from_secs_f64(after.max(0.0))
                .as_millis()
                .try_into()
                .unwrap_or(u64::MAX);
        }
        match annotation("fake/mode") {
            Some("crash") => {
                behaviour.mode = Mode::Crashes;
                behaviour.exit = if behaviour.exit == 0 { 3 } else { behaviour.exit };
            }
            Some("pull-error") => behaviour.mode = Mode::PullFails,
            Some("never-ready") => behaviour.mode = Mode::NeverReady,
            _ => {}
        }
        behaviour
    }
}
