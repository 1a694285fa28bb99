//! Made, seen, changed, counted, taken away.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use mlstack_compose::Service;
use mlstack_compose::{
    Bytes, Cpus, Deploy, Duration, Extension, Healthcheck, Limits, Mount, Resources, ServiceNetwork, ServiceSecret,
};
use mlstack_provider::{LogsRequest, Operate as _, Provider as _, Step};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::specs;
use crate::stage::{BUSYBOX, on_stage, shell, sleeper};

/// As hardened as mlstack makes them, with a secret, a volume and two networks.
fn hardened() -> Service {
    Service {
        user: "10001:10001".to_owned(),
        read_only: true,
        cap_drop: vec!["ALL".to_owned()],
        security_opt: vec!["no-new-privileges:true".to_owned()],
        tmpfs: vec!["/tmp:noexec,nosuid,size=1048576".to_owned()],
        restart: "unless-stopped".to_owned(),
        environment: [("WORD".to_owned(), "a=b $c \"d\"".to_owned())].into(),
        networks: [
            ("default".to_owned(), None),
            (
                "back".to_owned(),
                Some(ServiceNetwork {
                    aliases: vec!["behind".to_owned()],
                }),
            ),
        ]
        .into(),
        volumes: vec![Mount::volume("data", "/data", false)],
        secrets: vec![ServiceSecret::named("key")],
        healthcheck: Some(Healthcheck {
            test: vec!["CMD".to_owned(), "true".to_owned()],
            interval: Some(Duration::seconds(1)),
            timeout: Some(Duration::seconds(5)),
            retries: Some(5),
            start_period: None,
        }),
        deploy: Some(Deploy {
            replicas: None,
            resources: Resources {
                limits: Some(Limits {
                    cpus: Some(Cpus(500)),
                    memory: Some(Bytes(64 << 20)),
                    pids: Some(64),
                }),
                reservations: None,
            },
        }),
        extension: Extension {
            secrets: [("key".to_owned(), Some("abc123".to_owned()))].into(),
            ..Extension::default()
        },
        ..sleeper()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hardened_service_lives_and_leaves_nothing() {
    on_stage(async |stage| {
        let parts = [
            stage.network("default", false),
            stage.network("back", true),
            stage.volume("data"),
        ];
        for part in &parts {
            assert_eq!(stage.create(part).await.spec, part.spec);
        }
        let web = stage.service("web", &hardened());
        let first = stage.create(&web).await;
        assert_eq!(
            (&first.spec, &first.problem, &first.depends_on),
            (&web.spec, &None, &web.depends_on)
        );

        let name = stage.name("web");
        assert_eq!(stage.cli(&["exec", &name, "cat", "/run/secrets/key"]), "s3cret-value");
        assert_eq!(
            stage
                .cli(&["exec", &name, "stat", "-c", "%a %u:%g", "/run/secrets/key"])
                .trim(),
            "400 10001:10001"
        );
        assert!(
            !stage.cli(&["inspect", &name]).contains("s3cret-value"),
            "no secret in an inspection"
        );

        let mut all: Vec<_> = parts.to_vec();
        all.push(web.clone());
        let seen = stage.observe(&all).await;
        assert_eq!(seen.len(), 4);
        for desired in &all {
            assert!(
                seen.iter()
                    .any(|seen| seen.address == desired.address && seen.spec == desired.spec),
                "{}",
                desired.address
            );
        }

        let changed = stage.service(
            "web",
            &Service {
                environment: BTreeMap::new(),
                ..hardened()
            },
        );
        let second = stage
            .run(Step::Replace {
                before: first.clone(),
                after: changed.clone(),
            })
            .await
            .expect("replace")
            .expect("it");
        assert_ne!(second.id, first.id);
        assert_eq!((&second.spec, &second.problem), (&changed.spec, &None));
        assert_eq!(stage.containers().await, std::slice::from_ref(&name));

        let mut everything = stage.observe(&[]).await;
        everything.sort_by_key(|seen| seen.address.kind != "service");
        for before in everything {
            let sort = before.address.clone();
            assert!(
                stage
                    .run(Step::Delete { before })
                    .await
                    .unwrap_or_else(|error| panic!("{sort}: {error:?}"))
                    .is_none()
            );
        }
        assert!(stage.observe(&all).await.is_empty());
        let left = stage.cli(&[
            "volume",
            "ls",
            "-q",
            "--filter",
            &format!("label=io.mlstack.secrets-of={}/web", stage.project),
        ]);
        assert_eq!(left, "", "the secrets go with the container");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_come_and_go_without_touching_the_others() {
    on_stage(async |stage| {
        stage.create(&stage.network("default", false)).await;
        let with = |replicas| {
            let deploy = Some(Deploy {
                replicas: Some(replicas),
                ..Deploy::default()
            });
            stage.service(
                "web",
                &Service {
                    deploy,
                    networks: [("default".to_owned(), None)].into(),
                    ..sleeper()
                },
            )
        };
        let one = stage.create(&with(1)).await;
        let three = stage
            .run(Step::Update {
                before: one.clone(),
                after: with(3),
            })
            .await
            .expect("up")
            .expect("it");
        assert_eq!(three.spec, with(3).spec);
        assert!(three.id.starts_with(&one.id) && three.id.split(',').count() == 3);
        let two = stage
            .run(Step::Update {
                before: three,
                after: with(2),
            })
            .await
            .expect("down")
            .expect("it");
        assert_eq!(two.spec, with(2).spec);
        assert!(two.id.starts_with(&one.id));

        stage.cli(&["rm", "-f", &stage.name("web")]);
        let less = stage.observe_one(&with(2)).await.expect("the other copy");
        assert_eq!(less.spec.pointer("/deploy/replicas"), None, "one copy is not said");
        let again = stage
            .run(Step::Update {
                before: less,
                after: with(2),
            })
            .await
            .expect("again")
            .expect("it");
        assert_eq!(again.spec, with(2).spec);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn random_services_are_seen_as_they_were_made() {
    on_stage(async |stage| {
        for key in ["default", "back"] {
            stage.create(&stage.network(key, false)).await;
        }
        for key in ["data", "m"] {
            stage.create(&stage.volume(key)).await;
        }
        let cases = std::env::var("MLSTACK_TEST_LIVE_CASES")
            .ok()
            .and_then(|cases| cases.parse().ok())
            .unwrap_or(16);
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut runner = TestRunner::new_with_rng(Config::default(), rng);
        let services: Vec<Service> = (0..cases).map(|_| random(&mut runner)).collect();
        let stage = &*stage;
        let seen = |(number, service): (usize, Service)| async move {
            let wanted = stage.service(&format!("s{number}"), &service);
            let created = stage.create(&wanted).await;
            let shown = serde_json::to_string_pretty(&service).expect("JSON");
            assert_eq!(created.spec, wanted.spec, "{shown}");
            assert_eq!(created.recorded.as_ref(), Some(&created.spec), "no drift: {shown}");
            assert_eq!(created.problem, None);
            stage.run(Step::Delete { before: created }).await.expect("delete");
        };
        futures_util::stream::iter(services.into_iter().enumerate())
            .map(seen)
            .buffer_unordered(8)
            .collect::<Vec<()>>()
            .await;
    })
    .await;
}

/// A service that stays up, as varied as they come otherwise.
fn random(runner: &mut TestRunner) -> Service {
    let mut service = specs::service(BUSYBOX).new_tree(runner).expect("a service").current();
    service.command = Some(vec!["sleep".to_owned(), "600".to_owned()]);
    service.init = Some(true);
    if let Some(check) = &mut service.healthcheck {
        check.interval = Some(Duration::seconds(1));
    }
    service
}

#[tokio::test(flavor = "multi_thread")]
async fn status_logs_and_doctor_tell_what_is() {
    on_stage(async |stage| {
        stage.create(&stage.network("default", false)).await;
        let service = shell("echo one; echo two >&2; echo three; exec sleep 600");
        stage.create(&stage.service("web", &service)).await;
        let reader = stage.engine.reader();
        let status = reader.status(&stage.project).await.expect("status");
        assert_eq!(status.len(), 1);
        assert_eq!(
            (
                status[0].component.as_str(),
                status[0].state.as_str(),
                &status[0].problem
            ),
            ("web", "running", &None)
        );

        let request = LogsRequest {
            tail: Some(2),
            ..LogsRequest::default()
        };
        let lines: Vec<_> = reader
            .logs(&stage.project, &request)
            .await
            .expect("logs")
            .collect()
            .await;
        assert_eq!(lines.len(), 2);
        let all: Vec<_> = reader
            .logs(&stage.project, &LogsRequest::default())
            .await
            .expect("logs")
            .collect()
            .await;
        let all: Vec<_> = all.into_iter().map(|line| line.expect("line")).collect();
        assert!(
            all.iter()
                .any(|line| line.text == "two" && line.stderr && line.component == "web")
        );
        assert!(all.is_sorted_by(|a, b| a.time <= b.time));

        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("address").port();
        let doctor = reader.doctor(&[port]).await.expect("doctor");
        assert!(!doctor.version.is_empty() && doctor.memory > 0 && doctor.taken[0].port == port);
        assert_eq!(
            reader.impact("service", "deploy.replicas"),
            mlstack_provider::Impact::InPlace
        );
        assert_eq!(
            reader.impact("volume", "driver"),
            mlstack_provider::Impact::ReplaceLosesData
        );
    })
    .await;
}
