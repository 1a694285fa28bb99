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
            [Segment::Selector(Selector::Filter(filter))] => {
                of_filter(filter).map_err(Wrong::whole)?;
                names(filter).try_for_each(|name| known(text, &name))?;
                compared(filter).try_for_each(|(field, word)| possible(text, field, &word))?;
            }
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

fn of_filter(filter: &Filter) -> Result<(), String> {
    match filter {
        Filter::Or(all) | Filter::And(all) => all.iter().try_for_each(of_filter),
        Filter::Atom(FilterAtom::Filter { expr, .. }) => of_filter(expr),
        Filter::Atom(FilterAtom::Test { expr, .. }) => of_test(expr),
        Filter::Atom(FilterAtom::Comparison(comparison)) => {
            let (left, right) = comparison.vals();
            of_comparable(left).and_then(|()| of_comparable(right))
        }
    }
}

fn of_test(test: &Test) -> Result<(), String> {
    match test {
        Test::RelQuery(segments) => segments.iter().try_for_each(of_segment),
        Test::AbsQuery(_) => Err(absolute()),
        Test::Function(function) => of_function(function),
    }
}

fn of_segment(segment: &Segment) -> Result<(), String> {
    match segment {
        Segment::Descendant(_) => Err("`..` is not for policies: name the way, such as `@.after.image`".to_owned()),
        Segment::Selector(selector) => of_selector(selector),
        Segment::Selectors(all) => all.iter().try_for_each(of_selector),
    }
}

fn of_selector(selector: &Selector) -> Result<(), String> {
    match selector {
        Selector::Filter(filter) => of_filter(filter),
        Selector::Name(_) | Selector::Wildcard | Selector::Index(_) | Selector::Slice(..) => Ok(()),
    }
}

fn of_comparable(value: &Comparable) -> Result<(), String> {
    match value {
        Comparable::Literal(_) | Comparable::SingularQuery(SingularQuery::Current(_)) => Ok(()),
        Comparable::SingularQuery(SingularQuery::Root(_)) => Err(absolute()),
        Comparable::Function(function) => of_function(function),
    }
}

fn of_function(function: &TestFunction) -> Result<(), String> {
    match function {
        TestFunction::Length(one) => of_argument(one),
        TestFunction::Count(one) | TestFunction::Value(one) => of_argument(one),
        TestFunction::Search(one, two) | TestFunction::Match(one, two) => {
            pattern(two)?;
            of_argument(one).and_then(|()| of_argument(two))
        }
        TestFunction::Custom(name, _) => Err(format!("there is no function `{name}`")),
    }
}

fn of_argument(argument: &FnArg) -> Result<(), String> {
    match argument {
        FnArg::Literal(_) => Ok(()),
        FnArg::Test(test) => of_test(test),
        FnArg::Filter(filter) => of_filter(filter),
    }
}

/// A pattern that cannot be read would match nothing, and a policy with it would guard nothing.
fn pattern(argument: &FnArg) -> Result<(), String> {
    match argument {
        FnArg::Literal(Literal::String(text)) => match regex::Regex::new(text) {
            Ok(_) => Ok(()),
            Err(_) => Err("the pattern cannot be read: it is no regular expression".to_owned()),
        },
        _ => Err("the pattern of `match` and `search` is a text in quotes".to_owned()),
    }
}

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

fn known(text: &str, name: &str) -> Result<(), Wrong> {
    if FIELDS.contains(&name) {
        return Ok(());
    }
    let help = match nearest(name, FIELDS) {
        Some(field) => format!("did you mean `{field}`?"),
        None => format!("it has {}", FIELDS.join(", ")),
    };
    Err(Wrong::of(text, name, format!("a change has no `{name}`")).help(help))
}

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

fn possible(text: &str, field: &'static str, word: &str) -> Result<(), Wrong> {
    let words = WORDS.iter().find(|(name, _)| *name == field);
    match words {
        Some((_, words)) if !words.contains(&word) => {
            let help = match nearest(word, words.iter().copied()) {
                Some(known) => format!("did you mean `'{known}'`?"),
                None => one_of(words.iter().copied()),
            };
            Err(Wrong::of(text, word, format!("`{field}` is never `{word}`")).help(help))
        }
        _ => Ok(()),
    }
}

type Compared<'a> = Box<dyn Iterator<Item = (&'static str, String)> + 'a>;

/// The fields of [`WORDS`] that are compared with a text, each with it.
fn compared(filter: &Filter) -> Compared<'_> {
    match filter {
        Filter::Or(all) | Filter::And(all) => Box::new(all.iter().flat_map(compared)),
        Filter::Atom(FilterAtom::Filter { expr, .. }) => compared(expr),
        Filter::Atom(FilterAtom::Test { .. }) => Box::new(std::iter::empty()),
        Filter::Atom(FilterAtom::Comparison(comparison)) => {
            let (left, right) = comparison.vals();
            let pair = word_of(left, right).or_else(|| word_of(right, left));
            Box::new(pair.into_iter())
        }
    }
}

fn word_of(field: &Comparable, word: &Comparable) -> Option<(&'static str, String)> {
    let (Comparable::SingularQuery(SingularQuery::Current(segments)), Comparable::Literal(Literal::String(word))) =
        (field, word)
    else {
        return None;
    };
    let [SingularQuerySegment::Name(name)] = segments.as_slice() else {
        return None;
    };
    let name = unquoted(name);
    let (field, _) = WORDS.iter().find(|(field, _)| *field == name)?;
    Some((field, word.clone()))
}

type Names<'a> = Box<dyn Iterator<Item = String> + 'a>;

/// The fields of the change that a filter names; what stands in filters within it is about something else.
fn names(filter: &Filter) -> Names<'_> {
    match filter {
        Filter::Or(all) | Filter::And(all) => Box::new(all.iter().flat_map(names)),
        Filter::Atom(FilterAtom::Filter { expr, .. }) => names(expr),
        Filter::Atom(FilterAtom::Test { expr, .. }) => of_query(expr),
        Filter::Atom(FilterAtom::Comparison(comparison)) => {
            let (left, right) = comparison.vals();
            Box::new([left, right].into_iter().flat_map(of_value))
        }
    }
}

fn of_query(test: &Test) -> Names<'_> {
    match test {
        Test::RelQuery(segments) => match segments.first() {
            Some(Segment::Selector(Selector::Name(name))) => Box::new(std::iter::once(unquoted(name))),
            _ => Box::new(std::iter::empty()),
        },
        Test::AbsQuery(_) => Box::new(std::iter::empty()),
        Test::Function(function) => of_call(function),
    }
}

fn of_value(value: &Comparable) -> Names<'_> {
    match value {
        Comparable::SingularQuery(SingularQuery::Current(segments)) => match segments.first() {
            Some(SingularQuerySegment::Name(name)) => Box::new(std::iter::once(unquoted(name))),
            _ => Box::new(std::iter::empty()),
        },
        Comparable::Function(function) => of_call(function),
        Comparable::Literal(_) | Comparable::SingularQuery(_) => Box::new(std::iter::empty()),
    }
}

fn of_call(function: &TestFunction) -> Names<'_> {
    let arguments: Vec<&FnArg> = match function {
        TestFunction::Length(one) => vec![one],
        TestFunction::Count(one) | TestFunction::Value(one) => vec![one],
        TestFunction::Search(one, two) | TestFunction::Match(one, two) => vec![one, two],
        TestFunction::Custom(..) => Vec::new(),
    };
    Box::new(arguments.into_iter().flat_map(|argument| match argument {
        FnArg::Test(test) => of_query(test),
        FnArg::Filter(filter) => names(filter),
        FnArg::Literal(_) => Box::new(std::iter::empty()),
    }))
}

/// `@['kind']` and `@.kind` are the same.
fn unquoted(name: &str) -> String {
    name.trim_matches(['\'', '"']).to_owned()
}

fn absolute() -> String {
    "a condition looks at one change: write `@`, not `$`".to_owned()
}

#[cfg(test)]
mod tests;
