//! A new version is proven before the one before it stops, and what fails leaves that one serving.

use std::sync::Arc;

use mlstack_compose::{Deploy, Duration, Extension, Healthcheck, Mount, Port, Resources, Service};
use mlstack_provider::golden::{Check, Checks};
use mlstack_provider::{Observed, ProviderError, Resource, Step};
use serde_json::json;

use crate::stage::{Stage, explain, on_stage, sleeper};

/// Answers `POST /predict` with `prediction`, after a while.
const SERVER: &str = r#"
import http.server, json, sys, threading, time, signal
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200); self.send_header("content-length", "0"); self.end_headers()
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(float(sys.argv[2]))
        body = json.dumps({"prediction": float(sys.argv[1])}).encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    def handle_timeout(self): self.socket.close(); sys.exit(0)  # at once: what it accepts no more would be reset
server = Server(("", 8000), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.timeout = 0
while True: server.handle_request()  # what waits to be accepted is answered too
"#;

/// A server that answers `prediction` after `pause` seconds, and should answer 4 within 500 ms.
fn server(prediction: &str, pause: &str, ports: Vec<Port>) -> Service {
    let python = ["python3", "-c", SERVER, prediction, pause].map(str::to_owned);
    let probe = "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/', timeout=2)";
    let check = Check {
        request: json!({"MedInc": 8.3}),
        prediction: json!(4),
        within: 0.01,
        p95: Some(Duration(500_000)),
    };
    Service {
        image: "python:3.12-slim".to_owned(),
        command: Some(python.to_vec()),
        ports,
        healthcheck: Some(Healthcheck {
            test: ["CMD", "python3", "-c", probe].map(str::to_owned).to_vec(),
            interval: Some(Duration::seconds(1)),
            timeout: Some(Duration::seconds(2)),
            retries: Some(3),
            start_period: None,
        }),
        extension: Extension {
            checks: Some(Checks {
                port: 8000,
                path: "/predict".to_owned(),
                requests: vec![check],
            }),
            ..Extension::default()
        },
        ..sleeper()
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("bind");
    listener.local_addr().expect("address").port()
}

async fn replace(stage: &Stage, before: &Observed, after: &Resource) -> Result<Option<Observed>, ProviderError> {
    let (before, after) = (before.clone(), after.clone());
    stage.run(Step::Replace { before, after }).await
}

/// Replaces `before` by a version that fails; what it says, once the one before is seen untouched.
async fn refused(stage: &Stage, good: &Resource, before: &Observed, bad: &Service) -> String {
    let started = stage.cli(&["inspect", "-f", "{{.State.StartedAt}}", &before.id]);
    let begun = std::time::Instant::now();
    let error = replace(stage, before, &stage.service("web", bad))
        .await
        .expect_err("it fails");
    assert!(begun.elapsed().as_secs() < 15, "told after {:?}", begun.elapsed());
    assert!(error.rolled_back, "{}", explain(&error));
    let now = stage.observe_one(good).await.expect("it");
    assert_eq!((&now.id, &now.spec, &now.problem), (&before.id, &good.spec, &None));
    assert_eq!(
        started,
        stage.cli(&["inspect", "-f", "{{.State.StartedAt}}", &before.id])
    );
    assert_eq!(stage.containers().await, [stage.name("web")]);
    explain(&error)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_answers_wrong_or_late_never_serves() {
    on_stage(async |stage: Arc<Stage>| {
        stage.create(&stage.network("default", false)).await;
        let published = vec![Port::tcp("127.0.0.1", free_port(), 8000)];
        for ports in [Vec::new(), published] {
            let good = stage.service("web", &server("4.001", "0", ports.clone()));
            let before = stage.create(&good).await;
            let wrong = refused(&stage, &good, &before, &server("5.5", "0", ports.clone())).await;
            insta::allow_duplicates! { insta::assert_snapshot!(wrong, @r#"
            NotReady: service/web gives a wrong answer
              caused by: checks[0]: expected 4 within 0.01, got 5.5; asked {"MedInc":8.3}
              hint: if 5.5 is right, write it as checks[0].expect.prediction
              hint: the version before it was not touched, and serves
            "#); }
            let late = refused(&stage, &good, &before, &server("4", "0.6", ports.clone())).await;
            assert!(
                late.starts_with("NotReady: service/web answers too slowly\n  caused by: checks[0]: p95 is ")
                    && late.contains(" answers, and may be 500ms"),
                "{late}"
            );

            let better = stage.service("web", &server("4.002", "0", ports));
            let after = replace(&stage, &before, &better)
                .await
                .expect("it is good")
                .expect("it");
            assert_eq!((&after.spec, &after.problem), (&better.spec, &None));
            assert_ne!(after.id, before.id);
            stage.run(Step::Delete { before: after }).await.expect("delete");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_version_that_answers_wrong_is_no_success() {
    on_stage(async |stage: Arc<Stage>| {
        stage.create(&stage.network("default", false)).await;
        let bad = stage.service("web", &server("5.5", "0", Vec::new()));
        let error = stage
            .run(Step::Create { resource: bad.clone() })
            .await
            .expect_err("wrong");
        assert!(!error.rolled_back, "{}", explain(&error));
        let before = stage.observe_one(&bad).await.expect("it");
        assert_eq!(before.problem.as_deref(), Some("it never came up"));
        let good = stage.service("web", &server("4", "0", Vec::new()));
        replace(&stage, &before, &good).await.expect("it is good");
        let now = stage.observe_one(&good).await.expect("it");
        assert_eq!((now.spec, now.problem), (good.spec, None));
        assert_eq!(stage.containers().await, [stage.name("web")]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_change_alone_change_nothing() {
    on_stage(async |stage: Arc<Stage>| {
        stage.create(&stage.network("default", false)).await;
        let mut service = server("4", "0", Vec::new());
        stage.create(&stage.service("web", &service)).await;
        service.extension.checks = None;
        let without = stage.service("web", &service);
        assert_eq!(stage.observe_one(&without).await.expect("it").spec, without.spec);
    })
    .await;
}

/// Asks `http://web:8000/predict` over new connections until told to stop; prints how many it asked and lost.
const CLIENT: &str = r#"
import json, os, signal, time, urllib.request
asked = lost = 0
going = True
def stop(*_):
    global going
    going = False
signal.signal(signal.SIGTERM, stop)
while going:
    asked += 1
    try:
        request = urllib.request.Request("http://web:8000/predict", b"{}", {"content-type": "application/json"})
        assert "prediction" in json.load(urllib.request.urlopen(request, timeout=5))
    except Exception as error:
        lost += 1
        print(type(error).__name__, error, flush=True)
    time.sleep(0.02)
print("asked", asked, "lost", lost, flush=True)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_ports_is_replaced_without_a_lost_request() {
    on_stage(async |stage: Arc<Stage>| {
        stage.create(&stage.network("default", false)).await;
        let mut before = stage.create(&stage.service("web", &server("4", "0", Vec::new()))).await;
        let (client, network) = (
            format!("{}-client", stage.project),
            format!("{}_default", stage.project),
        );
        let label = format!("com.docker.compose.project={}", stage.project);
        stage.cli(&[
            "run",
            "-d",
            "--name",
            &client,
            "--label",
            &label,
            "--network",
            &network,
            "python:3.12-slim",
            "python3",
            "-c",
            CLIENT,
        ]);
        for round in ["4.001", "4.002", "4.003"] {
            let next = stage.service("web", &server(round, "0", Vec::new()));
            before = replace(&stage, &before, &next).await.expect("it is good").expect("it");
        }
        stage.cli(&["stop", &client]);
        let said = stage.cli(&["logs", &client]);
        stage.cli(&["rm", &client]);
        let counts: Vec<&str> = said.trim().split(' ').collect();
        assert_eq!((counts[0], counts[2], counts[3]), ("asked", "lost", "0"), "{said}");
        assert!(counts[1].parse::<u32>().expect("a number") > 100, "{said}");
    })
    .await;
}

/// A server that must be alone on its volume: a second one, or one after a crash, ends at once.
fn alone(round: &str) -> Service {
    let script = format!(
        "mkdir /data/lock || exit 7; trap 'rmdir /data/lock; exit 0' TERM; echo {round}; touch /data/notes
        while true; do sleep 0.1; done"
    );
    Service {
        command: Some(vec!["sh".to_owned(), "-c".to_owned(), script]),
        init: None,
        volumes: vec![Mount::volume("data", "/data", false)],
        stop_grace_period: Some(Duration::seconds(5)),
        ..sleeper()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_service_is_never_run_twice() {
    on_stage(async |stage: Arc<Stage>| {
        stage.create(&stage.network("default", false)).await;
        stage.create(&stage.volume("data")).await;
        let before = stage.create(&stage.service("db", &alone("one"))).await;
        let two = stage.service("db", &alone("two"));
        let before = replace(&stage, &before, &two).await.expect("it is alone").expect("it");
        assert!(
            stage
                .progress
                .lock()
                .expect("progress")
                .contains(&"trying the new version on empty volumes".to_owned())
        );

        let spoilt = |script: &str| {
            let command = ["sh", "-c", script].map(str::to_owned).to_vec();
            let command = Some(command);
            stage.service(
                "db",
                &Service {
                    command,
                    ..alone("three")
                },
            )
        };
        let started = || stage.cli(&["inspect", "-f", "{{.State.StartedAt}}", &before.id]);
        let untouched = started();
        let error = replace(&stage, &before, &spoilt("exit 9")).await.expect_err("it ends");
        let said = explain(&error).replace(&stage.name("db"), "NAME");
        insta::assert_snapshot!(said, @"
        NotReady: service/db did not become ready
          caused by: it exited with code 9
          hint: it wrote nothing: check command and env
          hint: it was tried on empty volumes; if it only starts on its data: docker stop NAME, then apply again
          hint: the version before it was not touched, and serves
        ");
        assert!(error.rolled_back);
        assert_eq!(
            started(),
            untouched,
            "what cannot run at all is seen before the old one stops"
        );

        let on_data = spoilt("[ ! -e /data/notes ] || exit 9; sleep 600");
        let error = replace(&stage, &before, &on_data).await.expect_err("it ends");
        insta::assert_snapshot!(explain(&error), @"
        NotReady: service/db did not become ready
          caused by: it exited with code 9
          hint: it wrote nothing: check command and env
          hint: the version before it was started again
        ");
        assert!(error.rolled_back);
        assert_ne!(started(), untouched, "what only fails on the data is not");
        let now = stage.observe_one(&two).await.expect("it");
        assert_eq!((&now.id, &now.spec, &now.problem), (&before.id, &two.spec, &None));
        assert_eq!(stage.containers().await, [stage.name("db")]);

        // One that only starts on data: where the old one does not serve, nothing is tried first.
        stage.cli(&["stop", &stage.name("db")]);
        let picky = spoilt("[ -e /data/notes ] || exit 9; trap 'exit 0' TERM; while true; do sleep 0.1; done");
        let now = stage.observe_one(&two).await.expect("it");
        let after = replace(&stage, &now, &picky).await.expect("it starts").expect("it");
        assert_eq!((after.spec, after.problem), (picky.spec, None));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_are_replaced_one_after_the_other() {
    on_stage(async |stage: Arc<Stage>| {
        stage.create(&stage.network("default", false)).await;
        let two = |round: &str| {
            let deploy = Deploy {
                replicas: Some(2),
                resources: Resources::default(),
            };
            stage.service(
                "web",
                &Service {
                    deploy: Some(deploy),
                    ..server(round, "0", Vec::new())
                },
            )
        };
        let before = stage.create(&two("4")).await;
        let bad = replace(&stage, &before, &two("9")).await.expect_err("it answers wrong");
        assert!(bad.rolled_back, "{}", explain(&bad));
        assert_eq!(stage.observe_one(&two("4")).await.expect("it").id, before.id);
        let after = replace(&stage, &before, &two("4.001"))
            .await
            .expect("it is good")
            .expect("it");
        assert_eq!(after.spec, two("4.001").spec);
        let names: Vec<String> = (1..=2)
            .map(|number| format!("{}-web-{number}", stage.project))
            .collect();
        assert_eq!(stage.containers().await, names);
    })
    .await;
}
