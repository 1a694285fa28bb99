//! What a server refuses, and what is lost on the way, in the words of the contract.
//!
//! Owns the one place where answers are told apart: the status alone says little (a schema error is a 500, a clash of
//! field managers and a stale write are both 409, a field that cannot change and a bad value are both 422). Pure.

use std::time::Duration;

use mlstack_provider::{ErrorKind, ProviderError, Value};

/// A refusal, as the server words it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// What sort of thing it is about: `namespaces`.
    pub(crate) about: String,
    pub(crate) causes: Vec<Cause>,
}

/// One of the causes of a refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) field: String,
}

/// What a refusal means to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// We may not.
    Denied,
    /// There is no such object.
    Missing,
    /// There is no such namespace.
    NoNamespace,
    /// The server knows no such kind.
    NoKind,
    /// Another field manager owns what we want otherwise.
    Clash,
    /// It changed since it was read.
    Stale,
    /// It exists already.
    Exists,
    /// A field differs that cannot change.
    Immutable,
    /// A value is not allowed.
    Invalid,
    /// It is no object of its kind: an unknown field, a wrong type. Never mended by another try.
    Schema,
    /// Its namespace is being deleted.
    Terminating,
    /// The server asks for patience.
    Passing,
    /// A rule of the cluster forbids it: a quota, a policy.
    Forbidden,
    /// Anything else.
    Other,
}

/// What a 422 says of a field that cannot change, on all versions of the server.
const IMMUTABLE: [&str; 5] = [
    "is immutable",
    "immutable when",
    "fields other than",
    "may not change",
    "cannot change",
];

impl Refusal {
    /// Reads an answer that is no success.
    pub(crate) fn of(status: u16, body: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let causes = body["details"]["causes"].as_array().into_iter().flatten();
        Self {
            status,
            reason: text(&body["reason"]),
            message: body
                .as_str()
                .map_or_else(|| text(&body["message"]), |plain| plain.trim().to_owned()),
            about: text(&body["details"]["kind"]),
            causes: causes
                .map(|cause| Cause {
                    reason: text(&cause["reason"]),
                    message: text(&cause["message"]),
                    field: text(&cause["field"]),
                })
                .collect(),
        }
    }

    pub(crate) fn sort(&self) -> Sort {
        let caused = |reason: &str| self.causes.iter().any(|cause| cause.reason == reason);
        let says = |words: &str| self.message.contains(words);
        match self.status {
            401 => Sort::Denied,
            403 if caused("NamespaceTerminating") => Sort::Terminating,
            403 if says(" cannot ") && says(" resource ") => Sort::Denied,
            403 => Sort::Forbidden,
            404 if self.reason == "NotFound" && self.about == "namespaces" => Sort::NoNamespace,
            404 if self.reason == "NotFound" && !self.about.is_empty() => Sort::Missing,
            404 => Sort::NoKind,
            409 if caused("FieldManagerConflict") => Sort::Clash,
            409 if self.reason == "AlreadyExists" => Sort::Exists,
            409 => Sort::Stale,
            422 if IMMUTABLE.iter().any(|words| says(words)) => Sort::Immutable,
            422 => Sort::Invalid,
            429 | 502..=504 => Sort::Passing,
            500 if says("failed to create typed patch object") || says("failed to convert new object") => Sort::Schema,
            500 if says("etcdserver: ") => Sort::Passing,
            _ => Sort::Other,
        }
    }

    /// The reason for people: what the server says, without its preamble and without the object it holds.
    pub(crate) fn words(&self) -> String {
        let said = match self.sort() {
            Sort::Schema => self
                .message
                .split_once("): ")
                .map_or(self.message.as_str(), |(_, rest)| rest),
            Sort::Invalid | Sort::Immutable => {
                return self.of_causes().unwrap_or_else(|| shortened(&self.message));
            }
            _ => &self.message,
        };
        match said.trim_start_matches('.') {
            "" => format!("status {}", self.status),
            said => shortened(said),
        }
    }

    fn of_causes(&self) -> Option<String> {
        let each = self.causes.iter().map(|cause| {
            let message = cause.message.lines().next().unwrap_or_default();
            format!("{}: {}", cause.field, without_value(message))
        });
        let joined = each.collect::<Vec<_>>().join("; ");
        (!joined.is_empty()).then_some(joined)
    }

    /// The error for it.
    pub(crate) fn error(&self, action: &str) -> ProviderError {
        let sort = self.sort();
        let error = ProviderError::new(kind(sort), action).because(self.words());
        match hint(sort, self) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

fn kind(sort: Sort) -> ErrorKind {
    match sort {
        Sort::Denied => ErrorKind::Denied,
        Sort::Clash => ErrorKind::Foreign,
        Sort::Stale | Sort::Exists => ErrorKind::Stale,
        Sort::Passing => ErrorKind::Unreachable,
        _ => ErrorKind::Failed,
    }
}

fn hint(sort: Sort, refusal: &Refusal) -> Option<String> {
    Some(match sort {
        Sort::Denied if refusal.status == 401 => {
            "log in to the cluster again, and see that kubectl get pods works".to_owned()
        }
        Sort::Denied => "ask whoever runs the cluster for that right, or choose a namespace of yours".to_owned(),
        Sort::Clash => {
            "plan with --force-conflicts to take these fields over, or leave them out of the stack file".to_owned()
        }
        Sort::NoNamespace => "make it first: kubectl create namespace NAME".to_owned(),
        Sort::NoKind => "install what brings this kind to the cluster, or leave out what needs it".to_owned(),
        Sort::Terminating => "wait until its deletion is over, then try again".to_owned(),
        Sort::Forbidden if refusal.message.contains("exceeded quota") => {
            "lower resources, or ask for a larger quota: kubectl describe quota".to_owned()
        }
        Sort::Forbidden if refusal.message.contains("must support resize") => {
            "its storage class cannot grow volumes: keep the old size, or move the data to a new volume".to_owned()
        }
        Sort::Stale => "plan again: mlstack plan".to_owned(),
        _ => return None,
    })
}

/// `Invalid value: {…}: field is immutable` without the value, which may be a whole pod.
fn without_value(message: &str) -> String {
    let long = message.len() > 160;
    match message
        .strip_prefix("Invalid value: ")
        .and_then(|rest| rest.rsplit_once(": "))
    {
        Some((value, why)) if long || value.starts_with('{') => why.to_owned(),
        _ => shortened(message),
    }
}

fn shortened(text: &str) -> String {
    const SHOWN: usize = 400;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Lost {
    /// The wire broke, or nobody listens.
    Wire(String),
    /// Nobody trusts the other.
    Trust(String),
    /// The login did not work.
    Login(String),
    /// No answer in time.
    Slow(Duration),
}

impl Lost {
    /// Whether the next try may go better.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Wire(_) | Self::Slow(_))
    }

    /// Reads what the client says.
    pub(crate) fn of(error: &kube::Error) -> Self {
        let text = innermost(error);
        let whole = chain(error).join(": ");
        match error {
            kube::Error::Auth(_) => Self::Login(whole),
            _ if whole.contains("auth exec") || whole.contains("AuthExec") => Self::Login(whole),
            _ if whole.contains("certificate") => Self::Trust(text),
            _ => Self::Wire(text),
        }
    }

    /// The error for it.
    pub(crate) fn error(self, action: &str, server: &str) -> ProviderError {
        let reach = || ProviderError::new(ErrorKind::Unreachable, format!("cannot reach the cluster at {server}"));
        match self {
            Self::Wire(why) => reach()
                .because(why)
                .hint("see whether kubectl version answers, and whether the context is the right one"),
            Self::Trust(why) => reach().because(why).hint(
                "the kubeconfig names another certificate authority: fetch it anew from whoever runs the cluster",
            ),
            Self::Login(why) => ProviderError::new(ErrorKind::Denied, format!("cannot log in to {server}"))
                .because(why)
                .hint("run the login command of your cloud, and see that kubectl get pods works"),
            Self::Slow(limit) => ProviderError::new(ErrorKind::Timeout, action).because(format!(
                "the cluster at {server} gave no answer within {} s",
                limit.as_secs()
            )),
        }
    }
}

fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let mut all = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        all.push(error.to_string());
        next = error.source();
    }
    all
}

fn innermost(error: &dyn std::error::Error) -> String {
    chain(error).pop().unwrap_or_default()
}

#[cfg(test)]
mod tests;
