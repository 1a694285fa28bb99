use std::path::Path;

use super::{DockerConfig, Reference, credentials, pick};

fn split(reference: &str) -> (&str, &str, Option<&str>) {
    let parsed = Reference::parse(reference);
    (parsed.name, parsed.version, parsed.registry())
}

#[test]
fn references_split_as_the_engine_wants_them() {
    assert_eq!(split("postgres"), ("postgres", "latest", None));
    assert_eq!(split("postgres:17"), ("postgres", "17", None));
    assert_eq!(
        split("docker.io/library/redis:7"),
        ("docker.io/library/redis", "7", None)
    );
    assert_eq!(
        split("localhost:5000/a/b"),
        ("localhost:5000/a/b", "latest", Some("localhost:5000"))
    );
    assert_eq!(
        split("localhost:5000/a:1"),
        ("localhost:5000/a", "1", Some("localhost:5000"))
    );
    assert_eq!(
        split("ghcr.io/a/b:1@sha256:ab"),
        ("ghcr.io/a/b", "sha256:ab", Some("ghcr.io"))
    );
    assert_eq!(split("chrislusf/seaweedfs:4.48"), ("chrislusf/seaweedfs", "4.48", None));
}

#[test]
fn credentials_are_found_by_registry() {
    let config: DockerConfig = serde_json::from_str(
        r#"{"auths": {
            "https://index.docker.io/v1/": {"auth": "aHViOnBhc3M="},
            "https://registry.example.org:5000": {"auth": "Y2k6czNjOnJldA=="},
            "broken": {"auth": "!"}, "empty": {}
        }, "credsStore": "desktop"}"#,
    )
    .expect("JSON");
    let user = |registry| pick(&config, registry).map(|c| (c.username.expect("user"), c.password.expect("password")));
    assert_eq!(user(None), Some(("hub".into(), "pass".into())));
    assert_eq!(
        user(Some("registry.example.org:5000")),
        Some(("ci".into(), "s3c:ret".into()))
    );
    assert_eq!(user(Some("registry.example.org")), None);
    assert_eq!((user(Some("broken")), user(Some("empty"))), (None, None));
    assert!(!format!("{config:?}").contains("aHVi"));
}

#[tokio::test]
async fn a_missing_configuration_means_no_credentials() {
    let reference = Reference::parse("postgres:17");
    assert!(credentials(None, &reference).await.is_none());
    assert!(
        credentials(Some(Path::new("/nonexistent/config.json")), &reference)
            .await
            .is_none()
    );
}
