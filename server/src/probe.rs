//! Asks a server whether it is ready, for images that hold no shell and no curl.
//!
//! Plain HTTP/1.1 over one TCP connection; knows nothing of redirects, names and encryption.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

/// Good when the answer's status is 200.
///
/// # Errors
/// When there is no answer within two seconds, or another one.
pub fn ready(url: &str) -> io::Result<()> {
    let wrong = |what: &str| io::Error::other(what.to_owned());
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| wrong("the URL must start with http://"))?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let path = if path.is_empty() { "/" } else { path };
    let address = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let address = address
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| wrong("the host has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    if &head == b"HTTP/1.1 200" {
        Ok(())
    } else {
        Err(wrong("the answer is not 200"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn answers(text: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/readyz", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 200];
            let count = stream.read(&mut buffer).unwrap();
            assert!(buffer[..count].starts_with(b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1:"));
            stream.write_all(text.as_bytes()).unwrap();
        });
        url
    }

    #[test]
    fn only_200_is_ready() {
        assert!(ready(&answers("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).is_ok());
        assert!(ready(&answers("HTTP/1.1 503 Service Unavailable\r\n\r\n")).is_err());
        assert!(ready(&answers("")).is_err());
        assert!(ready("https://127.0.0.1/").is_err());
    }

    #[test]
    fn nobody_there_is_not_ready() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        assert!(ready(&format!("http://127.0.0.1:{port}")).is_err());
    }
}
