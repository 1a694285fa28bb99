//! Sixty-five texts that YAML readers disagree about: quoted, each arrives in `env` as it was written.

use mlstack::stack::{self, Options, Piece};

/// Words, numbers, dates, indicators, spaces, escapes and scripts.
pub(crate) const STRINGS: [&str; 65] = [
    "y",
    "n",
    "yes",
    "no",
    "on",
    "off",
    "true",
    "false",
    "True",
    "NO",
    "null",
    "Null",
    "~",
    "",
    " ",
    "NaN",
    ".nan",
    ".inf",
    "-.inf",
    "0",
    "00",
    "08",
    "0755",
    "0o17",
    "0x1F",
    "0b11",
    "1_000",
    "1e3",
    "1.",
    ".5",
    "1.10",
    "+1",
    "-1",
    "12:30",
    "1:30:00",
    "2026-11-23",
    "2026-11-23T10:00:00Z",
    "=",
    "<<",
    "- a",
    "? a",
    "a: b",
    "a #b",
    "# a",
    "&a",
    "*a",
    "!a",
    "!!str a",
    "|",
    ">",
    "%a",
    "@a",
    "`a`",
    "'",
    "\"",
    "\\",
    "{a}",
    "[a]",
    "a,b",
    " a ",
    "a\nb",
    "a\tb",
    "\u{85}x",
    "größe 模型 🚀",
    "${HOME} $$x $",
];

/// A double-quoted YAML scalar.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.chars()
        .map(|c| {
            if c.is_control() {
                format!("\\u{:04x}", u32::from(c))
            } else {
                c.to_string()
            }
        })
        .collect()
}

fn arrives(written: &str) -> String {
    let text =
        format!("version: 1\nname: shop\ncomponents:\n  a: {{type: service, image: 'x:1', env: {{V: {written}}}}}\n");
    let parsed = stack::parse(&text, &Options::default());
    let stack = parsed
        .stack
        .unwrap_or_else(|| panic!("{written}: {:?}", parsed.diagnostics));
    let pieces = &stack.components["a"].env["V"].0;
    pieces
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn quoted_texts_arrive_unchanged() {
    for text in STRINGS {
        let escaped = text.replace("${", "$${");
        assert_eq!(arrives(&quoted(&escaped)), text);
        if !escaped.contains(|c: char| c.is_control()) {
            assert_eq!(arrives(&format!("'{}'", escaped.replace('\'', "''"))), text);
        }
    }
}

#[test]
fn plain_texts_arrive_as_written_or_not_at_all() {
    // `|` and `>` start a block, `%` a directive: nothing stands for itself there.
    for text in STRINGS.into_iter().filter(|text| !text.starts_with(['|', '>'])) {
        let stack = format!(
            "version: 1\nname: shop\ncomponents:\n  a:\n    type: service\n    image: x:1\n    env:\n      V: {text}\n"
        );
        let parsed = stack::parse(&stack, &Options::default());
        if let Some(stack) = parsed.stack {
            let arrived = format!("{:?}", stack.components["a"].env.get("V"));
            let expected = text.split(" #").next().unwrap().trim().replace("$${", "${");
            assert!(arrived.contains(&format!("{expected:?}")), "{text:?} → {arrived}");
        }
    }
}
