//! The forms that programs write a value in: raw, base64, hexadecimal, escaped for URLs, JSON, shells and others.

use std::fmt::Write as _;

use super::WORD;

/// Values longer than this are looked for in fewer forms, so that the search stays small.
const LONG: usize = 2 << 10;
/// Columns at which `base64`, PEM and MIME break their lines.
const COLUMNS: [usize; 2] = [64, 76];

/// Every form of a value, itself among them. Short forms may be in it; the caller judges length.
pub(super) fn of(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = written(value);
    for part in parts(value) {
        if value.len() <= LONG {
            forms.extend(written(&part));
        } else {
            forms.push(part);
        }
    }
    forms
}

/// What of a value is secret by itself: its lines, and the password of a URL.
fn parts(value: &[u8]) -> Vec<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(value) else {
        return Vec::new();
    };
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !is_frame(line) && *line != text);
    let mut parts: Vec<Vec<u8>> = lines.map(|line| line.as_bytes().to_vec()).collect();
    if let Some(password) = password(text) {
        parts.push(unescape(password));
        parts.push(password.as_bytes().to_vec());
    }
    parts.retain(|part| part.len() >= WORD);
    parts
}

/// `-----BEGIN PRIVATE KEY-----`: the same in every key.
fn is_frame(line: &str) -> bool {
    line.starts_with("-----")
}

/// `hunter2` of `postgres://app:hunter2@db/app`.
fn password(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    Some(user.split_once(':')?.1).filter(|password| !password.is_empty())
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                out.push(byte);
                rest = &tail[2..];
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

fn written(value: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(value);
    let mut forms = vec![value.to_vec()];
    let mut add = |form: String| forms.push(form.into_bytes());
    base64(value).into_iter().for_each(&mut add);
    add(json(&text));
    add(text.clone().into_owned());
    if value.len() <= LONG {
        escaped(&text).into_iter().for_each(&mut add);
        in_urls(value).into_iter().for_each(&mut add);
        for digits in [hex(value, false), hex(value, true)] {
            add(digits);
        }
    }
    forms
}

/// Escaped for JSON (and for JSON in JSON), shells, YAML, HTML and debug output.
fn escaped(text: &str) -> Vec<String> {
    let json = json(text);
    let html = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    vec![
        self::json(&json),
        json.replace('/', "\\/"),
        ascii_json(text, false),
        ascii_json(text, true),
        text.replace('\'', "'\\''"),
        text.replace('\'', "'\"'\"'"),
        text.replace('\'', "''"),
        before(text, "\\", |c| matches!(c, '"' | '$' | '`' | '\\')),
        before(text, "\\", |c| !(c.is_alphanumeric() || "_-./,:@%+=".contains(c))),
        before(text, "\\", |c| matches!(c, '\'' | '\\')),
        format!("{text:?}").trim_matches('"').to_owned(),
        text.escape_default().to_string(),
        html.replace('"', "&quot;").replace('\'', "&#39;"),
        html.replace('"', "&#34;").replace('\'', "&#x27;"),
        html,
    ]
}

fn before(text: &str, sign: &str, special: impl Fn(char) -> bool) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if special(c) {
            out += sign;
        }
        out.push(c);
    }
    out
}

/// The inside of a JSON text.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// JSON as Python writes it, all ASCII; with `html` as Go does, which also spells `<`, `>` and `&` out.
fn ascii_json(text: &str, html: bool) -> String {
    let mut out = String::new();
    for c in json(text).chars() {
        if c.is_ascii() && !(html && "<>&".contains(c)) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

/// Percent-encoded: by RFC 3986, as JavaScript does it, as forms do it; in capital and in small digits.
fn in_urls(value: &[u8]) -> Vec<String> {
    let sets = ["-._~", "-._~!'()*", "-._~!'()*;/?:@&=+$,#", "-._~/", "-._*"];
    let mut forms = Vec::new();
    for kept in sets {
        for capital in [true, false] {
            let percent = percent(value, kept, capital);
            forms.push(percent.replace("%20", "+"));
            forms.push(percent);
        }
    }
    forms
}

fn percent(value: &[u8], kept: &str, capital: bool) -> String {
    let mut out = String::new();
    for byte in value {
        match *byte {
            byte if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) => out.push(char::from(byte)),
            byte if capital => {
                let _ = write!(out, "%{byte:02X}");
            }
            byte => {
                let _ = write!(out, "%{byte:02x}");
            }
        }
    }
    out
}

fn hex(value: &[u8], capital: bool) -> String {
    value.iter().fold(String::new(), |mut out, byte| {
        let _ = if capital {
            write!(out, "{byte:02X}")
        } else {
            write!(out, "{byte:02x}")
        };
        out
    })
}

/// In both alphabets, whole, in lines, and as it stands inside the encoding of something longer (`user:password`).
fn base64(value: &[u8]) -> Vec<String> {
    use base64::Engine as _;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
    let mut forms = Vec::new();
    for engine in [BASE64_STANDARD, BASE64_URL_SAFE] {
        let whole = engine.encode(value);
        for columns in COLUMNS.into_iter().filter(|columns| whole.len() > *columns) {
            let lines = whole.as_bytes().chunks(columns).map(String::from_utf8_lossy);
            forms.extend(lines.filter(|line| line.len() >= 16).map(std::borrow::Cow::into_owned));
        }
        forms.push(whole.trim_end_matches('=').to_owned());
        forms.push(whole);
        for before in 0..3 {
            let shifted = [&[0; 2][..before], value].concat();
            let (from, to) = ((before * 4).div_ceil(3), shifted.len() * 4 / 3);
            forms.push(engine.encode(&shifted)[from..to].to_owned());
        }
    }
    forms
}
