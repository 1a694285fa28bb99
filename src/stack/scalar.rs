//! What a plain scalar means, and what other YAML readers would take it for.
//!
//! Readers of YAML 1.1 and 1.2 disagree about `no`, `1_000`, `12:30` or `08`. Where a text is wanted, a plain
//! scalar counts only if every reader prints it back the same way.

use super::node::Scalar;

/// What some reader of YAML takes the plain scalar `text` for, instead of this very text.
pub(super) fn misread(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    match lower.as_str() {
        "" | "~" | "null" => Some("nothing"),
        "y" | "n" | "yes" | "no" | "on" | "off" | "true" | "false" => Some("a boolean"),
        ".inf" | "+.inf" | "-.inf" | ".nan" => Some("a number"),
        "=" | "<<" => Some("a special key"),
        _ if is_canonical_integer(text) || is_canonical_decimal(text) => None,
        _ if is_number_somewhere(&lower) => Some("a number"),
        _ if is_sexagesimal(text) => Some("a number in base 60"),
        _ if is_date(text) => Some("a date"),
        _ => None,
    }
}

/// A whole number that every reader prints back as written.
pub(super) fn is_canonical_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let leading_zero = digits.starts_with('0') && text != "0";
    (1..=15).contains(&digits.len()) && is_digits(digits) && !leading_zero
}

fn is_canonical_decimal(text: &str) -> bool {
    let Some((whole, fraction)) = text.split_once('.') else {
        return false;
    };
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let short = whole.len() + fraction.len() <= 15;
    short && is_canonical_integer(whole) && is_digits(fraction) && !fraction.ends_with('0')
}

/// Numbers of either YAML: signs, leading zeros, underscores, exponents, binary, octal, hexadecimal.
fn is_number_somewhere(lower: &str) -> bool {
    let body = lower.strip_prefix(['+', '-']).unwrap_or(lower);
    if let Some(digits) = body.strip_prefix("0x") {
        return all(digits, |c| c.is_ascii_hexdigit());
    }
    if let Some(digits) = body.strip_prefix("0b").or_else(|| body.strip_prefix("0o")) {
        return all(digits, |c| c.is_ascii_digit());
    }
    let (mantissa, exponent) = body.split_once('e').unwrap_or((body, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '_');
    let any = mantissa.contains(|c: char| c.is_ascii_digit()) && !mantissa.starts_with('_');
    any && digits(whole) && digits(fraction) && is_digits(exponent)
}

fn is_sexagesimal(text: &str) -> bool {
    let mut parts = text.strip_prefix(['+', '-']).unwrap_or(text).split(':');
    let first = parts
        .next()
        .is_some_and(|first| all(first, |c| c.is_ascii_digit() || c == '_') && !first.starts_with('_'));
    let rest: Vec<_> = parts.map(|part| part.split('.').next().unwrap_or(part)).collect();
    let small = |part: &&str| part.len() <= 2 && is_digits(part) && part.parse::<u8>().is_ok_and(|n| n < 60);
    first && !rest.is_empty() && rest.iter().all(small)
}

fn is_date(text: &str) -> bool {
    let date = text.split(['T', 't', ' ']).next().unwrap_or(text);
    let parts: Vec<_> = date.split('-').collect();
    let [year, month, day] = parts.as_slice() else {
        return false;
    };
    year.len() == 4 && [*year, *month, *day].into_iter().all(is_digits) && month.len() <= 2 && day.len() <= 2
}

/// Whether `text` is nothing but decimal digits, at least one.
pub(super) fn is_digits(text: &str) -> bool {
    all(text, |c| c.is_ascii_digit())
}

fn all(text: &str, test: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(test)
}

/// The text of a scalar; an error says what a plain one is misread as.
pub(super) fn text(scalar: &Scalar) -> Result<&str, &'static str> {
    match misread(&scalar.text) {
        Some(other) if scalar.plain => Err(other),
        _ => Ok(&scalar.text),
    }
}

/// A whole number, unquoted and in its plain form.
pub(super) fn integer(scalar: &Scalar) -> Option<i64> {
    (scalar.plain && is_canonical_integer(&scalar.text)).then(|| scalar.text.parse().ok())?
}

/// A finite number in JSON's notation, unquoted.
pub(super) fn number(scalar: &Scalar) -> Option<f64> {
    let json: serde_json::Number = scalar.plain.then(|| serde_json::from_str(&scalar.text).ok())??;
    json.as_f64().filter(|number| number.is_finite())
}

/// `true` or `false`, unquoted.
pub(super) fn boolean(scalar: &Scalar) -> Option<bool> {
    match (scalar.plain, scalar.text.as_str()) {
        (true, "true") => Some(true),
        (true, "false") => Some(false),
        _ => None,
    }
}

/// A double-quoted YAML text that reads back as `text` everywhere.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
