use super::*;

fn plain(text: &str) -> Scalar {
    Scalar {
        text: text.to_owned(),
        plain: true,
    }
}

#[test]
fn texts_that_every_reader_prints_back() {
    for text in [
        "nginx",
        "17",
        "0",
        "-3",
        "1.5",
        "0.25",
        "1.2.3",
        "v1",
        "a:b",
        "8080:80",
        "1e",
        "12:75",
        "2026-11",
        "no way",
        "Yes!",
        "infinity",
        "0x",
        "_1",
        "e1",
        "1-2-3",
        "host:6379",
    ] {
        assert_eq!(misread(text), None, "{text}");
    }
}

#[test]
fn texts_that_some_reader_takes_for_something_else() {
    let all: Vec<_> = [
        "no",
        "No",
        "NO",
        "n",
        "y",
        "on",
        "Off",
        "true",
        "FALSE",
        "null",
        "~",
        "",
        "08",
        "0755",
        "0o17",
        "0x1F",
        "0b11",
        "1_000",
        "+1",
        "1.10",
        "1.0",
        ".5",
        "5.",
        "1e3",
        "1E-3",
        "-.inf",
        ".NaN",
        "12:30",
        "1:30:00",
        "190:20:30.15",
        "2026-11-23",
        "2026-11-23T10:00:00Z",
        "=",
        "<<",
        "9999999999999999",
    ]
    .iter()
    .map(|text| format!("{text} → {}", misread(text).unwrap_or("NOTHING WRONG")))
    .collect();
    insta::assert_snapshot!(all.join("\n"), @"
    no → a boolean
    No → a boolean
    NO → a boolean
    n → a boolean
    y → a boolean
    on → a boolean
    Off → a boolean
    true → a boolean
    FALSE → a boolean
    null → nothing
    ~ → nothing
     → nothing
    08 → a number
    0755 → a number
    0o17 → a number
    0x1F → a number
    0b11 → a number
    1_000 → a number
    +1 → a number
    1.10 → a number
    1.0 → a number
    .5 → a number
    5. → a number
    1e3 → a number
    1E-3 → a number
    -.inf → a number
    .NaN → a number
    12:30 → a number in base 60
    1:30:00 → a number in base 60
    190:20:30.15 → a number in base 60
    2026-11-23 → a date
    2026-11-23T10:00:00Z → a date
    = → a special key
    << → a special key
    9999999999999999 → a number
    ");
}

#[test]
fn quotes_make_every_text_a_text() {
    for text in ["no", "08", "", "~", "1.10"] {
        assert_eq!(
            super::text(&Scalar {
                text: text.to_owned(),
                plain: false
            }),
            Ok(text)
        );
    }
}

#[test]
fn numbers_and_booleans() {
    assert_eq!(integer(&plain("42")), Some(42));
    assert_eq!(integer(&plain("-1")), Some(-1));
    for text in ["4_2", "042", "4.0", "1e1", "0x1", "99999999999999999999", "", "+1"] {
        assert_eq!(integer(&plain(text)), None, "{text}");
    }
    assert_eq!(
        integer(&Scalar {
            text: "42".into(),
            plain: false
        }),
        None
    );
    assert_eq!(number(&plain("0.01")), Some(0.01));
    assert_eq!(number(&plain("1e-3")), Some(0.001));
    for text in [".5", "1e999", ".inf", "0x1", "1_0", "01"] {
        assert_eq!(number(&plain(text)), None, "{text}");
    }
    assert_eq!(
        (
            boolean(&plain("true")),
            boolean(&plain("false")),
            boolean(&plain("yes"))
        ),
        (Some(true), Some(false), None)
    );
}
