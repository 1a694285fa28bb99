use proptest::prelude::*;

use super::*;

#[track_caller]
fn check(rule: &Rule, good: &[&str], bad: &[&str]) {
    for text in good {
        assert_eq!((rule.check)(text), Ok(()), "{text}");
    }
    for text in bad {
        assert!((rule.check)(text).is_err(), "{text}");
    }
}

#[test]
fn names() {
    let forty = "a".repeat(40);
    check(
        &NAME,
        &["a", "web-2", "house-prices", &forty],
        &["", "A", "-a", "a-", "2a", "a_b", "a.b", "ä", &"a".repeat(41)],
    );
    check(&SECRET, &["api_key", "a", "a-b"], &["", "API", "_a", "1a", "a.b"]);
    check(&VARIABLE, &["A", "_x", "a1"], &["", "1A", "A-B", "A=B", "Ä"]);
    check(
        &BUCKET,
        &["abc", "a-b.c", "123abc"],
        &["ab", "A-b", "-ab", "ab-", "a..b", "192.168.0.1", &"a".repeat(64)],
    );
}

#[test]
fn names_of_kubernetes() {
    check(
        &SUBDOMAIN,
        &["ml", "7days", "example.com", "a-b.c"],
        &["", "A", "a_b", "-a", "a-", "a..b", ".a", "a/b"],
    );
    check(
        &REPOSITORY,
        &["ghcr.io/me", "localhost:5000", "registry.example.com:5000/a/b"],
        &[
            "",
            "me/app",
            "https://ghcr.io/me",
            "ghcr.io/Me",
            "ghcr.io/me/",
            "ghcr.io/me@sha256:1",
        ],
    );
}

#[test]
fn images() {
    let digest = format!("nginx@sha256:{}", "a".repeat(64));
    check(
        &IMAGE,
        &[
            "nginx",
            "nginx:1.29",
            "library/nginx",
            "ghcr.io/me/api:1",
            "localhost:5000/a/b:x",
            "localhost/a",
            "a__b:1",
            &digest,
            "r.io:443/x@sha256:0000000000000000000000000000000000000000000000000000000000000000",
        ],
        &[
            "",
            "Nginx",
            "https://x/y",
            "a b",
            "a:",
            "a@",
            "a@sha256:1",
            "/a",
            "a/",
            "a//b",
            "${x}",
            "a:b:c",
            "host:99999/a",
            "-a",
        ],
    );
    let parts = |name, tag, digest| Some(ImageName { name, tag, digest });
    assert_eq!(
        image_name("localhost:5000/a:1"),
        parts("localhost:5000/a", Some("1"), None)
    );
    assert_eq!(image_name("localhost:5000/a"), parts("localhost:5000/a", None, None));
}

#[test]
fn paths() {
    check(
        &PATH,
        &["a", "./a/b.onnx", "modèle/größe.onnx", "a b", "..a/b..", "."],
        &[
            "",
            "/a",
            "../a",
            "a/..",
            "a/../b",
            "~",
            "~/a",
            "a\\b",
            "C:/a",
            "C:a",
            "file:///a",
            "http://x/a",
            "a\0b",
            "${x}/a",
            "a\u{202e}b",
        ],
    );
    check(
        &MODEL,
        &["a.onnx", "s3://models/a/b.onnx"],
        &[
            "a.pkl",
            "A.PT",
            "s3://",
            "s3://m",
            "s3://M/a",
            "s3://models/",
            "gs://models/a",
        ],
    );
    check(
        &INSIDE,
        &["/a", "/var/lib/x y"],
        &["", "a", "/", "/a/../b", "/a:b", "/\0"],
    );
    check(
        &HTTP_PATH,
        &["/", "/healthz?x=1"],
        &["", "healthz", "http://x/", "/a b"],
    );
    check(
        &URL,
        &["http://a", "https://a.b:9000/x"],
        &[
            "",
            "a",
            "ftp://a",
            "https://",
            "https:///x",
            "https://u:p@h",
            "https://a b",
        ],
    );
    check(
        &SHA256,
        &[&"0".repeat(64), &format!("sha256:{}", "f".repeat(64))],
        &["", "0", &"F".repeat(64), &"g".repeat(64)],
    );
}

#[test]
fn names_are_proposed_that_work() {
    for text in ["My Stack", "9lives", "_x_", "Größe", "a--", "UPPER_case.name"] {
        let proposal = suggest_name(text);
        let name = proposal
            .strip_prefix("such as `")
            .and_then(|rest| rest.strip_suffix('`'))
            .unwrap();
        assert_eq!((NAME.check)(name), Ok(()), "{text} → {name}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        for rule in [&ANY, &FILLED, &NAME, &SECRET, &VARIABLE, &BUCKET, &IMAGE, &TAG, &PATH, &MODEL, &INSIDE, &HTTP_PATH, &URL, &SHA256] {
            let _ = (rule.check)(&text);
        }
    }
}
