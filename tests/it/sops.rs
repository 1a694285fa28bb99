//! The real `sops` as judge of the reader: what it decrypts is what mlstack reads, and what it refuses is refused.

use std::path::Path;

use mlstack::project::sops::age::Identity;
use mlstack::project::sops::{SopsError, value};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::support::Sandbox;

mod program;

use program::{Key, Sops};

/// Random documents, each in two formats.
const DOCUMENTS: usize = 12;

/// The judge and a folder; `None`, loudly, where it is missing.
fn judge() -> Option<(Sops, TempDir)> {
    match Sops::find() {
        Ok(sops) => Some((sops, tempfile::tempdir().unwrap())),
        Err(why) => not_run(&why),
    }
}

#[expect(clippy::print_stderr, reason = "a test that does not run says so loudly")]
fn not_run<T>(why: &str) -> Option<T> {
    let required = std::env::var("MLSTACK_TEST_REQUIRE").is_ok_and(|value| value == "1");
    assert!(!required, "cannot run: {why}");
    eprintln!("NOT RUN: {why}");
    None
}

fn read(folder: &Path, name: &str, key: &str, identity: &str) -> Result<String, SopsError> {
    let bytes = std::fs::read(folder.join(name)).unwrap();
    value(name, &bytes, key, &Identity::all(identity)).map(|bytes| String::from_utf8(bytes).unwrap())
}

/// Each leaf that has a value, with its path as people write it.
fn leaves(value: &Value, path: &str, all: &mut Vec<(String, Value)>) {
    let join = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match value {
        Value::Null => {}
        Value::Object(map) => map.iter().for_each(|(key, value)| leaves(value, &join(key), all)),
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                leaves(item, &join(&place.to_string()), all);
            }
        }
        // An empty text is left as it is by `sops`: there is nothing to hide.
        Value::String(text) if text.is_empty() => {}
        leaf => all.push((path.to_owned(), leaf.clone())),
    }
}

/// Fractions may be written in several ways.
fn is_same(expected: &Value, got: &str) -> bool {
    match expected {
        Value::String(text) => text == got,
        Value::Number(number) if number.is_f64() => number.as_f64() == got.parse().ok(),
        other => {
            let shown = other.to_string();
            shown == got
        }
    }
}

/// Encrypts, lets `sops` decrypt, and reads every leaf; says how many there were.
fn agrees(sops: &Sops, folder: &Path, name: &str, plain: &str) -> usize {
    sops.write(folder, name, plain);
    let decrypted = sops.run(folder, &["decrypt", "--output-type", "json", name]);
    let mut all = Vec::new();
    leaves(&serde_json::from_slice(&decrypted).unwrap(), "", &mut all);
    for (key, expected) in &all {
        let got = read(folder, name, key, &sops.key.identity);
        let is_same = got.as_ref().is_ok_and(|got| is_same(expected, got));
        assert!(is_same, "{name} {key}: {expected} {got:?}\n{plain}");
    }
    all.len()
}

const EVERY_TYPE: &str = "\
# a comment
text: hello
quoted: \"p4'ss \\\"wö€\\\" $x \\\\ %\"
number: 5432
negative: -7
large: 9007199254740993
octal: 0o17
float: 0.25
exponent: 1e3
small: 1.5e-7
yes: true
no: false
list: [one, 2, false, {deep: [er]}]
lines: |
  line one
  # no comment
  line two
nothing: null
empty: \"\"
day: 2026-01-02
time: 2026-11-23T07:00:00Z
\"like: a key\": x
\"5\": five
";

#[test]
fn a_value_of_every_type_is_read_as_sops_reads_it() {
    let Some((sops, folder)) = judge() else { return };
    let folder = folder.path();
    assert_eq!(agrees(&sops, folder, "a.yaml", EVERY_TYPE), 20);
    let json = json!({
        "text": "p4'ss \"wö€\" \\", "number": 5432, "negative": -7, "float": 0.25, "small": 1.5e-7, "yes": true, "no": false,
        "list": ["one", 2, false, {"deep": ["er"]}], "lines": "one\ntwo\n", "nothing": null, "empty": "", "a b": {"c": "d"},
    });
    assert_eq!(agrees(&sops, folder, "c.json", &json.to_string()), 13);
    let dotenv = "# a comment\nTEXT=p4ss = wö€ \"quoted\" 'x' $y \\z\nNUMBER=5432\nLINES=one\\ntwo\nEMPTY=\n";
    assert_eq!(agrees(&sops, folder, "d.env", dotenv), 3);
    let only_encrypted = "creation_rules: [{ mac_only_encrypted: true }]\n";
    std::fs::write(folder.join(".sops.yaml"), only_encrypted).unwrap();
    assert_eq!(agrees(&sops, folder, "b.yml", EVERY_TYPE), 20);
    let file = std::fs::read_to_string(folder.join("b.yml")).unwrap();
    assert!(file.contains("mac_only_encrypted: true"), "{file}");
}

#[test]
fn every_value_of_random_documents_is_read_as_sops_reads_it() {
    let Some((sops, folder)) = judge() else { return };
    let mut runner = TestRunner::deterministic();
    for number in 0..DOCUMENTS {
        let document = document().new_tree(&mut runner).unwrap().current().to_string();
        for ending in ["json", "yaml"] {
            agrees(&sops, folder.path(), &format!("{number}.{ending}"), &document);
        }
    }
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => "\\PC{1,40}".prop_map(Value::from),
        1 => "[a-z\\n\\t \"'\\\\#:]{1,20}".prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => (-1e6..1e6_f64).prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let key = || "[a-z][a-z0-9 _/-]{0,8}[a-z]";
    let value = leaf.prop_recursive(3, 24, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    });
    proptest::collection::btree_map(key(), value, 1..6).prop_map(|map| Value::Object(map.into_iter().collect()))
}

/// What somebody might do to a file without `sops`; both refuse to read it.
#[test]
fn what_sops_refuses_is_refused() {
    let Some((sops, folder)) = judge() else { return };
    let folder = folder.path();
    let plain = "a: first-value\nb: second-value\nplain_unencrypted: words\n";
    sops.write(folder, "good.yaml", plain);
    let good = std::fs::read_to_string(folder.join("good.yaml")).unwrap();
    let line = |start: &str| good.lines().find(|line| line.trim_start().starts_with(start)).unwrap();
    let value_of = |start: &str| line(start).split_once(": ").unwrap().1;
    let other_mac = value_of("b").to_owned();
    let changes = [
        ("its MAC is another", good.replace(value_of("mac"), &other_mac)),
        ("a plain value is another", good.replace("words", "Words")),
        ("a value is gone", good.replace(&format!("{}\n", line("b:")), "")),
        (
            "two values changed places",
            good.replace("a: ENC", "?: ENC")
                .replace("b: ENC", "a: ENC")
                .replace("?: ENC", "b: ENC"),
        ),
        (
            "its time is another",
            good.replace(value_of("lastmodified"), "\"2020-01-01T00:00:00Z\""),
        ),
        ("its data is another", good.replacen("data:", "data:A", 1)),
    ];
    for (what, text) in changes {
        assert_ne!(text, good, "{what}");
        std::fs::write(folder.join("bad.yaml"), text).unwrap();
        let judged = sops.try_run(folder, &["decrypt", "bad.yaml"]);
        assert!(!judged.status.success(), "{what}: sops reads it");
        let error = read(folder, "bad.yaml", "a", &sops.key.identity).unwrap_err();
        assert!(matches!(error, SopsError::Tampered(_)), "{what}: {error}");
    }
    assert_eq!(
        read(folder, "good.yaml", "a", &sops.key.identity).unwrap(),
        "first-value"
    );
}

#[test]
fn a_rotated_key_opens_it_and_one_that_was_taken_away_does_not() {
    let Some((sops, folder)) = judge() else { return };
    let folder = folder.path();
    let next = Key::new();
    sops.write(folder, "s.yaml", "a: the-value\n");
    sops.run(folder, &["rotate", "-i", "--add-age", &next.recipient, "s.yaml"]);
    for identity in [&sops.key.identity, &next.identity] {
        assert_eq!(read(folder, "s.yaml", "a", identity).unwrap(), "the-value");
    }
    sops.run(folder, &["rotate", "-i", "--rm-age", &sops.key.recipient, "s.yaml"]);
    assert_eq!(read(folder, "s.yaml", "a", &next.identity).unwrap(), "the-value");
    let error = read(folder, "s.yaml", "a", &sops.key.identity).unwrap_err();
    assert_eq!(error, SopsError::NoIdentity(vec![next.recipient]));
}

#[test]
fn what_cannot_be_read_is_told_with_the_way_out() {
    let Some((sops, folder)) = judge() else { return };
    sops.write(folder.path(), "s.ini", "[db]\npassword = hunter2-hunter2\n");
    sops.write(folder.path(), "s.bin", "hunter2-hunter2");
    let error = |name: &str| read(folder.path(), name, "db.password", &sops.key.identity).unwrap_err();
    insta::assert_snapshot!(error("s.ini"), @"it is an INI file; as YAML, JSON or dotenv it can be read here");
    assert_eq!(
        read(folder.path(), "s.bin", "data", &sops.key.identity).unwrap(),
        "hunter2-hunter2"
    );

    let stack = "\
version: 1
name: shop
secrets: { token: { sops: { file: s.yaml, key: token } } }
components:
  web: { type: service, image: \"nginx:1.29.3\", resources: { memory: 64Mi }, env: { TOKEN: \"${secrets.token.file}\" } }
";
    sops.write(folder.path(), "s.yaml", "token: hunter2-hunter2\n");
    let file = std::fs::read_to_string(folder.path().join("s.yaml")).unwrap();
    let sandbox = Sandbox::new().stack(stack).file("s.yaml", &file);
    let sandbox = sandbox.env("SOPS_AGE_KEY", &Key::new().identity);
    let said = sandbox.run("render").replace(&sops.key.recipient, "[RECIPIENT]");
    insta::assert_snapshot!(said, @"
    exit: 1
    --- stdout
    --- stderr
    error: the secret `token` (mlstack.yaml:3) has no value: `s.yaml`: no age key here opens it; it is for [RECIPIENT]
      hint: set it where mlstack runs; a secret that nobody needs to know can be `generate: 32`
    ");
}
