//! The words of the Language Server Protocol that this server speaks, as JSON.
//!
//! Owns the shapes of messages and the codes of errors. Decides nothing.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A line, and a column in UTF-16 code units; both from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) line: u32,
    pub(super) character: u32,
}

/// From a position to the one behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Range {
    pub(super) start: Position,
    pub(super) end: Position,
}

impl Range {
    /// Whether two ranges share a position, be it an end.
    pub(super) fn touches(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

/// The document that a message is about.
#[derive(Debug, Deserialize)]
pub(super) struct Identifier {
    pub(super) uri: String,
}

/// `textDocument/didOpen`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Opened {
    pub(super) text_document: Item,
}

/// A document with its text.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    pub(super) uri: String,
    #[serde(default)]
    pub(super) language_id: String,
    pub(super) version: i64,
    pub(super) text: String,
}

/// `textDocument/didChange`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changed {
    pub(super) text_document: Versioned,
    pub(super) content_changes: Vec<Change>,
}

/// A document at a version.
#[derive(Debug, Deserialize)]
pub(super) struct Versioned {
    pub(super) uri: String,
    pub(super) version: Option<i64>,
}

/// New text, for a range or, without one, for all of the document.
#[derive(Debug, Deserialize)]
pub(super) struct Change {
    pub(super) range: Option<Range>,
    pub(super) text: String,
}

/// Messages that name a document and no more: saved, closed, symbols, formatting.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct About {
    pub(super) text_document: Identifier,
}

/// Messages about a place in a document: hover, completion, definition, references, rename.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    pub(super) text_document: Identifier,
    pub(super) position: Position,
    /// Of `textDocument/rename`.
    #[serde(default)]
    pub(super) new_name: String,
    /// Of `textDocument/references`.
    #[serde(default)]
    pub(super) context: References,
}

/// Which references are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct References {
    #[serde(default)]
    pub(super) include_declaration: bool,
}

/// `textDocument/codeAction`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Actions {
    pub(super) text_document: Identifier,
    pub(super) range: Range,
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: i32,
    pub(super) message: String,
}

impl Fault {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { code, message }
    }
}

/// The text is no JSON.
pub(super) const PARSE_ERROR: i32 = -32700;
/// JSON, but no message of this protocol, or not now.
pub(super) const INVALID_REQUEST: i32 = -32600;
/// No such method.
pub(super) const METHOD_NOT_FOUND: i32 = -32601;
/// Parameters of the wrong shape.
pub(super) const INVALID_PARAMS: i32 = -32602;
/// Before `initialize`.
pub(super) const NOT_INITIALIZED: i32 = -32002;
/// The client wants no answer any more.
pub(super) const CANCELLED: i32 = -32800;
/// All is right with the request; the answer is not to be had.
pub(super) const REQUEST_FAILED: i32 = -32803;

/// Reads parameters.
pub(super) fn read<T: DeserializeOwned>(params: Value) -> Result<T, Fault> {
    serde_json::from_value(params).map_err(|error| Fault::new(INVALID_PARAMS, error.to_string()))
}

/// The answer to a request.
pub(super) fn answer(id: &Value, result: Result<Value, Fault>) -> Value {
    match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(Fault { code, message }) => {
            json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": message } })
        }
    }
}

/// A message that wants no answer.
pub(super) fn notification(method: &str, params: &Value) -> Value {
    json!({ "jsonrpc": "2.0", "method": method, "params": params })
}

/// An edit of a document.
pub(super) fn edit(range: Range, text: &str) -> Value {
    json!({ "range": range, "newText": text })
}
