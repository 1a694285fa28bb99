//! Messages that wait for their turn, and those that nobody waits for any more.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::protocol::{CANCELLED, Fault, PARSE_ERROR, answer};
use super::wire::Frame;

/// Messages in order.
#[derive(Debug, Default)]
pub struct Inbox {
    waiting: VecDeque<Value>,
}

impl Inbox {
    /// Takes one in; gives what is answered at once: damage, and requests that are taken back before their turn.
    pub fn push(&mut self, frame: Frame) -> Option<Value> {
        let message = match frame {
            Frame::Damaged(why) => return Some(answer(&Value::Null, Err(Fault::new(PARSE_ERROR, why)))),
            Frame::Message(message) => message,
        };
        if message.get("method") == Some(&json!("$/cancelRequest")) {
            return self.cancel(message.get("params")?.get("id")?);
        }
        self.waiting.push_back(message);
        None
    }

    fn cancel(&mut self, id: &Value) -> Option<Value> {
        let is_it = |message: &Value| message.get("id") == Some(id) && message.get("method").is_some();
        let at = self.waiting.iter().position(is_it)?;
        self.waiting.remove(at);
        Some(answer(id, Err(Fault::new(CANCELLED, "taken back"))))
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The next one.
    pub fn pop(&mut self) -> Option<Value> {
        self.waiting.pop_front()
    }
}
