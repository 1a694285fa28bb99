use std::sync::Mutex;
use std::time::Duration;

use mlstack_provider::Secret;
use mlstack_provider::redact::redact;

use super::{Credentials, PushError, PushReport, Reference, Registry, Sending};
use crate::image::{Entry, Image, Layer, Packed, Parts};

mod registry;

use registry::{Behaviour, Double};

/// Of user `me` with the password `correct horse`.
const RIGHT: &str = "Basic bWU6Y29ycmVjdCBob3JzZQ==";

/// A model of 3 MiB that does not shrink, and a small server.
fn image() -> Packed {
    let bytes: Vec<u8> = (0_u32..3 << 18).flat_map(u32::to_le_bytes).collect();
    let bundle = crate::image::Bundle {
        title: "api".into(),
        server: Parts::bytes(*b"a server"),
        model: std::collections::BTreeMap::new(),
        command: vec!["serve".into()],
        config: b"{}".to_vec(),
        labels: std::collections::BTreeMap::new(),
    };
    let model = Entry::file("model/model.onnx".to_owned(), 0o444, Parts::bytes(bytes));
    let server = Entry::file("app/server".to_owned(), 0o555, bundle.server.clone());
    let layers = vec![
        Layer::plain("model", vec![model]).expect("a layer"),
        Layer::gzip("server", vec![server]).expect("a layer"),
    ];
    Image::new(&bundle, layers).pack().expect("packed")
}

fn me(password: &str) -> Credentials {
    Credentials::Basic {
        user: "me".to_owned(),
        password: Secret::new(password),
    }
}

fn reference(double: &Double, image: &Packed) -> Reference {
    let text = format!("{}/me/shop-api@{}", double.address, image.manifest.digest);
    text.parse().expect("a reference")
}

async fn push_as(double: &Double, image: &Packed, who: &Credentials) -> Result<PushReport, PushError> {
    let reference = reference(double, image);
    Registry::new(&reference, who).push(image, &|_| {}).await
}

/// An error with its causes, as it is printed.
fn told(double: &Double, error: &PushError) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    let text = format!("{error}: {}", cause.unwrap_or_default());
    redact(&text.replace(&double.address, "REGISTRY")).into_owned()
}

#[tokio::test]
async fn what_is_there_is_not_sent_again() {
    let (double, image) = (Double::start(Behaviour::default()), image());
    let digest = image.manifest.digest.as_str();
    let registry = Registry::new(&reference(&double, &image), &Credentials::Anonymous);
    assert!(!registry.has(digest).await.expect("an answer"));
    double.seen();
    let heard = Mutex::new(Vec::new());
    let first = registry
        .push(&image, &|sending| heard.lock().expect("nobody panicked").push(sending))
        .await;
    let first = first.expect("pushed");
    assert_eq!((first.sent, first.present), (3, 0));
    assert_eq!(first.pinned, format!("{}/me/shop-api@{digest}", double.address));
    assert_eq!(double.manifest(digest), double.manifest(&digest[7..19]), "it has a tag");
    let total = image
        .layers
        .iter()
        .chain([&image.config])
        .map(|blob| blob.content.len())
        .sum();
    assert_eq!(
        heard.into_inner().expect("nobody panicked")[0],
        Sending { total, sent: 0 }
    );

    assert!(registry.has(digest).await.expect("an answer"));
    double.seen();
    let again = registry.push(&image, &|_| {}).await.expect("pushed");
    assert_eq!((again.sent, again.present), (0, 3));
    assert!(
        !double.seen().iter().any(|call| call.starts_with("POST")),
        "nothing is sent"
    );
}

#[tokio::test]
async fn a_push_that_breaks_off_is_tried_again_and_then_continued_by_the_next() {
    let image = image();
    let once = Behaviour {
        breaks: (1 << 20, 1),
        ..Behaviour::default()
    };
    let double = Double::start(once);
    assert_eq!(
        push_as(&double, &image, &Credentials::Anonymous)
            .await
            .expect("pushed")
            .sent,
        3
    );

    let thrice = Behaviour {
        breaks: (1, 100),
        ..Behaviour::default()
    };
    let double = Double::start(Behaviour::default());
    let small = Packed {
        layers: image.layers[1..].to_vec(),
        ..image.clone()
    };
    push_as(&double, &small, &Credentials::Anonymous)
        .await
        .expect("the first layers");
    double.becomes(thrice);
    let error = push_as(&double, &image, &Credentials::Anonymous)
        .await
        .expect_err("broken");
    assert!(matches!(error, PushError::Failed { .. }), "{}", told(&double, &error));
    double.becomes(Behaviour::default());
    let next = push_as(&double, &image, &Credentials::Anonymous).await.expect("pushed");
    assert_eq!((next.sent, next.present), (1, 2));
}

#[tokio::test]
async fn a_busy_registry_is_asked_again() {
    let busy = Behaviour {
        busy: 2,
        ..Behaviour::default()
    };
    let (double, image) = (Double::start(busy), image());
    let registry = Registry::new(&reference(&double, &image), &Credentials::Anonymous);
    assert!(!registry.has(image.manifest.digest.as_str()).await.expect("an answer"));
}

#[tokio::test]
async fn who_may_write_but_not_read_can_push() {
    let blind = Behaviour {
        wants: Some(RIGHT.into()),
        shows_nothing: true,
        ..Behaviour::default()
    };
    let (double, image) = (Double::start(blind), image());
    assert_eq!(
        push_as(&double, &image, &me("correct horse"))
            .await
            .expect("pushed")
            .sent,
        3
    );
}

#[tokio::test]
async fn failures_say_which_registry_and_never_a_password() {
    let image = image();
    let closed = Behaviour {
        wants: Some(RIGHT.into()),
        ..Behaviour::default()
    };
    let double = Double::start(closed);
    let mut said = Vec::new();
    for who in [Credentials::Anonymous, me("battery staple")] {
        said.push(told(
            &double,
            &push_as(&double, &image, &who).await.expect_err("refused"),
        ));
    }
    let double = Double::start(Behaviour {
        rewrites: true,
        ..Behaviour::default()
    });
    let error = push_as(&double, &image, &Credentials::Anonymous)
        .await
        .expect_err("another");
    said.push(told(&double, &error).replace(image.manifest.digest.as_str(), "DIGEST"));
    let nobody: Reference = "127.0.0.1:9/me/api:1".parse().expect("a reference");
    let error = Registry::new(&nobody, &Credentials::Anonymous)
        .push(&image, &|_| {})
        .await;
    said.push(told(&double, &error.expect_err("nobody listens")));
    insta::assert_snapshot!(said.join("\n"), @"
    the registry refused the credentials for REGISTRY/me/shop-api: status 401: authentication required
    the registry refused the credentials for REGISTRY/me/shop-api: status 401: authentication required
    REGISTRY/me/shop-api does not have DIGEST after it was sent: the registry keeps images otherwise than they are: 
    cannot reach the registry 127.0.0.1:9: Connection refused (os error 111)
    ");
}

#[tokio::test]
async fn a_registry_that_goes_silent_is_given_up() {
    let silent = Behaviour {
        hangs: true,
        ..Behaviour::default()
    };
    let (double, image) = (Double::start(silent), image());
    let mut registry = Registry::new(&reference(&double, &image), &Credentials::Anonymous);
    registry.stall = Duration::from_secs(1);
    let error = registry.push(&image, &|_| {}).await.expect_err("silent");
    assert_eq!(
        told(&double, &error),
        "the registry REGISTRY took nothing and said nothing for 1 s: "
    );
}
