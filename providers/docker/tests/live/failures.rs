//! What fails says why, and takes nothing down with it.

use mlstack_compose::{Bytes, Deploy, Duration, Extension, Healthcheck, Limits, Mount, Port, Resources, Service};
use mlstack_provider::{ErrorKind, ProviderError, Step};

use crate::stage::{Stage, explain, on_stage, shell, sleeper};

async fn failure(stage: &Stage, service: &Service) -> ProviderError {
    let resource = stage.service("web", service);
    let begun = std::time::Instant::now();
    let error = stage.run(Step::Create { resource }).await.expect_err("it cannot work");
    assert!(begun.elapsed().as_secs() < 15, "told after {:?}", begun.elapsed());
    error
}

async fn failed(stage: &Stage, service: &Service) -> String {
    let text = explain(&failure(stage, service).await).replace(&stage.project, "PROJECT");
    let before = stage
        .observe(&[])
        .await
        .into_iter()
        .find(|seen| seen.address.kind == "service");
    if let Some(before) = before {
        stage.run(Step::Delete { before }).await.expect("delete");
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn every_failure_names_its_cause() {
    on_stage(async |stage| {
        stage.create(&stage.network("default", false)).await;
        let script = "for n in $(seq 30); do echo line $n; done; exit 3";
        let text = failed(&stage, &shell(script)).await;
        assert!(
            text.starts_with("NotReady: service/web did not become ready\n  caused by: it exited with code 3"),
            "{text}"
        );
        assert!(
            text.contains("line 11\n") && text.contains("line 30") && !text.contains("line 10\n"),
            "{text}"
        );

        let text = failed(
            &stage,
            &Service {
                command: Some(vec!["nope".to_owned()]),
                init: None,
                ..sleeper()
            },
        )
        .await;
        assert!(text.contains("hint: its command is not in the image"), "{text}");

        let text = failed(
            &stage,
            &Service {
                image: "mlstack-test-nothing:1".to_owned(),
                ..sleeper()
            },
        )
        .await;
        insta::assert_snapshot!(text, @"
        NotReady: cannot start service/web
          caused by: the image mlstack-test-nothing:1 is not in the engine
          hint: docker pull mlstack-test-nothing:1, or apply again so that it is fetched
        ");

        let check = Healthcheck {
            test: vec!["CMD-SHELL".to_owned(), "echo connection refused; exit 1".to_owned()],
            interval: Some(Duration::seconds(1)),
            timeout: Some(Duration::seconds(5)),
            retries: Some(1),
            start_period: None,
        };
        let text = failed(
            &stage,
            &Service {
                healthcheck: Some(check),
                ..shell("echo listening; exec sleep 600")
            },
        )
        .await;
        insta::assert_snapshot!(text, @"
        NotReady: service/web did not become ready
          caused by: it runs but is unhealthy: its health check `echo connection refused; exit 1` ended with code 1: connection refused
          caused by: its last lines:
        listening
          hint: see that it answers its health check; one that only starts slowly needs healthcheck.start_period
        ");

        let memory = Limits {
            memory: Some(Bytes(8 << 20)),
            ..Limits::default()
        };
        let resources = Resources {
            limits: Some(memory),
            reservations: None,
        };
        let greedy = Service {
            deploy: Some(Deploy {
                replicas: None,
                resources,
            }),
            init: None,
            ..shell("a=x; while true; do a=$a$a; done")
        };
        let text = failed(&stage, &greedy).await;
        assert!(
            text.contains("it was killed: out of memory (its limit is 8 MiB)"),
            "{text}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_with_its_holder() {
    on_stage(async |stage| {
        stage.create(&stage.network("default", false)).await;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
        let port = listener.local_addr().expect("address").port();
        let service = Service {
            ports: vec![Port::tcp("127.0.0.1", port, 80)],
            ..sleeper()
        };
        let text = failed(&stage, &service).await;
        assert!(
            text.contains(&format!("port {port} is already taken")) && text.contains("ss -ltnp"),
            "{text}"
        );
        drop(listener);

        stage.create(&stage.service("holder", &service)).await;
        let error = failure(&stage, &service).await;
        let text = explain(&error);
        assert!(
            text.contains(&format!("the container {} has it", stage.name("holder"))),
            "{text}"
        );
        assert_eq!(error.kind, ErrorKind::NotReady);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_fails_gives_way_to_the_one_before() {
    on_stage(async |stage| {
        stage.create(&stage.network("default", false)).await;
        let good = stage.service("web", &sleeper());
        let before = stage.create(&good).await;
        let bad = stage.service("web", &shell("exit 1"));
        let error = stage
            .run(Step::Replace {
                before: before.clone(),
                after: bad,
            })
            .await
            .expect_err("it fails");
        assert!(
            error
                .hints
                .iter()
                .any(|hint| hint == "the version before it was not touched, and serves"),
            "{}",
            explain(&error)
        );
        let now = stage.observe_one(&good).await.expect("it");
        assert_eq!((now.id, now.spec, now.problem), (before.id, good.spec, None));
        assert_eq!(stage.containers().await, [stage.name("web")]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_slow_is_a_timeout() {
    on_stage(async |stage| {
        stage.create(&stage.network("default", false)).await;
        let check = Healthcheck {
            test: vec!["CMD".to_owned(), "false".to_owned()],
            interval: Some(Duration::seconds(1)),
            timeout: None,
            retries: Some(100),
            start_period: None,
        };
        let extension = Extension {
            ready_within: Some(Duration::seconds(3)),
            ..Extension::default()
        };
        let error = failure(
            &stage,
            &Service {
                healthcheck: Some(check),
                extension,
                ..sleeper()
            },
        )
        .await;
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert!(
            explain(&error).contains("still not healthy after 3 s; its health check `false` ended with code 1"),
            "{}",
            explain(&error)
        );
        assert!(
            stage
                .progress
                .lock()
                .expect("progress")
                .iter()
                .any(|line| line.starts_with("waiting for health"))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_others_is_not_touched() {
    on_stage(async |stage| {
        stage.create(&stage.network("default", false)).await;
        let name = stage.name("web");
        let run = format!("com.docker.compose.project={}-other", stage.project);
        stage.cli(&["create", "--name", &name, "--label", &run, "busybox:1", "true"]);
        let web = stage.service("web", &sleeper());
        let observed =
            mlstack_provider::Provider::observe(&stage.engine, &stage.project, std::slice::from_ref(&web)).await;
        assert_eq!(observed.expect_err("foreign").kind, ErrorKind::Foreign);
        assert_eq!(failure(&stage, &sleeper()).await.kind, ErrorKind::Foreign);
        assert!(stage.cli(&["inspect", &name]).contains("-other"), "it is still there");
        stage.cli(&["rm", "-f", &name]);
    })
    .await;
}

/// The restart policy that every stack has: what ends is started again, and must be told all the same.
fn lasting(service: Service) -> Service {
    Service {
        restart: "unless-stopped".to_owned(),
        init: None,
        ..service
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_its_last_words_give_away_is_the_cause() {
    on_stage(async |stage| {
        stage.create(&stage.network("default", false)).await;
        stage.create(&stage.volume("data")).await;

        let text = failed(&stage, &lasting(shell("echo loading the model; exit 3"))).await;
        insta::assert_snapshot!(once(&text, "loading the model"), @"
        NotReady: service/web did not become ready
          caused by: it exited with code 3
          caused by: its last lines:
        loading the model
          hint: its last lines say why; mend that, then apply again
        ");

        let writes = Service {
            user: "10001:10001".to_owned(),
            volumes: vec![Mount::volume("data", "/data", false)],
            ..shell("echo hello > /data/file")
        };
        insta::assert_snapshot!(once(&failed(&stage, &lasting(writes)).await, "sh: can't create"), @"
        NotReady: service/web did not become ready
          caused by: it exited with code 1: its user 10001:10001 may not write to /data
          caused by: its last lines:
        sh: can't create /data/file: Permission denied
          hint: give it to that user: docker run --rm --network none -v PROJECT_data:/data busybox:1 chown -R 10001:10001 /data
        ");

        let fills = Service {
            tmpfs: vec!["/scratch:size=65536".to_owned()],
            ..shell("dd if=/dev/zero of=/scratch/file bs=1k count=999 2>&1 | grep dd:; exit 1")
        };
        insta::assert_snapshot!(once(&failed(&stage, &lasting(fills)).await, "dd:"), @"
        NotReady: service/web did not become ready
          caused by: it exited with code 1: no space is left where it writes
          caused by: its last lines:
        dd: error writing '/scratch/file': No space left on device
          hint: see what fills the engine's disk: docker system df; and make room, as with: docker image prune; a tmpfs, /dev/shm or a volume with a size may be full too
        ");

        let memory = Limits {
            memory: Some(Bytes(8 << 20)),
            ..Limits::default()
        };
        let resources = Resources {
            limits: Some(memory),
            reservations: None,
        };
        let greedy = Service {
            deploy: Some(Deploy {
                replicas: None,
                resources,
            }),
            ..shell("a=x; while true; do a=$a$a; done")
        };
        insta::assert_snapshot!(failed(&stage, &lasting(greedy)).await, @"
        NotReady: service/web did not become ready
          caused by: it was killed: out of memory (its limit is 8 MiB)
          hint: give it more: resources: { memory: 16Mi }
        ");
    })
    .await;
}

/// A text in which a line that begins so stands once: how often a crashing program wrote it is chance.
fn once(text: &str, line: &str) -> String {
    let mut seen = 0;
    let kept = text.lines().filter(|one| {
        seen += usize::from(one.starts_with(line));
        !one.starts_with(line) || seen == 1
    });
    kept.collect::<Vec<_>>().join("\n")
}
