//! What a commit says: its tree, its parents, who made it and why.

use jiff::Timestamp;
use jiff::tz::Offset;

use super::object::{Object, Sort, damaged};
use super::{GitError, Id, Repository};

/// The most bytes of a commit or a tag.
const LARGEST: u64 = 16 << 20;
/// The most parents of a commit that are looked at.
const MOST_PARENTS: usize = 64;
/// The most tags that point at one another.
const MOST_TAGS: usize = 16;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub id: Id,
    /// The top folder.
    pub(super) tree: Id,
    /// What it was made from; none where this clone's history is cut off.
    pub(super) parents: Vec<Id>,
    /// Who wrote it; the name alone.
    pub author: String,
    /// When, in seconds since 1970 and with the minutes east of Greenwich.
    pub(super) written: (i64, i64),
    /// When it was committed, in seconds since 1970.
    pub(super) committed: i64,
    /// The first line of its message.
    pub summary: String,
}

impl Repository {
    /// A commit by its name, through the tags that lead to it; what it is when the name is of something else.
    pub(super) fn peel(&self, id: Id) -> Result<Result<Commit, Sort>, GitError> {
        let mut id = id;
        for _ in 0..MOST_TAGS {
            // A name may be that of a file, which is none of our business: its size least of all.
            let object = match self.objects.get(id, LARGEST) {
                Err(GitError::TooLarge { .. }) => return Ok(Err(Sort::Blob)),
                other => other?.ok_or_else(|| self.absent(id))?,
            };
            match object.sort {
                Sort::Commit => return self.read_commit(id, &object).map(Ok),
                Sort::Tag => id = tagged(&object).ok_or_else(|| damaged(id, "it tags nothing"))?,
                other @ (Sort::Tree | Sort::Blob) => return Ok(Err(other)),
            }
        }
        Err(damaged(id, "it is a tag of a tag of a tag"))
    }

    /// A commit by its name.
    pub(super) fn commit_of(&self, id: Id) -> Result<Commit, GitError> {
        let object = self.objects.get(id, LARGEST)?.ok_or_else(|| self.absent(id))?;
        match object.sort {
            Sort::Commit => self.read_commit(id, &object),
            _ => Err(damaged(id, "it is no commit")),
        }
    }

    fn read_commit(&self, id: Id, object: &Object) -> Result<Commit, GitError> {
        let mut commit = parse(id, &object.data).ok_or_else(|| damaged(id, "it is no commit that can be read"))?;
        if self.cut.contains(&id) {
            commit.parents.clear();
        }
        Ok(commit)
    }
}

fn tagged(object: &Object) -> Option<Id> {
    let text = String::from_utf8_lossy(&object.data);
    Id::parse(text.lines().next()?.strip_prefix("object ")?)
}

fn parse(id: Id, data: &[u8]) -> Option<Commit> {
    let text = String::from_utf8_lossy(data);
    let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let field = |name: &'static str| {
        head.lines()
            .filter_map(move |line| line.strip_prefix(name)?.strip_prefix(' '))
    };
    let (author, written) = person(field("author").next()?)?;
    let (_, committed) = person(field("committer").next()?)?;
    Some(Commit {
        id,
        tree: Id::parse(field("tree").next()?)?,
        parents: field("parent")
            .take(MOST_PARENTS)
            .map(Id::parse)
            .collect::<Option<_>>()?,
        author: author.to_owned(),
        written,
        committed: committed.0,
        summary: message.lines().next().unwrap_or_default().trim().to_owned(),
    })
}

/// `Ada Lovelace <ada@example.com> 1700000000 +0100`.
fn person(text: &str) -> Option<(&str, (i64, i64))> {
    let (name, rest) = text.split_once('<')?;
    let (_, time) = rest.rsplit_once('>')?;
    let mut words = time.split_whitespace();
    let seconds = words.next()?.parse().ok()?;
    let zone: i64 = words.next().and_then(|zone| zone.parse().ok()).unwrap_or_default();
    Some((name.trim(), (seconds, zone / 100 * 60 + zone % 100)))
}

impl Commit {
    /// The day on which it was written, where it was written, as `2026-11-23`.
    pub fn day(&self) -> String {
        let (seconds, minutes) = self.written;
        let local = seconds.saturating_add(minutes.clamp(-1440, 1440) * 60);
        let known = local.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        let moment = Timestamp::from_second(known).unwrap_or_default();
        Offset::UTC.to_datetime(moment).date().to_string()
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
