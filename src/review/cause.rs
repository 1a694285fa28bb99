//! The line that a change comes from: among those of its component, the one that was written anew and says what changes.

use std::collections::BTreeSet;

use crate::plan::Change;

/// What names the image of a component.
const IMAGE: [&str; 3] = ["image", "model", "build"];

/// What stands in a stack file of a component, and what of that was written anew.
#[derive(Debug)]
pub struct Written<'a> {
    lines: &'a [&'a str],
    added: &'a BTreeSet<usize>,
    /// The lines of each place where something is said of it.
    blocks: Vec<Vec<usize>>,
}

impl<'a> Written<'a> {
    /// A component that may begin at `starts`, by line and column: at a key, with what stands deeper than that. A start
    /// that holds another key is none of the component's. `added` are the lines that the base does not have.
    pub fn new(
        lines: &'a [&'a str],
        component: &str,
        starts: impl Iterator<Item = (usize, usize)>,
        added: &'a BTreeSet<usize>,
    ) -> Self {
        let blocks = starts.filter_map(|start| block(lines, component, start)).collect();
        Self { lines, added, blocks }
    }

    /// The line of a change, with its column: the first new one that says what changes, else the first new one. Where
    /// none is new, what an image is made of changed beside the stack file: then the line that names that.
    pub fn cause(&self, change: &Change) -> Option<(usize, usize)> {
        let keys = keys(change);
        let new = |line: &&usize| self.added.contains(line);
        let says = |line: &&usize| self.key(**line).is_some_and(|key| keys.contains(key));
        // The first line of a block is the component's name.
        let below = self.blocks.iter().flat_map(|block| block.iter().skip(1));
        let about = below.filter(new).find(says);
        let first = || self.blocks.iter().flatten().find(new);
        let line = *about.or_else(first).or_else(|| self.image(&keys))?;
        Some((line, self.indent(line) + 1))
    }

    /// The line that names what the image of the component is; what an environment says counts before the base.
    fn image(&self, keys: &BTreeSet<&str>) -> Option<&usize> {
        let names = |line: usize| {
            self.key(line)
                .is_some_and(|key| keys.contains(key) && IMAGE.contains(&key))
        };
        self.blocks.iter().rev().find_map(|block| {
            let (_, below) = block.split_first()?;
            let deep = self.indent(*below.first()?);
            below.iter().find(|line| self.indent(**line) == deep && names(**line))
        })
    }

    fn indent(&self, line: usize) -> usize {
        indent(self.lines[line - 1])
    }

    /// The key that a line begins with.
    fn key(&self, line: usize) -> Option<&'a str> {
        let (key, _) = self.lines[line - 1].split_once(':')?;
        Some(key.trim().trim_matches(['"', '\'']))
    }
}

/// The lines of a component's block that say something.
fn block(lines: &[&str], component: &str, (line, column): (usize, usize)) -> Option<Vec<usize>> {
    let first = lines.get(line.checked_sub(1)?)?;
    let own: String = first.chars().skip(column - 1).collect();
    if !own.trim_start_matches(['"', '\'']).starts_with(component) {
        return None;
    }
    let below = (line + 1..=lines.len()).filter(|at| !lines[at - 1].trim().is_empty());
    let deeper = below.take_while(|at| {
        let text = lines[at - 1];
        indent(text) >= column || text.trim_start().starts_with('#')
    });
    Some(std::iter::once(line).chain(deeper).collect())
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|c| *c == ' ').count()
}

/// The keys of a stack file that may say what changes: the words of the paths that differ.
fn keys(change: &Change) -> BTreeSet<&str> {
    let paths = change.attributes.iter().map(|attribute| attribute.path.as_str());
    let words = paths.flat_map(|path| path.split(['.', '[', ']']));
    let mut keys: BTreeSet<&str> = words.filter(|word| !word.is_empty()).collect();
    if change.address.kind == "image" || keys.contains("image") {
        keys.extend(IMAGE);
    }
    keys
}

#[cfg(test)]
#[path = "cause_tests.rs"]
mod tests;
