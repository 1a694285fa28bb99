//! Conditions of policies: a filter expression of JSONPath (RFC 9535) over one change of a plan.
//!
//! What may be written is bounded so that a stranger's expression costs no more than the change is large: it looks at
//! the change alone (`@`), step by step, never at everything below or at all changes.

use jsonpath_rust::parser::model::{
    Comparable, Filter, FilterAtom, FnArg, JpQuery, Literal, Segment, Selector, SingularQuery, SingularQuerySegment,
    Test, TestFunction,
};
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::Value;

use super::suggest::{nearest, one_of};
pub(super) use wrong::Wrong;
use wrong::misspelt;

mod wrong;

/// The longest expression, in characters.
const LONGEST: usize = 1000;
/// The most brackets that stand in each other; the parser calls itself for each.
const DEEPEST: usize = 16;

/// The functions there are.
const FUNCTIONS: [&str; 5] = ["count", "length", "match", "search", "value"];

/// What a change has; what else is asked for is misspelt.
const FIELDS: [&str; 15] = [
    "action",
    "action_reason",
    "address",
    "after",
    "attributes",
    "because",
    "before",
    "component",
    "disruption",
    "downtime_seconds",
    "environment",
    "kind",
    "name",
    "protected",
    "target",
];

/// The words that some fields can have: with any other a condition would never hold, or always.
const WORDS: [(&str, &[&str]); 2] = [
    (
        "action",
        &[
            "no-op", "create", "update", "replace", "repair", "delete", "keep", "refuse",
        ],
    ),
    ("disruption", &["none", "rolling", "downtime", "data-loss"]),
];

/// What a change must be like, such as `@.action == 'delete' && @.kind == 'volume'`.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(JpQuery);

impl Condition {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        if text.chars().count() > LONGEST {
            let label = format!("a condition has at most {LONGEST} characters");
            return Err(Wrong::whole(label).help("make several policies of it"));
        }
        if depth(text) > DEEPEST {
            let label = format!("brackets stand in each other at most {DEEPEST} deep");
            return Err(Wrong::whole(label).help("make several policies of it"));
        }
        if let Some(wrong) = misspelt(text) {
            return Err(wrong);
        }
        let query = parse_json_path(&format!("{BEFORE}{text}]"));
        let query = query.map_err(|error| Wrong::near(text, place(&error.to_string())))?;
        match query.segments.as_slice() {
            [Segment::Selector(Selector::Filter(filter))] => Judge { text, within: false }.filter(filter)?,
            _ => return Err(Wrong::whole("this is more than one condition").help("join them: `… && …`, `… || …`")),
        }
        Ok(Self(query))
    }

    /// Which of a list of changes are like that: their places in it, ascending.
    pub fn among(&self, changes: &Value) -> Vec<usize> {
        let found = js_path_process(&self.0, changes).unwrap_or_default();
        let place = |path: &str| path.strip_prefix("$[")?.strip_suffix(']')?.parse().ok();
        let places = found.iter().map(|one| place(&one.path));
        places
            .map(|place| place.expect("what a filter finds in a list has a place in it"))
            .collect()
    }
}

/// How deep brackets stand in each other; those in quotes count too, which only makes it stricter.
fn depth(text: &str) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for char in text.chars() {
        match char {
            '(' | '[' => now += 1,
            ')' | ']' => now = now.saturating_sub(1),
            _ => {}
        }
        most = most.max(now);
    }
    most
}

/// What makes a condition an expression that the parser reads.
const BEFORE: &str = "$[?";

/// The character of a condition that the parser stumbled over, from 0: its message begins with a picture of the place,
/// `--> LINE:COLUMN`. On a further line nothing is known.
fn place(message: &str) -> Option<usize> {
    let (line, rest) = message.split_once("--> ")?.1.split_once(':')?;
    let column: usize = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    column.checked_sub(BEFORE.len() + 1).filter(|_| line == "1")
}

/// Looks at what is asked of a change, step by step.
#[derive(Clone, Copy)]
struct Judge<'a> {
    text: &'a str,
    /// Whether `@` is something in the change: in a filter within the filter.
    within: bool,
}

impl Judge<'_> {
    fn filter(self, filter: &Filter) -> Result<(), Wrong> {
        match filter {
            Filter::Or(all) | Filter::And(all) => all.iter().try_for_each(|one| self.filter(one)),
            Filter::Atom(FilterAtom::Filter { expr, .. }) => self.filter(expr),
            Filter::Atom(FilterAtom::Test { expr, .. }) => self.test(expr),
            Filter::Atom(FilterAtom::Comparison(comparison)) => {
                let (left, right) = comparison.vals();
                self.comparable(left)?;
                self.comparable(right)?;
                self.word(left, right)?;
                self.word(right, left)
            }
        }
    }

    fn test(self, test: &Test) -> Result<(), Wrong> {
        match test {
            Test::RelQuery(segments) => {
                if let Some(Segment::Selector(Selector::Name(name))) = segments.first() {
                    self.field(name)?;
                }
                segments.iter().try_for_each(|segment| self.segment(segment))
            }
            Test::AbsQuery(_) => Err(absolute()),
            Test::Function(function) => self.function(function),
        }
    }

    fn segment(self, segment: &Segment) -> Result<(), Wrong> {
        match segment {
            Segment::Descendant(_) => Err(Wrong::whole(
                "`..` is not for policies: name the way, such as `@.after.image`",
            )),
            Segment::Selector(selector) => self.selector(selector),
            Segment::Selectors(all) => all.iter().try_for_each(|selector| self.selector(selector)),
        }
    }

    fn selector(self, selector: &Selector) -> Result<(), Wrong> {
        match selector {
            Selector::Filter(filter) => Self { within: true, ..self }.filter(filter),
            Selector::Name(_) | Selector::Wildcard | Selector::Index(_) | Selector::Slice(..) => Ok(()),
        }
    }

    fn comparable(self, value: &Comparable) -> Result<(), Wrong> {
        match value {
            Comparable::Literal(_) => Ok(()),
            Comparable::SingularQuery(SingularQuery::Current(segments)) => match segments.first() {
                Some(SingularQuerySegment::Name(name)) => self.field(name),
                _ => Ok(()),
            },
            Comparable::SingularQuery(SingularQuery::Root(_)) => Err(absolute()),
            Comparable::Function(function) => self.function(function),
        }
    }

    fn function(self, function: &TestFunction) -> Result<(), Wrong> {
        match function {
            TestFunction::Length(one) => self.argument(one),
            TestFunction::Count(one) | TestFunction::Value(one) => self.argument(one),
            TestFunction::Search(one, two) | TestFunction::Match(one, two) => {
                pattern(two)?;
                self.argument(one)?;
                self.argument(two)
            }
            TestFunction::Custom(name, _) => Err(Wrong::whole(format!("there is no function `{name}`"))),
        }
    }

    fn argument(self, argument: &FnArg) -> Result<(), Wrong> {
        match argument {
            FnArg::Literal(_) => Ok(()),
            FnArg::Test(test) => self.test(test),
            FnArg::Filter(filter) => self.filter(filter),
        }
    }

    /// A field of the change that is asked for.
    fn field(self, name: &str) -> Result<(), Wrong> {
        let name = unquoted(name);
        if self.within || FIELDS.contains(&name) {
            return Ok(());
        }
        let help = match nearest(name, FIELDS) {
            Some(field) => format!("did you mean `{field}`?"),
            None => format!("it has {}", FIELDS.join(", ")),
        };
        Err(Wrong::of(self.text, name, format!("a change has no `{name}`")).help(help))
    }

    /// A text that one of the fields of [`WORDS`] is compared with.
    fn word(self, field: &Comparable, word: &Comparable) -> Result<(), Wrong> {
        let (Comparable::SingularQuery(SingularQuery::Current(segments)), Comparable::Literal(Literal::String(word))) =
            (field, word)
        else {
            return Ok(());
        };
        let [SingularQuerySegment::Name(name)] = segments.as_slice() else {
            return Ok(());
        };
        let found = WORDS.iter().find(|(field, _)| *field == unquoted(name));
        match found {
            Some((field, words)) if !self.within && !words.contains(&word.as_str()) => {
                let help = match nearest(word, words.iter().copied()) {
                    Some(known) => format!("did you mean `'{known}'`?"),
                    None => one_of(words.iter().copied()),
                };
                Err(Wrong::of(self.text, word, format!("`{field}` is never `{word}`")).help(help))
            }
            _ => Ok(()),
        }
    }
}

/// A pattern that cannot be read would match nothing, and a policy with it would guard nothing.
fn pattern(argument: &FnArg) -> Result<(), Wrong> {
    match argument {
        FnArg::Literal(Literal::String(text)) if regex::Regex::new(text).is_ok() => Ok(()),
        FnArg::Literal(Literal::String(_)) => {
            Err(Wrong::whole("the pattern cannot be read: it is no regular expression"))
        }
        _ => Err(Wrong::whole("the pattern of `match` and `search` is a text in quotes")),
    }
}

/// `@['kind']` and `@.kind` are the same.
fn unquoted(name: &str) -> &str {
    name.trim_matches(['\'', '"'])
}

fn absolute() -> Wrong {
    Wrong::whole("a condition looks at one change: write `@`, not `$`")
}

#[cfg(test)]
mod tests;
