//! A model server as far as golden requests go: answers what it is told to, over loopback, until it is dropped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What it predicts: the first answer whose text is in the request.
pub(super) type Answers = Arc<Mutex<Vec<(&'static str, f64)>>>;

/// Starts it; it goes with the test's process.
pub(super) fn start(answers: &Answers) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let answers = Arc::clone(answers);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answers = Arc::clone(&answers);
            std::thread::spawn(move || while answer(&stream, &answers).is_some() {});
        }
    });
    address
}

fn answer(stream: &TcpStream, answers: &Answers) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    for line in reader.by_ref().lines() {
        let line = line.ok()?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(told) = line.strip_prefix("content-length:") {
            length = told.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let asked = String::from_utf8(body).ok()?;
    let known = answers.lock().unwrap();
    let prediction = known.iter().find(|(part, _)| asked.contains(part))?.1;
    let body = format!(r#"{{"prediction": {prediction}}}"#);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nserver-timing: total;dur=1.5";
    let mut stream = stream;
    write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).ok()
}
