//! Sizes, shares of a core, durations and percentages, as Kubernetes and Go write them.
//!
//! Each reader answers a number in its base unit, or the right form of what was probably meant.

/// What is wrong with a quantity.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The unit or the form; the help is a form that works.
    Form(String),
    /// Zero, or more than fits.
    Range(&'static str),
}

const SIZES: [(&str, u64); 10] = [
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("Pi", 1 << 50),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("P", 1_000_000_000_000_000),
];

/// Bytes: `256Mi`, `10Gi`, `1.5G`.
pub(super) fn size(text: &str) -> Result<u64, Fault> {
    let (number, unit) = split(text);
    let Some((_, factor)) = SIZES.iter().find(|(name, _)| *name == unit) else {
        return Err(Fault::Form(suggest_size(number, unit)));
    };
    scaled(number, *factor, "256Mi").and_then(|bytes| in_range(bytes, 1 << 60, "a size lies between 1 byte and 1024Pi"))
}

fn suggest_size(number: &str, unit: &str) -> String {
    if decimal(number).is_none() {
        return "such as `256Mi` or `10Gi`".to_owned();
    }
    let unit = unit.trim().to_ascii_lowercase();
    let letter = unit.chars().next().unwrap_or('m').to_ascii_uppercase();
    let letter = if "KMGTP".contains(letter) { letter } else { 'M' };
    format!("`{number}{letter}i`")
}

/// Thousandths of a core: `500m`, `2`, `0.5`.
pub(super) fn cpu(text: &str) -> Result<u64, Fault> {
    let (number, unit) = split(text);
    let factor = match unit {
        "" => 1000,
        "m" if !number.contains('.') => 1,
        _ => return Err(Fault::Form("`500m` for half a core, or `2` for two".to_owned())),
    };
    scaled(number, factor, "500m")
        .and_then(|millis| in_range(millis, 1_024_000, "a share lies between 1m and 1024 cores"))
}

const DURATIONS: [(&str, u64); 5] = [
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
];

/// Microseconds: `50ms`, `10s`, `5m`, `1h30m`.
pub(super) fn duration(text: &str) -> Result<u64, Fault> {
    let (mut rest, mut sum) = (text, 0_u64);
    loop {
        let (number, tail) = split(rest);
        let end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        let Some((_, factor)) = DURATIONS.iter().find(|(name, _)| *name == unit) else {
            return Err(Fault::Form(suggest_duration(rest, number)));
        };
        sum = sum.saturating_add(scaled(number, *factor, "10s")?);
        rest = tail;
        if rest.is_empty() {
            return in_range(sum, 7 * 24 * 3_600_000_000, "a duration lies between 1us and 168h");
        }
    }
}

fn suggest_duration(text: &str, number: &str) -> String {
    let unit = text[number.len()..].trim().to_ascii_lowercase();
    let known = match unit.as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hour" | "hours" | "hr" => "h",
        "ms" | "msec" | "millis" | "milliseconds" => "ms",
        "µs" | "usec" => "us",
        "d" | "day" | "days" => match number.parse::<u64>() {
            Ok(days @ 1..=7) => return format!("`{}h`", days * 24),
            _ => "",
        },
        _ => "",
    };
    match decimal(number) {
        Some(_) if !known.is_empty() => format!("`{number}{known}`"),
        _ => "such as `50ms`, `10s` or `5m`".to_owned(),
    }
}

/// Percent: `70%`.
pub(super) fn percent(text: &str) -> Result<u64, Fault> {
    let number = text.strip_suffix('%').unwrap_or(text);
    let Ok(value) = number.parse::<u64>() else {
        return Err(Fault::Form("such as `70%`".to_owned()));
    };
    if !text.ends_with('%') {
        return Err(Fault::Form(format!("`{number}%`")));
    }
    in_range(value, 100, "a percentage lies between 1% and 100%")
}

/// The number in front, and what follows it.
fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.split_at(end)
}

/// `number` × `factor`, exact to the base unit.
fn scaled(number: &str, factor: u64, example: &str) -> Result<u64, Fault> {
    let Some((whole, fraction, power)) = decimal(number) else {
        return Err(Fault::Form(format!("such as `{example}`")));
    };
    let factor = u128::from(factor);
    let exact = whole * factor + fraction * factor / power;
    Ok(u64::try_from(exact).unwrap_or(u64::MAX))
}

/// Whole part, fraction and the power of ten that the fraction is over.
fn decimal(number: &str) -> Option<(u128, u128, u128)> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.len() > 19 || fraction.len() > 9 {
        return None;
    }
    let power = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    Some((whole.parse().ok()?, fraction.parse().ok()?, power))
}

fn in_range(value: u64, max: u64, words: &'static str) -> Result<u64, Fault> {
    if (1..=max).contains(&value) {
        Ok(value)
    } else {
        Err(Fault::Range(words))
    }
}

#[cfg(test)]
mod tests;
