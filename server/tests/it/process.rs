//! The program itself, with the example's model: start, predictions, health check, signals, exit codes.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::{get, post, post_with};
use crate::postgres::Postgres;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mlstack-server");

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/diabetes/model")
        .join(name)
}

struct Program {
    child: Child,
    port: u16,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Program {
    /// Starts `mlstack-server` on a free port, and waits until it says what that is.
    fn start(args: &[&str], envs: &[(&str, &str)]) -> Self {
        let mut command = command();
        command
            .args(args)
            .args(["--port", "0", "--log-format", "json"])
            .envs(envs.iter().copied());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let (send, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            errors
                .lines()
                .map_while(Result::ok)
                .for_each(|line| drop(send.send(line)));
        });
        let mut own = Self { child, port: 0, lines };
        let address = own.line("listening")["address"].as_str().unwrap().to_owned();
        own.port = address.rsplit(':').next().unwrap().parse().unwrap();
        own
    }

    /// The next log line with this message.
    fn line(&self, message: &str) -> Value {
        loop {
            let line = self
                .lines
                .recv_timeout(Duration::from_secs(30))
                .unwrap_or_else(|e| panic!("no line `{message}`: {e}"));
            let line: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
            if line["message"] == message {
                return line;
            }
        }
    }

    fn ready(&self) {
        let until = Instant::now() + Duration::from_secs(30);
        while get(self.port, "/readyz").status != 200 {
            assert!(
                Instant::now() < until,
                "not ready: {}",
                get(self.port, "/readyz").text()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .args([&format!("-{name}"), &self.child.id().to_string()])
            .status();
        assert!(kill.unwrap().success());
    }

    /// The exit code, and the time from now to the end.
    fn wait(&mut self) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(asked.elapsed() < Duration::from_secs(30), "the program does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
        (self.child.wait().unwrap().code(), asked.elapsed())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Without the settings of whoever runs the tests.
fn command() -> Command {
    let mut command = Command::new(PROGRAM);
    std::env::vars()
        .filter(|(name, _)| name.starts_with("MLSTACK_"))
        .for_each(|(name, _)| {
            command.env_remove(name);
        });
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn diabetes() -> String {
    model("diabetes-v2.onnx").display().to_string()
}

fn run(args: &[&str]) -> Output {
    let mut child = command().args(args).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < until, "does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

fn golden() -> Vec<(String, f64)> {
    let text = std::fs::read_to_string(model("diabetes-v2.golden.json")).unwrap();
    let golden: Value = serde_json::from_str(&text).unwrap();
    let rows = golden["rows"].as_array().unwrap();
    rows.iter()
        .map(|row| (row["request"].to_string(), row["prediction"].as_f64().unwrap()))
        .collect()
}

#[test]
fn the_example_is_served_as_scikit_learn_computed_it() {
    let program = Program::start(&["serve", "--model", &diabetes()], &[]);
    program.ready();
    for (request, want) in golden() {
        let got = post(program.port, "/predict", &request).json()["prediction"]
            .as_f64()
            .unwrap();
        assert!((got - want).abs() < 1e-3, "{got} for {want}");
    }
    let rows: Vec<String> = golden().into_iter().map(|(request, _)| request).collect();
    let all = post(program.port, "/predict", &format!("[{}]", rows.join(","))).json();
    assert_eq!(all["predictions"].as_array().unwrap().len(), rows.len());
    let metadata = get(program.port, "/v2/models/diabetes-v2").json();
    assert_eq!(metadata["inputs"][0]["shape"], serde_json::json!([-1, 10]));
}

#[test]
fn both_signals_end_it_cleanly_and_fast() {
    for name in ["TERM", "INT"] {
        let mut program = Program::start(&["--model", &diabetes()], &[]);
        program.ready();
        program.signal(name);
        let (code, took) = program.wait();
        assert_eq!(code, Some(0), "{name}");
        assert!(took < Duration::from_secs(1), "{name}: {took:?}");
        assert_eq!(program.line("stopped")["connections_cut"], 0);
    }
}

#[test]
fn the_health_check_follows_readiness() {
    let mut program = Program::start(&["--model", &diabetes()], &[]);
    program.ready();
    let url = format!("http://127.0.0.1:{}/readyz", program.port);
    assert!(run(&["healthcheck", "--url", &url]).status.success());
    assert!(
        run(&["healthcheck", "--port", &program.port.to_string()])
            .status
            .success()
    );
    program.signal("TERM");
    program.wait();
    assert_eq!(run(&["healthcheck", "--url", &url]).status.code(), Some(1));
}

#[test]
fn a_settings_file_is_enough_and_the_environment_wins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    std::fs::write(
        &file,
        serde_json::json!({ "model": diabetes(), "model_name": "from-file", "model_version": "1" }).to_string(),
    )
    .unwrap();
    let program = Program::start(
        &["--config", &file.display().to_string()],
        &[("MLSTACK_MODEL_NAME", "from-env")],
    );
    program.ready();
    let card = get(program.port, "/signature.json").json();
    assert_eq!(
        (card["name"].as_str(), card["version"].as_str()),
        (Some("from-env"), Some("1"))
    );
}

#[test]
fn a_model_that_answers_otherwise_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    for ending in ["onnx", "signature.json"] {
        std::fs::copy(
            model(&format!("diabetes-v2.{ending}")),
            folder.path().join(format!("model.{ending}")),
        )
        .unwrap();
    }
    let golden = std::fs::read_to_string(model("diabetes-v2.golden.json")).unwrap();
    std::fs::write(
        folder.path().join("model.golden.json"),
        golden.replace("81.676685", "91.676685"),
    )
    .unwrap();
    let program = Program::start(
        &["--model", &folder.path().join("model.onnx").display().to_string()],
        &[],
    );
    program.line("the golden sample did not pass: the model is not served");
    let ready = get(program.port, "/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("golden row 1"), "{}", ready.text());
    assert_eq!(post(program.port, "/predict", "{}").status, 503);
    assert_eq!(get(program.port, "/livez").status, 200);
}

#[test]
fn what_cannot_be_served_is_told_and_ends_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.onnx");
    std::fs::write(&broken, b"\x80\x04\x95 a pickle").unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for (args, said) in [
        (
            vec!["--port", "0", "--model", "/nonexistent/model.onnx"],
            "cannot read /nonexistent/model.onnx: No such file",
        ),
        (
            vec!["--port", "0", "--model", broken.to_str().unwrap()],
            "cannot be served: this is not an ONNX file",
        ),
        (
            vec!["--port", port.as_str(), "--model", "x"],
            "cannot listen on 127.0.0.1:",
        ),
        (vec!["--config", "/nonexistent.json"], "cannot read /nonexistent.json"),
        (vec!["frontend", "--port", "0"], "give --upstream"),
        (
            vec!["frontend", "--port", "0", "--upstream", "ftp://x"],
            "must be http://HOST:PORT",
        ),
    ] {
        let done = run(&args);
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{args:?}: {text}");
        assert!(text.contains(said), "{args:?}: {text}");
    }
}

/// With the database: every answered prediction is in the table when the program has ended.
#[test]
fn predictions_are_in_the_database_when_it_ends() {
    let Some(postgres) = Postgres::start() else { return };
    let (port, password) = (
        postgres.port.to_string(),
        postgres.path("password").display().to_string(),
    );
    let envs = [
        ("MLSTACK_LOG_PREDICTIONS_HOST", "127.0.0.1"),
        ("MLSTACK_LOG_PREDICTIONS_PORT", port.as_str()),
        ("MLSTACK_LOG_PREDICTIONS_USER", "ml"),
        ("MLSTACK_LOG_PREDICTIONS_DATABASE", "postgres"),
        ("MLSTACK_LOG_PREDICTIONS_PASSWORD_FILE", password.as_str()),
    ];
    let mut program = Program::start(&["--model", &diabetes()], &envs);
    program.ready();
    let (request, want) = golden().remove(0);
    (0..30).for_each(|_| assert_eq!(post(program.port, "/predict", &request).status, 200));
    let tensor =
        r#"{"inputs":[{"name":"X","shape":[1,10],"datatype":"FP32","data":[41,1,20.5,80,124,48.8,64,2,4.0254,75]}]}"#;
    assert_eq!(post(program.port, "/v2/models/diabetes-v2/infer", tensor).status, 200);
    // The checks of a rollout are nobody's predictions.
    let check = "x-mlstack-check: golden\r\n";
    assert_eq!(post_with(program.port, "/predict", check, &request).status, 200);
    assert_eq!(
        post_with(program.port, "/v2/models/diabetes-v2/infer", check, tensor).status,
        200
    );
    program.signal("TERM");
    assert_eq!(program.wait().0, Some(0));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let row = runtime.block_on(async {
        let client = postgres.client().await;
        let text = "SELECT count(*), avg(prediction::text::float8), avg((features->>'bmi')::float8), max(model), max(source), min(source) FROM predictions";
        client.query_one(text, &[]).await.unwrap()
    });
    assert_eq!(
        (row.get::<_, i64>(0), row.get::<_, String>(3), row.get::<_, String>(4)),
        (31, "diabetes-v2".into(), "predict".into())
    );
    assert!((row.get::<_, f64>(1) - want).abs() < 1e-3 && (row.get::<_, f64>(2) - 20.5).abs() < 1e-9);
}

/// A database that is away costs no prediction.
#[test]
fn predictions_do_not_need_the_database() {
    let envs = [
        ("MLSTACK_LOG_PREDICTIONS_HOST", "127.0.0.1"),
        ("MLSTACK_LOG_PREDICTIONS_PORT", "9"),
        ("MLSTACK_LOG_PREDICTIONS_QUEUE", "10"),
    ];
    let mut program = Program::start(&["--model", &diabetes()], &envs);
    program.ready();
    let (request, _) = golden().remove(0);
    (0..50).for_each(|_| assert_eq!(post(program.port, "/predict", &request).status, 200));
    let text = get(program.port, "/metrics").text().to_owned();
    assert!(
        text.contains("mlstack_log_connected 0") && text.contains("mlstack_log_dropped_total 4"),
        "{text}"
    );
    program.signal("TERM");
    let (code, took) = program.wait();
    assert_eq!(code, Some(0));
    assert!(took < Duration::from_secs(7), "{took:?}");
}

#[test]
fn help_and_version_are_there() {
    let mut child = command().arg("--help").stdout(Stdio::piped()).spawn().unwrap();
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(
        text.contains("--log-predictions-password-file") && text.contains("[env: MLSTACK_MODEL=]"),
        "{text}"
    );
}
