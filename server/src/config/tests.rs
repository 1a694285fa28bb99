//! Which of flag, file and default wins.

use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let on_disk = file(r#"{"port": 9000, "bind": "0.0.0.0", "log_level": "debug"}"#);
    let told = Told {
        port: Some(9001),
        ..Told::default()
    }
    .over_file(Some(on_disk.path()))
    .unwrap();
    assert_eq!(told.address().to_string(), "0.0.0.0:9001");
    assert_eq!(told.log_level, Some(Level::Debug));
    assert_eq!(told.limits(), Told::default().limits());
}

#[test]
fn the_defaults_are_careful() {
    let told = Told::default();
    assert_eq!(told.address().to_string(), "127.0.0.1:8080");
    assert_eq!(told.model(), Path::new("/model/model.onnx"));
    assert_eq!(told.prediction_log(), None);
    insta::assert_debug_snapshot!(told.limits(), @"
    Limits {
        body: 2097152,
        rows: 1024,
        concurrent: 512,
        request: 30s,
        header: 30s,
        shutdown_delay: 0ns,
    }
    ");
}

#[test]
fn the_log_is_on_when_it_has_a_host() {
    let on_disk = file(
        r#"{"log_predictions_host": "db", "log_predictions_user": "ml", "log_predictions_password_file": "/run/secrets/db"}"#,
    );
    let target = Told::default()
        .over_file(Some(on_disk.path()))
        .unwrap()
        .prediction_log();
    insta::assert_debug_snapshot!(target.unwrap(), @r#"
    LogTarget {
        host: "db",
        port: 5432,
        user: "ml",
        database: "ml",
        password_file: Some(
            "/run/secrets/db",
        ),
        queue: 10000,
    }
    "#);
}

#[test]
fn an_unknown_key_is_an_error_that_names_it() {
    use std::error::Error;
    let on_disk = file(r#"{"prot": 1}"#);
    let error = Told::default().over_file(Some(on_disk.path())).unwrap_err();
    assert!(error.source().unwrap().to_string().contains("unknown field `prot`"));
    let missing = Told::default()
        .over_file(Some(Path::new("/nonexistent.json")))
        .unwrap_err();
    assert_eq!(missing.to_string(), "cannot read /nonexistent.json");
}
