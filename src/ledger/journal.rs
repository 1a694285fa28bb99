//! The journal of intents: what is about to be done is on the disk before it is done, and what came of it after.
//!
//! One JSON line an entry, with a checksum, so that a line that was cut off anywhere is known as such; everything from
//! the first one that is not whole counts as not written. Holds no secret: addresses, ids and digests only.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Ending, Run, Who};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// A run begins.
    Run(Opened),
    /// A step is about to touch the target.
    Begin(Intent),
    /// A step is over.
    End(Settled),
}

/// A run, as it is known when it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// Names this one run.
    pub id: String,
    /// Where: [`super::place`].
    pub place: String,
    /// What was typed.
    pub command: String,
    /// Who typed it.
    pub who: Who,
    /// When (RFC 3339).
    pub begun: String,
    /// The version that does it.
    pub mlstack_version: String,
    /// The digest of the stack file.
    pub stack_digest: String,
    /// The sealed plan, if one; it is used from here on.
    pub plan_id: Option<String>,
    /// How many steps there are.
    pub steps: usize,
}

/// A step that is about to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its number in the plan.
    pub step: usize,
    /// `create`, `update`, `replace`, `repair`, `delete`.
    pub op: String,
    /// The kind of thing.
    pub kind: String,
    /// Its name.
    pub resource: String,
    /// Names this one attempt, for targets that take such a name.
    pub token: String,
    /// What stood there before, as `ID:DIGEST`.
    pub fingerprint: Option<String>,
}

/// A step that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Its number in the plan.
    pub step: usize,
    /// Whether it was done.
    pub done: bool,
    /// The target's own handle on what stands there now.
    pub provider_id: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    entry: Entry,
    sum: String,
}

/// Writes one entry, with its newline.
pub fn line(entry: &Entry) -> String {
    let entry = entry.clone();
    let line = Line {
        sum: sum(&entry),
        entry,
    };
    serde_json::to_string(&line).expect("an entry has nothing that JSON lacks") + "\n"
}

/// The entries up to the first line that is not whole.
pub fn entries(text: &str) -> Vec<Entry> {
    text.split_inclusive('\n').map_while(entry).collect()
}

/// A line is whole when it is, to the byte, what would be written for what it says.
fn entry(text: &str) -> Option<Entry> {
    let Line { entry, .. } = serde_json::from_str(text).ok()?;
    (line(&entry) == text).then_some(entry)
}

/// The first 8 bytes of the SHA-256 of the entry, in hexadecimal.
fn sum(entry: &Entry) -> String {
    let text = serde_json::to_string(entry).expect("an entry has nothing that JSON lacks");
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A run that left its journal behind, because it was cut off or is still at work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The run as far as it is known.
    pub run: Run,
    /// Steps that began and of which nothing more is known.
    pub open: Vec<Intent>,
}

/// Reads a journal that was left behind; `None` where no run had begun.
pub fn replay(text: &str) -> Option<Cut> {
    let mut entries = entries(text).into_iter();
    let Some(Entry::Run(opened)) = entries.next() else {
        return None;
    };
    let steps = opened.steps;
    let mut cut = Cut {
        run: cut_off(opened),
        open: Vec::new(),
    };
    entries.for_each(|entry| cut.follow(entry));
    cut.run.skipped = steps.saturating_sub(cut.run.done + cut.run.failed + cut.open.len());
    Some(cut)
}

impl Cut {
    fn follow(&mut self, entry: Entry) {
        match entry {
            Entry::Run(_) => {}
            Entry::Begin(intent) => self.open.push(intent),
            Entry::End(settled) => {
                self.open.retain(|intent| intent.step != settled.step);
                match settled.done {
                    true => self.run.done += 1,
                    false => self.run.failed += 1,
                }
            }
        }
    }
}

/// A run of which nothing but its beginning is known.
pub(super) fn cut_off(opened: Opened) -> Run {
    Run {
        id: opened.id,
        place: opened.place,
        command: opened.command,
        who: Some(opened.who),
        begun: opened.begun,
        ended: None,
        mlstack_version: opened.mlstack_version,
        stack_digest: opened.stack_digest,
        plan_id: opened.plan_id,
        done: 0,
        failed: 0,
        skipped: 0,
        ending: Ending::CutOff,
        revision: None,
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
pub(crate) mod tests;
