use super::super::{At, Span, codes};
use super::*;

struct Bytes;

impl Locate for Bytes {
    fn locate(&self, at: &At) -> Span {
        match at {
            At::Span(span) => *span,
            At::Path(..) => Span { start: 0, len: 0 },
        }
    }
}

fn at(start: usize, len: usize) -> At {
    At::Span(Span { start, len })
}

fn source(text: &str) -> Source<'_> {
    Source {
        file: "mlstack.yaml",
        text,
        places: &Bytes,
    }
}

const PLAIN: Style = Style {
    color: false,
    width: 80,
};

#[test]
fn draws_the_place_with_its_label_and_help() {
    let text_ = "name: größe\nuses: [dbb]\n";
    let diagnostic =
        Diagnostic::new(&codes::UNKNOWN_COMPONENT, at(21, 3), "no component is named `dbb`").help("did you mean `db`?");
    insta::assert_snapshot!(text(&source(text_), &[diagnostic], PLAIN), @"
    mlstack::unknown-component

      × unknown component
       ╭─[mlstack.yaml:2:8]
     2 │ uses: [dbb]
       ·        ─┬─
       ·         ╰── no component is named `dbb`
       ╰────
      help: did you mean `db`?

    mlstack.yaml: 1 error
    ");
}

#[test]
fn hidden_characters_are_shown_as_escapes() {
    let text_ = "a: \u{1b}[31m\u{202e}x\n";
    let diagnostic = Diagnostic::new(
        &codes::CONTROL_CHARACTER,
        at(3, 1),
        "evil \u{1b}[31m \u{202e} label\nsecond",
    );
    let drawn = text(&source(text_), &[diagnostic], PLAIN);
    assert!(!drawn.contains(crate::diag::visible::is_hidden), "{drawn:?}");
    insta::assert_snapshot!(drawn, @r"
    mlstack::control-character

      × an invisible character
       ╭─[mlstack.yaml:1:4]
     1 │ a: ?[31m�x
       ·    ┬
       ·    ╰── evil \u{1b}[31m \u{202e} label\nsecond
       ╰────

    mlstack.yaml: 1 error
    ");
}

#[test]
fn json_names_every_place() {
    let text_ = "ä: 1\nä: 2\n";
    let diagnostic = Diagnostic::new(&codes::DUPLICATE_KEY, at(6, 2), "`ä` again").related(at(0, 2), "first here");
    insta::assert_snapshot!(format!("{:#}", json(&source(text_), &[diagnostic])), @r#"
    [
      {
        "code": "mlstack::duplicate-key",
        "severity": "error",
        "summary": "a key appears twice",
        "label": "`ä` again",
        "help": null,
        "file": "mlstack.yaml",
        "line": 2,
        "column": 1,
        "related": [
          {
            "label": "first here",
            "file": "mlstack.yaml",
            "line": 1,
            "column": 1
          }
        ]
      }
    ]
    "#);
}

#[test]
fn counts() {
    let one = Diagnostic::new(&codes::SYNTAX, at(0, 0), "");
    let advice = Diagnostic::new(&codes::FLOATING_TAG, at(0, 0), "");
    assert_eq!(count(&[]), None);
    assert_eq!(count(std::slice::from_ref(&one)).as_deref(), Some("1 error"));
    assert_eq!(
        count(&[one.clone(), one, advice]).as_deref(),
        Some("2 errors, 1 warning")
    );
}

#[test]
fn colours_only_on_request() {
    let diagnostic = Diagnostic::new(&codes::SYNTAX, at(0, 1), "here");
    let drawn = |color| {
        text(
            &source("x"),
            std::slice::from_ref(&diagnostic),
            Style { color, width: 80 },
        )
    };
    assert!(drawn(true).contains('\u{1b}'));
    assert!(!drawn(false).contains('\u{1b}'));
}

#[test]
fn a_help_is_never_broken_within_a_word() {
    let help = "if that is fine, say why on the component, as here: `allow_degraded: {env-secrets: \"…\"}`";
    let diagnostic = Diagnostic::new(&codes::UNKNOWN_COMPONENT, at(0, 1), "here").help(help);
    let drawn = text(&source("name: x\n"), &[diagnostic], PLAIN);
    assert!(drawn.contains("env-secrets"), "{drawn}");
}
