use super::*;

/// The codes of what is wrong with `text`.
fn codes_of(text: &str) -> Vec<String> {
    let mut diagnostics = Vec::new();
    read(text, &mut diagnostics);
    diagnostics
        .iter()
        .map(|diagnostic| format!("mlstack::{}", diagnostic.code.name))
        .collect()
}

#[test]
fn limits() {
    let just = format!("#{}\na: 1\n", " ".repeat(MAX_BYTES - 7));
    assert_eq!(codes_of(&just), Vec::<String>::new());
    assert_eq!(codes_of(&format!("{just} ")), ["mlstack::file-too-large"]);
    assert_eq!(codes_of(&"[".repeat(50_000)), ["mlstack::too-deep"]);
    assert_eq!(codes_of(&"{a: ".repeat(50_000)), ["mlstack::too-deep"]);
    assert_eq!(
        codes_of(&(0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>()),
        ["mlstack::too-deep"]
    );
    assert_eq!(
        codes_of(&format!("{}1{}", "[".repeat(63), "]".repeat(63))),
        Vec::<String>::new()
    );
    assert_eq!(
        codes_of(&format!("{}1{}", "[".repeat(64), "]".repeat(64))),
        ["mlstack::too-deep"]
    );
    assert_eq!(
        codes_of(&format!("[{}]", "1,".repeat(MAX_VALUES - 1))),
        Vec::<String>::new()
    );
    assert_eq!(
        codes_of(&format!("[{}]", "1,".repeat(MAX_VALUES))),
        ["mlstack::too-many-values"]
    );
}

#[test]
fn bombs_end_at_once() {
    let line = |i: usize| format!("a{i}: &a{i} [{}]\n", format!("*a{},", i - 1).repeat(9));
    let laughs = (1..40).fold("a0: &a0 [x]\n".to_owned(), |text, i| text + &line(i));
    let start = std::time::Instant::now();
    assert!(codes_of(&laughs).iter().all(|code| code == "mlstack::yaml-anchor"));
    assert!(start.elapsed().as_secs() < 5);
}

#[test]
fn spans_are_bytes_of_the_text() {
    let text = "größe: 'früh'\nflow: { a: [1, 2], b: x }\nblock:\n  - c: |\n      two\n      lines\n";
    let root = read(text, &mut Vec::new()).unwrap();
    let slice = |span: Span| &text[span.start..span.end()];
    let map = root.map().unwrap();
    let places: Vec<_> = map
        .iter()
        .map(|(key, entry)| (key.as_str(), slice(entry.key), slice(entry.node.span)))
        .collect();
    insta::assert_debug_snapshot!(places, @r#"
    [
        (
            "größe",
            "größe",
            "'früh'",
        ),
        (
            "flow",
            "flow",
            "{ a: [1, 2], b: x }",
        ),
        (
            "block",
            "block",
            "- c: |\n      two\n      lines\n",
        ),
    ]
    "#);
}

#[test]
fn both_places_of_a_duplicate_key() {
    let mut diagnostics = Vec::new();
    read("ä: 1\nb: 2\nä: 3\n", &mut diagnostics);
    let [diagnostic] = diagnostics.as_slice() else {
        panic!("{diagnostics:?}")
    };
    assert_eq!(diagnostic.at, At::Span(Span { start: 11, len: 2 }));
    assert_eq!(
        diagnostic.related,
        [(At::Span(Span { start: 0, len: 2 }), "first here".to_owned())]
    );
}

#[test]
fn a_byte_order_mark_and_windows_lines_do_no_harm() {
    assert_eq!(codes_of("\u{feff}a: 1\r\nb:\r\n  - c\r\n"), Vec::<String>::new());
}

#[test]
fn the_empty_text() {
    assert_eq!(codes_of(""), ["mlstack::empty-file"]);
    assert_eq!(codes_of("\n\n# x\n"), ["mlstack::empty-file"]);
}
