//! Names within the limits of Kubernetes, and names that tell their content.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// The longest label, and the longest name of a Service or of a workload whose pods must have host names.
pub const MAX_LABEL: usize = 63;
/// The longest name of any other object.
pub const MAX_SUBDOMAIN: usize = 253;
/// Hexadecimal digits of a hash in a name.
const HASH: usize = 8;

/// `name` where it has at most `limit` characters; else its beginning and a hash of the whole.
pub fn fit(name: &str, limit: usize) -> String {
    if name.len() <= limit {
        return name.to_owned();
    }
    let kept: String = name.chars().filter(char::is_ascii).take(limit - HASH - 1).collect();
    format!("{}-{}", kept.trim_end_matches(['-', '.', '_']), hash(name))
}

/// A name that any object may have, made from a text: `api_key` gives `api-key-` and a hash. A text that is a name
/// already stays as it is, so no two texts get one name.
pub fn plain(text: &str) -> String {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = |c: char| c != '-';
    if text.chars().all(good) && text.starts_with(ends) && text.ends_with(ends) {
        return fit(text, MAX_LABEL);
    }
    let lower = text.to_ascii_lowercase().replace(|c| !good(c), "-");
    let stem = lower.trim_matches('-');
    let separator = if stem.is_empty() { "x" } else { "-" };
    fit(&format!("{stem}{separator}{}", hash(text)), MAX_LABEL)
}

/// `base` with a hash of `content`: another content is another name.
pub fn content_name(base: &str, content: &[u8]) -> String {
    let hash = digits(&Sha256::digest(content));
    let stem = fit(base, MAX_SUBDOMAIN - HASH - 1);
    format!("{stem}-{}", &hash[..HASH])
}

/// A text as the value of a label.
pub fn label_value(text: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || ['-', '_', '.'].contains(&c);
    let ends = |c: char| !c.is_ascii_alphanumeric();
    let clean = text.replace(|c| !good(c), "_");
    let clean = clean.trim_matches(ends);
    fit(clean, MAX_LABEL)
}

fn hash(text: &str) -> String {
    let mut hash = digits(&Sha256::digest(text.as_bytes()));
    hash.truncate(HASH);
    hash
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes all that is written to it");
        hex
    })
}

#[cfg(test)]
mod tests;
