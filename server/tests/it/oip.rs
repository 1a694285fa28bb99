//! The Open Inference Protocol.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{get, post};
use crate::fake::{limits, start};

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_describe_server_and_model() {
    let server = start(limits(), Duration::ZERO, None).await;
    let pages = [
        "/v2",
        "/v2/health/live",
        "/v2/health/ready",
        "/v2/models/risk",
        "/v2/models/risk/versions/3",
        "/v2/models/risk/ready",
        "/v2/models/risk/versions/2",
        "/v2/models/other/ready",
        "/v1/models/risk",
    ];
    let all: String = pages
        .iter()
        .map(|path| (path, get(server.port, path)))
        .map(|(path, reply)| format!("{path} {} {}\n", reply.status, reply.text()))
        .collect();
    insta::assert_snapshot!(all);
    server.stop().await;
}

fn infer(port: u16, body: &Value) -> (u16, Value) {
    let reply = post(port, "/v2/models/risk/infer", &body.to_string());
    (reply.status, reply.json())
}

fn input(name: &str, shape: &Value, datatype: &str, data: &Value) -> Value {
    json!({ "name": name, "shape": shape, "datatype": datatype, "data": data })
}

#[tokio::test(flavor = "multi_thread")]
async fn flat_nested_and_named_inputs_give_the_same() {
    let server = start(limits(), Duration::ZERO, None).await;
    let flat = json!({ "inputs": [input("X", &json!([2, 4]), "FP32", &json!([40.5, 50, 1, 1, 20, 30, 0, 0]))] });
    let nested = json!({ "inputs": [input("X", &json!([2, 4]), "FP64", &json!([[40.5, 50, 1, 1], [20, 30, 0, 0]]))] });
    let named = json!({ "inputs": [
        input("town", &json!([2]), "BYTES", &json!(["Biel", "Bern"])),
        input("mean bmi (kg)", &json!([2, 1]), "FP32", &json!([[40.5], [20]])),
        input("age", &json!([2]), "INT64", &json!([50, 30])),
        input("smokes", &json!([2]), "BOOL", &json!([true, false])),
    ] });
    let (status, answer) = infer(server.port, &flat);
    assert_eq!(status, 200);
    insta::assert_snapshot!(answer, @r#"{"model_name":"risk","model_version":"3","outputs":[{"name":"label","datatype":"BYTES","shape":[2],"data":["high","low"]},{"name":"probabilities","datatype":"FP32","shape":[2,2],"data":[0.021615267,0.97838473,0.7211152,0.27888483]}]}"#);
    assert_eq!(infer(server.port, &nested).1, answer);
    assert_eq!(infer(server.port, &named).1, answer);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wanted_outputs_come_in_their_order() {
    let server = start(limits(), Duration::ZERO, None).await;
    let inputs = json!([input("X", &json!([1, 4]), "FP32", &json!([40.5, 50, 1, 1]))]);
    let names = |wanted: Value| {
        let (_, answer) = infer(server.port, &json!({ "id": "7", "inputs": inputs, "outputs": wanted }));
        let names: Vec<_> = answer["outputs"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|o| o["name"].as_str().unwrap_or("").to_owned())
            .collect();
        (names, answer["id"].as_str().unwrap_or("").to_owned())
    };
    assert_eq!(
        names(json!([{ "name": "probabilities" }, { "name": "label", "parameters": {} }])),
        (vec!["probabilities".into(), "label".into()], "7".into())
    );
    assert_eq!(names(json!([{ "name": "label" }])).0, ["label"]);
    assert_eq!(names(json!([])).0.len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tensors_are_refused_in_the_flat_form() {
    let server = start(limits(), Duration::ZERO, None).await;
    let x = |shape: Value, datatype: &str, data: Value| json!({ "inputs": [input("X", &shape, datatype, &data)] });
    let bodies = [
        json!({}),
        json!([]),
        json!({ "inputs": [] }),
        json!({ "inputs": [{ "name": "X" }] }),
        x(json!([1, 3]), "FP32", json!([1, 2, 3])),
        x(json!([1, 4]), "FP32", json!([1, 2, 3])),
        x(json!([1, 4]), "FP32", json!([1, 2, 3, 4, 5])),
        x(json!([1, 4]), "FP16", json!([1, 2, 3, 4])),
        x(json!([1, 4]), "BYTES", json!(["1", "2", "3", "4"])),
        x(json!([1, 4]), "FP32", json!([1, 2, "3", 4])),
        x(json!([1, 4]), "INT8", json!([1, 2, 300, 4])),
        x(json!([1, 4]), "FP32", json!([1, 2, 1e39, 4])),
        x(json!([-1, 4]), "FP32", json!([1, 2, 3, 4])),
        x(json!([2000, 4]), "FP32", json!([1])),
        json!({ "inputs": [input("Y", &json!([1]), "FP32", &json!([1]))] }),
        json!({ "inputs": [input("age", &json!([1]), "INT64", &json!([50]))] }),
        json!({ "inputs": [input("age", &json!([1]), "INT64", &json!([17]))] }),
        json!({ "inputs": [input("age", &json!([1]), "INT64", &json!([50])), input("town", &json!([2]), "BYTES", &json!(["Bern", "Biel"]))] }),
        json!({ "inputs": [input("X", &json!([1, 4]), "FP32", &json!([1, 2, 3, 4]))], "outputs": [{ "name": "other" }] }),
    ];
    let all: String = bodies
        .iter()
        .map(|body| (body, infer(server.port, body)))
        .map(|(body, (status, answer))| format!("{body}\n    {status} {answer}\n"))
        .collect();
    insta::assert_snapshot!(all);
    server.stop().await;
}
