//! Plans, outcomes and states as text or JSON.
//!
//! Owns how things look: signs, columns, colours, short values. Everything that comes from a stack file or a target
//! is escaped, so that it cannot steer a terminal. Returns text; prints nothing, reads nothing.

mod drift;
mod events;
mod findings;
mod github;
mod history;
mod logs;
mod markdown;
mod plan_json;
mod plan_text;
mod progress;
mod remarks;
mod review_json;
mod review_text;
mod sarif;
mod status;
mod table;
mod tree;
mod values;
mod violations;

#[cfg(test)]
mod tests;

pub use drift::drift_text;
pub use events::{Moment, begin_json, end_json, event_json, events_schema};
pub use findings::{findings_json, findings_text};
pub use github::{annotations, outputs};
pub use history::{HistoryRow, history_text};
pub use logs::log_line;
pub use markdown::{COMMENT, Form, Marker, Objection, SUMMARY, Topic, judge, markdown};
pub use plan_json::{Extras, fingerprint, no_plan_json, plan_json, plan_schema};
pub use plan_text::plan_text;
pub use progress::{event_line, outcome_text};
pub use review_json::{review_json, review_schema};
pub use review_text::{hunks_text, review_text, size};
pub use sarif::sarif;
pub use status::{status_json, status_text};
pub use tree::{StepState, tree};
pub use violations::{violations_json, violations_text};

use crate::diag::visible::visible as escape;
use crate::review::Section;

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

/// What a plan is about.
#[derive(Clone, Copy, Debug)]
pub struct Header<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The environment, if one was chosen.
    pub environment: Option<&'a str>,
    /// The target's name.
    pub target: &'a str,
    /// Where exactly: `unix:///var/run/docker.sock`.
    pub context: Option<&'a str>,
}

impl<'a> Header<'a> {
    /// What a section of a review of `stack` is about.
    pub fn of(stack: &'a str, section: &'a Section) -> Self {
        Self {
            stack,
            environment: section.environment.as_deref(),
            target: &section.target,
            context: section.context.as_deref(),
        }
    }
}

/// The colours there are, by what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paint {
    Good,
    Careful,
    Bad,
    Anew,
    Faint,
}

impl Style {
    fn paint(self, paint: Paint, text: &str) -> String {
        let code = match paint {
            Paint::Good => "32",
            Paint::Careful => "33",
            Paint::Bad => "31",
            Paint::Anew => "35",
            Paint::Faint => "2",
        };
        if self.color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}
