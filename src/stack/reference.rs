//! References inside texts: `${db.url}`, `${secrets.api_key}`, and `$${` for a literal `${`.
//!
//! Owns their syntax. What a reference names is looked up in `check::links`.

/// A piece of a text with references.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Raw<'a> {
    /// As it stands, escapes resolved.
    Text(String),
    /// `${component.property}`.
    Property(&'a str, &'a str),
    /// `${secrets.name}`.
    Secret(&'a str),
    /// `${secrets.name.file}`.
    SecretFile(&'a str),
}

/// Why a text cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) label: String,
    pub(super) help: String,
}

/// The most references and texts between them in one value.
const MAX_PIECES: usize = 100;

/// Takes `text` apart.
pub(super) fn parse(text: &str) -> Result<Vec<Raw<'_>>, Fault> {
    let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            literal.push_str(&rest[..at - 1]);
            literal.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        literal.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else {
            return Err(unclosed());
        };
        if !literal.is_empty() {
            pieces.push(Raw::Text(std::mem::take(&mut literal)));
        }
        if pieces.len() >= MAX_PIECES {
            return Err(too_many());
        }
        pieces.push(reference(&rest[at + 2..at + end])?);
        rest = &rest[at + end + 1..];
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Raw::Text(literal));
    }
    Ok(pieces)
}

fn reference(inside: &str) -> Result<Raw<'_>, Fault> {
    let parts: Vec<_> = inside.split('.').collect();
    let word = |part: &&str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    };
    if !parts.iter().all(word) {
        return Err(unreadable(inside));
    }
    match parts.as_slice() {
        ["secrets", name] => Ok(Raw::Secret(name)),
        ["secrets", name, "file"] => Ok(Raw::SecretFile(name)),
        [component, property] if *component != "secrets" => Ok(Raw::Property(component, property)),
        _ => Err(unreadable(inside)),
    }
}

fn unclosed() -> Fault {
    Fault {
        label: "`${` without its `}`".to_owned(),
        help: "close it, or write `$${` for a literal `${`".to_owned(),
    }
}

fn too_many() -> Fault {
    Fault {
        label: format!("more than {MAX_PIECES} references and texts between them"),
        help: "split the value into several variables".to_owned(),
    }
}

fn unreadable(inside: &str) -> Fault {
    let inside: String = inside.chars().take(60).collect();
    Fault {
        label: format!("`${{{inside}}}` is not `${{component.property}}` or `${{secrets.name}}`"),
        help: format!(
            "write `$${{{inside}}}` to pass it on as it stands; values of your shell come in through `secrets`"
        ),
    }
}

#[cfg(test)]
mod tests;
