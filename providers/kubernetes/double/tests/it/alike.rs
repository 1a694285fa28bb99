//! Whether two answers are the same but for what no two servers share: uids, resourceVersions, times, generated names
//! and addresses. These are mapped from the recording to the double by first appearance, and must agree from then on.

use std::collections::BTreeMap;

use serde_json::Value;

/// What stands for what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    there: BTreeMap<String, String>,
    back: BTreeMap<String, String>,
    lists: BTreeMap<String, String>,
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Piece<'a> {
    Uid(&'a str),
    Time,
    Address(&'a str),
    Word(&'a str),
    Other(char),
}

impl Names {
    fn pair(&mut self, recorded: &str, found: &str) -> bool {
        let there = self.there.entry(recorded.into()).or_insert_with(|| found.into()) == found;
        there && self.back.entry(found.into()).or_insert_with(|| recorded.into()) == recorded
    }

    /// Takes over a name that need not be the same each time.
    pub(crate) fn note(&mut self, recorded: &str, found: &str) {
        self.lists.entry(recorded.into()).or_insert_with(|| found.into());
    }

    /// A text of the recording as the double would have it.
    pub(crate) fn translate(&self, text: &str) -> String {
        if let Some(whole) = self.there.get(text).or_else(|| self.lists.get(text)) {
            return whole.clone();
        }
        pieces(text)
            .iter()
            .map(|(piece, raw)| match piece {
                Piece::Uid(p) | Piece::Word(p) | Piece::Address(p) => {
                    self.there.get(*p).map_or((*raw).to_owned(), Clone::clone)
                }
                _ => (*raw).to_owned(),
            })
            .collect()
    }

    /// A body of the recording as the double would have it.
    pub(crate) fn translated(&self, value: &Value) -> Value {
        match value {
            Value::String(s) => self.translate(s).into(),
            Value::Array(items) => items.iter().map(|v| self.translated(v)).collect(),
            Value::Object(map) => Value::Object(
                map.iter()
                    .map(|(k, v)| (self.translate(k), self.translated(v)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    fn text(&mut self, recorded: &str, found: &str) -> bool {
        if recorded == found {
            return true;
        }
        let (a, b) = (pieces(recorded), pieces(found));
        a.len() == b.len()
            && a.iter().zip(&b).all(|((a, _), (b, _))| match (a, b) {
                (Piece::Time, Piece::Time) => true,
                (Piece::Uid(a), Piece::Uid(b)) | (Piece::Address(a), Piece::Address(b)) => self.pair(a, b),
                (Piece::Word(a), Piece::Word(b)) if a == b => true,
                (Piece::Word(a), Piece::Word(b)) => {
                    (self.there.contains_key(*a) || is_generated(a) && is_generated(b)) && self.pair(a, b)
                }
                _ => a == b,
            })
    }
}

/// Letters as names are generated from, or the hexadecimal end of an event's name.
fn is_generated(word: &str) -> bool {
    let consonants = word.chars().all(|c| "bcdfghjklmnpqrstvwxz2456789".contains(c));
    let hex = word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit());
    // A real hash of a template may be any of these letters, and one shorter.
    (5..=10).contains(&word.len()) && consonants || hex
}

fn pieces(text: &str) -> Vec<(Piece<'_>, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (piece, length) = if let Some(n) = uid(rest) {
            (Piece::Uid(&rest[..n]), n)
        } else if let Some(n) = time(rest) {
            (Piece::Time, n)
        } else if let Some(n) = address(rest) {
            (Piece::Address(&rest[..n]), n)
        } else if first.is_ascii_alphanumeric() {
            let n = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            (Piece::Word(&rest[..n]), n)
        } else {
            (Piece::Other(first), first.len_utf8())
        };
        found.push((piece, &rest[..length]));
        rest = &rest[length..];
    }
    found
}

fn like(text: &str, pattern: &str) -> Option<usize> {
    let fits = |c: char, p: char| match p {
        'x' => c.is_ascii_hexdigit(),
        '9' => c.is_ascii_digit(),
        _ => c == p,
    };
    let mut chars = text.chars();
    pattern
        .chars()
        .all(|p| chars.next().is_some_and(|c| fits(c, p)))
        .then_some(pattern.len())
}

fn uid(text: &str) -> Option<usize> {
    like(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
}

fn time(text: &str) -> Option<usize> {
    let whole = like(text, "9999-99-99T99:99:99")?;
    let fraction = text[whole..]
        .strip_prefix('.')
        .map_or(0, |f| 1 + f.find(|c: char| !c.is_ascii_digit()).unwrap_or(f.len()));
    text[whole + fraction..]
        .starts_with('Z')
        .then_some(whole + fraction + 1)
}

fn address(text: &str) -> Option<usize> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let parts: Vec<_> = text[..end].split('.').collect();
    (parts.len() == 4 && parts[0] == "10" && parts.iter().all(|p| p.parse::<u8>().is_ok())).then_some(end)
}

/// What differs first, with its path; nothing when the two are alike.
pub(crate) fn differ(recorded: &Value, found: &Value, names: &mut Names) -> Option<String> {
    compare(recorded, found, names, "")
}

fn compare(recorded: &Value, found: &Value, names: &mut Names, at: &str) -> Option<String> {
    let differs = || Some(format!("{at}: recorded {} found {}", short(recorded), short(found)));
    let name = at.rsplit('/').next().unwrap_or_default();
    match (recorded, found) {
        (Value::String(a), Value::String(b)) => match name {
            "list" | "resourceVersion" if is_loose(at) => {
                names.note(a, b);
                None
            }
            "resourceVersion" | "continue" => {
                if names.pair(a, b) {
                    None
                } else {
                    differs()
                }
            }
            // The recording's kubelet was a script that wrote its events under its own name.
            "manager" if a == "recorder" && b == "kubelet" => None,
            _ => {
                if names.text(a, b) {
                    None
                } else {
                    differs()
                }
            }
        },
        (Value::Number(_), Value::Number(_)) if name == "nodePort" => None,
        (Value::Array(a), Value::Array(b)) if a.len() != b.len() => Some(format!(
            "{at}: recorded {} items, found {}: {} | {}",
            a.len(),
            b.len(),
            names_of(a),
            names_of(b)
        )),
        (Value::Array(a), Value::Array(b)) if matches!(name, "items" | "managedFields") => any_order(a, b, names, at),
        (Value::Array(a), Value::Array(b)) => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(i, (a, b))| compare(a, b, names, &format!("{at}/{i}"))),
        (Value::Object(a), Value::Object(b)) => objects(a, b, names, at),
        _ if recorded == found => None,
        _ => differs(),
    }
}

/// Versions of lists, and of what an event was about, depend on what else went on.
fn is_loose(at: &str) -> bool {
    at == "/metadata/resourceVersion/list" || at.ends_with("involvedObject/resourceVersion") || at.starts_with("/list")
}

fn names_of(items: &[Value]) -> String {
    let name = |v: &Value| match v["reason"].as_str() {
        Some(reason) => reason.to_owned(),
        None => v["metadata"]["name"]
            .as_str()
            .or(v["manager"].as_str())
            .or(v["type"].as_str())
            .unwrap_or("?")
            .to_owned(),
    };
    items.iter().map(name).collect::<Vec<_>>().join(" ")
}

fn short(v: &Value) -> String {
    let text = v.to_string();
    if text.chars().count() > 300 {
        text.chars().take(300).chain("…".chars()).collect()
    } else {
        text
    }
}

fn any_order(a: &[Value], b: &[Value], names: &mut Names, at: &str) -> Option<String> {
    let mut rest: Vec<&Value> = b.iter().collect();
    for (i, recorded) in a.iter().enumerate() {
        let mut why = None;
        let found = rest.iter().position(|found| {
            let mut tried = names.clone();
            let difference = compare(recorded, found, &mut tried, &format!("{at}/{i}"));
            let fits = difference.is_none();
            if fits {
                *names = tried;
            } else if why.is_none() || kin(recorded, found) {
                why = difference;
            }
            fits
        });
        match found {
            Some(at) => drop(rest.remove(at)),
            None => return why.or_else(|| Some(format!("{at}/{i}: nothing like {}", short(recorded)))),
        }
    }
    None
}

/// Whether two items are meant to be the same one.
fn kin(a: &Value, b: &Value) -> bool {
    a["reason"] == b["reason"]
        && a["message"] == b["message"]
        && a["manager"] == b["manager"]
        && a["subresource"] == b["subresource"]
}

type Map = serde_json::Map<String, Value>;

fn objects(a: &Map, b: &Map, names: &mut Names, at: &str) -> Option<String> {
    let mut seen = Vec::new();
    for (key, recorded) in a {
        // Whether an entry says when it was written depends on whether anything else was.
        if key == "time" && at.contains("managedFields") {
            continue;
        }
        let found = b.get(key).or_else(|| {
            let mut tried = names.clone();
            let fits = b
                .iter()
                .find(|(other, _)| !a.contains_key(*other) && tried.clone().text(key, other))?;
            tried.text(key, fits.0).then(|| *names = tried);
            Some(fits.1)
        });
        let Some(found) = found else {
            return Some(format!("{at}/{key}: recorded {}, not found", short(recorded)));
        };
        seen.push(key);
        if let Some(difference) = compare(recorded, found, names, &format!("{at}/{key}")) {
            return Some(difference);
        }
    }
    if seen.len() < b.len() - usize::from(at.contains("managedFields") && b.contains_key("time")) {
        let more: Vec<_> = b.keys().filter(|k| !a.contains_key(*k)).collect();
        return Some(format!(
            "{at}: not recorded {more:?} = {}",
            more.first().map_or(String::new(), |k| short(&b[*k]))
        ));
    }
    None
}
