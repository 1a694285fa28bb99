//! Asks a running container its golden requests.
//!
//! An image with our server is asked inside, by that server's own word `ask`: so it works on every engine, wherever it
//! is. Any other image is asked at its address, which only the engine's own host reaches. Never judges the answers.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::models::ContainerInspectResponse;
use futures_util::StreamExt as _;
use mlstack_provider::ProviderError;
use mlstack_provider::golden::{self, ANSWER_LIMIT, Answer, Check, Checks, PATIENCE, Reply, times};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::patience::Patience;

/// Our server in the images that mlstack packs.
const SERVER: &str = "/app/mlstack-server";
/// Time that all answers together may take inside a container.
const INSIDE: Duration = Duration::from_secs(120);

/// Asks through our server in the container `id`; `None` when the image's server is too old to know how.
pub(crate) async fn inside(docker: &Docker, id: &str, checks: &Checks) -> Result<Option<Vec<Answer>>, ProviderError> {
    let questions = questions(checks);
    let run = || run(docker, id, &questions);
    let output = Patience::of(INSIDE).repeat("cannot ask the checks of", run).await?;
    Ok(serde_json::from_str(&output).ok())
}

/// The line that our server reads.
fn questions(checks: &Checks) -> String {
    let one = |check: &Check| json!({"body": check.request, "times": times(check)});
    let requests: Vec<Value> = checks.requests.iter().map(one).collect();
    format!("{}\n", json!({"path": checks.path, "requests": requests}))
}

/// Runs our server's `ask` in a container and gives what it wrote.
async fn run(docker: &Docker, id: &str, input: &str) -> Result<String, bollard::errors::Error> {
    let options = CreateExecOptions {
        cmd: Some(vec![SERVER, "ask"]),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..Default::default()
    };
    let exec = docker.create_exec(id, options).await?;
    let StartExecResults::Attached {
        mut output,
        input: mut pipe,
    } = docker.start_exec(&exec.id, None).await?
    else {
        return Ok(String::new());
    };
    // A program that ended already takes nothing; that it says nothing tells it.
    let _ = pipe.write_all(input.as_bytes()).await;
    let _ = pipe.flush().await;
    let mut text = Vec::new();
    while let Some(part) = output.next().await {
        if let LogOutput::StdOut { message } = part? {
            text.extend_from_slice(&message);
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Asks a container at its address on one of its networks.
pub(crate) async fn outside(container: &ContainerInspectResponse, checks: &Checks) -> Vec<Answer> {
    let mut answers = Vec::new();
    for check in &checks.requests {
        answers.push(match address(container) {
            Some(address) => repeated((address, checks.port), &checks.path, check).await,
            None => Answer::none("it has no address"),
        });
    }
    answers
}

fn address(container: &ContainerInspectResponse) -> Option<IpAddr> {
    let networks = container.network_settings.as_ref()?.networks.as_ref()?;
    let mut addresses: Vec<IpAddr> = networks
        .values()
        .filter_map(|endpoint| endpoint.ip_address.as_ref()?.parse().ok())
        .collect();
    addresses.sort();
    addresses.first().copied()
}

async fn repeated(at: (IpAddr, u16), path: &str, check: &Check) -> Answer {
    let body = check.request.to_string();
    let patiently = || async {
        match timeout(PATIENCE, once(at, path, &body)).await {
            Ok(replied) => replied.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        }
    };
    golden::ask(check, patiently).await
}

/// HTTP/1.0, so that the answer comes in one piece and ends with its connection.
async fn once(at: (IpAddr, u16), path: &str, body: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    let (host, length) = (std::net::SocketAddr::from(at), body.len());
    let head = format!(
        "POST {path} HTTP/1.0\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).await?;
    let mut text = Vec::new();
    stream.take(ANSWER_LIMIT).read_to_end(&mut text).await?;
    parse(&String::from_utf8_lossy(&text)).ok_or_else(|| io::Error::other("the answer is no HTTP"))
}

fn parse(text: &str) -> Option<Reply> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Reply {
        status,
        body: body.to_owned(),
        micros: None,
    })
}

#[cfg(test)]
mod tests;
