//! Logs of pods: what the behaviour of the image wrote, of this run or of the one before.

use serde_json::Value;

use crate::refusal::Refusal;
use crate::request::{Body, Reply, Request};
use crate::store::{Key, World, text};

/// A log that is followed until its pod is gone.
#[derive(Debug)]
pub(crate) struct Follow {
    pub(crate) key: Key,
    /// Lines that were sent.
    pub(crate) sent: usize,
    pub(crate) tail: usize,
}

/// Reads a pod's log.
pub(crate) fn read(world: &World, key: &Key, request: &Request) -> Result<Reply, Refusal> {
    let pod = world.get(key).ok_or_else(|| Refusal::not_found(key.kind, &key.name))?;
    let status = &pod["status"]["containerStatuses"][0];
    let container = text(pod, "/spec/containers/0/name");
    let asked = request.query("container");
    if !asked.is_empty() && asked != container {
        return Err(Refusal::bad_request(format!(
            "container {asked} is not valid for pod {}",
            key.name
        )));
    }
    let previous = request.query("previous") == "true";
    if previous && !status["lastState"]["terminated"].is_object() {
        return Err(Refusal::bad_request(format!(
            "previous terminated container \"{container}\" in pod \"{}\" not found",
            key.name
        )));
    }
    if !previous
        && let Some(reason) = status["state"]["waiting"]["reason"]
            .as_str()
            .filter(|_| status["restartCount"] == 0)
    {
        let why = if reason == "ContainerCreating" {
            "is waiting to start: ContainerCreating".into()
        } else {
            waiting(status, reason)
        };
        return Err(Refusal::bad_request(format!(
            "container \"{container}\" in pod \"{}\" {why}",
            key.name
        )));
    }
    let tail = request.query("tailLines").parse().unwrap_or(usize::MAX);
    if request.query("follow") == "true" {
        return Ok(Reply {
            code: 200,
            warnings: Vec::new(),
            body: Body::Log(Follow {
                key: key.clone(),
                sent: 0,
                tail,
            }),
        });
    }
    let lines = lines(world, pod);
    let text = lines[lines.len().saturating_sub(tail)..]
        .iter()
        .map(|l| format!("{l}\n"))
        .collect::<String>();
    Ok(Reply {
        code: 200,
        warnings: Vec::new(),
        body: Body::Text(text, "text/plain"),
    })
}

fn waiting(status: &Value, reason: &str) -> String {
    let image = text(status, "/image");
    match reason {
        "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" => {
            format!("is waiting to start: trying and failing to pull image: {image}")
        }
        _ => format!("is waiting to start: {reason}"),
    }
}

/// What the pod's container has written.
pub(crate) fn lines(world: &World, pod: &Value) -> Vec<String> {
    world.behaviours.of(pod).log.clone()
}

impl Follow {
    /// The lines since the last call; none once the pod has ended.
    pub(crate) fn more(&mut self, world: &World) -> Option<String> {
        let pod = world.get(&self.key)?;
        let lines = lines(world, pod);
        if self.sent == 0 {
            self.sent = lines.len().saturating_sub(self.tail);
        }
        let text = lines
            .get(self.sent..)
            .unwrap_or_default()
            .iter()
            .map(|l| format!("{l}\n"))
            .collect::<String>();
        self.sent = lines.len();
        let ended = pod["status"]["containerStatuses"][0]["state"]["terminated"].is_object();
        (!text.is_empty() || !ended).then_some(text)
    }
}
