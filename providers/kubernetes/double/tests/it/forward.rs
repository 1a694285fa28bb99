//! Ports that are forwarded, and what is said where they are not.

use mlstack_kube_double::Double;
use serde_json::{Value, json};

use crate::client::{send, text};

const PORT: &str = "/api/v1/namespaces/default/pods/p/portforward?ports=8080";

async fn ask(double: &Double, method: &str, path: &str, more: &[(&str, &str)], body: Value) -> (u16, Value) {
    let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    headers.extend(
        more.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    let answer = send(double.url(), method, path, &headers, body.to_string().into_bytes()).await;
    let status = answer.status().as_u16();
    (status, serde_json::from_str(&text(answer).await).unwrap_or_default())
}

#[tokio::test]
async fn a_port_is_refused_as_a_server_does() {
    let double = Double::start_stopped().await;
    let upgrade = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "v5.channel.k8s.io, v4.channel.k8s.io"),
    ];
    let (status, body) = ask(&double, "GET", PORT, &upgrade, json!(null)).await;
    assert_eq!((status, &body["message"]), (404, &json!("pods \"p\" not found")));
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}});
    ask(&double, "POST", "/api/v1/namespaces/default/pods", &[], pod).await;
    let (status, body) = ask(&double, "GET", PORT, &upgrade, json!(null)).await;
    assert_eq!(
        (status, &body["message"]),
        (400, &json!("pod p does not have a host assigned"))
    );
    double.advance(std::time::Duration::from_secs(2));
    let (status, _) = ask(&double, "GET", PORT, &[], json!(null)).await;
    assert_eq!(status, 400, "it is no WebSocket");
    let user = [("impersonate-user", "dev")];
    let (status, body) = ask(&double, "GET", PORT, &user, json!(null)).await;
    assert_eq!(status, 403);
    let said = body["message"].as_str().unwrap_or_default();
    assert!(
        said.contains("cannot get resource \"pods/portforward\" in API group \"\""),
        "{said}"
    );
}
