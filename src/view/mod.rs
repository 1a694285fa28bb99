//! Plans, outcomes and states as text or JSON.
//!
//! Owns how things look: signs, columns, colours, short values. Everything that comes from a stack file or a target
//! is escaped, so that it cannot steer a terminal. Returns text; prints nothing, reads nothing.

mod plan_json;
mod plan_text;
mod progress;
mod status;
mod table;
mod values;

#[cfg(test)]
mod tests;

pub use plan_json::{Extras, plan_json, plan_schema};
pub use plan_text::plan_text;
pub use progress::{event_line, outcome_text};
pub use status::{StatusRow, status_text};

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

/// A text on one line that cannot steer a terminal: control, bidirectional and invisible characters are spelt out.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out += "\\n",
            '\t' => out += "\\t",
            '\r' => out += "\\r",
            c if c.is_control() || is_invisible(c) => out.extend(["\\u{", &format!("{:x}", u32::from(c)), "}"]),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character has no picture of its own or turns the direction of others.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}')
}

fn width(text: &str) -> usize {
    text.chars().count()
}
