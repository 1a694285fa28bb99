use super::*;

/// Files that sops 3.11 wrote from `tests/fixtures/sops/plain.yaml`.
fn fixture(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sops/");
    std::fs::read_to_string(format!("{folder}{name}")).unwrap()
}

fn keys() -> Vec<Identity> {
    Identity::all(&fixture("keys.txt"))
}

fn read(name: &str, key: &str) -> Result<String, SopsError> {
    value(name, fixture(name).as_bytes(), key, &keys()).map(|bytes| String::from_utf8(bytes).unwrap())
}

fn read_changed(name: &str, change: impl Fn(&str) -> String) -> Result<Vec<u8>, SopsError> {
    value(name, change(&fixture(name)).as_bytes(), "api_key", &keys())
}

#[test]
fn every_value_of_yaml_and_json() {
    for name in ["values.enc.yaml", "values.enc.json", "only.enc.yaml"] {
        let read = |key| read(name, key);
        assert_eq!(read("api_key").unwrap(), "4f1c9-hunter", "{name}");
        assert_eq!(read("db.password").unwrap(), "p4'ss \"wö");
        assert_eq!(read("db.port").unwrap(), "5432");
        assert_eq!(read("db.ratio").unwrap(), "0.25");
        assert_eq!(read("db.ready").unwrap(), "true");
        assert_eq!(read("list.0").unwrap(), "one");
        assert_eq!(read("list.1.token").unwrap(), "list-token");
        assert_eq!(read("key").unwrap(), "line one\nline two\n");
    }
}

#[test]
fn every_value_of_dotenv() {
    assert_eq!(read("values.enc.env", "API_KEY").unwrap(), "4f1c9-hunter");
    assert_eq!(read("values.enc.env", "DB_PASSWORD").unwrap(), "p4ss = word");
}

#[test]
fn what_is_not_there_or_not_secret() {
    let none = |key: &str| SopsError::NoValue(key.to_owned());
    assert_eq!(read("values.enc.yaml", "nothing").unwrap_err(), none("nothing"));
    assert_eq!(read("values.enc.yaml", "db").unwrap_err(), none("db"));
    let plain = SopsError::Plain("flags_unencrypted.text".to_owned());
    assert_eq!(read("values.enc.yaml", "flags_unencrypted.text").unwrap_err(), plain);
}

#[test]
fn a_file_changed_without_sops_gives_nothing() {
    let line = |text: &str, start: &str| {
        text.lines()
            .find(|line| line.trim_start().starts_with(start))
            .unwrap()
            .to_owned()
    };
    let changes: [&dyn Fn(&str) -> String; 6] = [
        // A plain value, an encrypted one, one in the place of another, one dropped, one added, another time.
        &|text| text.replace("size: 12", "size: 13"),
        &|text| text.replace(&line(text, "api_key"), "api_key: plain"),
        &|text| text.replace(&line(text, "password"), &line(text, "port").replace("port", "password")),
        &|text| text.replace(&format!("{}\n", line(text, "port")), ""),
        &|text| format!("added: x\n{text}"),
        &|text| text.replace("lastmodified: \"2026", "lastmodified: \"2025"),
    ];
    for (at, change) in changes.iter().enumerate() {
        let error = read_changed("values.enc.yaml", change).unwrap_err();
        assert!(matches!(error, SopsError::Tampered(_)), "{at}: {error}");
    }
}

#[test]
fn what_opens_it_is_named() {
    let other = Identity::all("AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33\n");
    assert_eq!(other.len(), 1);
    let error = value(
        "values.enc.yaml",
        fixture("values.enc.yaml").as_bytes(),
        "api_key",
        &other,
    )
    .unwrap_err();
    insta::assert_snapshot!(error, @"no age key here opens it; it is for age1y5tydjacxyg95kjmrwq3ea9nqtpanm6gm736ajsy8apmq83x294q053k5s");
    let error = read_changed("values.enc.yaml", |_| "a: 1\n".to_owned()).unwrap_err();
    insta::assert_snapshot!(error, @"it is no SOPS file: it has no `sops` part");
    let error = read_changed("values.enc.yaml", |_| "a: [\n".to_owned()).unwrap_err();
    assert!(matches!(error, SopsError::NotSops(_)), "{error}");
    let error = read_changed("values.enc.json", |text| text.replace("\"age\"", "\"kms\"")).unwrap_err();
    insta::assert_snapshot!(error, @"it is encrypted for other keys; only age keys can be read here");
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_fail_otherwise(text in "\\PC{0,200}", at in 0_usize..2000, byte in 0_u8..128) {
        let _refused = value("x.yaml", text.as_bytes(), "a", &keys());
        let _refused = value("x.env", text.as_bytes(), "a", &keys());
        let mut bytes = fixture("values.enc.yaml").into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        // One changed byte is found, or it was of no meaning (a comment, the metadata that people read).
        if let Ok(read) = value("values.enc.yaml", &bytes, "api_key", &keys()) {
            proptest::prop_assert_eq!(read, b"4f1c9-hunter");
        }
    }
}
