use proptest::prelude::*;
use serde_json::json;

use super::*;

fn all(mut input: &[u8]) -> Vec<String> {
    let mut seen = Vec::new();
    loop {
        match read(&mut input) {
            Ok(Some(Frame::Message(value))) => seen.push(value.to_string()),
            Ok(Some(Frame::Damaged(why))) => seen.push(format!("damaged: {why}")),
            Ok(None) => return seen,
            Err(error) => {
                seen.push(format!("end: {}", error.kind()));
                return seen;
            }
        }
    }
}

#[test]
fn a_stream_goes_on_behind_damage() {
    let stream = [
        frame(&json!({ "é": 1 }).to_string()),
        frame("{oops"),
        "no header at all\r\n\r\n".to_owned(),
        "content-length: many\r\n\r\n".to_owned(),
        format!(
            "Content-Length: {}\r\n\r\n{}",
            MAX_MESSAGE + 1,
            " ".repeat(1 + (16 << 20))
        ),
        "Content-Type: application/vscode-jsonrpc\r\nContent-Length: 2\r\n\r\n[]".to_owned(),
        "Content-Length: 9\r\n\r\n{}".to_owned(),
    ];
    insta::assert_snapshot!(all(stream.concat().as_bytes()).join("\n"), @r#"
    {"é":1}
    damaged: key must be a string at line 1 column 2
    damaged: Content-Length is not a number
    damaged: 16777217 bytes in one message; 16777216 are read
    []
    end: unexpected end of file
    "#);
}

proptest! {
    #[test]
    fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        all(&bytes);
    }
}
