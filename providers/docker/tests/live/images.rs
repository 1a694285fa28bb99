//! Images: loaded, built, refused, forgotten.

use mlstack_compose::{IMAGE, ImageSource, ImageSpec, Service, ServiceSecret};
use mlstack_provider::{Resource, Step};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::stage::{Stage, explain, on_stage, resource, sleeper};

fn image(name: &str, reference: &str, source: ImageSource) -> Resource {
    let spec = ImageSpec {
        reference: reference.to_owned(),
        source,
    };
    resource(IMAGE, name, serde_json::to_value(spec).expect("JSON"), Vec::new())
}

fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, name, *content).expect("append");
    }
    archive.into_inner().expect("archive")
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An image with one file, made for `stage`: its archive and its id.
fn bundle(stage: &Stage, reference: &str, word: &str) -> (Vec<u8>, String) {
    bundle_for(stage, reference, word, "amd64")
}

fn bundle_for(stage: &Stage, reference: &str, word: &str, architecture: &str) -> (Vec<u8>, String) {
    let layer = packed(&[("word", word.as_bytes())]);
    let config = json!({
        "architecture": architecture, "os": "linux",
        "config": {"Cmd": ["/word"], "Labels": {"io.mlstack.stack": stage.project, "org.opencontainers.image.title": "web"}},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))]},
        "history": [{"created_by": "test"}],
    });
    let config = config.to_string().into_bytes();
    let id = sha256(&config);
    let manifest =
        json!([{"Config": format!("{id}.json"), "RepoTags": [reference], "Layers": ["layer.tar"]}]).to_string();
    let archive = packed(&[
        (&format!("{id}.json"), &config),
        ("layer.tar", &layer),
        ("manifest.json", manifest.as_bytes()),
    ]);
    (archive, format!("sha256:{id}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_is_loaded_replaced_and_forgotten() {
    on_stage(async |stage| {
        let reference = format!("{}/web:1", stage.project);
        let (archive, id) = bundle(&stage, &reference, "one");
        stage.shelf.put(&reference, archive);
        let first = image("web", &reference, ImageSource::Bundle { id: Some(id.clone()) });
        assert!(stage.observe_one(&first).await.is_none());
        let created = stage.create(&first).await;
        assert_eq!((&created.spec, &created.id), (&first.spec, &id));
        assert_eq!(stage.observe(&[]).await.len(), 1, "seen although nothing wants it");

        let (archive, next) = bundle(&stage, &reference, "two");
        stage.shelf.put(&reference, archive);
        let second = image("web", &reference, ImageSource::Bundle { id: Some(next.clone()) });
        assert_ne!(stage.observe_one(&second).await.expect("the first").spec, second.spec);
        let updated = stage
            .run(Step::Update {
                before: created,
                after: second.clone(),
            })
            .await
            .expect("update")
            .expect("it");
        assert_eq!((&updated.spec, &updated.id), (&second.spec, &next));
        assert!(
            stage.docker.inspect_image(&id).await.is_err(),
            "nothing uses the first any more"
        );

        let error = stage
            .run(Step::Create { resource: first })
            .await
            .expect_err("another image than planned");
        assert_eq!(error.kind, mlstack_provider::ErrorKind::Stale);
        stage.run(Step::Delete { before: updated }).await.expect("delete");
        assert!(stage.observe(&[second]).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dockerfile_is_built_with_its_output_told() {
    on_stage(async |stage| {
        let reference = format!("{}/api:1", stage.project);
        let source = |digest: &str| ImageSource::Build {
            context: "api".to_owned(),
            dockerfile: "Dockerfile".to_owned(),
            args: [("WORD".to_owned(), "hello".to_owned())].into(),
            digest: Some(digest.to_owned()),
        };
        stage.shelf.put(
            "api",
            packed(&[("Dockerfile", b"FROM busybox:1\nARG WORD\nRUN echo $WORD > /word\n")]),
        );
        let api = image("api", &reference, source("d1"));
        let built = stage.create(&api).await;
        assert_eq!(built.spec, api.spec);
        assert!(
            stage
                .progress
                .lock()
                .expect("progress")
                .iter()
                .any(|line| line.starts_with("building: Step 3/"))
        );
        assert_ne!(
            stage
                .observe_one(&image("api", &reference, source("d2")))
                .await
                .expect("it")
                .spec["source"]["digest"],
            "d2"
        );

        stage.shelf.put(
            "api",
            packed(&[("Dockerfile", b"FROM busybox:1\nRUN echo no such luck && exit 4\n")]),
        );
        let step = Step::Update {
            before: built.clone(),
            after: image("api", &reference, source("d3")),
        };
        let text = explain(&stage.run(step).await.expect_err("it fails"));
        assert!(
            text.contains("cannot build")
                && text.contains("returned a non-zero code: 4")
                && text.contains("no such luck"),
            "{text}"
        );
        stage.run(Step::Delete { before: built }).await.expect("delete");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_had_is_a_clear_error() {
    on_stage(async |stage| {
        // Port 9 of this machine: nobody listens.
        let step = Step::Create {
            resource: image("web", "127.0.0.1:9/nobody/nothing:1", ImageSource::Pull),
        };
        let error = stage.run(step).await.expect_err("no registry");
        let text = explain(&error);
        assert!(
            text.contains("cannot pull 127.0.0.1:9/nobody/nothing:1") && text.contains("docker load"),
            "{text}"
        );

        let local = image("web", "busybox:1", ImageSource::Pull);
        let seen = stage.observe_one(&local).await.expect("it is here");
        assert_eq!(seen.spec, local.spec, "an image that is here needs no registry");
        assert_eq!(stage.observe(&[]).await.len(), 0, "and is nobody's to remove");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moved_tag_is_seen_on_the_service() {
    on_stage(async |stage| {
        stage.create(&stage.network("default", false)).await;
        let reference = format!("{}/moving:1", stage.project);
        let build = |word: &str| packed(&[("Dockerfile", format!("FROM busybox:1\nLABEL word={word}\n").as_bytes())]);
        let source = |digest: &str| ImageSource::Build {
            context: ".".to_owned(),
            dockerfile: "Dockerfile".to_owned(),
            args: std::collections::BTreeMap::new(),
            digest: Some(digest.to_owned()),
        };
        stage.shelf.put("moving", build("one"));
        let built = stage.create(&image("moving", &reference, source("1"))).await;
        let web = stage.service(
            "web",
            &Service {
                image: reference.clone(),
                ..sleeper()
            },
        );
        let before = stage.create(&web).await;
        assert_eq!(before.spec, web.spec);
        stage.shelf.put("moving", build("two"));
        stage
            .run(Step::Update {
                before: built.clone(),
                after: image("moving", &reference, source("2")),
            })
            .await
            .expect("build");
        let seen = stage.observe_one(&web).await.expect("it");
        assert_ne!(seen.spec["image"], web.spec["image"]);
        assert!(
            stage.docker.inspect_image(&built.id).await.is_ok(),
            "a container still runs it"
        );
        let after = stage
            .run(Step::Replace {
                before: seen,
                after: web.clone(),
            })
            .await
            .expect("replace")
            .expect("it");
        assert_eq!(after.spec, web.spec);
        assert!(stage.docker.inspect_image(&built.id).await.is_err(), "now nothing does");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_belong_to_the_user_the_image_names() {
    on_stage(async |stage| {
        stage.create(&stage.network("default", false)).await;
        let reference = format!("{}/named:1", stage.project);
        let dockerfile = b"FROM busybox:1\nRUN echo app:x:4711:4712::/:/bin/sh > /etc/passwd\nUSER app\n";
        stage.shelf.put("named", packed(&[("Dockerfile", dockerfile)]));
        let source = ImageSource::Build {
            context: ".".to_owned(),
            dockerfile: "Dockerfile".to_owned(),
            args: std::collections::BTreeMap::new(),
            digest: Some("1".to_owned()),
        };
        stage.create(&image("named", &reference, source)).await;
        let secrets = vec![ServiceSecret::named("key")];
        let web = stage.service(
            "web",
            &Service {
                image: reference,
                secrets,
                read_only: true,
                ..sleeper()
            },
        );
        stage.create(&web).await;
        let name = stage.name("web");
        assert_eq!(stage.cli(&["exec", &name, "cat", "/run/secrets/key"]), "s3cret-value");
        assert_eq!(
            stage
                .cli(&["exec", &name, "stat", "-c", "%a %u:%g", "/run/secrets/key"])
                .trim(),
            "400 4711:4712"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_for_another_processor_is_told() {
    on_stage(async |stage| {
        stage.create(&stage.network("default", false)).await;
        let reference = format!("{}/web:1", stage.project);
        // An ELF header for another machine: no engine runs it.
        let word = "\u{7f}ELF\u{2}\u{1}\u{1}";
        let (archive, id) = bundle_for(&stage, &reference, word, "arm64");
        stage.shelf.put(&reference, archive);
        stage
            .create(&image("web", &reference, ImageSource::Bundle { id: Some(id) }))
            .await;
        let service = Service {
            image: reference,
            restart: "unless-stopped".to_owned(),
            ..Service::default()
        };
        let resource = stage.service("web", &service);
        let error = stage.run(Step::Create { resource }).await.expect_err("it cannot run");
        insta::assert_snapshot!(explain(&error).replace(&stage.project, "PROJECT"), @"
        NotReady: cannot run service/web
          caused by: the image PROJECT/web:1 is made for arm64, and this engine runs amd64
          hint: take one that is made for it: docker pull --platform linux/amd64 PROJECT/web:1
        ");
    })
    .await;
}
