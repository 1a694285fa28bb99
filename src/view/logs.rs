//! A line that a container wrote, with its name in front.

use mlstack_provider::LogLine;
use mlstack_provider::redact::redact;

use super::{Style, escape};

/// Cyan, yellow, green, magenta, blue, and the first three brighter: neighbours in the list differ.
const COLORS: [u8; 8] = [36, 33, 32, 35, 34, 96, 93, 92];

/// `worker-2 | text`; names fill a column as wide as the longest of `components`, each in a colour of its own.
pub fn log_line(line: &LogLine, components: &[&str], style: Style) -> String {
    let name = match line.copy {
        1 => line.component.clone(),
        copy => format!("{}-{copy}", line.component),
    };
    let widest = components.iter().map(|name| name.len()).max().unwrap_or(0);
    let named = format!("{:<widest$} |", escape(&name));
    let text = escape(&redact(&line.text));
    let place = components.iter().position(|name| *name == line.component);
    match place.filter(|_| style.color) {
        Some(place) => format!("\u{1b}[{}m{named}\u{1b}[0m {text}", COLORS[place % COLORS.len()]),
        None => format!("{named} {text}"),
    }
}
