//! Answers that refuse: the `Status` objects with their exact texts. Owns the wording of errors that every kind shares.

use serde_json::{Value, json};

use crate::kinds::Kind;

/// A refused request: the HTTP status and the body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) code: u16,
    pub(crate) body: Value,
}

/// What is wrong with one field of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) field: String,
}

impl Cause {
    pub(crate) fn invalid(field: impl Into<String>, value: &Value, why: &str) -> Self {
        Self {
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {value}: {why}"),
            field: field.into(),
        }
    }

    pub(crate) fn forbidden(field: impl Into<String>, why: &str) -> Self {
        Self {
            reason: "FieldValueForbidden",
            message: format!("Forbidden: {why}"),
            field: field.into(),
        }
    }

    pub(crate) fn required(field: impl Into<String>, why: &str) -> Self {
        let message = if why.is_empty() {
            "Required value".into()
        } else {
            format!("Required value: {why}")
        };
        Self {
            reason: "FieldValueRequired",
            message,
            field: field.into(),
        }
    }

    pub(crate) fn unsupported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let supported = supported
            .iter()
            .map(|s| format!("\"{s}\""))
            .collect::<Vec<_>>()
            .join(", ");
        Self {
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {value}: supported values: {supported}"),
            field: field.into(),
        }
    }

    fn text(&self) -> String {
        format!("{}: {}", self.field, self.message)
    }

    fn json(&self) -> Value {
        json!({"reason": self.reason, "message": self.message, "field": self.field})
    }
}

impl Refusal {
    pub(crate) fn new(code: u16, reason: &str, message: impl Into<String>) -> Self {
        let mut body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message.into()});
        if !reason.is_empty() {
            body["reason"] = reason.into();
        }
        body["code"] = code.into();
        Self { code, body }
    }

    pub(crate) fn with(mut self, details: Value) -> Self {
        self.body["details"] = details;
        self
    }

    /// 500 without a reason: what the patch machinery says of a body that it cannot use.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "", message)
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{} \"{name}\" not found", kind.resource())).with(details(
            kind,
            name,
            kind.plural,
        ))
    }

    /// 404 of a path that a served group does not have.
    pub(crate) fn no_resource() -> Self {
        Self::new(404, "NotFound", "the server could not find the requested resource").with(json!({}))
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
        .with(json!({}))
    }

    pub(crate) fn exists(kind: &Kind, name: &str, going: bool) -> Self {
        let going = if going { "object is being deleted: " } else { "" };
        Self::new(
            409,
            "AlreadyExists",
            format!("{going}{} \"{name}\" already exists", kind.resource()),
        )
        .with(details(kind, name, kind.plural))
    }

    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!("Operation cannot be fulfilled on {} \"{name}\": {why}", kind.resource()),
        )
        .with(details(kind, name, kind.plural))
    }

    pub(crate) fn stale(kind: &Kind, name: &str) -> Self {
        Self::conflict(
            kind,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 409 of a precondition of DELETE, which names the kind instead of the resource for a resourceVersion.
    pub(crate) fn precondition(kind: &Kind, name: &str, why: &str) -> Self {
        Self::new(
            409,
            "Conflict",
            format!(
                "Operation cannot be fulfilled on {} \"{name}\": {why}",
                kind.qualified()
            ),
        )
        .with(details(kind, name, kind.kind))
    }

    pub(crate) fn forbidden(kind: &Kind, name: &str, why: &str) -> Self {
        Self::new(
            403,
            "Forbidden",
            format!("{} \"{name}\" is forbidden: {why}", kind.resource()),
        )
        .with(details(kind, name, kind.plural))
    }

    pub(crate) fn invalid(kind: &Kind, name: &str, causes: &[Cause]) -> Self {
        Self::invalid_of(&kind.qualified(), name, details(kind, name, kind.kind), causes)
    }

    /// 422 of the options in the query.
    pub(crate) fn invalid_options(options: &str, cause: &Cause) -> Self {
        let of = format!("{options}.meta.k8s.io");
        Self::invalid_of(
            &of,
            "",
            json!({"group": "meta.k8s.io", "kind": options}),
            std::slice::from_ref(cause),
        )
    }

    fn invalid_of(of: &str, name: &str, mut details: Value, causes: &[Cause]) -> Self {
        let mut texts: Vec<_> = causes.iter().map(Cause::text).collect();
        texts.dedup();
        let said = if let [one] = &texts[..] {
            one.clone()
        } else {
            format!("[{}]", texts.join(", "))
        };
        details["causes"] = causes.iter().map(Cause::json).collect();
        Self::new(422, "Invalid", format!("{of} \"{name}\" is invalid: {said}")).with(details)
    }

    /// 409 of fields that other managers own: (manager as messages name it, field).
    pub(crate) fn owned(conflicts: &[(String, String)]) -> Self {
        let message = match conflicts {
            [(manager, field)] => format!("Apply failed with 1 conflict: conflict with {manager}: {field}"),
            _ => format!(
                "Apply failed with {} conflicts: {}",
                conflicts.len(),
                conflicts_text(conflicts)
            ),
        };
        let causes: Value = conflicts
            .iter()
            .map(
                |(m, f)| json!({"reason": "FieldManagerConflict", "message": format!("conflict with {m}"), "field": f}),
            )
            .collect();
        Self::new(409, "Conflict", message).with(json!({"causes": causes}))
    }
}

fn conflicts_text(conflicts: &[(String, String)]) -> String {
    let mut lines = Vec::new();
    let mut before = "";
    for (manager, field) in conflicts {
        if manager != before {
            lines.push(format!("conflicts with {manager}:"));
        }
        lines.push(format!("- {field}"));
        before = manager;
    }
    lines.join("\n")
}

/// `details` of a Status: name, group unless core, and what it calls the kind.
pub(crate) fn details(kind: &Kind, name: &str, called: &str) -> Value {
    let mut details = json!({});
    if !name.is_empty() {
        details["name"] = name.into();
    }
    if !kind.group.is_empty() {
        details["group"] = kind.group.into();
    }
    details["kind"] = called.into();
    details
}
