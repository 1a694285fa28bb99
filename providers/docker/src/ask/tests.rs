use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use bollard::models::{ContainerInspectResponse, EndpointSettings, NetworkSettings};
use mlstack_provider::Duration;
use mlstack_provider::golden::{Check, Checks};
use serde_json::json;

use super::{Answer, outside, parse, questions};

fn checks(port: u16) -> Checks {
    let check = |p95| Check {
        request: json!({"a": 1}),
        prediction: json!(4),
        within: 0.0,
        p95,
    };
    Checks {
        port,
        path: "/predict".to_owned(),
        requests: vec![check(None), check(Some(Duration::seconds(1)))],
    }
}

fn container() -> ContainerInspectResponse {
    let endpoint = EndpointSettings {
        ip_address: Some("127.0.0.1".to_owned()),
        ..Default::default()
    };
    let settings = NetworkSettings {
        networks: Some([("back".to_owned(), endpoint)].into()),
        ..Default::default()
    };
    ContainerInspectResponse {
        network_settings: Some(settings),
        ..Default::default()
    }
}

#[test]
fn our_server_reads_one_line() {
    insta::assert_snapshot!(questions(&checks(1)), @r#"{"path":"/predict","requests":[{"body":{"a":1},"times":1},{"body":{"a":1},"times":41}]}"#);
}

#[test]
fn an_answer_has_a_status_and_a_body() {
    let parse = |text| parse(text).map(|reply| (reply.status, reply.body));
    let ok = parse("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nhello\r\n\r\nyou");
    assert_eq!(ok, Some((200, "hello\r\n\r\nyou".to_owned())));
    assert_eq!(parse("HTTP/1.0 404\r\n\r\n"), Some((404, String::new())));
    assert_eq!(parse("SSH-2.0-hello\r\n\r\n"), None);
    assert_eq!(parse("HTTP/1.1 200 OK\r\n"), None);
}

#[tokio::test]
async fn a_request_with_a_bound_is_asked_often() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 1000];
            let count = stream.read(&mut buffer).unwrap();
            assert!(buffer[..count].starts_with(b"POST /predict HTTP/1.0\r\n"));
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"prediction\":4}").unwrap();
        }
    });
    let answers = outside(&container(), &checks(port)).await;
    let counts: Vec<usize> = answers.iter().map(|answer| answer.micros.len()).collect();
    assert_eq!(counts, [1, 41]);
    assert!(answers.iter().all(|answer| answer.body == "{\"prediction\":4}"));
}

#[tokio::test]
async fn nobody_there_is_an_answer_without_status() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let answers = outside(&container(), &checks(port)).await;
    assert_eq!(answers[0].error.as_deref(), Some("Connection refused (os error 111)"));
    assert_eq!(answers[1].micros.len(), 1);
    let nowhere = outside(&ContainerInspectResponse::default(), &checks(port)).await;
    assert_eq!(nowhere[0], Answer::none("it has no address"));
}
