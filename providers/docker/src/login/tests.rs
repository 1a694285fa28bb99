use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{DockerConfig, HUB, Login, ask, stored_login};

fn shown(login: Option<Login>) -> Option<String> {
    let text = |secret: &mlstack_provider::Secret| String::from_utf8_lossy(secret.expose()).into_owned();
    let login = login?;
    let password = login.password.as_ref().map(text);
    let token = login.identity_token.as_ref().map(text);
    Some(format!("{} {} {password:?} {token:?}", login.server, login.user))
}

fn config(text: &str) -> DockerConfig {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn credentials_are_found_by_registry() {
    let config = config(
        r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "aHViOnBhc3M="},
            "https://registry.example.org:5000": {"auth": "Y2k6czNjOnJldA=="},
            "cloud.example.org": {"auth": "MDAwOg==", "identitytoken": "a-token-of-theirs"},
            "broken": {"auth": "!"}, "empty": {}
        }}"#,
    );
    let found = |server| shown(config.written(server)).unwrap_or_else(|| "nobody".into());
    insta::assert_snapshot!(
        [HUB, "registry.example.org:5000", "registry.example.org", "cloud.example.org", "broken", "empty"].map(found).join("\n"),
        @r#"
    https://index.docker.io/v1/ hub Some("pass") None
    https://registry.example.org:5000 ci Some("s3c:ret") None
    nobody
    cloud.example.org 000 None Some("a-token-of-theirs")
    nobody
    nobody
    "#
    );
    assert!(!format!("{config:?}").contains("aHVi"));
}

#[test]
fn the_program_for_a_registry_comes_before_the_one_for_all() {
    let config = config(
        r#"{"credsStore": "desktop", "credHelpers": {"ecr.example.org": "ecr-login", "evil.example.org": "../../bin/x"}}"#,
    );
    let program = |server| config.program(server);
    assert_eq!(
        program("ecr.example.org").as_deref(),
        Some("docker-credential-ecr-login")
    );
    assert_eq!(program(HUB).as_deref(), Some("docker-credential-desktop"));
    assert_eq!(program("evil.example.org"), None);
    assert_eq!(DockerConfig::default().program(HUB), None);
}

/// A helper that runs `script`.
fn helper(folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("docker-credential-test");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("made a program");
    path
}

async fn says(script: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let program = helper(folder.path(), script);
    match ask(program.as_os_str(), "ghcr.io").await {
        Ok(login) => shown(login).unwrap_or_else(|| "nobody".into()),
        Err(error) => error.to_string().replace(&program.display().to_string(), "PROGRAM"),
    }
}

#[tokio::test]
async fn a_helper_is_asked_as_docker_asks_it() {
    let answers =
        r#"read server; printf '{"ServerURL":"%s","Username":"%s","Secret":"of-%s"}' "$server" "$1" "$server""#;
    assert_eq!(says(answers).await, r#"ghcr.io get Some("of-ghcr.io") None"#);
    let token = r#"printf '{"ServerURL":"x","Username":"<token>","Secret":"identity-1"}'"#;
    assert_eq!(says(token).await, r#"ghcr.io  None Some("identity-1")"#);
    let unknown = "echo 'credentials not found in native keychain'; exit 1";
    assert_eq!(says(unknown).await, "nobody");
}

#[tokio::test]
async fn what_a_failing_helper_printed_is_not_repeated() {
    let failed = says("echo hunter2-of-the-keychain; echo hunter2-too >&2; exit 3").await;
    assert_eq!(
        failed,
        "PROGRAM, which Docker's config.json names, failed: exit status: 3"
    );
    assert!(says("echo '{}'").await.ends_with("its answer is no JSON of a login"));
    let error = ask("docker-credential-that-is-nowhere".as_ref(), "ghcr.io").await;
    assert!(
        error
            .expect_err("no such program")
            .to_string()
            .contains("cannot be run")
    );
}

#[tokio::test]
async fn a_missing_program_costs_nothing_where_the_file_itself_knows() {
    assert!(matches!(stored_login(None, None).await, Ok(None)));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.json");
    assert!(matches!(stored_login(Some(&path), None).await, Ok(None)));
    let text = r#"{"auths": {"ghcr.io": {"auth": "Y2k6czNjOnJldA=="}}, "credsStore": "that-is-nowhere"}"#;
    std::fs::write(&path, text).expect("written");
    let known = stored_login(Some(&path), Some("ghcr.io")).await.expect("the file's");
    assert_eq!(shown(known).as_deref(), Some(r#"ghcr.io ci Some("s3c:ret") None"#));
    assert!(stored_login(Some(&path), Some("quay.io")).await.is_err());
}
