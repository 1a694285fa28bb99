//! What a program should say of a review, one remark a matter, the weightiest first: the source of annotations and of
//! SARIF. Owns the rules beside the diagnostics; texts are as they were told, and escaped by who writes them.

use std::collections::BTreeSet;

use mlstack_provider::{Address, Finding, Level, Source, Value};

use crate::plan::{Action, Change, Disruption};
use crate::review::{Review, Section, Severity, Violation};

/// One remark.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Remark {
    /// How much it weighs.
    pub(super) weight: Weight,
    /// What sort of matter it is: a code, or a policy's name.
    pub(super) rule: String,
    /// What is to be said, in a sentence or two.
    pub(super) text: String,
    /// Where in the stack file.
    pub(super) source: Option<Source>,
    /// Why it is let through, where the stack file says so.
    pub(super) waived: Option<String>,
}

/// How much a remark weighs, the heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// Nothing goes on.
    Stops,
    /// Something is lost.
    Loses,
    /// Somebody else must change.
    Breaks,
    /// Somebody should look.
    Warns,
    /// It is good to know.
    Tells,
}

/// A rule that is no diagnostic, with what it means.
pub(super) struct Rule {
    pub(super) name: &'static str,
    pub(super) summary: &'static str,
}

macro_rules! rules {
    ($($ident:ident $name:literal $summary:literal;)*) => {
        $(const $ident: &str = $name;)*
        /// Every rule that is no diagnostic.
        pub(super) const RULES: &[Rule] = &[$(Rule { name: $name, summary: $summary }),*];
    };
}

rules! {
    NO_PLAN "mlstack::no-plan" "there is no plan";
    REFUSED "mlstack::refused" "carrying this out would lose data that nobody named";
    DATA_LOSS "mlstack::data-loss" "what it stores is lost";
    DESTROYED "mlstack::destroyed" "something is taken away";
    BREAKING_MODEL "mlstack::breaking-model" "the prediction API changes so that callers break";
    DOWNTIME "mlstack::downtime" "it does not answer for a moment";
    DRIFT "mlstack::drift" "it is not as mlstack made it";
    TARGET_REFUSAL "mlstack::target-refusal" "the target refuses it";
    TARGET_CONFLICT "mlstack::target-conflict" "somebody else manages it";
    TARGET_WARNING "mlstack::target-warning" "the target warns of it";
    TARGET_NOTE "mlstack::target-note" "the target says something of it";
    HONOURED_IN_PART "mlstack::honoured-in-part" "the target honours a field in part";
}

/// All remarks, the weightiest first; what several environments share is said once.
pub(super) fn remarks(review: &Review) -> Vec<Remark> {
    let mut all: Vec<Remark> = review.sections.iter().flat_map(section).collect();
    all.sort_by_key(|remark| (remark.weight, remark.waived.is_some()));
    let mut told = BTreeSet::new();
    all.retain(|remark| {
        let line = remark.source.as_ref().map(|at| (at.file.clone(), at.line, at.column));
        told.insert((remark.rule.clone(), remark.text.clone(), line))
    });
    all
}

fn section(section: &Section) -> Vec<Remark> {
    // What is wrong with the stack file says why there is no plan.
    let told = section.diagnostics.iter().any(|told| told["severity"] == "error");
    let failure = section
        .failure
        .iter()
        .filter(|_| !told)
        .map(|why| remark(Weight::Stops, NO_PLAN, why.clone(), None));
    let mut all: Vec<Remark> = failure.collect();
    all.extend(section.diagnostics.iter().map(diagnostic));
    all.extend(section.violations.iter().map(violation));
    all.extend(section.findings.iter().map(|found| finding(found, section)));
    all.extend(section.plan.changes.iter().filter_map(change));
    for model in &section.models {
        let said = model.breaking.iter().map(|why| {
            let text = format!("Callers of {} break: {why}", model.component);
            remark(Weight::Breaks, BREAKING_MODEL, text, model.source.clone())
        });
        all.extend(said);
    }
    all.extend(section.plan.drift.iter().map(|drift| {
        let text = format!("{}: {}; {}", drift.address, drift.sort, drift.sort.fix());
        remark(Weight::Warns, DRIFT, text, drift.source.clone())
    }));
    all.extend(section.unsupported.iter().map(unsupported));
    all
}

fn remark(weight: Weight, rule: &str, text: String, source: Option<Source>) -> Remark {
    Remark {
        weight,
        rule: rule.to_owned(),
        text,
        source,
        waived: None,
    }
}

fn diagnostic(told: &Value) -> Remark {
    let text = |key: &str| told[key].as_str().unwrap_or_default();
    let weight = if text("severity") == "error" {
        Weight::Stops
    } else {
        Weight::Warns
    };
    let parts = [text("summary"), text("label")]
        .into_iter()
        .filter(|part| !part.is_empty());
    let mut said = parts.collect::<Vec<_>>().join(": ");
    if !text("help").is_empty() {
        said.extend(["; help: ", text("help")]);
    }
    remark(weight, text("code"), said, place(told))
}

fn unsupported(told: &Value) -> Remark {
    let text = |key: &str| told[key].as_str().unwrap_or_default();
    let said = format!("{}: {}", text("capability"), text("how"));
    remark(Weight::Tells, HONOURED_IN_PART, said, place(&told["source"]))
}

fn place(told: &Value) -> Option<Source> {
    let number = |key: &str| told[key].as_u64().and_then(|number| usize::try_from(number).ok());
    Some(Source {
        file: told["file"].as_str()?.to_owned(),
        line: number("line")?,
        column: number("column").unwrap_or(1),
    })
}

fn violation(found: &Violation) -> Remark {
    let weight = match found.severity {
        _ if found.waived.is_some() => Weight::Tells,
        Severity::Error => Weight::Stops,
        Severity::Warning => Weight::Warns,
    };
    let mut text = with_address(found.address.as_ref(), &found.text);
    if let Some(help) = found.help.as_ref().filter(|_| found.waived.is_none()) {
        text.extend(["; help: ", help]);
    }
    Remark {
        waived: found.waived.as_ref().map(|waiver| waiver.reason.clone()),
        ..remark(weight, &found.policy, text, found.source.clone())
    }
}

/// What the target says, at the line of the stack file that asks for the thing.
fn finding(found: &Finding, section: &Section) -> Remark {
    let (weight, rule) = match found.level {
        Level::Refusal => (Weight::Stops, TARGET_REFUSAL),
        Level::Conflict => (Weight::Loses, TARGET_CONFLICT),
        Level::Warning => (Weight::Warns, TARGET_WARNING),
        Level::Note => (Weight::Tells, TARGET_NOTE),
    };
    let mut text = with_address(Some(&found.address), &found.text);
    if let Some(hint) = &found.hint {
        text.extend(["; hint: ", hint]);
    }
    let change = section
        .plan
        .changes
        .iter()
        .find(|change| change.address == found.address);
    remark(weight, rule, text, change.and_then(|change| change.source.clone()))
}

fn change(change: &Change) -> Option<Remark> {
    let (weight, rule) = match (change.action, change.disruption) {
        (Action::Refuse, _) => (Weight::Stops, REFUSED),
        (Action::NoOp | Action::Keep, _) => return None,
        (_, Disruption::DataLoss) => (Weight::Loses, DATA_LOSS),
        (Action::Delete, _) if change.destroys() => (Weight::Loses, DESTROYED),
        (Action::Delete, _) => return None,
        (_, Disruption::Downtime { .. }) => (Weight::Tells, DOWNTIME),
        _ => return None,
    };
    let mut text = with_address(Some(&change.address), &change.reason.to_string());
    if rule == DOWNTIME {
        text.extend(["; ", &change.disruption.to_string()]);
    }
    Some(remark(weight, rule, text, change.source.clone()))
}

fn with_address(address: Option<&Address>, text: &str) -> String {
    address.map_or_else(|| text.to_owned(), |address| format!("{address}: {text}"))
}

impl Remark {
    /// Whether it is of what is written, rather than of what is done about it: what a code scanner keeps.
    pub(super) fn is_of_the_text(&self) -> bool {
        ![DESTROYED, DOWNTIME].contains(&self.rule.as_str())
    }
}
