//! Why a request gets no answer: the one table of status and code, and its JSON.
//!
//! Never holds a value from the request: a refusal names the place, the feature and the rule.

use hyper::StatusCode;
use serde::Serialize;

use crate::json::Syntax;

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// what kind
    pub code: Code,
    /// one sentence
    pub message: String,
    /// JSON pointer to the place in the body
    pub field: Option<String>,
    /// what would be right
    pub hint: Option<String>,
    /// the feature's place in the signature
    pub feature: Option<usize>,
}

/// The kinds of refusal. The names are what clients see as `code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// the body is no JSON
    InvalidJson,
    /// the body is JSON of another form
    InvalidBody,
    /// a feature that the model does not have
    UnknownField,
    /// a feature that is not given
    MissingField,
    /// a feature that is given twice
    DuplicateField,
    /// a value of the wrong type
    WrongType,
    /// a number that does not fit
    OutOfRange,
    /// a category that the model does not know
    UnknownValue,
    /// a row of another length
    WrongLength,
    /// more rows than a request may have
    TooManyRows,
    /// no such page
    NotFound,
    /// no such model or version
    UnknownModel,
    /// the page has no such method
    MethodNotAllowed,
    /// the body is too large
    BodyTooLarge,
    /// the body did not arrive
    BodyIncomplete,
    /// the request took too long
    Timeout,
    /// too many at once
    Busy,
    /// the model is not loaded
    NotReady,
    /// the model failed on this input
    ModelFailed,
    /// the model server behind the page is away
    UpstreamAway,
}

impl Code {
    /// The HTTP status of a kind.
    pub fn status(self) -> StatusCode {
        match self {
            Self::InvalidJson | Self::BodyIncomplete => StatusCode::BAD_REQUEST,
            Self::InvalidBody
            | Self::UnknownField
            | Self::MissingField
            | Self::DuplicateField
            | Self::WrongType
            | Self::OutOfRange
            | Self::UnknownValue
            | Self::WrongLength
            | Self::TooManyRows => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotFound | Self::UnknownModel => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::Busy | Self::NotReady => StatusCode::SERVICE_UNAVAILABLE,
            Self::ModelFailed => StatusCode::INTERNAL_SERVER_ERROR,
            Self::UpstreamAway => StatusCode::BAD_GATEWAY,
        }
    }
}

impl Refusal {
    /// A refusal without a place.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
            hint: None,
            feature: None,
        }
    }

    /// The same, at a place in the body.
    #[must_use]
    pub fn at(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// The same, with what would be right.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The same, counted under a feature.
    #[must_use]
    pub fn feature(self, at: usize) -> Self {
        Self {
            feature: Some(at),
            ..self
        }
    }

    /// `{"error": {"code", "message", "field", "hint"}}`
    pub fn native_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            error: Error<'a>,
        }
        #[derive(Serialize)]
        struct Error<'a> {
            code: Code,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            field: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            hint: Option<&'a str>,
        }
        let error = Error {
            code: self.code,
            message: &self.message,
            field: self.field.as_deref(),
            hint: self.hint.as_deref(),
        };
        serde_json::to_vec(&Body { error }).expect("strings always serialize")
    }

    /// `{"error": "…"}`, the form of the Open Inference Protocol and of TensorFlow v1.
    pub fn flat_json(&self) -> Vec<u8> {
        let place = self
            .field
            .as_ref()
            .map(|field| format!(" (at {field})"))
            .unwrap_or_default();
        let hint = self.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        let error = format!("{}{place}{hint}", self.message);
        serde_json::to_vec(&serde_json::json!({ "error": error })).expect("strings always serialize")
    }
}

impl From<Syntax> for Refusal {
    fn from(syntax: Syntax) -> Self {
        Self::new(Code::InvalidJson, format!("the body is not valid JSON: {syntax}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_place() {
        let refusal = Refusal::new(Code::WrongType, "bmi must be a number")
            .at("/0/bmi")
            .hint("a number such as 0.05");
        assert_eq!(
            String::from_utf8(refusal.native_json()).unwrap(),
            r#"{"error":{"code":"wrong_type","message":"bmi must be a number","field":"/0/bmi","hint":"a number such as 0.05"}}"#
        );
        assert_eq!(
            String::from_utf8(refusal.flat_json()).unwrap(),
            r#"{"error":"bmi must be a number (at /0/bmi); a number such as 0.05"}"#
        );
    }
}
