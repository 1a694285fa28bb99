//! The first line of a comment: what a reviewer must know before anything else.

use super::inert::Spot::Line;
use super::{ADDRESS, Group, SENTENCE, Topic, first, places};
use crate::plan::{Action, Change, Disruption, Plan};
use crate::review::Section;

/// The alert that the verdict is shown as, and what it says: what weighs most first.
pub(super) struct Verdict {
    weight: Weight,
    said: Vec<String>,
}

/// How much of a halt it is; also how GitHub and GitLab colour it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    #[default]
    Tip,
    Note,
    Warning,
    Caution,
}

impl Weight {
    fn name(self) -> &'static str {
        match self {
            Self::Tip => "TIP",
            Self::Note => "NOTE",
            Self::Warning => "WARNING",
            Self::Caution => "CAUTION",
        }
    }
}

/// The most sentences: a verdict is short.
const MOST: usize = 4;
/// The most names in one of them.
const NAMED: usize = 3;

impl Verdict {
    /// What is to be said of all of it.
    pub(super) fn new(groups: &[Group<'_>], topic: Topic) -> Self {
        let alone = groups.iter().map(|group| group.sections.len()).sum::<usize>() == 1;
        let mut said: Vec<(Weight, usize, String)> = Vec::new();
        for group in groups {
            let place = if alone {
                String::new()
            } else {
                format!(" in {}", places(&group.sections))
            };
            let sentences = match topic {
                Topic::Plan => sentences(group.section(), &place),
                Topic::Drift => drifted(&group.section().plan, &place),
            };
            said.extend(sentences.into_iter().enumerate().map(|(at, (w, s))| (w, at, s)));
        }
        // The weightiest first; of those alike, what each section says first.
        said.sort_by_key(|(weight, at, _)| (std::cmp::Reverse(*weight), *at));
        let weight = said.first().map_or(Weight::Tip, |(weight, ..)| *weight);
        // That nothing happens is worth a word only where nothing happens anywhere.
        let all = said.into_iter();
        let mut said: Vec<String> = all
            .filter(|(w, ..)| *w > Weight::Tip || weight == Weight::Tip)
            .map(|(.., s)| s)
            .collect();
        if said.is_empty() {
            said.push("Nothing to review.".to_owned());
        }
        if weight == Weight::Tip {
            said.dedup();
        }
        Self { weight, said }
    }

    /// `> [!CAUTION]` and one line.
    pub(super) fn text(&self) -> String {
        let (weight, said) = (self.weight.name(), &self.said);
        let more = said.len().saturating_sub(MOST);
        let mut line = format!("**{}**", said[0]);
        for sentence in said.iter().take(MOST).skip(1) {
            line.extend([" ", sentence]);
        }
        if more > 0 {
            line.extend([" And ", &more.to_string(), " more below."]);
        }
        format!("> [!{weight}]\n> {line}\n\n")
    }
}

fn sentences(section: &Section, place: &str) -> Vec<(Weight, String)> {
    if let Some(why) = &section.failure {
        let why = Line.prose(why, SENTENCE);
        return vec![(Weight::Caution, ended(format!("There is no plan{place}: {why}")))];
    }
    let plan = &section.plan;
    let of = |wanted: &dyn Fn(&Change) -> bool| {
        let found: Vec<&Change> = plan.changes.iter().filter(|change| wanted(change)).collect();
        (!found.is_empty()).then_some(found)
    };
    let loses = |change: &Change| change.disruption == Disruption::DataLoss && change.action != Action::Refuse;
    let mut all = Vec::new();
    if let Some(found) = of(&|change| change.action == Action::Refuse) {
        let text = format!("Refused{place}, as data would be lost: {}.", named(&found));
        all.push((Weight::Caution, text));
    }
    let stopping: Vec<_> = section.stopping().collect();
    if let Some(first) = stopping.first() {
        let others = match stopping.len() {
            1 => String::new(),
            many => format!(" (and {} more)", many - 1),
        };
        let (policy, text) = (Line.code(&first.policy, ADDRESS), Line.prose(&first.text, SENTENCE));
        let text = format!("Not allowed{place} by {policy}{others}: {text}");
        all.push((Weight::Caution, ended(text)));
    }
    if let Some(found) = of(&loses) {
        all.push((Weight::Caution, format!("Data is lost{place}: {}.", named(&found))));
    }
    if let Some(found) = of(&|change| change.destroys() && !loses(change)) {
        all.push((Weight::Caution, format!("Destroyed{place}: {}.", named(&found))));
    }
    for model in section.models.iter().filter(|model| !model.breaking.is_empty()) {
        let (name, first) = (
            Line.code(&model.component, ADDRESS),
            Line.prose(&model.breaking[0], SENTENCE),
        );
        let text = format!("Breaks callers of {name}{place}: {first}");
        all.push((Weight::Warning, ended(text)));
    }
    all.extend(downtime(plan, place));
    if all.is_empty() {
        all.push(quiet(section, place));
    }
    all
}

/// With a full stop.
fn ended(text: String) -> String {
    if text.ends_with('.') { text } else { text + "." }
}

/// How long what does not answer, at most.
fn downtime(plan: &Plan, place: &str) -> Option<(Weight, String)> {
    let seconds = |change: &Change| match change.disruption {
        Disruption::Downtime { seconds } if change.action != Action::Delete => Some(seconds),
        _ => None,
    };
    let found: Vec<&Change> = plan.changes.iter().filter(|change| seconds(change).is_some()).collect();
    let longest = found.iter().filter_map(|change| seconds(change)).max()?;
    let time = longest.map_or("Not available for a while".to_owned(), |longest| {
        format!("Not available for ≈ {longest} s")
    });
    let text = format!("{time}{place}: {}.", named(&found));
    Some((Weight::Warning, text))
}

/// Nothing that anybody would miss.
fn quiet(section: &Section, place: &str) -> (Weight, String) {
    let counts = section.plan.summary();
    let changes = counts.add + counts.change + counts.replace + counts.destroy;
    match changes {
        0 if section.models.is_empty() && section.violations.is_empty() => (Weight::Tip, "No changes.".to_owned()),
        0 if section.models.is_empty() => (
            Weight::Warning,
            format!("Nothing changes{place}, but policies say something of it."),
        ),
        _ => {
            let changes = if changes == 1 {
                "1 change".to_owned()
            } else {
                format!("{changes} changes")
            };
            (
                Weight::Note,
                format!("{changes}{place}: nothing is destroyed, nothing stops."),
            )
        }
    }
}

fn drifted(plan: &Plan, place: &str) -> Vec<(Weight, String)> {
    let intended = plan.intended().count();
    let mut all = match plan.drift.len() {
        0 => Vec::new(),
        1 => vec![(Weight::Warning, format!("1 thing{place} is not as mlstack made it."))],
        many => vec![(
            Weight::Warning,
            format!("{many} things{place} are not as mlstack made them."),
        )],
    };
    match intended {
        0 if all.is_empty() => all.push((Weight::Tip, "No drift: all is as mlstack made it.".to_owned())),
        0 => {}
        many => all.push((Weight::Note, format!("Not applied yet{place}: {many}."))),
    }
    all
}

/// The first few names, and how many more there are.
fn named(found: &[&Change]) -> String {
    let names = found
        .iter()
        .map(|change| Line.code(&change.address.to_string(), ADDRESS));
    first(names, NAMED).join(", ")
}
