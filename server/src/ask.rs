//! Asks a running server what comes on standard input, and says what it answered and how long each answer took.
//!
//! For whoever can run a program in the container but cannot reach its port: a rollout that asks its golden requests.
//! They say that they are checks, so that the prediction log holds users' requests alone.
//! Plain HTTP over a TCP connection for each request; judges nothing.

use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::CHECK;

/// Time that one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time after which a request is not asked again, however often it should be.
const ENOUGH: Duration = Duration::from_secs(10);
/// The most bytes of an answer that are read.
const ANSWER_LIMIT: u64 = 1 << 20;

/// What to ask, as one line of JSON.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Questions {
    path: String,
    requests: Vec<Question>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    body: Value,
    /// How often.
    times: u32,
}

/// What came: of the last time it was asked, or of the first that failed.
#[derive(Debug, Default, Serialize)]
struct Answer {
    status: u16,
    body: String,
    /// How long each answer took.
    micros: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Reads one line of questions from `input`, asks them of `server` one after the other, writes the answers as one line.
///
/// # Errors
/// When the questions cannot be read or the answers cannot be written. A server that does not answer is an answer.
pub fn ask(server: SocketAddr, input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    let mut line = String::new();
    input.take(ANSWER_LIMIT).read_line(&mut line)?;
    let questions: Questions = serde_json::from_str(&line)?;
    let asked = questions.requests.iter();
    let answers: Vec<Answer> = asked.map(|one| answer(server, &questions.path, one)).collect();
    serde_json::to_writer(&mut output, &answers)?;
    output.write_all(b"\n")
}

fn answer(server: SocketAddr, path: &str, question: &Question) -> Answer {
    let body = question.body.to_string();
    let (begun, mut answer) = (Instant::now(), Answer::default());
    for _ in 0..question.times.max(1) {
        let asked = Instant::now();
        match once(server, path, &body) {
            Ok((status, body)) => (answer.status, answer.body) = (status, body),
            Err(error) => answer.error = Some(error.to_string()),
        }
        answer
            .micros
            .push(asked.elapsed().as_micros().try_into().unwrap_or(u64::MAX));
        if answer.error.is_some() || answer.status != 200 || begun.elapsed() >= ENOUGH {
            break;
        }
    }
    answer
}

/// HTTP/1.0, so that the answer comes in one piece and ends with its connection.
fn once(server: SocketAddr, path: &str, body: &str) -> io::Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.0\r\nhost: {server}\r\n{CHECK}: golden\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes())?;
    let mut text = Vec::new();
    stream.take(ANSWER_LIMIT).read_to_end(&mut text)?;
    parse(&String::from_utf8_lossy(&text)).ok_or_else(|| io::Error::other("the answer is no HTTP"))
}

fn parse(text: &str) -> Option<(u16, String)> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// A server that gives these answers, one after the other, and then is gone.
    fn answers(texts: &'static [&'static str]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for text in texts {
                let (mut stream, _) = listener.accept().unwrap();
                let mut buffer = [0; 1000];
                let count = stream.read(&mut buffer).unwrap();
                assert!(buffer[..count].starts_with(b"POST /predict HTTP/1.0\r\nhost: 127.0.0.1:"));
                stream.write_all(text.as_bytes()).unwrap();
            }
        });
        address
    }

    fn asked(server: SocketAddr, questions: &str) -> Value {
        let mut output = Vec::new();
        ask(server, questions.as_bytes(), &mut output).unwrap();
        let mut answers: Value = serde_json::from_slice(&output).unwrap();
        for answer in answers.as_array_mut().unwrap() {
            let count = answer["micros"].as_array().unwrap().len();
            answer["micros"] = count.into();
        }
        answers
    }

    #[test]
    fn every_request_is_asked_as_often_as_it_says() {
        let ok = "HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"prediction\":4}\n";
        let wrong = "HTTP/1.1 422 Unprocessable Content\r\n\r\n{\"error\":{}}";
        let server = answers(Box::leak(Box::new([ok, ok, ok, wrong])));
        let questions = r#"{"path":"/predict","requests":[{"body":{"a":1},"times":3},{"body":[],"times":9}]}"#;
        insta::assert_snapshot!(asked(server, questions), @r#"[{"status":200,"body":"{\"prediction\":4}\n","micros":3},{"status":422,"body":"{\"error\":{}}","micros":1}]"#);
    }

    #[test]
    fn no_answer_is_an_answer() {
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let questions = r#"{"path":"/predict","requests":[{"body":1,"times":2}]}"#;
        insta::assert_snapshot!(asked(nobody, questions), @r#"[{"status":0,"body":"","micros":1,"error":"Connection refused (os error 111)"}]"#);
        insta::assert_snapshot!(asked(answers(&["hello"]), questions), @r#"[{"status":0,"body":"","micros":1,"error":"the answer is no HTTP"}]"#);
        assert!(ask(nobody, &b"{}"[..], Vec::new()).is_err());
    }
}
