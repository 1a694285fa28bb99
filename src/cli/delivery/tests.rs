use std::collections::BTreeMap;

use mlstack_provider::ProviderError;
use mlstack_provider_kubernetes::Delivery as _;

use super::{Deliveries, not_made_here, not_pushed};
use crate::image::{Bundle, Parts, PushError, assemble};

/// An error with its causes and hints, as it is shown.
fn told(error: &ProviderError) -> String {
    let mut lines = vec![format!("{} {error}", error.kind.name())];
    let mut cause = error.cause.as_deref().map(|cause| cause as &dyn std::error::Error);
    while let Some(why) = cause {
        lines.push(format!("  caused by: {why}"));
        cause = why.source();
    }
    lines.extend(error.hints.iter().map(|hint| format!("  hint: {hint}")));
    lines.join("\n")
}

#[test]
fn each_failure_says_what_to_do() {
    let registry = || "ghcr.io".to_owned();
    let stalled = PushError::Stalled {
        registry: registry(),
        seconds: 120,
    };
    let other = PushError::NotKept {
        repository: "ghcr.io/me/shop-api".to_owned(),
        digest: "sha256:aa".to_owned(),
    };
    let pinned = "ghcr.io/me/shop-api@sha256:0000000000000000000000000000000000000000000000000000000000000000";
    let all = [
        not_pushed(stalled, String::new()),
        not_pushed(other, String::new()),
        not_made_here(&pinned.parse().expect("a reference")),
    ];
    insta::assert_snapshot!(all.each_ref().map(told).join("\n"), @"
    timeout cannot push the image of
      caused by: the registry ghcr.io took nothing and said nothing for 120 s
      hint: try again: what has arrived is not sent a second time
    failed cannot push the image of
      caused by: ghcr.io/me/shop-api does not have sha256:aa after it was sent: the registry keeps images otherwise than they are
      hint: ask whoever runs the registry whether it keeps images as they are sent
    failed cannot push the image of
      caused by: ghcr.io has no ghcr.io/me/shop-api@sha256:0000000000000000000000000000000000000000000000000000000000000000, and the files here make another image
      hint: check out the files that it was made of, and apply from there
    ");
}

#[tokio::test]
async fn a_registry_that_is_away_is_named() {
    let _once = rustls::crypto::ring::default_provider().install_default();
    let bundle = Bundle {
        title: "api".into(),
        server: Parts::bytes(*b"a server"),
        model: BTreeMap::new(),
        command: vec!["serve".into()],
        config: b"{}".to_vec(),
        labels: BTreeMap::new(),
    };
    let image = assemble(&bundle).expect("an image");
    let digest = image.pack().expect("packed").manifest.digest;
    let deliveries = Deliveries::of(&BTreeMap::from([("api".to_owned(), image)]));
    assert_eq!(format!("{deliveries:?}"), r#"{"api"}"#);
    let error = deliveries
        .deliver("api", &format!("127.0.0.1:9/me/shop-api@{digest}"), &|_| {})
        .await;
    insta::assert_snapshot!(told(&error.expect_err("nobody listens")), @"
    unreachable cannot push the image of
      caused by: cannot reach the registry 127.0.0.1:9
      caused by: Connection refused (os error 111)
      hint: see whether the name is right and the registry is up; with one on another machine, mlstack speaks HTTPS only
    ");
    let error = deliveries.deliver("api", "Not A Reference", &|_| {}).await;
    insta::assert_snapshot!(told(&error.expect_err("no reference")), @"
    failed cannot push the image of
      caused by: invalid reference format
    ");
}
