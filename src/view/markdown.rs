//! A review as one comment: Markdown as GitHub and GitLab read it, of a bounded length, whatever it tells of.
//!
//! Owns the order of the comment: the verdict, then for each environment what is lost, what breaks, what changes, the
//! picture, what is said beside it, and the details. Every text of a stranger goes through `inert`; how long the
//! whole may be is `fit`'s business; `judge` reads a comment with suspicion. Pure.

use crate::review::{Review, Section};

mod diffs;
mod fit;
mod inert;
mod judge;
mod models;
mod section;
mod topology;
mod verdict;

#[cfg(test)]
mod tests;

pub use judge::{Marker, Objection, judge};

use fit::{Piece, fit};
use inert::Spot::Line;
use verdict::Verdict;

/// The most characters of a comment on GitHub.
pub const COMMENT: usize = 65_536;
/// The most characters that always fit into a step summary on GitHub, which may have a MiB: three bytes each.
pub const SUMMARY: usize = 300_000;

/// The most characters of an address or a name.
const ADDRESS: usize = 90;
/// The most characters of a value.
const VALUE: usize = 120;
/// The most characters of a sentence.
const SENTENCE: usize = 300;
/// The most environments that are told one by one.
const SECTIONS: usize = 24;

/// What a comment is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    /// What would change.
    Plan,
    /// What somebody changed behind mlstack's back.
    Drift,
}

impl Topic {
    /// Its name in the marker.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Drift => "drift",
        }
    }
}

/// Environments where the same happens.
struct Group<'a> {
    /// At least one.
    sections: Vec<&'a Section>,
}

impl<'a> Group<'a> {
    fn section(&self) -> &'a Section {
        self.sections[0]
    }
}

/// What is written, and how much of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// What it is about.
    pub topic: Topic,
    /// The most characters of all ([`COMMENT`], [`SUMMARY`]).
    pub most: usize,
    /// Lines around what differs in a long text.
    pub context: usize,
}

/// The comment. Its first line is a [`Marker`].
pub fn markdown(review: &Review, form: Form) -> String {
    let groups = groups(review);
    let mut pieces = vec![Piece::must(head(review, &groups, form.topic))];
    for group in groups.iter().take(SECTIONS) {
        pieces.extend(section::pieces(group, review, form));
    }
    pieces.extend(section::beyond(groups.get(SECTIONS..).unwrap_or_default()));
    let text = fit(&pieces, form.most);
    text.trim_end().to_owned() + "\n"
}

/// The marker, the verdict, and what it is about.
fn head(review: &Review, groups: &[Group<'_>], topic: Topic) -> String {
    let empty = match topic {
        Topic::Plan => review.is_empty(),
        Topic::Drift => review.sections.iter().all(|section| section.plan.drift.is_empty()),
    };
    let marker = Marker::new(&review.stack, topic.name(), empty);
    let mut about = vec![format!(
        "**mlstack {}** of {}",
        topic.name(),
        Line.code(&review.stack, ADDRESS)
    )];
    if let Some(base) = &review.base {
        let commit: String = base.commit.chars().take(10).collect();
        let (reference, commit) = (Line.code(&base.reference, ADDRESS), Line.code(&commit, ADDRESS));
        about.push(format!("against {reference} ({commit})"));
    }
    let verdict = Verdict::new(groups, topic).text();
    format!("{marker}\n{verdict}{}\n\n", about.join(" "))
}

/// The sections in their order, those where the same happens as one.
fn groups(review: &Review) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for section in &review.sections {
        match groups.iter_mut().find(|group| alike(group.section(), section)) {
            Some(group) => group.sections.push(section),
            None => groups.push(Group {
                sections: vec![section],
            }),
        }
    }
    groups
}

/// Whether the same happens in both; where, and under which fingerprint, may differ.
fn alike(a: &Section, b: &Section) -> bool {
    a.target == b.target
        && a.failure == b.failure
        && a.violations == b.violations
        && a.findings == b.findings
        && a.diagnostics == b.diagnostics
        && a.unsupported == b.unsupported
        && a.models == b.models
        && a.topology == b.topology
        && a.plan == b.plan
}

/// The first few of many, and how many more there are.
fn first(all: impl ExactSizeIterator<Item = String>, most: usize) -> Vec<String> {
    let more = all.len().saturating_sub(most);
    let more = (more > 0).then(|| format!("{more} more"));
    all.take(most).chain(more).collect()
}

/// `prod`, or `dev and staging`, in code.
fn places(sections: &[&Section]) -> String {
    let name = |section: &&Section| match &section.environment {
        Some(name) => Line.code(name, ADDRESS),
        None if section.target.is_empty() => "the stack file".to_owned(),
        None => Line.code(&section.target, ADDRESS),
    };
    let names = first(sections.iter().map(name), SECTIONS);
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
