use proptest::prelude::*;

use super::*;

#[test]
fn takes_texts_apart() {
    let text = |text: &str| Raw::Text(text.to_owned());
    assert_eq!(parse(""), Ok(vec![]));
    assert_eq!(
        parse("$5 ${db.url}/x"),
        Ok(vec![text("$5 "), Raw::Property("db", "url"), text("/x")])
    );
    assert_eq!(parse("${secrets.a}"), Ok(vec![Raw::Secret("a")]));
    assert_eq!(parse("${secrets.a.file}"), Ok(vec![Raw::SecretFile("a")]));
    assert_eq!(parse("$${HOME}/$$x$"), Ok(vec![text("${HOME}/$$x$")]));
    assert_eq!(parse("$${a}${b.c}"), Ok(vec![text("${a}"), Raw::Property("b", "c")]));
}

#[test]
fn a_value_has_a_hundred_pieces_at_most() {
    assert!(parse(&"${a.b}".repeat(100)).is_ok());
    assert!(parse(&"${a.b}".repeat(101)).is_err());
}

#[test]
fn refuses_what_is_none() {
    for bad in [
        "${",
        "${}",
        "${a}",
        "${a.b.c}",
        "${a b.c}",
        "${secrets}",
        "${secrets.a.b}",
        "${.x}",
        "${a.}",
        "a${b.c",
        "${a.${b.c}}",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "[${}a.\\-ä]{0,20}") {
        let _ = parse(&text);
    }

    #[test]
    fn escaped_text_comes_back(text in "[${}a.ä ]{0,20}") {
        let escaped = text.replace("${", "$${");
        let back: String = parse(&escaped).unwrap().into_iter().map(|raw| match raw { Raw::Text(text) => text, other => panic!("{other:?}") }).collect();
        prop_assert_eq!(back, text);
    }
}
