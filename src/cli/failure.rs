//! A failed command: what to print and which code to exit with.

use std::error::Error;
use std::fmt::Write as _;

use mlstack_provider::{ErrorKind, ProviderError, Source};

use crate::diag::visible::visible_lines;

use super::exit::Exit;
use super::ui::Ui;

/// Why a command ended early.
#[derive(Debug)]
pub(super) struct Failure {
    /// The code to exit with.
    pub exit: Exit,
    /// The text before the causes; already complete where `causes` and `hints` are empty.
    text: String,
    /// The line of the stack file that asked for it: `FILE:LINE:COLUMN`.
    place: Option<Box<str>>,
    causes: Vec<String>,
    /// What was not tried for its sake, as it is shown.
    held_up: Option<Box<str>>,
    hints: Vec<String>,
    whole: bool,
}

impl Failure {
    /// `error: <text>`.
    pub(super) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self {
            exit,
            text: text.into(),
            place: None,
            causes: Vec::new(),
            held_up: None,
            hints: Vec::new(),
            whole: false,
        }
    }

    /// A text that is printed as it is (diagnostics).
    pub(super) fn whole(exit: Exit, text: String) -> Self {
        Self {
            whole: true,
            ..Self::new(exit, text)
        }
    }

    /// An error with its chain of causes.
    pub(super) fn of(exit: Exit, error: &dyn Error) -> Self {
        Self {
            causes: causes(error),
            ..Self::new(exit, error.to_string())
        }
    }

    /// Adds one thing to do.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Names the line of the stack file that asked for it.
    #[must_use]
    pub(super) fn asked_at(mut self, source: Option<&Source>) -> Self {
        self.place = source.map(|at| format!("{}:{}:{}", at.file, at.line, at.column).into());
        self
    }

    /// What failed, in one line.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Names what was not tried for its sake.
    #[must_use]
    pub(super) fn holds_up(mut self, others: &[String]) -> Self {
        self.held_up = (!others.is_empty()).then(|| others.join(", ").into());
        self
    }

    /// The text as it is shown.
    pub(super) fn render(&self, ui: &Ui) -> String {
        if self.whole {
            return self.text.clone();
        }
        let mut text = format!("{} {}\n", ui.paint_err("1;31", "error:"), visible_lines(&self.text));
        if let Some(place) = &self.place {
            let _ = writeln!(text, " {} {}", ui.paint_err("36", "-->"), visible_lines(place));
        }
        for cause in &self.causes {
            let _ = writeln!(
                text,
                "  caused by: {}",
                visible_lines(cause.trim_end()).replace('\n', "\n    ")
            );
        }
        if let Some(others) = &self.held_up {
            let _ = writeln!(text, "  not tried: {}", visible_lines(others));
        }
        for hint in &self.hints {
            let _ = writeln!(text, "  {} {}", ui.paint_err("36", "hint:"), visible_lines(hint));
        }
        text
    }
}

fn causes(error: &dyn Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        let exit = match error.kind {
            ErrorKind::Denied => Exit::Denied,
            ErrorKind::Stale => Exit::Stale,
            _ if error.rolled_back => Exit::RolledBack,
            ErrorKind::Timeout => Exit::Timeout,
            ErrorKind::NotReady => Exit::RolloutFailed,
            ErrorKind::Unreachable | ErrorKind::Foreign | ErrorKind::Failed => Exit::Error,
        };
        Self {
            hints: error.hints.clone(),
            ..Self::of(exit, &error)
        }
    }
}
