//! Who asks, and whether they may: the admin's token, anonymous requests, impersonated users with Roles. Owns the 401
//! and 403 answers of authorisation.

use serde_json::{Value, json};

use crate::kinds::{KINDS, Kind, named};
use crate::refusal::{Refusal, details};
use crate::request::Request;
use crate::store::{World, text};

/// The token that the double's kubeconfig carries.
pub(crate) const TOKEN: &str = "double";

/// What is asked for: a verb on a resource.
#[derive(Debug, Clone)]
pub(crate) struct Ask<'a> {
    pub(crate) verb: &'a str,
    pub(crate) kind: &'static Kind,
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    /// Such as `log`; may be empty.
    pub(crate) subresource: &'a str,
}

impl Ask<'_> {
    /// As rules name it: `pods/log`.
    fn resource(&self) -> String {
        match self.subresource {
            "" => self.kind.plural.into(),
            subresource => format!("{}/{subresource}", self.kind.plural),
        }
    }
}

/// The user of a request; none for the admin, who may do everything. Who sends no token is the admin too, unless
/// tokens are required: Go clients send none to a server without TLS.
///
/// # Errors
/// 401 when the token is a wrong one.
pub(crate) fn user(request: &Request, required: bool) -> Result<Option<String>, Refusal> {
    let authorization = request.header("authorization");
    if authorization.is_empty() && required {
        return Ok(Some("system:anonymous".into()));
    }
    if !authorization.is_empty() && authorization.strip_prefix("Bearer ") != Some(TOKEN) {
        return Err(Refusal::new(401, "Unauthorized", "Unauthorized"));
    }
    let impersonated = request.header("impersonate-user");
    Ok((!impersonated.is_empty()).then(|| impersonated.into()))
}

/// Refuses what the user may not do.
pub(crate) fn check(world: &World, user: Option<&str>, ask: &Ask) -> Result<(), Refusal> {
    let Some(user) = user else { return Ok(()) };
    if allowed(world, user, ask) {
        return Ok(());
    }
    let place = if ask.kind.namespaced && !ask.namespace.is_empty() {
        format!("in the namespace \"{}\"", ask.namespace)
    } else {
        "at the cluster scope".into()
    };
    let (resource, group) = (ask.resource(), ask.kind.group);
    let why = format!(
        "User \"{user}\" cannot {} resource \"{resource}\" in API group \"{group}\" {place}",
        ask.verb
    );
    if ask.name.is_empty() {
        let message = format!("{} is forbidden: {why}", ask.kind.resource());
        return Err(Refusal::new(403, "Forbidden", message).with(details(ask.kind, "", ask.kind.plural)));
    }
    Err(Refusal::forbidden(ask.kind, ask.name, &why))
}

fn allowed(world: &World, user: &str, ask: &Ask) -> bool {
    let bound = |b: &&Value| {
        b["subjects"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|s| s["kind"] == "User" && s["name"] == user)
    };
    let holds = |rule: &Value, list: &str, wanted: &str| {
        rule[list]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .any(|v| v == "*" || v == wanted)
    };
    let grants = |rule: &Value| {
        holds(rule, "verbs", ask.verb)
            && holds(rule, "resources", &ask.resource())
            && holds(rule, "apiGroups", ask.kind.group)
    };
    let bindings = world
        .list(named("RoleBinding"), ask.namespace)
        .map(|(_, b)| b)
        .filter(bound);
    let names: Vec<_> = bindings.map(|b| text(b, "/roleRef/name")).collect();
    let mut roles = world
        .list(named("Role"), ask.namespace)
        .filter(|(k, _)| names.contains(&k.name.as_str()));
    !ask.namespace.is_empty() && roles.any(|(_, r)| r["rules"].as_array().into_iter().flatten().any(grants))
}

/// The answer to "who am I".
pub(crate) fn self_review() -> Value {
    json!({"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {},
        "status": {"userInfo": {"username": "admin", "groups": ["system:masters", "system:authenticated"]}}})
}

/// The answer to "may I"; the admin may everything.
pub(crate) fn access_review(world: &World, user: Option<&str>, body: &Value) -> Value {
    let asked = |name: &str| text(body, &format!("/spec/resourceAttributes/{name}"));
    let kind = KINDS
        .iter()
        .find(|kind| kind.plural == asked("resource") && kind.group == asked("group"));
    let may = |user, kind| {
        let ask = Ask {
            verb: asked("verb"),
            kind,
            namespace: asked("namespace"),
            name: asked("name"),
            subresource: asked("subresource"),
        };
        allowed(world, user, &ask)
    };
    let allowed = user.is_none_or(|user| kind.is_some_and(|kind| may(user, kind)));
    json!({"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {}, "spec": body["spec"],
        "status": {"allowed": allowed}})
}
