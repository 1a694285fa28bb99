//! Pointers of Git LFS: what git keeps of a large file whose bytes are elsewhere.

/// The most bytes of a pointer, by its specification.
const LONGEST: usize = 1024;

/// What a pointer says of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// Its digest, 64 hex digits.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// What a file says, if it is a pointer: `version`, then lines of a key and a value, `oid` and `size` among them.
pub fn pointer(bytes: &[u8]) -> Option<Pointer> {
    let text = std::str::from_utf8(bytes.get(..bytes.len().min(LONGEST + 1))?).ok()?;
    if text.len() > LONGEST || !text.starts_with("version https://git-lfs.github.com/spec/v1\n") {
        return None;
    }
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let sha256 = field("oid")?.strip_prefix("sha256:")?;
    let is_digest = sha256.len() == 64 && sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    Some(Pointer {
        sha256: is_digest.then(|| sha256.to_owned())?,
        bytes: field("size")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests;
