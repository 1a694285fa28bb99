//! `mlstack lsp`: the language server on stdin and stdout, until the editor ends it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::SystemTime;

use serde_json::Value;

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use super::load;
use crate::diag::{self, Diagnostic};
use crate::lsp::wire::{Frame, frame, read};
use crate::lsp::{Beside, Inbox, Session};
use crate::project::Jail;
use crate::stack::{Kind, ModelServer, Stack, models};
use crate::target::Target;

/// The most messages that wait; a client that sends more has to wait itself.
const WAITING: usize = 256;

/// Runs the command.
pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    let mut session = Session::new(context.global.env.clone());
    let mut folder = Folder {
        context,
        models: Models::default(),
    };
    if io::stdin().is_terminal() {
        let note = "An editor talks to this, on stdin and stdout: see docs/editors.md. Ctrl-C ends it.";
        context.ui.note(note);
    }
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
    models: Models,
}

impl Beside for Folder<'_> {
    fn about(&mut self, file: Option<&Path>, stack: &Stack) -> Vec<Diagnostic> {
        let target = load::target(self.context, stack).unwrap_or(Target::Compose);
        let root = file
            .and_then(Path::parent)
            .and_then(|folder| folder.canonicalize().ok());
        let jail = root.as_deref().map(Jail::new);
        let mut all = load::beside(stack, jail.as_ref(), target);
        if let (Some(root), Some(jail)) = (root, jail) {
            all.extend(self.models.check(stack, root, &jail));
        }
        all
    }
}

/// What was found of models, by the folder of their stack file: a model is not read again while somebody types.
#[derive(Default)]
struct Models {
    known: BTreeMap<PathBuf, Checked>,
}

/// Model servers that were checked, and the files as they were then.
struct Checked {
    servers: Vec<(diag::Path, ModelServer)>,
    files: Vec<(String, Stamp)>,
    found: Vec<Diagnostic>,
}

/// Size and time of a file; nothing where none is.
type Stamp = Option<(u64, SystemTime)>;

impl Models {
    fn check(&mut self, stack: &Stack, root: PathBuf, jail: &Jail) -> Vec<Diagnostic> {
        let servers = servers(stack);
        let same =
            |old: &&Checked| old.servers == servers && old.files.iter().all(|(path, then)| stamp(jail, path) == *then);
        if let Some(old) = self.known.get(&root).filter(same) {
            return old.found.clone();
        }
        let files = RefCell::new(Vec::new());
        let found = models::check(stack, &|path| {
            files.borrow_mut().push((path.to_owned(), stamp(jail, path)));
            load::model_file(jail, path)
        });
        let files = files.into_inner();
        let checked = Checked {
            servers,
            files,
            found: found.clone(),
        };
        self.known.insert(root, checked);
        found
    }
}

fn servers(stack: &Stack) -> Vec<(diag::Path, ModelServer)> {
    let servers = stack.components.values().filter_map(|component| match &component.kind {
        Kind::ModelServer(server) => Some((component.path.clone(), server.clone())),
        _ => None,
    });
    servers.collect()
}

fn stamp(jail: &Jail, path: &str) -> Stamp {
    let about = std::fs::metadata(jail.file(path).ok()?).ok()?;
    Some((about.len(), about.modified().ok()?))
}

#[cfg(test)]
mod tests;
