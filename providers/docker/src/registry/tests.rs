use super::Reference;

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
