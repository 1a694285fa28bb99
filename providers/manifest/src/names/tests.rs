use proptest::prelude::*;

use super::*;

#[test]
fn a_name_that_fits_stays() {
    assert_eq!(fit("db", MAX_LABEL), "db");
    assert_eq!(fit(&"a".repeat(63), MAX_LABEL), "a".repeat(63));
}

#[test]
fn a_long_name_is_cut_and_told_apart() {
    let (one, other) = ("a".repeat(64), format!("{}b", "a".repeat(63)));
    assert_eq!(fit(&one, MAX_LABEL).len(), 63);
    assert_ne!(fit(&one, MAX_LABEL), fit(&other, MAX_LABEL));
}

#[test]
fn texts_become_names() {
    assert_eq!(plain("db-password"), "db-password");
    assert_eq!(plain("api_key"), format!("api-key-{}", hash("api_key")));
    assert_ne!(plain("api_key"), plain("api-key"));
    assert_eq!(plain("_"), format!("x{}", hash("_")));
}

#[test]
fn content_gives_the_name() {
    assert_eq!(content_name("files-config", b"a"), content_name("files-config", b"a"));
    assert_ne!(content_name("files-config", b"a"), content_name("files-config", b"b"));
}

#[test]
fn labels_take_every_text() {
    assert_eq!(label_value("17.2-alpine"), "17.2-alpine");
    assert_eq!(label_value("sha256:ab/+"), "sha256_ab");
    assert_eq!(label_value(""), "");
}

proptest! {
    #[test]
    fn every_text_gives_a_name_that_kubernetes_takes(text in "\\PC{0,90}") {
        let name = plain(&text);
        prop_assert!(!name.is_empty() && name.len() <= MAX_LABEL, "{name}");
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        prop_assert!(name.chars().all(good), "{name}");
        prop_assert!(!name.starts_with('-') && !name.ends_with('-'), "{name}");
    }

    #[test]
    fn every_text_gives_a_label(text in "\\PC{0,90}") {
        let label = label_value(&text);
        prop_assert!(label.len() <= MAX_LABEL, "{label}");
        let ends = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
        prop_assert!(ends(label.chars().next()) && ends(label.chars().last()), "{label}");
    }

    #[test]
    fn two_texts_never_share_a_name(one in "[a-z_-]{1,8}", other in "[a-z_-]{1,8}") {
        prop_assume!(one != other);
        prop_assert_ne!(plain(&one), plain(&other));
    }
}
