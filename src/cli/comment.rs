//! `mlstack comment`: posts the one comment of a pull request, or brings it up to date.
//!
//! Owns which comment is meant: the one that begins with our marker and is of our own account. What is posted may come
//! from the run of a stranger's pull request, so it must be a comment that mlstack could have written
//! ([`judge`](crate::view::judge)); where it goes is told by the job alone, never by the comment.

use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use mlstack_provider::Secret;

use super::Context;
use super::args::Comment as Args;
use super::exit::Exit;
use super::failure::Failure;
use crate::diag::visible::visible;
use crate::view::{COMMENT, Marker, judge};

mod event;
mod forge;

use forge::{Forge, Note, Posted, Trouble};

/// No comment has more bytes.
const LARGEST: u64 = COMMENT as u64 * 4;
/// No token has more bytes.
const LONGEST_TOKEN: usize = 8192;
/// How often it is looked again where things changed meanwhile.
const ROUNDS: usize = 4;

/// What came of it.
enum Done {
    Posted(Note),
    Updated(Note),
    Same(Note),
    Deleted,
    Nothing,
}

/// Runs the command.
pub(super) async fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let stdin = args.body.as_os_str() == "-";
    if stdin && std::io::stdin().is_terminal() {
        let note = "Reading the comment from stdin: `mlstack plan --format markdown` writes one.";
        context.ui.note(note);
    }
    let body = body(&context.here.join(&args.body), stdin)?;
    let marker = judge(&body).map_err(|error| {
        Failure::new(Exit::Policy, format!("{} is not posted: {error}", args.body.display()))
            .hint("only what `mlstack plan --format markdown` writes is posted: it may come from a stranger")
    })?;
    let token = token(args, context)?;
    let mut forge = Forge::new(args.gitlab, token)?;
    let Some(place) = event::place(args, &forge, context).await? else {
        return Ok(Exit::Done);
    };
    forge.at(&place);
    let author = author(args, &forge).await.map_err(|trouble| refused(trouble, args))?;
    let text = Text {
        body: &body,
        marker: &marker,
        author: &author,
        delete: args.delete_when_empty && marker.empty,
    };
    let done = text.put(&forge).await.map_err(|trouble| refused(trouble, args))?;
    context.ui.out(&said(&done));
    Ok(Exit::Done)
}

fn said(done: &Done) -> String {
    match done {
        Done::Posted(note) => format!("Posted: {}", visible(&note.url)),
        Done::Updated(note) => format!("Updated: {}", visible(&note.url)),
        Done::Same(note) => format!("Up to date: {}", visible(&note.url)),
        Done::Deleted => "Deleted: nothing changes.".to_owned(),
        Done::Nothing => "Nothing changes, and there is no comment.".to_owned(),
    }
}

/// What is to be posted.
fn body(path: &Path, stdin: bool) -> Result<String, Failure> {
    let shown = if stdin {
        "stdin".to_owned()
    } else {
        path.display().to_string()
    };
    let failed = |error: std::io::Error| Failure::new(Exit::Error, format!("cannot read {shown}: {error}"));
    let mut bytes = Vec::new();
    if stdin {
        std::io::stdin()
            .take(LARGEST + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
    } else {
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > LARGEST {
        return Err(Failure::new(
            Exit::Policy,
            format!("{shown} is not posted: it is larger than any comment"),
        ));
    }
    String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::Policy, format!("{shown} is not posted: it is not UTF-8 text")))
}

/// The token, from a file or a variable; never from the command line, which every process can read.
fn token(args: &Args, context: &Context) -> Result<Secret, Failure> {
    let variable = if args.gitlab { "GITLAB_TOKEN" } else { "GITHUB_TOKEN" };
    let hint = format!("set {variable} in the environment of the step, or name a file: --token-file FILE");
    let (from, bytes) = match &args.token_file {
        Some(path) => {
            let from = path.display().to_string();
            let bytes = token_file(&context.here.join(path));
            let failed = |error| Failure::new(Exit::Denied, format!("cannot read the token in {from}: {error}"));
            (from.clone(), bytes.map_err(|error| failed(error).hint(hint.clone()))?)
        }
        None => {
            let value = std::env::var_os(variable).unwrap_or_default();
            (variable.to_owned(), value.into_encoded_bytes())
        }
    };
    let text = bytes.trim_ascii();
    let refused = |what: String| Err(Failure::new(Exit::Denied, what).hint(hint.clone()));
    match text {
        [] if args.token_file.is_some() => refused(format!("{from} holds no token: it is empty")),
        [] => refused("there is no token to comment with".to_owned()),
        _ if text.len() > LONGEST_TOKEN => refused(format!("{from} holds no token: it is longer than any")),
        _ if text.iter().any(u8::is_ascii_whitespace) => {
            refused(format!("{from} holds no token: a token is one word on one line"))
        }
        _ if !text.iter().all(u8::is_ascii_graphic) => {
            refused(format!("{from} holds no token: it has characters that no token has"))
        }
        _ => Ok(Secret::new(text)),
    }
}

/// The bytes of a token's file, as far as they tell a token.
fn token_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(LONGEST_TOKEN as u64 + 64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whose comments are ours.
async fn author(args: &Args, forge: &Forge) -> Result<String, Trouble> {
    match &args.author {
        Some(login) => Ok(login.clone()),
        None => forge.me().await,
    }
}

/// One comment and whose it is.
struct Text<'a> {
    body: &'a str,
    marker: &'a Marker,
    author: &'a str,
    delete: bool,
}

impl Text<'_> {
    /// Looks, then posts, updates or deletes; again where somebody else was faster.
    async fn put(&self, forge: &Forge) -> Result<Done, Trouble> {
        let mut last = Trouble::Busy;
        for _round in 0..ROUNDS {
            let mut ours = self.ours(forge.notes().await?).into_iter();
            let first = ours.next();
            for twin in ours {
                forge.delete(&twin).await?;
            }
            let done = match first {
                Some(note) if self.delete => forge.delete(&note).await.map(|()| Done::Deleted),
                None if self.delete => Ok(Done::Nothing),
                Some(note) if same(&note.body, self.body) => Ok(Done::Same(note)),
                Some(note) => match forge.update(&note, self.body).await? {
                    Posted::Yes(note) => Ok(Done::Updated(note)),
                    Posted::Gone => Err(Trouble::Busy),
                },
                None => forge.post(self.body).await.map(Done::Posted),
            };
            match done {
                // Whether a post arrived is not known: looked for before it is posted again.
                Err(trouble @ (Trouble::Busy | Trouble::Unknown(_))) => last = trouble,
                other => return other,
            }
        }
        Err(last)
    }

    /// Our comments, the oldest first.
    fn ours(&self, notes: Vec<Note>) -> Vec<Note> {
        let marked = |note: &Note| Marker::read(&note.body).is_some_and(|found| found.names_the_same(self.marker));
        let mut ours: Vec<Note> = notes
            .into_iter()
            .filter(|note| note.author == self.author && marked(note))
            .collect();
        ours.sort_by_key(|note| note.id);
        ours
    }
}

/// Whether a comment says the same; servers change the ends of lines.
fn same(a: &str, b: &str) -> bool {
    a.trim_end().lines().eq(b.trim_end().lines())
}

/// What went wrong, and what to do about it.
fn refused(trouble: Trouble, args: &Args) -> Failure {
    let forge = if args.gitlab { "GitLab" } else { "GitHub" };
    let request = if args.gitlab { "merge request" } else { "pull request" };
    let told = |text: &str| {
        if text.is_empty() {
            String::new()
        } else {
            format!(": {}", visible(text))
        }
    };
    match trouble {
        Trouble::Unauthorized => Failure::new(Exit::Denied, format!("{forge} does not accept the token"))
            .hint("see whether it has expired, and whether it is of this server"),
        Trouble::Forbidden(text) => Failure::new(Exit::Denied, format!("the token may not comment{}", told(&text))).hint(
            match args.gitlab {
                true => "it needs the scope `api` and at least the role Reporter",
                false => {
                    "the job needs `permissions: pull-requests: write`; the token of a fork's pull request may only read, so \
                     comment from a workflow on `workflow_run`, as `mlstack ci github` writes it"
                }
            },
        ),
        Trouble::Missing(text) => Failure::new(Exit::Error, format!("there is no such {request}{}", told(&text)))
            .hint("see --repo and --pr; what a token may not see is not there for it either"),
        Trouble::Moved => Failure::new(Exit::Error, "the repository has another name now").hint(event::name_it(args)),
        Trouble::Invalid(text) => Failure::new(Exit::Error, format!("{forge} does not take the comment{}", told(&text)))
            .hint(format!("see whether the {request} is locked")),
        Trouble::Limited(seconds) => Failure::new(Exit::Error, format!("{forge} takes no more requests for {seconds} s"))
            .hint("run it again later: it goes on where it stopped"),
        Trouble::Busy => Failure::new(Exit::Error, "the comment was taken away each time it was to be updated"),
        Trouble::Unknown(text) | Trouble::Failed(text) => {
            Failure::new(Exit::Error, format!("{forge} cannot be asked{}", told(&text)))
                .hint("run it again: a comment that was posted is found again")
        }
    }
}
