//! The only place that prints: data on stdout, talk on stderr, and no secret on either: whatever goes out here passes
//! through [`redact`].

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use mlstack_provider::redact::redact;

use super::args::{Global, When};
use crate::diag::visible::visible_json;
use crate::view::Style;

/// The first failure to write to stdout.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// How this run talks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ui {
    /// Colours on stdout.
    pub color_out: bool,
    /// Colours on stderr.
    pub color_err: bool,
    /// Columns to fill on stdout.
    pub width: usize,
    quiet: bool,
    verbose: bool,
    /// Whether a person can be asked.
    pub interactive: bool,
}

impl Ui {
    /// Settles how to talk from the flags and the terminal.
    pub(super) fn new(global: &Global) -> Self {
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let color = |terminal| match global.color {
            When::Always => true,
            When::Never => false,
            When::Auto => terminal && variable("NO_COLOR").is_none_or(|v| v.is_empty()),
        };
        let ci = variable("CI").is_some_and(|v| v == "true" || v == "1");
        Self {
            color_out: color(out),
            color_err: color(err),
            width: width(out),
            quiet: global.quiet,
            verbose: global.verbose,
            interactive: io::stdin().is_terminal() && err && !global.non_interactive && !ci,
        }
    }

    /// How views draw what goes to stdout.
    pub(super) fn style(&self) -> Style {
        Style {
            color: self.color_out,
            width: self.width,
        }
    }

    /// Whether lines on stderr may move: a terminal, and nobody asked for quiet.
    pub(super) fn live(&self) -> bool {
        io::stderr().is_terminal() && !self.quiet
    }

    /// Columns and rows of the terminal behind stderr, as they are now.
    pub(super) fn terminal(&self) -> (usize, usize) {
        match rustix::termios::tcgetwinsize(io::stderr()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
            _ => (self.width, 24),
        }
    }

    /// Data: what the command is for.
    pub(super) fn out(&self, text: &str) {
        if let Err(error) = write(io::stdout().lock(), text) {
            let _first = LOST.set(error);
        }
    }

    /// Data as JSON, which no text in it can steer a terminal with.
    pub(super) fn out_json(&self, document: &serde_json::Value) {
        self.out(&visible_json(&format!("{document:#}")));
    }

    /// Data in a frame that tells its length, which is taken when no secret is in it any more.
    pub(super) fn out_framed(&self, text: &str, frame: fn(&str) -> String) {
        let mut to = io::stdout().lock();
        let framed = frame(&redact(text));
        if let Err(error) = to.write_all(framed.as_bytes()).and_then(|()| to.flush()) {
            let _first = LOST.set(error);
        }
    }

    /// Whether what goes to stdout still arrives.
    pub(super) fn is_heard(&self) -> bool {
        LOST.get().is_none()
    }

    /// Why data is lost, such as a full disk. A reader that went away (`| head`) wanted no more: nothing is lost.
    pub(super) fn lost(&self) -> Option<&'static io::Error> {
        LOST.get().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }

    /// Talk: progress and remarks; nothing with `--quiet`.
    pub(super) fn note(&self, text: &str) {
        if !self.quiet {
            let _gone = write(io::stderr().lock(), text);
        }
    }

    /// Talk for whoever asked for more.
    pub(super) fn detail(&self, text: &str) {
        if self.verbose {
            let _gone = write(io::stderr().lock(), text);
        }
    }

    /// What went wrong; always shown.
    pub(super) fn fault(&self, text: &str) {
        fault(text);
    }

    /// Asks; true only for a plain yes.
    pub(super) fn ask(&self, question: &str) -> bool {
        let _gone = write(io::stderr().lock(), question);
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "yes")
    }

    /// `text` in bold on stderr, where colours are on.
    pub(super) fn paint_err(&self, code: &str, text: &str) -> String {
        if self.color_err {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// What went wrong, where nobody settled how to talk.
pub(super) fn fault(text: &str) {
    let _gone = write(io::stderr().lock(), text);
}

/// A reader that went away ends our talking, not our work.
fn write(mut to: impl Write, text: &str) -> io::Result<()> {
    let newline = if text.ends_with('\n') || text.is_empty() {
        ""
    } else {
        "\n"
    };
    to.write_all(redact(text).as_bytes())?;
    to.write_all(newline.as_bytes())?;
    to.flush()
}

fn width(terminal: bool) -> usize {
    let told = variable("COLUMNS").and_then(|v| v.parse().ok());
    let seen = || {
        rustix::termios::tcgetwinsize(io::stdout())
            .ok()
            .map(|size| size.ws_col.into())
    };
    let columns = told.or_else(|| seen().filter(|columns| terminal && *columns > 0));
    columns.unwrap_or(80).clamp(60, 200)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
