//! `file:` URIs to paths.

use std::path::PathBuf;

/// The path of a file on this machine; `None` for what is no file.
pub(super) fn path(uri: &str) -> Option<PathBuf> {
    let rest = uri.strip_prefix("file://")?;
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    let plain = rest.split(['?', '#']).next().unwrap_or(rest);
    let path = String::from_utf8(decoded(plain)?).ok()?;
    (path.starts_with('/') && !path.contains('\0')).then(|| path.into())
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first == b'%' {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_nothing_else_have_a_path() {
        let shown = |uri| path(uri).map(|path| path.display().to_string());
        assert_eq!(
            shown("file:///home/me/my%20stack/mlstack.yaml").as_deref(),
            Some("/home/me/my stack/mlstack.yaml")
        );
        assert_eq!(shown("file://localhost/a%C3%A9").as_deref(), Some("/aé"));
        for other in [
            "untitled:1",
            "file://host/a",
            "file:///a%0",
            "file:///a%zz",
            "file:///a%ff",
            "file:///a%00",
        ] {
            assert_eq!(shown(other), None, "{other}");
        }
    }
}
