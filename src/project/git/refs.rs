//! What a reference means: branches, tags, ids whole or short, each with steps back.

use std::path::Path;

use super::commit::Commit;
use super::object::{Sort, is_short};
use super::{GitError, Id, LIST, Repository, small, text};

/// The most references that point at one another.
const MOST_HOPS: usize = 8;
/// The most steps back that a reference may ask for.
const MOST_STEPS: usize = 10_000;
/// The most objects that share their first digits.
const MOST_ALIKE: usize = 64;

/// One step from a commit: `~2` is the first parent twice, `^2` the second parent.
enum Step {
    Back(usize),
    Parent(usize),
}

impl Repository {
    /// The commit that a reference names: `main`, `origin/main`, `v1.0`, `HEAD~1`, an id.
    ///
    /// # Errors
    /// When it names none, or what it names is not here.
    pub fn commit(&self, reference: &str) -> Result<Commit, GitError> {
        let spelling = || GitError::Spelling(reference.to_owned());
        let end = reference.find(['~', '^']).unwrap_or(reference.len());
        let (name, suffix) = reference.split_at(end);
        let steps = steps(suffix).ok_or_else(spelling)?;
        let name = if name == "@" { "HEAD" } else { name };
        if !is_name(name) {
            return Err(spelling());
        }
        let commit = match self.named(name)? {
            Some(Ok(commit)) => commit,
            Some(Err(sort)) => {
                let (name, sort) = (name.to_owned(), sort.said());
                return Err(GitError::NoCommit { name, sort });
            }
            None => return Err(self.unknown(reference, name)?),
        };
        steps
            .iter()
            .try_fold((commit, name.to_owned()), |(commit, at), step| {
                self.go(commit, at, step, reference)
            })
            .map(|(commit, _)| commit)
    }

    fn unknown(&self, reference: &str, name: &str) -> Result<GitError, GitError> {
        // A job of CI checks out a commit alone: the branches are those of the remote.
        let remote = format!("origin/{name}");
        let known = self.reference(&remote)?.is_some();
        Ok(GitError::Unknown {
            reference: reference.to_owned(),
            remote: known.then(|| format!("origin/{reference}")),
            shallow: self.is_shallow(),
            submodule: self.submodule,
        })
    }

    /// One step back from a commit, which is called `at`.
    fn go(&self, from: Commit, at: String, step: &Step, reference: &str) -> Result<(Commit, String), GitError> {
        let (count, parent) = match step {
            Step::Back(count) => (*count, 1),
            Step::Parent(0) => return Ok((from, at)),
            Step::Parent(parent) => (1, *parent),
        };
        let mut commit = from;
        for done in 0..count {
            let Some(next) = commit.parents.get(parent - 1) else {
                return Err(GitError::Nowhere {
                    reference: reference.to_owned(),
                    from: if done == 0 { at } else { format!("{at}~{done}") },
                    parents: commit.parents.len(),
                    cut: self.cut.contains(&commit.id),
                });
            };
            commit = self.commit_of(*next)?;
        }
        let at = match step {
            Step::Back(count) => format!("{at}~{count}"),
            Step::Parent(parent) => format!("{at}^{parent}"),
        };
        Ok((commit, at))
    }

    /// What a name is of; `None` where it is of nothing here.
    fn named(&self, name: &str) -> Result<Option<Result<Commit, Sort>>, GitError> {
        if let Some(id) = Id::parse(name) {
            return self.peel(id).map(Some);
        }
        match self.reference(name)? {
            Some(id) => self.peel(id).map(Some),
            None => self.short(name),
        }
    }

    /// The one commit whose name begins so; else something that is none.
    fn short(&self, digits: &str) -> Result<Option<Result<Commit, Sort>>, GitError> {
        let digits = digits.to_ascii_lowercase();
        if !is_short(&digits) {
            return Ok(None);
        }
        let mut found: Option<Result<Commit, Sort>> = None;
        for id in self.objects.begin_with(&digits, MOST_ALIKE)? {
            match (&found, self.peel(id)?) {
                (Some(Ok(one)), Ok(other)) if *one != other => return Err(GitError::Ambiguous(digits)),
                (Some(Ok(_)), _) => {}
                (_, other) => found = Some(other),
            }
        }
        Ok(found)
    }

    /// What a reference points at, tried in the places where git tries it.
    fn reference(&self, name: &str) -> Result<Option<Id>, GitError> {
        let places = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"];
        let mut names: Vec<String> = places.iter().map(|place| format!("{place}{name}")).collect();
        names.push(format!("refs/remotes/{name}/HEAD"));
        let packed = text(&self.common.join("packed-refs"), LIST)?.unwrap_or_default();
        for name in names.iter().filter(|name| is_whole(name)) {
            if let Some(id) = self.follow(name, &packed)? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    fn follow(&self, name: &str, packed: &str) -> Result<Option<Id>, GitError> {
        let mut name = name.to_owned();
        for _ in 0..MOST_HOPS {
            let Some(said) = self.loose(&name)? else {
                return Ok(in_packed(packed, &name));
            };
            match said.strip_prefix("ref:").map(str::trim) {
                Some(next) if is_name(next) && next.starts_with("refs/") => next.clone_into(&mut name),
                Some(_) => return Ok(None),
                // `FETCH_HEAD` tells more behind the id.
                None => return Ok(said.get(..40).and_then(Id::parse)),
            }
        }
        Ok(None)
    }

    fn loose(&self, name: &str) -> Result<Option<String>, GitError> {
        let read = |folder: &Path| small(&folder.join(name));
        match read(&self.own)? {
            Some(said) => Ok(Some(said)),
            None => read(&self.common),
        }
    }
}

/// Lines of an id, a space and a name; those of comments and of what tags point at have none.
fn in_packed(packed: &str, name: &str) -> Option<Id> {
    let lines = packed.lines().filter_map(|line| line.split_once(' '));
    let mut ids = lines.filter(|(_, other)| *other == name).map(|(id, _)| Id::parse(id));
    ids.next().flatten()
}

/// Whether git would take this as a name. What it refuses could be a path to somewhere else.
fn is_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
    let part = |part: &str| !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with(".lock");
    !name.contains(forbidden) && !name.contains("..") && !name.contains("@{") && name.split('/').all(part)
}

/// Whether this can be the whole name of a reference: below `refs/`, or one of those of git's own (`ORIG_HEAD`).
fn is_whole(name: &str) -> bool {
    name.starts_with("refs/") || name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

fn steps(suffix: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = suffix;
    while let Some(sign) = rest.chars().next() {
        rest = &rest[1..];
        if let Some(after) = rest.strip_prefix("{commit}").or_else(|| rest.strip_prefix("{}")) {
            rest = (sign == '^').then_some(after)?;
            continue;
        }
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let number = match number {
            "" => 1,
            number => number.parse().ok().filter(|number| *number <= MOST_STEPS)?,
        };
        steps.push(match sign {
            '~' => Step::Back(number),
            '^' => Step::Parent(number),
            _ => return None,
        });
        rest = after;
    }
    Some(steps)
}

#[cfg(test)]
#[path = "refs_tests.rs"]
mod tests;
