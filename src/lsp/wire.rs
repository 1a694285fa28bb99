//! Messages on a stream: a header with the length, then JSON.
//!
//! Owns the framing and its limits. What is damaged is told apart from what has ended: a stream goes on behind a
//! message that is no JSON.

use std::io::{self, BufRead, Read as _};

use serde_json::Value;

/// Bytes of the largest message: a stack file of a megabyte, every character escaped.
pub const MAX_MESSAGE: u64 = 16 << 20;

/// The most bytes of a line of a header.
const MAX_HEADER: u64 = 4096;

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// JSON of any shape.
    Message(Value),
    /// Something else, and why it is not read.
    Damaged(String),
}

/// The next message; `None` at the end of the stream.
///
/// # Errors
/// When the stream cannot be read, or ends within a message.
pub fn read(input: &mut impl BufRead) -> io::Result<Option<Frame>> {
    let mut length = None;
    loop {
        let mut line = Vec::new();
        if input.by_ref().take(MAX_HEADER).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        match (line.trim().split_once(':'), length) {
            (Some((name, value)), _) if name.eq_ignore_ascii_case("content-length") => {
                length = Some(value.trim().parse::<u64>().ok());
            }
            // The header ends with an empty line; without a length, it was none.
            (None, Some(length)) if line.trim().is_empty() => return body(input, length).map(Some),
            _ => {}
        }
    }
}

fn body(input: &mut impl BufRead, length: Option<u64>) -> io::Result<Frame> {
    let Some(length) = length else {
        return Ok(Frame::Damaged("Content-Length is not a number".to_owned()));
    };
    if length > MAX_MESSAGE {
        io::copy(&mut input.take(length), &mut io::sink())?;
        let why = format!("{length} bytes in one message; {MAX_MESSAGE} are read");
        return Ok(Frame::Damaged(why));
    }
    let mut bytes = Vec::new();
    if input.take(length).read_to_end(&mut bytes)? as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(match serde_json::from_slice(&bytes) {
        Ok(message) => Frame::Message(message),
        Err(error) => Frame::Damaged(error.to_string()),
    })
}

/// A message as it goes over the stream.
pub fn frame(json: &str) -> String {
    format!("Content-Length: {}\r\n\r\n{json}", json.len())
}

#[cfg(test)]
mod tests;
