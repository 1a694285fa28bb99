//! A conversation with an editor: which documents are open, what is asked, what is answered.

use std::path::Path;

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::buffer::Buffer;
use super::protocol::{
    About, Actions, Changed, Fault, INVALID_REQUEST, METHOD_NOT_FOUND, NOT_INITIALIZED, Opened, Place, Position,
    REQUEST_FAILED, Range, answer, edit, read,
};
use super::symbols::symbols;
use super::{ask, diagnose, fix};
use crate::diag::Diagnostic;
use crate::stack::{Stack, format};

/// What lies beside a stack file.
pub trait Beside {
    /// What else is wrong with a stack: its models, its mounts, its target. `file` is where the stack file lies;
    /// nothing outside of that folder is read, and nothing at all without one.
    fn about(&mut self, file: Option<&Path>, stack: &Stack) -> Vec<Diagnostic>;
}

/// How far the conversation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    ShutDown,
    /// The client said `exit`; whether it said `shutdown` before.
    Gone(bool),
}

/// A conversation.
pub struct Session {
    environment: Option<String>,
    buffers: IndexMap<String, Buffer>,
    phase: Phase,
}

impl Session {
    /// A conversation about stacks in `environment`; about every environment when there is none.
    pub fn new(environment: Option<String>) -> Self {
        Self {
            environment,
            buffers: IndexMap::new(),
            phase: Phase::New,
        }
    }

    /// Whether it is over; and then, whether as the protocol wants it.
    pub fn end(&self) -> Option<bool> {
        match self.phase {
            Phase::Gone(properly) => Some(properly),
            _ => None,
        }
    }

    /// Takes a message in; gives what is sent back.
    pub fn receive(&mut self, message: Value, beside: &mut dyn Beside) -> Vec<Value> {
        let Value::Object(mut message) = message else {
            let fault = Fault::new(INVALID_REQUEST, "a message is one JSON object");
            return vec![answer(&Value::Null, Err(fault))];
        };
        let params = message.remove("params").unwrap_or_default();
        match (message.remove("method"), message.remove("id")) {
            (Some(Value::String(method)), Some(id)) => vec![answer(&id, self.request(&method, params, beside))],
            (Some(Value::String(method)), None) => self.notified(&method, params),
            // An answer to something that was never asked.
            (None, _) if message.contains_key("result") || message.contains_key("error") => Vec::new(),
            (_, id) => {
                let fault = Fault::new(INVALID_REQUEST, "a message has a `method`");
                vec![answer(&id.unwrap_or_default(), Err(fault))]
            }
        }
    }

    /// Reads what changed, when nothing else waits; gives what is sent.
    pub fn settle(&mut self, beside: &mut dyn Beside) -> Vec<Value> {
        let environment = self.environment.as_deref();
        let stale = self.buffers.values_mut().filter(|buffer| buffer.stale);
        stale
            .map(|buffer| {
                buffer.read(environment, beside);
                diagnose::publish(buffer)
            })
            .collect()
    }

    fn request(&mut self, method: &str, params: Value, beside: &mut dyn Beside) -> Result<Value, Fault> {
        match (self.phase, method) {
            (Phase::New, "initialize") => {
                self.phase = Phase::Running;
                Ok(abilities())
            }
            (Phase::New, _) => Err(Fault::new(NOT_INITIALIZED, "`initialize` comes first")),
            (Phase::Running, "shutdown") => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            (Phase::Running, "initialize") => Err(Fault::new(INVALID_REQUEST, "initialized already")),
            (Phase::Running, _) => self.asked(method, params, beside),
            (Phase::ShutDown | Phase::Gone(_), _) => Err(Fault::new(INVALID_REQUEST, "shut down already")),
        }
    }

    /// A question about a document.
    fn asked(&mut self, method: &str, params: Value, beside: &mut dyn Beside) -> Result<Value, Fault> {
        match method {
            "textDocument/formatting" => self.formatting(&read::<About>(params)?.text_document.uri),
            "textDocument/codeAction" => {
                let Actions { text_document, range } = read(params)?;
                let environment = self.environment.clone();
                let Some(buffer) = self.buffers.get_mut(&text_document.uri) else {
                    return Ok(Value::Null);
                };
                if buffer.stale {
                    buffer.read(environment.as_deref(), beside);
                    buffer.stale = true; // it is published when its turn comes
                }
                Ok(fix::fixes(buffer, range).into())
            }
            "textDocument/documentSymbol" => {
                let About { text_document } = read(params)?;
                let buffer = self.readable(&text_document.uri);
                Ok(buffer.map_or(Value::Null, |buffer| symbols(buffer).into()))
            }
            "textDocument/hover" => self.at(params, ask::hover),
            "textDocument/completion" => self.at(params, ask::completion),
            "textDocument/definition" => self.at(params, ask::definition),
            "textDocument/references" => self.at(params, ask::references),
            "textDocument/documentHighlight" => self.at(params, ask::highlights),
            "textDocument/prepareRename" => self.at(params, ask::renamed),
            "textDocument/rename" => self.at(params, ask::rename),
            _ => Err(Fault::new(METHOD_NOT_FOUND, format!("this server has no `{method}`"))),
        }
    }

    /// A question about a place.
    fn at(&self, params: Value, answer: fn(&Buffer, &Place) -> Result<Value, Fault>) -> Result<Value, Fault> {
        let place: Place = read(params)?;
        match self.readable(&place.text_document.uri) {
            Some(buffer) => answer(buffer, &place),
            None => Ok(Value::Null),
        }
    }

    fn formatting(&self, uri: &str) -> Result<Value, Fault> {
        let Some(buffer) = self.readable(uri) else {
            return Ok(Value::Null);
        };
        let formatted = format(&buffer.text).map_err(|error| Fault::new(REQUEST_FAILED, error.to_string()))?;
        if formatted == buffer.text {
            return Ok(json!([]));
        }
        let all = Range {
            start: Position { line: 0, character: 0 },
            end: buffer.lines.position(&buffer.text, buffer.text.len()),
        };
        Ok(json!([edit(all, &formatted)]))
    }

    /// A document that can be answered about.
    fn readable(&self, uri: &str) -> Option<&Buffer> {
        self.buffers.get(uri).filter(|buffer| buffer.is_readable())
    }

    /// What is told and not asked; damage is passed over, as the protocol wants it.
    fn notified(&mut self, method: &str, params: Value) -> Vec<Value> {
        match method {
            "exit" => self.phase = Phase::Gone(self.phase == Phase::ShutDown),
            _ if self.phase != Phase::Running => {}
            "textDocument/didOpen" => {
                if let Ok(Opened { text_document }) = read(params) {
                    let buffer = Buffer::new(text_document);
                    self.buffers.insert(buffer.uri.clone(), buffer);
                }
            }
            "textDocument/didChange" => {
                if let Ok(Changed {
                    text_document,
                    content_changes,
                }) = read(params)
                    && let Some(buffer) = self.buffers.get_mut(&text_document.uri)
                {
                    buffer.change(text_document.version, content_changes);
                }
            }
            // Beside the stack file, anything may have changed since.
            "textDocument/didSave" => self.buffers.values_mut().for_each(|buffer| buffer.stale = true),
            "textDocument/didClose" => {
                if let Ok(About { text_document }) = read(params)
                    && self.buffers.shift_remove(&text_document.uri).is_some()
                {
                    return vec![diagnose::clear(&text_document.uri)];
                }
            }
            _ => {}
        }
        Vec::new()
    }
}

/// What this server can do.
fn abilities() -> Value {
    json!({
        "capabilities": {
            "positionEncoding": "utf-16",
            "textDocumentSync": { "openClose": true, "change": 2, "save": true },
            "hoverProvider": true,
            "completionProvider": { "triggerCharacters": [" ", "{", "."] },
            "definitionProvider": true,
            "referencesProvider": true,
            "documentHighlightProvider": true,
            "renameProvider": { "prepareProvider": true },
            "documentSymbolProvider": true,
            "codeActionProvider": { "codeActionKinds": ["quickfix"] },
            "documentFormattingProvider": true,
        },
        "serverInfo": { "name": "mlstack", "version": env!("CARGO_PKG_VERSION") },
    })
}
