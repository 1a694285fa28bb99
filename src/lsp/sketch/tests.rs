use proptest::prelude::*;

use super::*;

/// One line a node: its path and what it holds.
fn drawn(text: &str) -> String {
    let sketch = Sketch::of(text);
    let nodes = sketch.nodes.iter().enumerate().skip(1);
    nodes
        .map(|(at, node)| {
            let value = node.value.as_ref().map(|word| format!(" = {}", word.text));
            let brackets = node
                .brackets
                .map(|(open, close)| format!(" {}", &text[open..close.max(open)]));
            let form = if node.form == Form::Bare { " bare" } else { "" };
            let (value, brackets) = (value.unwrap_or_default(), brackets.unwrap_or_default());
            format!("{}{form}{value}{brackets}\n", sketch.path(at))
        })
        .collect()
}

#[test]
fn a_whole_file() {
    let text = r#"# a comment
version: 1
components:
  api: # beside
    type: model-server
    uses:
    - db
    - "cache" # here
    env: {A: 'x: ${db.url}', "B": [1, {c: d}]}
    command: [
      python, -m,
      "a b"]
    checks:
      - request: {a: 1}
        p95: 10ms
      - expect:
          within: 1
    note: |
      text: here
       # more

    url: http://x#y
  db:
    type: database
"#;
    insta::assert_snapshot!(drawn(text), @r#"
    version = 1
    components
    components.api
    components.api.type = model-server
    components.api.uses
    components.api.uses[0] = db
    components.api.uses[1] = cache
    components.api.env {A: 'x: ${db.url}', "B": [1, {c: d}]
    components.api.env.A = x: ${db.url}
    components.api.env.B [1, {c: d}
    components.api.env.B[0] = 1
    components.api.env.B[1] {c: d
    components.api.env.B[1].c = d
    components.api.command [
          python, -m,
          "a b"
    components.api.command[0] = python
    components.api.command[1] = -m
    components.api.command[2] = a b
    components.api.checks
    components.api.checks[0]
    components.api.checks[0].request {a: 1
    components.api.checks[0].request.a = 1
    components.api.checks[0].p95 = 10ms
    components.api.checks[1]
    components.api.checks[1].expect
    components.api.checks[1].expect.within = 1
    components.api.note = |
    components.api.url = http://x#y
    components.db
    components.db.type = database
    "#);
}

#[test]
fn broken_lines_harm_only_themselves() {
    insta::assert_snapshot!(drawn("components:\n  api:\n    uses: [db, \n    typ\n    env: {A: \"x\n    image: y\n  db:\n    type: database\n"), @r#"
    components
    components.api
    components.api.uses [db, 
        typ
    components.api.uses[0] = db
    components.api.uses[1] = typ
    components.api.env {A: "x
        image: y
    components.api.env.A = x
    components.db
    components.db.type = database
    "#);
    insta::assert_snapshot!(drawn("a:\n    b: 1\n  c: 2\n\td: 3\n}\n- x\n: y\n'q: 1\ne: {{\n"), @"
    a
    a.b = 1
    a.c = 2
    a.d = 3
     bare = }
    [0] = x
     = y
     bare = q: 1
    e {{

    e bare {
    ");
}

#[test]
fn every_place_of_a_good_file_is_found() {
    for text in crate::lsp::tests::examples() {
        let sketch = Sketch::of(&text);
        let parsed = crate::stack::parse(&text, &crate::stack::Options::default());
        for (at, node) in sketch.nodes.iter().enumerate().skip(1) {
            let Some(key) = &node.key else { continue };
            let path = sketch.path(at);
            let place = crate::diag::At::Path(path.clone(), crate::diag::Part::Key);
            let span = crate::diag::Locate::locate(&parsed.document, &place);
            let shown = text[span.start..span.end()].trim_matches(['"', '\'']);
            assert_eq!(
                (shown, &text[key.span.start..key.span.end()]),
                (&*key.text, &*key.text),
                "{path}"
            );
        }
    }
}

#[test]
fn large_texts_end_soon() {
    let start = std::time::Instant::now();
    for text in [
        "- ".repeat(500_000),
        "{".repeat(1 << 20),
        "a: {".repeat(200_000),
        "[a, ".repeat(200_000),
        "a:\n".repeat(300_000),
        "'".repeat(1 << 20),
        "a: |\n".repeat(200_000),
    ] {
        Sketch::of(&text);
    }
    assert!(
        start.elapsed() < std::time::Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

proptest! {
    #[test]
    fn no_text_does_harm(text in r#"([a-c]|: |- |\n|  |\{|\}|\[|\]|,|"|'|#| \||é|\$\{|\t){0,40}"#) {
        let sketch = Sketch::of(&text);
        for node in &sketch.nodes {
            prop_assert!(text.get(node.span().start..node.span().end()).is_some());
            for word in node.key.iter().chain(&node.value) {
                prop_assert_eq!(text.get(word.span.start..word.span.end()), Some(&*word.text));
            }
        }
    }
}
