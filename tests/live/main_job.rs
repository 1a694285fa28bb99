//! The main job: one file, and a stack that answers, logs, stores and shows; then nothing left to do.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::stage::{Stage, assert_golden, curl, docker, post};

const IMAGES: &[&str] = &["postgres:17", "chrislusf/seaweedfs:4.48"];

#[test]
fn one_file_becomes_a_stack_that_answers_logs_stores_and_shows() {
    let Some(stage) = Stage::of("examples/diabetes", IMAGES) else {
        return;
    };
    let up = stage.run("up");
    assert_eq!(up.code, 0, "{}{}", up.stdout, up.stderr);
    let before = stage.containers();
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        ["artifacts", "db", "predictor", "web"]
    );

    answers(&stage);
    logs_predictions(&stage);
    stores(&stage);
    shows(&stage);

    let again = stage.run("apply");
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert!(again.stdout.contains("No changes"), "{}", again.stdout);
    assert_eq!(stage.containers(), before, "nothing was made again");
    stage.ends(0, "plan --detailed-exitcode");

    stage.ends(0, "render");
    let plan = stage.ends(0, "plan --format json --out kept.mlplan");
    let outputs = [
        up.stdout,
        up.stderr,
        again.stdout,
        again.stderr,
        plan,
        stage.ends(0, "logs"),
    ];
    keeps_secrets(&stage, &outputs);
}

fn answers(stage: &Stage) {
    assert_golden(&stage.url(8080), &stage.read("model/diabetes.golden.json"));
    let docs = curl(&[&format!("{}/docs", stage.url(8080))]);
    assert!(docs.contains("swagger"), "{docs}");
}

/// Rows are written behind the answer: they are there a moment later.
fn logs_predictions(stage: &Stage) {
    let count = "select count(*) from predictions";
    let psql = ["psql", "-U", "app", "-d", "app", "-tAc", count];
    for _ in 0..50 {
        if stage.exec("db", &psql).trim() == "6" {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    panic!("6 predictions, and {} rows", stage.exec("db", &psql));
}

/// A client that signs its requests, on the stack's own network, with the keys that were made for the stack.
fn stores(stage: &Stage) {
    let key = |name: &str| stage.read(&format!(".mlstack/secrets/artifacts-{name}-key"));
    let user = format!("{}:{}", key("access"), key("secret"));
    let address = stage.inspect("artifacts", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    let here = format!("artifacts:8333:{address}");
    let signed = ["--resolve", &here, "--aws-sigv4", "aws:amz:us-east-1:s3", "--user"];
    let s3 = |rest: &[&str]| curl(&[&signed[..], &[&user], rest].concat());

    let buckets = s3(&["http://artifacts:8333/"]);
    for bucket in ["models", "datasets"] {
        assert!(buckets.contains(&format!("<Name>{bucket}</Name>")), "{buckets}");
    }
    let versioning = s3(&["http://artifacts:8333/models?versioning="]);
    assert!(versioning.contains("<Status>Enabled</Status>"), "{versioning}");
    let object = "http://artifacts:8333/datasets/rows.csv";
    let unsigned = "x-amz-content-sha256: UNSIGNED-PAYLOAD";
    s3(&[
        "-X",
        "PUT",
        "-H",
        unsigned,
        "-H",
        "content-type: text/csv",
        "-d",
        "age,sex\n41,1",
        object,
    ]);
    assert_eq!(s3(&[object]), "age,sex\n41,1");
    let stranger = Command::new("curl").args(["-sf", "--resolve", &here, object]).status();
    assert_eq!(stranger.unwrap().code(), Some(22), "nobody reads without a key");
}

fn shows(stage: &Stage) {
    let page = curl(&[&stage.url(3000)]);
    assert!(page.contains("<title>"), "{page}");
    let golden: Value = serde_json::from_str(&stage.read("model/diabetes.golden.json")).unwrap();
    let answer = post(
        &format!("{}/api/predict", stage.url(3000)),
        &golden["rows"][0]["request"],
    );
    let off = answer["prediction"].as_f64().unwrap() - golden["rows"][0]["prediction"].as_f64().unwrap();
    assert!(off.abs() <= 1e-4, "{answer}");
}

/// No value of a secret is anywhere but in its own file and in the container that uses it.
fn keeps_secrets(stage: &Stage, outputs: &[String]) {
    let mut places = outputs.to_vec();
    places.extend(["kept.mlplan", ".mlstack/ledger.json", "dist/compose/compose.yaml"].map(|file| stage.read(file)));
    for file in std::fs::read_dir(stage.path().join("dist/compose/images/predictor")).unwrap() {
        places.push(String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned());
    }
    for id in stage.containers().values() {
        places.push(docker(&["inspect", id]));
        places.push(docker(&["top", id]));
    }
    for name in ["db-password", "artifacts-access-key", "artifacts-secret-key", ".key"] {
        let value = stage.read(&format!(".mlstack/secrets/{name}"));
        assert!(value.len() >= 20, "{name} is long enough to be looked for");
        for form in [value.clone(), STANDARD.encode(&value)] {
            let found = places.iter().find(|place| place.contains(&form));
            assert!(found.is_none(), "{name} is in {}", found.unwrap());
        }
    }
}
