//! The form of texts: names, paths, image references, URLs. One rule a sort of text.
//!
//! A rule looks at the text alone; what a name refers to is checked in `check`.

use crate::diag::codes::{self, Code};

/// Why a text is not of the wanted form.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: &'static Code,
    pub(super) label: String,
    pub(super) help: String,
}

/// A sort of text.
pub(super) struct Rule {
    /// What it is, with its article: "an image reference".
    pub(super) what: &'static str,
    /// The rule.
    pub(super) check: fn(&str) -> Result<(), Fault>,
    /// The same for a JSON Schema, as far as a pattern can say it.
    pub(super) pattern: Option<&'static str>,
}

fn fault(code: &'static Code, label: impl Into<String>, help: impl Into<String>) -> Result<(), Fault> {
    Err(Fault {
        code,
        label: label.into(),
        help: help.into(),
    })
}

/// The longest name of a stack, component or volume: with prefixes it still fits 63 characters everywhere.
pub(super) const MAX_NAME: usize = 40;

pub(super) static ANY: Rule = Rule {
    what: "a text",
    check: any,
    pattern: None,
};
pub(super) static FILLED: Rule = Rule {
    what: "a text",
    check: filled,
    pattern: Some("^[^\\u0000]+$"),
};
pub(super) static NAME: Rule = Rule {
    what: "a name",
    check: name,
    pattern: Some("^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$"),
};
pub(super) static SUBDOMAIN: Rule = Rule {
    what: "a name of Kubernetes",
    check: subdomain,
    pattern: Some("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"),
};
pub(super) static REPOSITORY: Rule = Rule {
    what: "a registry, with a path below it",
    check: repository,
    pattern: Some("^[^\\s$@]+$"),
};
pub(super) static SECRET: Rule = Rule {
    what: "the name of a secret",
    check: secret,
    pattern: Some("^[a-z][a-z0-9_-]{0,39}$"),
};
pub(super) static VARIABLE: Rule = Rule {
    what: "the name of an environment variable",
    check: variable,
    pattern: Some("^[A-Za-z_][A-Za-z0-9_]*$"),
};
pub(super) static BUCKET: Rule = Rule {
    what: "the name of a bucket",
    check: bucket,
    pattern: Some("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"),
};
pub(super) static IMAGE: Rule = Rule {
    what: "an image reference",
    check: image,
    pattern: Some("^[^\\s$]+$"),
};
pub(super) static TAG: Rule = Rule {
    what: "a version",
    check: tag,
    pattern: Some("^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"),
};
pub(super) static PATH: Rule = Rule {
    what: "a path below the folder of the stack file",
    check: path,
    pattern: Some("^[^/~\\\\][^\\\\]*$"),
};
pub(super) static MODEL: Rule = Rule {
    what: "the path of a model, or `s3://bucket/key`",
    check: model,
    pattern: Some("^[^/~\\\\][^\\\\]*$"),
};
pub(super) static INSIDE: Rule = Rule {
    what: "an absolute path inside the container",
    check: inside,
    pattern: Some("^/."),
};
pub(super) static CONDITION: Rule = Rule {
    what: "a condition",
    check: condition,
    pattern: None,
};
pub(super) static DATE: Rule = Rule {
    what: "a day",
    check: date,
    pattern: Some("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
};
pub(super) static HTTP_PATH: Rule = Rule {
    what: "an HTTP path",
    check: http_path,
    pattern: Some("^/"),
};
pub(super) static URL: Rule = Rule {
    what: "a URL",
    check: url,
    pattern: Some("^https?://[^\\s/]"),
};
pub(super) static SHA256: Rule = Rule {
    what: "a SHA-256 digest",
    check: sha256,
    pattern: Some("^(sha256:)?[0-9a-f]{64}$"),
};

fn any(text: &str) -> Result<(), Fault> {
    match text.contains('\0') {
        true => fault(
            &codes::CONTROL_CHARACTER,
            "holds a zero byte",
            "no program can be given a zero byte; remove it",
        ),
        false => Ok(()),
    }
}

fn filled(text: &str) -> Result<(), Fault> {
    match text.trim().is_empty() {
        true => fault(
            &codes::EMPTY_VALUE,
            "nothing in it",
            "write a value, or remove the field",
        ),
        false => any(text),
    }
}

fn name(text: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let ends = text.starts_with(|c: char| c.is_ascii_lowercase()) && !text.ends_with('-');
    if text.chars().count() > MAX_NAME {
        let help = "shorten it: targets add prefixes, and host names end at 63 characters";
        return fault(&codes::BAD_NAME, format!("longer than {MAX_NAME} characters"), help);
    }
    if ends && text.chars().all(good) {
        return Ok(());
    }
    fault(
        &codes::BAD_NAME,
        "lower-case letters, digits and hyphens, a letter first",
        suggest_name(text),
    )
}

fn suggest_name(text: &str) -> String {
    let mut name: String = text
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    while name.contains("--") {
        name = name.replace("--", "-");
    }
    name = name
        .trim_matches(|c: char| c == '-')
        .trim_start_matches(|c: char| !c.is_ascii_lowercase())
        .to_owned();
    match name.is_empty() {
        true => "such as `api` or `web-2`".to_owned(),
        false => format!("such as `{name}`"),
    }
}

/// What Kubernetes takes as the name of an object.
fn subdomain(text: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let parts = text.split('.').all(|part| part.starts_with(end) && part.ends_with(end));
    match text.len() <= 253 && parts && text.chars().all(good) {
        true => Ok(()),
        false => fault(
            &codes::BAD_NAME,
            "lower-case letters, digits, hyphens and dots, as Kubernetes asks",
            suggest_name(text),
        ),
    }
}

fn repository(text: &str) -> Result<(), Fault> {
    let is_host = |part: &str| part.contains(['.', ':']) || part == "localhost";
    let host = text.split('/').next().unwrap_or_default();
    match is_host(host) && text.len() <= 200 && is_repository(&format!("{text}/x")) {
        true => Ok(()),
        false => fault(
            &codes::BAD_IMAGE,
            "not `HOST[:PORT][/PATH]`",
            "such as `ghcr.io/me` or `registry.example.com:5000`, without a scheme",
        ),
    }
}

fn secret(text: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let ok = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.len() <= MAX_NAME && text.chars().all(good);
    match ok {
        true => Ok(()),
        false => fault(
            &codes::BAD_NAME,
            format!("lower-case letters, digits, `_` and `-`, a letter first, at most {MAX_NAME}"),
            "such as `api_key`",
        ),
    }
}

fn variable(text: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(good) {
        return Ok(());
    }
    let fixed: String = text.chars().map(|c| if good(c) { c } else { '_' }).collect();
    let fixed = fixed.trim_start_matches(|c: char| c.is_ascii_digit());
    let fixed = if fixed.is_empty() { "MY_VARIABLE" } else { fixed };
    fault(
        &codes::BAD_VARIABLE_NAME,
        "letters, digits and `_`, no digit first",
        format!("such as `{fixed}`"),
    )
}

fn bucket(text: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends = text.starts_with(end) && text.ends_with(end);
    let dots = text.contains("..") || text.chars().all(|c| c.is_ascii_digit() || c == '.');
    match (3..=63).contains(&text.len()) && ends && text.chars().all(good) && !dots {
        true => Ok(()),
        false => fault(
            &codes::BAD_BUCKET_NAME,
            "3 to 63 lower-case letters, digits, hyphens and dots, as S3 asks",
            "such as `models` or `house-prices.data`",
        ),
    }
}

fn tag(text: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    match (1..=128).contains(&text.len()) && !text.starts_with(['.', '-']) && text.chars().all(good) {
        true => Ok(()),
        false => fault(
            &codes::BAD_VERSION,
            "a version becomes an image tag",
            "letters, digits, `.`, `_` and `-`: \"17\"",
        ),
    }
}

/// The parts of an image reference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ImageName<'a> {
    pub(super) name: &'a str,
    pub(super) tag: Option<&'a str>,
    pub(super) digest: Option<&'a str>,
}

/// Takes `[host[:port]/]name[:tag][@sha256:…]` apart; `None` when it is none.
pub(super) fn image_name(text: &str) -> Option<ImageName<'_>> {
    let (rest, digest) = text
        .split_once('@')
        .map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    let slash = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag_text) = match rest[slash..].find(':') {
        Some(colon) => (&rest[..slash + colon], Some(&rest[slash + colon + 1..])),
        None => (rest, None),
    };
    let digest_ok = digest.is_none_or(|digest| digest.starts_with("sha256:") && sha256(digest).is_ok());
    let tag_ok = tag_text.is_none_or(|text| tag(text).is_ok());
    (is_repository(name) && digest_ok && tag_ok && text.len() <= 400).then_some(ImageName {
        name,
        tag: tag_text,
        digest,
    })
}

fn is_repository(name: &str) -> bool {
    let mut parts = name.split('/').peekable();
    let first = parts.peek().copied().unwrap_or_default();
    let is_host = name.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    if is_host {
        parts.next();
        let (host, port) = first.split_once(':').unwrap_or((first, "0"));
        let host_ok = !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        if !host_ok || port.parse::<u16>().is_err() {
            return false;
        }
    }
    parts.all(is_repository_part)
}

fn is_repository_part(part: &str) -> bool {
    let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    part.starts_with(end) && part.ends_with(end) && part.chars().all(|c| end(c) || matches!(c, '.' | '_' | '-'))
}

fn image(text: &str) -> Result<(), Fault> {
    if image_name(text).is_some() {
        return Ok(());
    }
    let help = if text.contains("${") {
        "references work in `env` only; write the image out, or set it in `environments.NAME.components`".to_owned()
    } else if image_name(&text.to_ascii_lowercase()).is_some() {
        format!("repository names are lower-case: `{}`", text.to_ascii_lowercase())
    } else if let Some(bare) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
        format!("without the scheme: `{bare}`")
    } else {
        "`[HOST/]NAME[:TAG][@sha256:…]`, such as `ghcr.io/me/api:1.4.2`".to_owned()
    };
    fault(&codes::BAD_IMAGE, "not `[HOST/]NAME[:TAG][@DIGEST]`", help)
}

fn path(text: &str) -> Result<(), Fault> {
    let (label, help) = match text {
        "" => return filled(text),
        _ if text.contains('\0') => ("holds a zero byte", "remove it"),
        _ if text.contains("${") => ("references work in `env` only", "write the path out"),
        _ if text.contains("://") => (
            "a URL, not a path",
            "a path relative to the stack file, such as `model/house.onnx`",
        ),
        _ if text.contains('\\') => ("a backslash", "separate folders with `/`"),
        _ if text.starts_with('/') || is_drive(text) => (
            "an absolute path",
            "stack files read only below their own folder: copy the file there",
        ),
        _ if text.starts_with('~') => (
            "a home folder",
            "stack files read only below their own folder: copy the file there",
        ),
        _ if text.split('/').any(|part| part == "..") => (
            "leaves the folder of the stack file",
            "copy the file below the folder of the stack file, or move the stack file up",
        ),
        _ if text.chars().any(crate::diag::visible::is_hidden) => ("holds an invisible character", "rename the file"),
        _ => return Ok(()),
    };
    fault(&codes::BAD_PATH, label, help)
}

fn is_drive(text: &str) -> bool {
    text.as_bytes().get(1) == Some(&b':') && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Ends of file names that hold models in formats that run code, or that are not ONNX.
const FOREIGN_MODELS: [(&str, &str); 9] = [
    (".pkl", "a pickle runs code when it is loaded; export with `skl2onnx`"),
    (
        ".pickle",
        "a pickle runs code when it is loaded; export with `skl2onnx`",
    ),
    (
        ".joblib",
        "a joblib file runs code when it is loaded; export with `skl2onnx`",
    ),
    (".pt", "export with `torch.onnx.export`"),
    (".pth", "export with `torch.onnx.export`"),
    (".h5", "export with `tf2onnx`"),
    (".keras", "export with `tf2onnx`"),
    (
        ".safetensors",
        "weights without a graph; export the model with `torch.onnx.export`",
    ),
    (".cbm", "export with `save_model(…, format=\"onnx\")`"),
];

fn model(text: &str) -> Result<(), Fault> {
    if let Some((_, help)) = FOREIGN_MODELS
        .iter()
        .find(|(end, _)| text.to_ascii_lowercase().ends_with(end))
    {
        return fault(&codes::NOT_ONNX, "the server loads `.onnx` files", *help);
    }
    match text.strip_prefix("s3://") {
        None => path(text),
        Some(rest) => match rest.split_once('/') {
            Some((name, key)) if bucket(name).is_ok() && !key.is_empty() && !key.contains(['\0', '\\']) => Ok(()),
            _ => fault(
                &codes::BAD_URL,
                "not `s3://BUCKET/KEY`",
                "such as `s3://models/house-prices.onnx`",
            ),
        },
    }
}

fn inside(text: &str) -> Result<(), Fault> {
    let good = text.starts_with('/')
        && text.len() > 1
        && !text.contains(['\0', ':'])
        && text.split('/').all(|part| part != "..");
    if !good {
        let label = "not an absolute path inside the container";
        return fault(&codes::BAD_PATH, label, "such as `/var/lib/data`");
    }
    let parts: Vec<_> = text.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    let label = match parts.as_slice() {
        [] => "the root of the container",
        ["run"] | ["var", "run"] | ["run", "secrets", ..] | ["var", "run", "secrets", ..] => {
            "secrets are delivered there"
        }
        ["proc" | "sys" | "dev", ..] => "the system's own folder in the container",
        _ => return Ok(()),
    };
    fault(
        &codes::BAD_PATH,
        label,
        "choose another folder, such as `/var/lib/data`",
    )
}

fn condition(text: &str) -> Result<(), Fault> {
    match super::condition::Condition::parse(text) {
        Ok(_) => Ok(()),
        Err(wrong) => fault(&codes::BAD_CONDITION, wrong.label, wrong.help),
    }
}

fn date(text: &str) -> Result<(), Fault> {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |part: &&str, digits: usize| match part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()) {
        true => part.parse::<u32>().ok(),
        false => None,
    };
    let day = match parts.as_slice() {
        [year, month, day] => number(year, 4).zip(number(month, 2)).zip(number(day, 2)),
        _ => None,
    };
    match day {
        Some(((year, month), day)) if (1..=12).contains(&month) && (1..=days(year, month)).contains(&day) => Ok(()),
        _ => fault(
            &codes::BAD_DATE,
            "this is no day",
            "write it as year-month-day, such as `2027-03-31`",
        ),
    }
}

fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

fn http_path(text: &str) -> Result<(), Fault> {
    let good = text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic());
    match good {
        true => Ok(()),
        false => fault(
            &codes::BAD_PATH,
            "an HTTP path starts with `/`, without host and port",
            "such as `/healthz`",
        ),
    }
}

fn url(text: &str) -> Result<(), Fault> {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains('@') {
        return fault(
            &codes::BAD_URL,
            "credentials inside a URL",
            "name them under `secrets`, and refer to those",
        );
    }
    match !host.is_empty() && text.chars().all(|c| c.is_ascii_graphic()) && !text.contains("${") {
        true => Ok(()),
        false => fault(
            &codes::BAD_URL,
            "not `http://HOST` or `https://HOST`",
            "such as `https://s3.eu-central-1.amazonaws.com`",
        ),
    }
}

fn sha256(text: &str) -> Result<(), Fault> {
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    match hex.len() == 64 && hex.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')) {
        true => Ok(()),
        false => fault(
            &codes::BAD_DIGEST,
            "not 64 hexadecimal digits",
            "`sha256sum FILE` prints it, in lower case",
        ),
    }
}

#[cfg(test)]
mod tests;
