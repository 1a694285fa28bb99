//! Who wrote the lines of one file: each line is followed through the history, to the commit that brought it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::commit::Commit;
use super::tree::Mode;
use super::{GitError, Id, Repository};
use crate::lines::shared;

/// The most commits that are looked at; lines that are older stay unexplained.
pub const MAX_COMMITS: usize = 20_000;
/// The most versions of the file that are compared.
const MOST_DIFFS: usize = 2_000;
/// The most bytes of a version.
const LARGEST: u64 = 1 << 20;

/// A line, from 1.
pub type Line = usize;

/// Lines of one version, each with the line that is asked for.
type Lines = BTreeMap<usize, Line>;

impl Repository {
    /// Which commit each of these lines of a file of the working tree comes from. Lines that are not committed, and
    /// those from beyond what this clone holds, are left out.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn blame(&self, path: &Path, text: &str, lines: &BTreeSet<Line>) -> Result<BTreeMap<Line, Commit>, GitError> {
        let head = self.commit("HEAD")?;
        let mut search = Search {
            repository: self,
            path: path.strip_prefix(self.top()).unwrap_or(path),
            folders: BTreeMap::new(),
            open: BTreeMap::new(),
            order: BTreeSet::new(),
            diffs: 0,
        };
        let asked: Lines = lines.iter().map(|line| (line - 1, *line)).collect();
        let Some(id) = search.file(&head)? else {
            return Ok(BTreeMap::new());
        };
        let (committed, _working) = passed(&asked, &search.text(id)?, text);
        search.ask(&head, committed);
        search.run()
    }
}

struct Search<'a> {
    repository: &'a Repository,
    path: &'a Path,
    /// What was found in the top folders that were looked at: most commits do not touch the file.
    folders: BTreeMap<Id, Option<Id>>,
    /// Lines to explain, by the commit that has them.
    open: BTreeMap<Id, (Commit, Lines)>,
    /// The same commits by age.
    order: BTreeSet<(i64, Id)>,
    diffs: usize,
}

impl Search<'_> {
    fn run(mut self) -> Result<BTreeMap<Line, Commit>, GitError> {
        let mut found = BTreeMap::new();
        for _ in 0..MAX_COMMITS {
            let Some((_, id)) = self.order.pop_last() else { break };
            let Some((commit, lines)) = self.open.remove(&id) else {
                continue;
            };
            let own = self.hand_on(&commit, lines)?;
            if !self.repository.cut.contains(&id) {
                found.extend(own.into_values().map(|line| (line, commit.clone())));
            }
        }
        Ok(found)
    }

    fn ask(&mut self, commit: &Commit, lines: Lines) {
        if lines.is_empty() {
            return;
        }
        self.order.insert((commit.committed, commit.id));
        let entry = self.open.entry(commit.id);
        entry.or_insert_with(|| (commit.clone(), Lines::new())).1.extend(lines);
    }

    /// Gives lines to the parents that have them already; those that are left are the commit's own.
    fn hand_on(&mut self, commit: &Commit, mut lines: Lines) -> Result<Lines, GitError> {
        let Some(own) = self.file(commit)? else {
            return Ok(Lines::new());
        };
        let mut others = Vec::new();
        for parent in &commit.parents {
            let parent = self.repository.commit_of(*parent)?;
            match self.file(&parent)? {
                Some(file) if file == own => {
                    self.ask(&parent, lines);
                    return Ok(Lines::new());
                }
                Some(file) => others.push((parent, file)),
                None => {}
            }
        }
        for (parent, file) in others {
            self.diffs += 1;
            if lines.is_empty() || self.diffs > MOST_DIFFS {
                break;
            }
            let (theirs, rest) = passed(&lines, &self.text(file)?, &self.text(own)?);
            self.ask(&parent, theirs);
            lines = rest;
        }
        // Not compared: nobody knows.
        Ok(if self.diffs > MOST_DIFFS { Lines::new() } else { lines })
    }

    fn text(&self, id: Id) -> Result<String, GitError> {
        let bytes = self.repository.blob(id, LARGEST)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The file in a commit.
    fn file(&mut self, commit: &Commit) -> Result<Option<Id>, GitError> {
        if let Some(known) = self.folders.get(&commit.tree) {
            return Ok(*known);
        }
        let mut at = Some((Mode::Folder, commit.tree));
        for part in self.path {
            at = match at {
                Some((Mode::Folder, folder)) => {
                    let entry = self.repository.entry(folder, &part.to_string_lossy())?;
                    entry.map(|entry| (entry.mode, entry.id))
                }
                _ => None,
            };
        }
        let file = at
            .filter(|(mode, _)| matches!(mode, Mode::File | Mode::Program))
            .map(|(_, id)| id);
        self.folders.insert(commit.tree, file);
        Ok(file)
    }
}

/// Those of `lines` of the text `after` that `before` has too, with their places there; and the rest.
fn passed(lines: &Lines, before: &str, after: &str) -> (Lines, Lines) {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let runs = shared(&old, &new);
    let place = |line: usize| {
        let run = runs.iter().rfind(|run| run.after <= line)?;
        (line < run.after + run.count).then(|| run.before + line - run.after)
    };
    let (mut theirs, mut rest) = (Lines::new(), Lines::new());
    for (line, asked) in lines {
        match place(*line) {
            Some(place) => theirs.insert(place, *asked),
            None => rest.insert(*line, *asked),
        };
    }
    (theirs, rest)
}

#[cfg(test)]
#[path = "blame_tests.rs"]
mod tests;
