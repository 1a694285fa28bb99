//! Takes secret values out of any text, in every form that a program is likely to write them in.
//!
//! Every [`Secret`](crate::Secret) is known here from the moment it is made, so that none can be forgotten by
//! whoever prints. Never gives a value back, never writes anything.
//!
//! | a value of | is hidden |
//! |---|---|
//! | [`ANYWHERE`] bytes and more | wherever it stands, also inside a word |
//! | [`WORD`] to 7 bytes | where it stands alone: `abc1` is not hidden in `xabc12`, or half of a text would be |
//! | fewer | never: `1` or `on` are everywhere, and a marker in their place would tell more than it hides |

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::{AhoCorasick, MatchKind};

mod forms;

/// What stands in the place of a secret.
pub const MARK: &str = "•••";
/// Values of so many bytes are hidden wherever they stand.
pub const ANYWHERE: usize = 8;
/// Values of so many bytes are hidden where they stand alone.
pub const WORD: usize = 4;

/// Every value there is, and what finds them; built again when a value has come.
#[derive(Default)]
struct Known {
    values: BTreeSet<Vec<u8>>,
    finder: Option<Arc<Finder>>,
}

static KNOWN: RwLock<Known> = RwLock::new(Known {
    values: BTreeSet::new(),
    finder: None,
});

/// Makes a value known: from now on no text that passes through [`redact`] holds it.
pub(crate) fn remember(value: &[u8]) {
    if value.len() < WORD
        || KNOWN
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values
            .contains(value)
    {
        return;
    }
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.values.insert(value.to_vec());
    known.finder = None;
}

/// `text` without any secret that was ever made in this process.
pub fn redact(text: &str) -> Cow<'_, str> {
    match finder() {
        Some(finder) => finder.redact(text),
        None => Cow::Borrowed(text),
    }
}

/// Whether a secret of at least [`ANYWHERE`] bytes stands in what is about to be written to a file.
pub fn holds_secret(bytes: &[u8]) -> bool {
    finder().is_some_and(|finder| finder.anywhere.is_match(bytes))
}

fn finder() -> Option<Arc<Finder>> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    if known.values.is_empty() || known.finder.is_some() {
        return known.finder.clone();
    }
    drop(known);
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let finder = Arc::new(Finder::of(known.values.iter().map(Vec::as_slice)));
    known.finder = Some(Arc::clone(&finder));
    Some(finder)
}

/// Finds a set of values in all their forms.
struct Finder {
    /// Forms that are hidden wherever they stand.
    anywhere: AhoCorasick,
    /// Forms that are hidden where they stand alone.
    words: AhoCorasick,
}

impl Finder {
    fn of<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let forms: BTreeSet<Vec<u8>> = values.flat_map(forms::of).collect();
        let (long, short): (Vec<_>, Vec<_>) = forms
            .into_iter()
            .filter(|form| form.len() >= WORD)
            .partition(|form| form.len() >= ANYWHERE);
        let automaton = |needles: Vec<Vec<u8>>| {
            let mut builder = AhoCorasick::builder();
            builder.match_kind(MatchKind::LeftmostLongest);
            builder.build(needles).expect("a few megabytes at most")
        };
        Self {
            anywhere: automaton(long),
            words: automaton(short),
        }
    }

    fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let is_word = |bytes: &[u8], start: usize, end: usize| {
            let joins = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
            !joins(start.checked_sub(1).and_then(|at| bytes.get(at))) && !joins(bytes.get(end))
        };
        let text = replace(&self.anywhere, text.into(), |_, _, _| true);
        replace(&self.words, text, is_word)
    }
}

/// Puts [`MARK`] in the place of every match that `counts`.
fn replace<'a>(finder: &AhoCorasick, text: Cow<'a, str>, counts: impl Fn(&[u8], usize, usize) -> bool) -> Cow<'a, str> {
    let bytes = text.as_bytes();
    let mut out: Vec<u8> = Vec::new();
    let mut from = 0;
    for found in finder.find_iter(bytes) {
        if counts(bytes, found.start(), found.end()) {
            out.extend_from_slice(&bytes[from..found.start()]);
            out.extend_from_slice(MARK.as_bytes());
            from = found.end();
        }
    }
    if from == 0 {
        return text;
    }
    out.extend_from_slice(&bytes[from..]);
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
mod tests;
