//! The line that a change comes from: the first that was written anew among those of its component.

use std::collections::BTreeSet;

/// The first line of `added` in one of the blocks of a component that begin at `starts`, with its column.
///
/// A block is a key and what stands deeper than it; a start that holds another key is none of the component's.
pub fn cause(
    text: &str,
    component: &str,
    starts: impl Iterator<Item = (usize, usize)>,
    added: &BTreeSet<usize>,
) -> Option<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let indent = |line: &str| line.chars().take_while(|c| *c == ' ').count();
    let mut causes = starts.filter_map(|(line, column)| {
        let key = lines.get(line.checked_sub(1)?)?;
        let key: String = key.chars().skip(column - 1).collect();
        if !key.trim_start_matches(['"', '\'']).starts_with(component) {
            return None;
        }
        let below = lines.iter().enumerate().skip(line);
        let end = below
            .filter(|(_, text)| !text.trim().is_empty() && !text.trim_start().starts_with('#'))
            .find(|(_, text)| indent(text) < column)
            .map_or(lines.len(), |(end, _)| end);
        let cause = *added
            .range(line..=end)
            .find(|line| !lines[*line - 1].trim().is_empty())?;
        Some((cause, indent(lines[cause - 1]) + 1))
    });
    causes.next()
}

#[cfg(test)]
#[path = "cause_tests.rs"]
mod tests;
