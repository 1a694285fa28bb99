//! Comments, read by what GitHub reads them with: its own parser of Markdown (cmark-gfm), and Mermaid in a browser.
//!
//! Judged are the corpus of injections, random texts made of what means something to either, and the examples' comments.
//! `tests/run` installs the judges, but for the browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use mlstack::view::{COMMENT, Topic, judge};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::inert::{HARMLESS, injections, markdown, review};
use crate::judge::{answer, found, missing};
use crate::support::repository;

/// What means something to Markdown, to GitHub or to Mermaid.
const PIECES: [&str; 58] = [
    "`",
    "``",
    "```",
    "~~~",
    "\n",
    "\r\n",
    "\n\n",
    " ",
    "    ",
    "\t",
    "|",
    "|-|",
    "\\",
    "\\n",
    "*",
    "**",
    "_",
    "~~",
    "#",
    "#1",
    "@octocat",
    "<",
    ">",
    "<b>",
    "</details>",
    "<!--",
    "-->",
    "&",
    "&#64;",
    "#64;",
    "[",
    "]",
    "](x)",
    "![",
    "$",
    "$$",
    "://",
    "www.a.b",
    "- ",
    "---",
    "===",
    "1. ",
    ":",
    "::error::",
    ":tada:",
    "fa:fa-x",
    ";",
    "\"",
    "'",
    "%%",
    "click n0 ",
    "end",
    "deadbeef",
    "GH-1",
    "ﬂ°°64¶ß",
    "é",
    "\u{200b}",
    "\u{202e}",
];

/// So many forged comments are tried.
const FORGED: usize = 3000;

/// So many texts of a few pieces each.
fn random(count: usize) -> Vec<String> {
    let mut runner = TestRunner::default();
    let texts = vec(select(&PIECES), 1..9).prop_map(|pieces| pieces.concat());
    (0..count)
        .map(|_| texts.new_tree(&mut runner).unwrap().current())
        .collect()
}

/// Texts of strangers, the harmless one last.
fn texts() -> Vec<String> {
    let mut texts = injections();
    texts.extend(random(60));
    texts.push(HARMLESS.to_owned());
    texts
}

/// A file's name that tells the text.
fn file_name(at: usize, text: &str) -> String {
    if text == HARMLESS {
        return "harmless.md".to_owned();
    }
    let told: String = format!("{text:?}").replace('/', "∕").chars().take(60).collect();
    format!("{at:03} {told}.md")
}

/// A folder of a folder for each of some comments with a name.
fn folder<'a>(comments: impl IntoIterator<Item = (&'a str, String, String)>) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for (folder, name, comment) in comments {
        fs::create_dir_all(root.path().join(folder)).unwrap();
        fs::write(root.path().join(folder).join(name), comment).unwrap();
    }
    root
}

/// What `tests/run` installs.
fn tools(judge: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("MLSTACK_TEST_READERS").map(PathBuf::from);
    if folder.is_none() {
        missing(
            judge,
            "no MLSTACK_TEST_READERS; `tests/run --prepare` installs it",
            true,
        );
    }
    folder
}

fn parser(tools: &Path) -> Command {
    let mut command = Command::new("python3");
    command
        .arg(repository().join("tests/judges/comment.py"))
        .env("PYTHONPATH", tools)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

#[test]
fn its_parser_finds_nothing_that_acts() {
    let Some(tools) = tools("cmark-gfm") else { return };
    let texts = texts();
    let comments = texts.iter().enumerate().flat_map(|(at, text)| {
        let comment = |topic| markdown(&review(text), topic, COMMENT);
        [
            ("plan", file_name(at, text), comment(Topic::Plan)),
            ("drift", file_name(at, text), comment(Topic::Drift)),
        ]
    });
    let root = folder(comments);
    let examples = repository().join("docs/review");
    let count = 2 * texts.len() + fs::read_dir(&examples).unwrap().count();
    let folders = [root.path().join("plan"), root.path().join("drift"), examples];
    assert_eq!(answer(parser(&tools).args(folders)), format!("{count} comments\n"));
}

#[test]
fn its_parser_finds_what_acts() {
    let Some(tools) = tools("cmark-gfm") else { return };
    let acting = [
        "@octocat",
        "#1",
        "https://example.com",
        "[a](b)",
        "![a](b)",
        "<b>x</b>",
        "<!-- x -->",
        "# a",
        "a\n===",
        "*a*",
        "~~a~~",
        "- [x] a",
        "| a |\n|---|\n| @b |",
        "&commat;octocat",
        ":tada:",
        "$x$",
        "deadbeef",
        "GH-1",
        "---",
    ];
    let comments = acting.iter().enumerate().map(|(at, text)| {
        let comment = format!("<!-- mlstack:shop:plan -->\n\n{text}\n");
        ("acting", format!("{at:02}.md"), comment)
    });
    let root = folder(comments);
    let output = parser(&tools).arg(root.path().join("acting")).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let told = |at: usize| said.contains(&format!("{at:02}.md"));
    let silent: Vec<_> = (0..acting.len()).filter(|at| !told(*at)).map(|at| acting[at]).collect();
    assert_eq!(silent, [] as [&str; 0], "{said}");
}

/// A comment with pieces put into it that mlstack never wrote there.
fn forged() -> impl Strategy<Value = String> {
    let examples = fs::read_dir(repository().join("docs/review")).unwrap();
    let mut genuine: Vec<_> = examples
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    genuine.sort();
    genuine.push(markdown(&review(HARMLESS), Topic::Plan, COMMENT));
    (select(genuine), vec((any::<Index>(), select(&PIECES)), 1..4)).prop_map(|(mut comment, pieces)| {
        for (at, piece) in pieces {
            let places: Vec<_> = comment.char_indices().map(|(at, _)| at).collect();
            comment.insert_str(*at.get(&places), piece);
        }
        comment
    })
}

#[test]
fn what_is_let_through_does_not_act() {
    let Some(tools) = tools("cmark-gfm") else { return };
    let mut runner = TestRunner::default();
    let forged = forged();
    let mut passed = Vec::new();
    for _ in 0..FORGED {
        let comment = forged.new_tree(&mut runner).unwrap().current();
        if judge(&comment).is_ok() {
            passed.push(("passed", format!("{:05}.md", passed.len()), comment));
        }
    }
    let count = passed.len();
    assert!(count > FORGED / 10, "{count} of {FORGED}");
    let root = folder(passed);
    let said = answer(parser(&tools).arg(root.path().join("passed")));
    assert_eq!(said, format!("{count} comments\n"));
}

/// The pictures of a comment.
fn pictures(comment: &str) -> Vec<String> {
    let blocks = comment.split("```mermaid\n").skip(1);
    let inside = blocks.map(|block| block.split("```").next().unwrap().to_owned());
    inside.collect()
}

/// What Mermaid makes of pictures, see `tests/judges/mermaid.js`.
fn judged(tools: &Path, browser: &Path, pictures: &[String]) -> Vec<Value> {
    let root = tempfile::tempdir().unwrap();
    let mermaid = tools.join("node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js");
    let script = repository().join("tests/judges/mermaid.js");
    let page = format!(
        "<!doctype html><meta charset=\"utf-8\"><body><script type=\"application/json\" id=\"pictures\">{}</script>\
         <pre id=\"judged\"></pre><script src=\"file://{}\"></script><script src=\"file://{}\"></script>",
        json!(pictures).to_string().replace('<', "\\u003c"),
        mermaid.display(),
        script.display()
    );
    let path = root.path().join("page.html");
    fs::write(&path, page).unwrap();
    let said = answer(
        Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .args(["--virtual-time-budget=600000", "--dump-dom"])
            .arg(format!("--user-data-dir={}", root.path().join("profile").display()))
            .arg(format!("file://{}", path.display())),
    );
    let (_, rest) = said.split_once("<pre id=\"judged\">").unwrap();
    serde_json::from_str(rest.split_once("</pre>").unwrap().0).unwrap()
}

/// The text of a label as it is written in a picture.
fn read(label: &str) -> String {
    let mut parts = label.split('#');
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(';').unwrap();
        text.push(char::from_u32(number.parse().unwrap()).unwrap());
        text += rest;
    }
    text
}

/// What is meant by a line of a picture that draws a node.
fn node(line: &str) -> Option<Value> {
    let (start, rest) = line.split_once('"')?;
    let (label, end) = rest.rsplit_once('"')?;
    let (name, kind) = label.split_once("<br/>")?;
    let id: String = start.chars().filter(char::is_ascii_alphanumeric).collect();
    let classes: Vec<_> = end.split_once(":::").into_iter().map(|(_, class)| class).collect();
    let label = format!("{}\n{}", read(name), read(kind));
    Some(json!({"id": id, "classes": classes, "acts": false, "label": label.trim()}))
}

/// What is meant by one that draws an edge.
fn edge(line: &str) -> Option<Value> {
    let drawn = |(arrow, stroke): (&str, &str)| {
        let (from, to) = line.trim().split_once(arrow)?;
        Some(json!([from, to, stroke]))
    };
    [(" --> ", "normal"), (" -.-> ", "dotted")].into_iter().find_map(drawn)
}

fn meant(picture: &str) -> Value {
    let lines = || picture.lines();
    json!({
        "type": "flowchart-v2",
        "nodes": lines().filter_map(node).collect::<Vec<_>>(),
        "edges": lines().filter_map(edge).collect::<Vec<_>>(),
        "groups": 0,
    })
}

/// The elements that a picture is drawn with, and no other.
fn draws_nothing_else(elements: &Value, picture: &str) {
    const KNOWN: [&str; 15] = [
        "svg",
        "defs",
        "filter",
        "fedropshadow",
        "g",
        "marker",
        "path",
        "polygon",
        "circle",
        "rect",
        "foreignobject",
        "div",
        "span",
        "p",
        "br",
    ];
    for element in elements.as_array().unwrap() {
        let element = element.as_str().unwrap();
        let name = element.split(' ').next().unwrap();
        let known = KNOWN.contains(&name) && ![" on", " href", " src"].iter().any(|sign| element.contains(sign));
        assert!(known, "{element}\n{picture}");
    }
}

#[test]
fn mermaid_draws_what_was_meant() {
    let Some(tools) = tools("Mermaid") else { return };
    let Some(browser) = ["chromium", "google-chrome", "chromium-browser"]
        .into_iter()
        .find_map(found)
    else {
        return missing("Mermaid", "no Chromium (apt-get install chromium)", false);
    };
    let comments = texts()
        .into_iter()
        .map(|text| markdown(&review(&text), Topic::Plan, COMMENT))
        .collect::<Vec<_>>();
    let strange = comments
        .iter()
        .flat_map(|comment| pictures(comment))
        .collect::<Vec<_>>();
    assert_eq!(strange.len(), comments.len());
    let examples = fs::read_dir(repository().join("docs/review")).unwrap();
    let examples = examples.flat_map(|entry| pictures(&fs::read_to_string(entry.unwrap().path()).unwrap()));
    let all: Vec<_> = strange.iter().cloned().chain(examples).collect();
    assert!(all.len() > strange.len());

    let mut judged = judged(&tools, &browser, &all);
    assert_eq!(judged.len(), all.len());
    let elements: Vec<_> = judged.iter_mut().map(|one| one["elements"].take()).collect();
    for ((picture, mut judged), elements) in all.iter().zip(judged).zip(&elements) {
        judged.as_object_mut().unwrap().remove("elements");
        assert_eq!(judged, meant(picture), "{picture}");
        draws_nothing_else(elements, picture);
    }
    let harmless = &elements[strange.len() - 1];
    for (picture, elements) in strange.iter().zip(&elements) {
        assert!(elements == harmless, "drawn otherwise: {elements:#}\n{picture}");
    }
}
