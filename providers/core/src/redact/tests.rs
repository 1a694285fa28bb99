use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::{Finder, MARK, holds_secret, redact};
use crate::Secret;

fn hidden(value: &str, text: &str) -> String {
    Finder::of([value.as_bytes()].into_iter()).redact(text).into_owned()
}

#[test]
fn a_secret_is_known_from_the_moment_it_is_made() {
    assert_eq!(redact("its token is tok-4f1c9"), "its token is tok-4f1c9");
    let _secret = Secret::new("tok-4f1c9");
    assert_eq!(redact("its token is tok-4f1c9"), "its token is •••");
    assert!(holds_secret(b"xxtok-4f1c9xx") && !holds_secret(b"tok-4f1c8"));
}

#[test]
fn every_form_of_a_value_is_hidden() {
    let value = "p4'ss \"wö$d/<1>&x`y\\z";
    let forms = [
        value.to_owned(),
        BASE64_STANDARD.encode(value),
        BASE64_URL_SAFE_NO_PAD.encode(value),
        "p4%27ss%20%22w%C3%B6%24d%2F%3C1%3E%26x%60y%5Cz".to_owned(),
        "p4%27ss+%22w%c3%b6%24d%2f%3c1%3e%26x%60y%5cz".to_owned(),
        serde_json::Value::from(value).to_string().trim_matches('"').to_owned(),
        r#"p4'ss \"w\u00f6$d/<1>&x`y\\z"#.to_owned(),
        r#"p4'ss \"w\u00f6$d/\u003c1\u003e\u0026x`y\\z"#.to_owned(),
        r#"p4'\''ss "wö$d/<1>&x`y\z"#.to_owned(),
        r#"p4'ss \"wö\$d/<1>&x\`y\\z"#.to_owned(),
        r#"p4\'ss\ \"wö\$d/\<1\>\&x\`y\\z"#.to_owned(),
        "p4&#39;ss &quot;wö$d/&lt;1&gt;&amp;x`y\\z".to_owned(),
        "703427737320227 7c3".replace(' ', "") + "b624642f3c313e26786079 5c7a".replace(' ', "").as_str(),
    ];
    for form in forms {
        assert_eq!(hidden(value, &format!("a {form} z")), format!("a {MARK} z"), "{form}");
    }
}

#[test]
fn a_value_inside_other_base64_is_hidden() {
    for user in ["a:", "ab:", "app:"] {
        let header = BASE64_STANDARD.encode(format!("{user}hunter2-hunter2@host"));
        let left = hidden("hunter2-hunter2", &header);
        assert!(left.contains(MARK) && left.chars().count() <= 18, "{left}");
    }
}

#[test]
fn the_password_of_a_url_and_the_lines_of_a_key_are_secret_by_themselves() {
    let url = "postgres://app:Xk3%2F9pLmQ2@db:5432/app";
    assert_eq!(hidden(url, "password Xk3/9pLmQ2, user app"), "password •••, user app");
    assert_eq!(hidden(url, "password Xk3%2F9pLmQ2"), "password •••");
    let key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n";
    assert_eq!(
        hidden(key, "-----BEGIN KEY-----\nMIIEvQIBADANBgkq"),
        "-----BEGIN KEY-----\n•••"
    );
}

#[test]
fn short_values_are_hidden_where_they_stand_alone() {
    assert_eq!(hidden("abc1", "abc1 xabc1 abc1_ \"abc1\""), "••• xabc1 abc1_ \"•••\"");
    assert_eq!(hidden("abc", "abc"), "abc");
}

#[test]
fn bytes_that_are_no_text_are_hidden_as_base64_and_hex() {
    let finder = Finder::of([&[0xff_u8, 0, 1, 2, 0xfe, 9, 8, 7, 6][..]].into_iter());
    assert_eq!(finder.redact("ff000102fe09080706"), MARK);
    assert_eq!(
        finder.redact(&BASE64_STANDARD.encode([0xff_u8, 0, 1, 2, 0xfe, 9, 8, 7, 6])),
        MARK
    );
}

#[test]
fn a_large_value_costs_little() {
    let value: String = (0..6000).map(|n| format!("{n:08x}\n")).collect();
    let begun = std::time::Instant::now();
    assert_eq!(hidden(&value, "00000fff 0000ffff"), "••• 0000ffff");
    assert!(
        begun.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

proptest! {
    #[test]
    fn no_value_is_left_in_any_text(value in "[ -~]{8,40}", before in "[a-z ]{0,20}", after in "[a-z ]{0,20}") {
        let left = hidden(&value, &format!("{before}{value}{after}"));
        prop_assert!(!left.contains(&value), "{left}");
    }

    #[test]
    fn text_without_a_value_stays(text in "[a-z \u{e4}\u{2022}\n]{0,80}") {
        prop_assert_eq!(hidden("Q4-SECRET-7", &text), text);
    }
}
