//! `mlstack lsp`: the language server on stdin and stdout, until the editor ends it.

use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use serde_json::Value;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::load;
use crate::diag::Diagnostic;
use crate::lsp::wire::{Frame, frame, read};
use crate::lsp::{Beside, Inbox, Session};
use crate::project::Jail;
use crate::stack::Stack;
use crate::target::Target;

/// The most messages that wait; a client that sends more has to wait itself.
const WAITING: usize = 256;

/// Runs the command.
pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    let mut session = Session::new(context.global.env.clone());
    let mut folder = Folder { context };
    let (incoming, mut inbox) = (listen(), Inbox::default());
    while session.end().is_none() && context.ui.is_heard() {
        // Everything that came is taken in first: a request may have been taken back, a text have changed again.
        while let Some(frame) = next(&incoming, &inbox) {
            inbox.push(frame).iter().for_each(|message| send(context, message));
        }
        let Some(message) = inbox.pop() else {
            break; // the editor is gone
        };
        let answers = session.receive(message, &mut folder);
        answers.iter().for_each(|message| send(context, message));
        if inbox.is_empty() {
            let news = session.settle(&mut folder);
            news.iter().for_each(|message| send(context, message));
        }
    }
    Ok(if session.end() == Some(true) {
        Exit::Done
    } else {
        Exit::Error
    })
}

/// What came, without waiting while there is work.
fn next(incoming: &mpsc::Receiver<Frame>, inbox: &Inbox) -> Option<Frame> {
    if inbox.is_empty() {
        incoming.recv().ok()
    } else {
        incoming.try_recv().ok()
    }
}

/// Reads stdin on a thread of its own, until it ends.
fn listen() -> mpsc::Receiver<Frame> {
    let (sender, receiver) = mpsc::sync_channel(WAITING);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Ok(Some(frame)) = read(&mut input) {
            if sender.send(frame).is_err() {
                break;
            }
        }
    });
    receiver
}

fn send(context: &Context, message: &Value) {
    context.ui.out_framed(&message.to_string(), frame);
}

/// What lies beside the stack files that are open.
struct Folder<'a> {
    context: &'a Context,
}

impl Beside for Folder<'_> {
    fn about(&mut self, file: Option<&Path>, stack: &Stack) -> Vec<Diagnostic> {
        let target = load::target(self.context, stack).unwrap_or(Target::Compose);
        let root = file
            .and_then(Path::parent)
            .and_then(|folder| folder.canonicalize().ok());
        load::beside(stack, root.map(|root| Jail::new(&root)).as_ref(), target)
    }
}
