//! Text of strangers in a comment: whatever it is and wherever it stands, GitHub's Markdown makes nothing of it.
//!
//! The judge is a parser of GitHub's dialect with all of its extensions; GitHub's own are asked in `github_reads.rs`.

use std::collections::{BTreeMap, BTreeSet};

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use mlstack::plan::{Action, AttributeChange, Change, Disruption, Drift, Plan, Reason, Sort};
use mlstack::review::{
    Base, Blame, Edge, ModelChange, ModelFacts, Node, Review, Section, Severity, Topology, Violation, Waiver,
};
use mlstack::view::{COMMENT, Form, SUMMARY, Topic, judge};
use mlstack_provider::{Address, Finding, Level, Source, Value};
use serde_json::json;

/// The texts.
pub(crate) fn injections() -> Vec<String> {
    serde_json::from_str(include_str!("../fixtures/injections.json")).unwrap()
}

fn source(text: &str, line: usize) -> Option<Source> {
    let file = format!("{text}.yaml");
    Some(Source { file, line, column: 1 })
}

fn attribute(path: &str, before: Value, after: Value) -> AttributeChange {
    AttributeChange {
        path: path.to_owned(),
        attribute: path.to_owned(),
        before: Some(before),
        after: Some(after),
        sensitive: false,
    }
}

fn change(kind: &str, name: &str, action: Action, reason: Reason, text: &str) -> Change {
    let long = format!("first\n{text}\nlast");
    let attributes = match action {
        Action::Update | Action::Replace => vec![
            attribute(&format!("environment.{text}"), json!("a"), json!(text)),
            attribute(text, json!([text]), json!({text: text})),
            attribute("config", json!(format!("{long}\nmore\n")), json!(long)),
            AttributeChange {
                sensitive: true,
                ..attribute(text, json!(1), json!(2))
            },
        ],
        _ => Vec::new(),
    };
    Change {
        address: Address::new(kind, name),
        action,
        reason,
        attributes,
        disruption: Disruption::Downtime { seconds: Some(5) },
        source: source(text, 7),
        protected: false,
        before: None,
        after: Some(json!({"image": text, text: [text]})),
    }
}

/// A review with the text wherever a text of a stranger can stand.
pub(crate) fn review(text: &str) -> Review {
    let named = |name: &str| format!("{name}{text}");
    let attribute = text.to_owned();
    let address = Address::new(text, text);
    let changes = vec![
        change(
            "service",
            &named("a"),
            Action::Update,
            Reason::Changed {
                attribute: attribute.clone(),
                more: 2,
            },
            text,
        ),
        change(
            "service",
            &named("b"),
            Action::Replace,
            Reason::DependencyReplaced {
                address: address.clone(),
            },
            text,
        ),
        change(text, text, Action::Create, Reason::NotFound, text),
        change("service", &named("d"), Action::Delete, Reason::NoLongerDeclared, text),
        change(&named("volume"), text, Action::Delete, Reason::DataNamed, text),
        change(
            "service",
            &named("e"),
            Action::Repair,
            Reason::NotWorking {
                problem: text.to_owned(),
            },
            text,
        ),
        change(
            "volume",
            &named("f"),
            Action::Refuse,
            Reason::WouldLoseData { attribute },
            text,
        ),
        change(
            "volume",
            &named("g"),
            Action::Keep,
            Reason::NeededByKept {
                address: address.clone(),
            },
            text,
        ),
    ];
    let drift = Drift {
        address: address.clone(),
        sort: Sort::Changed,
        problem: Some(text.to_owned()),
        attributes: vec![self::attribute(text, json!(text), json!([text]))],
        before: None,
        after: None,
        source: source(text, 3),
    };
    let facts = |uri: &str| ModelFacts {
        uri: uri.to_owned(),
        bytes: Some(12),
        sha256: Some(text.to_owned()),
        opset: Some(17),
        inputs: vec![text.to_owned(), "MedInc: float".to_owned()],
        outputs: vec![text.to_owned()],
        licence: Some(text.to_owned()),
        metrics: BTreeMap::from([(text.to_owned(), text.to_owned())]),
        unread: Some(text.to_owned()),
    };
    let model = ModelChange {
        component: text.to_owned(),
        before: Some(facts(text)),
        after: Some(facts("model/b.onnx")),
        breaking: vec![format!("input {text} is gone"), text.to_owned()],
        compatible: vec![text.to_owned()],
        source: source(text, 9),
    };
    let node = |name: &str, kind: &str, change| Node {
        name: name.to_owned(),
        kind: kind.to_owned(),
        change,
        exposed: false,
    };
    let topology = Topology {
        nodes: vec![
            node(text, "database", Action::Create),
            node("api", text, Action::Update),
            node("old", "broker", Action::Delete),
        ],
        edges: vec![
            Edge {
                from: "api".to_owned(),
                to: text.to_owned(),
                change: Action::Create,
            },
            Edge {
                from: "api".to_owned(),
                to: "old".to_owned(),
                change: Action::Delete,
            },
        ],
    };
    let violation = Violation {
        policy: text.to_owned(),
        severity: Severity::Error,
        address: Some(address.clone()),
        text: text.to_owned(),
        help: Some(text.to_owned()),
        source: source(text, 2),
        waived: None,
    };
    let waiver = Waiver {
        reason: text.to_owned(),
        until: Some(text.to_owned()),
    };
    let waived = Violation {
        waived: Some(waiver),
        ..violation.clone()
    };
    let diagnostic = json!({"code": text, "severity": "error", "summary": text, "label": text, "help": text, "file": text, "line": 4});
    let unsupported = json!({"capability": text, "how": text, "source": {"file": text, "line": 4}});
    let section = Section {
        environment: Some(text.to_owned()),
        target: text.to_owned(),
        context: Some(text.to_owned()),
        plan: Plan {
            changes,
            nodes: Vec::new(),
            drift: vec![drift],
        },
        fingerprint: named("f"),
        unsupported: vec![unsupported],
        diagnostics: vec![diagnostic],
        findings: vec![Finding::new(&address, Level::Conflict, text).hint(text)],
        models: vec![model],
        topology,
        violations: vec![violation, waived],
        failure: None,
    };
    let failed = Section {
        failure: Some(text.to_owned()),
        ..Section {
            environment: Some("failed".to_owned()),
            ..Section::default()
        }
    };
    let blame = Blame {
        commit: text.to_owned(),
        author: text.to_owned(),
        date: text.to_owned(),
        summary: text.to_owned(),
    };
    Review {
        stack: text.to_owned(),
        base: Some(Base {
            reference: text.to_owned(),
            commit: text.to_owned(),
        }),
        sections: vec![section, failed],
        why: BTreeMap::from([(7, blame)]),
    }
}

pub(crate) fn markdown(review: &Review, topic: Topic, most: usize) -> String {
    mlstack::view::markdown(
        review,
        Form {
            topic,
            most,
            context: 3,
        },
    )
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.strikethrough = true;
    extension.table = true;
    extension.autolink = true;
    extension.tasklist = true;
    extension.footnotes = true;
    extension.alerts = true;
    extension.math_dollars = true;
    extension.math_code = true;
    options.parse.relaxed_autolinks = true;
    options
}

/// What a parser finds in a comment that could act, each with its like counted; text in code aside.
fn acts(comment: &str) -> BTreeMap<String, usize> {
    let arena = Arena::new();
    let root = parse_document(&arena, comment, &options());
    let mut found = BTreeMap::new();
    for node in root.descendants() {
        let name = match &node.data().value {
            NodeValue::Text(text) => {
                assert_eq!(acting(text), None, "outside code: {text:?}\n{comment}");
                continue;
            }
            NodeValue::Code(_) | NodeValue::SoftBreak | NodeValue::Paragraph => continue,
            NodeValue::HtmlBlock(html) => format!("html {}", tags(&html.literal)),
            NodeValue::Heading(heading) => format!("heading {} {}", heading.level, heading.setext),
            NodeValue::CodeBlock(block) => format!("block {} {}", block.info, block.closed),
            other => format!("{other:?}")
                .split(['(', ' ', '{'])
                .next()
                .unwrap_or_default()
                .to_owned(),
        };
        *found.entry(name).or_insert(0) += 1;
    }
    found
}

/// The tags of a piece of HTML, without the text between them.
fn tags(html: &str) -> String {
    let parts = html.split('<').skip(1).filter(|part| !part.starts_with("!-- mlstack:"));
    parts
        .map(|part| format!("<{}>", part.split('>').next().unwrap_or_default()))
        .collect()
}

/// What GitHub could make something of.
fn acting(text: &str) -> Option<&'static str> {
    let signs = [
        "@", "#", "://", "www.", "$", "<", ">", "[", "]", "`", "~", "&", "\\", "_", "|", "GH-",
    ];
    let commit = |word: &str| word.len() >= 7 && word.bytes().all(|b| b.is_ascii_hexdigit());
    if text.split(|c: char| !c.is_ascii_alphanumeric()).any(commit) {
        return Some("a commit");
    }
    signs.into_iter().find(|sign| text.contains(sign))
}

/// The cells of a row as GitHub parts it, and as a reader does that knows no escape but that of a pipe.
fn cells(row: &str) -> BTreeSet<usize> {
    let careless = row.replace("\\|", "").matches('|').count();
    let (mut careful, mut chars) = (0, row.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek().is_some_and(char::is_ascii_punctuation) => {
                chars.next();
            }
            '|' => careful += 1,
            _ => {}
        }
    }
    BTreeSet::from([careless, careful])
}

/// How wide the rows of each table are; every row of one as wide as its head.
fn tables(comment: &str) -> Vec<usize> {
    let mut widths = Vec::new();
    let mut within = false;
    for line in comment.lines() {
        let row = line.starts_with('|');
        if row {
            let width = cells(line);
            assert_eq!(width.len(), 1, "{line}");
            if within {
                assert_eq!(width.first(), widths.last(), "{line}");
            } else {
                widths.extend(width);
            }
        }
        within = row;
    }
    widths
}

/// The same text in every place, but one that means nothing.
pub(crate) const HARMLESS: &str = "x9-y";

#[test]
fn no_text_of_a_stranger_acts_in_a_comment() {
    let harmless: Vec<_> = [Topic::Plan, Topic::Drift]
        .map(|topic| markdown(&review(HARMLESS), topic, COMMENT))
        .into();
    let injections = injections();
    assert!(injections.len() >= 40);
    for text in &injections {
        for (topic, harmless) in [Topic::Plan, Topic::Drift].into_iter().zip(&harmless) {
            let comment = markdown(&review(text), topic, COMMENT);
            let (found, expected) = (acts(&comment), acts(harmless));
            // For long texts some of it may be left out.
            let fewer = text.len() > 300
                && found
                    .iter()
                    .all(|(name, count)| Some(count) <= expected.get(name).as_ref().copied());
            assert!(
                fewer || found == expected,
                "{text:?}: {found:?}, not {expected:?}\n{comment}"
            );
            assert_eq!(tables(&comment), tables(harmless), "{text:?}");
            steers_nothing(&comment);
            let judged = judge(&comment);
            assert!(judged.is_ok(), "{text:?}: {judged:?}\n{comment}");
        }
        let summary = markdown(&review(text), Topic::Plan, SUMMARY);
        assert!(summary.len() < 1 << 20);
        steers_nothing(&summary);
    }
}

/// Printed in a job, a comment commands nothing; on a terminal neither.
fn steers_nothing(comment: &str) {
    for line in comment.lines() {
        assert!(
            !line.trim_start().starts_with("::") && !line.contains("##["),
            "{line:?}"
        );
    }
    let hidden = |c: char| mlstack::diag::visible::is_hidden(c) && c != '\n';
    assert_eq!(comment.chars().find(|c| hidden(*c)), None);
}
