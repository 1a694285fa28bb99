//! Whether an object works, as its own status tells.
//!
//! Pure. The status of a workload says when all is well; why it is not is told by its pods ([`crate::cause`]). That a
//! status is about what was asked last is checked first: right after a change it still praises the version before.

use mlstack_provider::Value;

/// What an object's status says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is as asked, all of it.
    Done,
    /// It gets there; how far it is.
    Going(String),
    /// It gave up.
    Failed(String),
}

/// Reads the status of an object of a kind.
pub(crate) fn judge(kind: &str, object: &Value) -> Verdict {
    if is_terminating(object) {
        return Verdict::Going("its deletion".to_owned());
    }
    match kind {
        "deployment" | "statefulset" if !is_observed(object) => Verdict::Going("the controller".to_owned()),
        "deployment" => deployment(object),
        "statefulset" => stateful_set(object),
        "job" => job(object),
        "pod" => pod(object),
        "namespace" if object["status"]["phase"] == "Terminating" => Verdict::Going("its deletion".to_owned()),
        _ => Verdict::Done,
    }
}

/// Whether an object is being deleted.
pub(crate) fn is_terminating(object: &Value) -> bool {
    !object["metadata"]["deletionTimestamp"].is_null()
}

/// Whether a kind has pods to wait for.
pub(crate) fn has_pods(kind: &str) -> bool {
    matches!(kind, "deployment" | "statefulset" | "job")
}

/// What keeps an object that is being deleted.
pub(crate) fn finalizers(object: &Value) -> String {
    let list = object["metadata"]["finalizers"].as_array().into_iter().flatten();
    list.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// A condition of a status, when it is true or false as asked: its reason and its message.
pub(crate) fn condition<'a>(object: &'a Value, name: &str, status: &str) -> Option<(&'a str, &'a str)> {
    let mut all = object["status"]["conditions"].as_array()?.iter();
    let found = all.find(|condition| condition["type"] == name && condition["status"] == status)?;
    let text = |key: &str| found[key].as_str().unwrap_or_default();
    Some((text("reason"), text("message")))
}

fn is_observed(object: &Value) -> bool {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    number(&object["status"]["observedGeneration"]) >= number(&object["metadata"]["generation"])
}

fn deployment(object: &Value) -> Verdict {
    let status = |key: &str| object["status"][key].as_u64().unwrap_or_default();
    let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
    let (updated, all, available) = (
        status("updatedReplicas"),
        status("replicas"),
        status("availableReplicas"),
    );
    if let Some(("ProgressDeadlineExceeded", message)) = condition(object, "Progressing", "False") {
        return Verdict::Failed(message.to_owned());
    }
    if updated < wanted {
        Verdict::Going(format!("{updated} of {wanted} new"))
    } else if available < wanted {
        Verdict::Going(format!("{available} of {wanted} available"))
    } else if all > updated {
        Verdict::Going(format!("{} old to go", all - updated))
    } else {
        Verdict::Done
    }
}

fn stateful_set(object: &Value) -> Verdict {
    let status = |key: &str| object["status"][key].as_u64().unwrap_or_default();
    let wanted = object["spec"]["replicas"].as_u64().unwrap_or(1);
    let rolling = &object["spec"]["updateStrategy"]["rollingUpdate"];
    let partition = rolling["partition"].as_u64().unwrap_or_default();
    let new = object["status"]["currentRevision"] == object["status"]["updateRevision"];
    let (ready, updated) = (status("readyReplicas"), status("updatedReplicas"));
    let available = object["status"]["availableReplicas"].as_u64().unwrap_or(ready);
    if updated < wanted.saturating_sub(partition) && !new {
        Verdict::Going(format!("{updated} of {wanted} new"))
    } else if ready.min(available) < wanted {
        Verdict::Going(format!("{} of {wanted} ready", ready.min(available)))
    } else if partition == 0 && !new {
        Verdict::Going("the last old one to go".to_owned())
    } else {
        Verdict::Done
    }
}

fn job(object: &Value) -> Verdict {
    let failed = condition(object, "Failed", "True").or_else(|| condition(object, "FailureTarget", "True"));
    match (condition(object, "Complete", "True"), failed) {
        (Some(_), _) => Verdict::Done,
        (_, Some((reason, message))) => Verdict::Failed(format!("{message} ({reason})")),
        _ => Verdict::Going("its end".to_owned()),
    }
}

/// Whether its containers work; its own gates may stay shut.
fn pod(object: &Value) -> Verdict {
    if object["status"]["phase"] == "Failed" {
        let text = |key: &str| object["status"][key].as_str().unwrap_or_default();
        return Verdict::Failed(format!("{} ({})", text("message"), text("reason")));
    }
    match condition(object, "ContainersReady", "True") {
        Some(_) => Verdict::Done,
        None => Verdict::Going("its containers".to_owned()),
    }
}

#[cfg(test)]
mod tests;
