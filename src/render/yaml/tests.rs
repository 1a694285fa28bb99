use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Reads as the stack file is read: booleans are only `true` and `false`.
fn read(text: &str) -> Value {
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn a_document_looks_like_written_by_hand() {
    let document = json!({
        "name": "shop",
        "services": {
            "web": {
                "image": "example.org/web:1.0",
                "ports": ["127.0.0.1:8080:80", "22:22"],
                "environment": {"DEBUG": "on", "EMPTY": "", "SIZE": "0755", "N": 3, "F": 0.5, "T": true, "Z": null},
                "command": ["sh", "-c", "echo one\necho two\n"],
                "labels": {},
                "volumes": [],
            }
        }
    });
    insta::assert_snapshot!(to_yaml(&document), @r#"
    name: shop
    services:
      web:
        image: example.org/web:1.0
        ports:
        - 127.0.0.1:8080:80
        - "22:22"
        environment:
          DEBUG: "on"
          EMPTY: ""
          SIZE: "0755"
          "N": 3
          F: 0.5
          T: true
          Z: null
        command:
        - sh
        - -c
        - |
          echo one
          echo two
        labels: {}
        volumes: []
    "#);
}

#[test]
fn keys_keep_their_order() {
    assert_eq!(
        to_yaml(&json!({"b": 1, "a": {"d": 2, "c": 3}})),
        "b: 1\na:\n  d: 2\n  c: 3\n"
    );
}

#[test]
fn a_long_text_stays_on_one_line() {
    let long = "word ".repeat(2_000) + "end";
    assert_eq!(to_yaml(&json!({"command": long})).lines().count(), 1);
}

proptest! {
    #[test]
    fn every_text_is_read_back(string in any::<String>(), key in any::<String>()) {
        let document = json!({"list": [string], "map": {key: string}, "value": string});
        prop_assert_eq!(read(&to_yaml(&document)), document);
    }

    #[test]
    fn texts_of_troublesome_letters_are_read_back(string in "[ \n\t\r:#\\-?!&*|>%@`'\"{}\\[\\],=<~.0-9a-fxonye_\u{85}\u{2028}\u{feff}]{0,12}") {
        let document = json!({"list": [string], "map": {string.clone(): string}, "value": string});
        prop_assert_eq!(read(&to_yaml(&document)), document);
    }
}
