//! Quantities: reading them, and the one way in which the server writes each.

/// A number with the family of suffixes it was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantity {
    /// In billionths.
    nano: i128,
    binary: bool,
}

const NANO: i128 = 1_000_000_000;
const DECIMAL: [(&str, i128); 10] = [
    ("E", NANO * NANO * NANO),
    ("P", NANO * NANO * 1_000_000),
    ("T", NANO * NANO * 1_000),
    ("G", NANO * NANO),
    ("M", NANO * 1_000_000),
    ("k", NANO * 1_000),
    ("", NANO),
    ("m", 1_000_000),
    ("u", 1_000),
    ("n", 1),
];
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];

/// Reads a quantity; none when it is not one.
pub(crate) fn parse(text: &str) -> Option<Quantity> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+' | '-')))
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let nano = fixed(digits)?;
    if let Some(power) = BINARY.iter().position(|s| *s == suffix) {
        return Some(Quantity {
            nano: nano.checked_mul(1024_i128.pow(u32::try_from(power).ok()? + 1))?,
            binary: true,
        });
    }
    let unit = match suffix.strip_prefix(['e', 'E']).and_then(|e| e.parse::<u32>().ok()) {
        Some(exponent) => NANO.checked_mul(10_i128.checked_pow(exponent)?)?,
        None => DECIMAL.iter().find(|(s, _)| *s == suffix)?.1,
    };
    Some(Quantity {
        nano: nano.checked_mul(unit)? / NANO,
        binary: false,
    })
}

/// A decimal number in billionths.
fn fixed(digits: &str) -> Option<i128> {
    let (sign, digits) = digits
        .strip_prefix('-')
        .map_or((1, digits.strip_prefix('+').unwrap_or(digits)), |d| (-1, d));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let padded = format!("{whole}{part:0<9.9}");
    padded.parse::<i128>().ok().map(|n| n * sign)
}

impl Quantity {
    pub(crate) const ZERO: Self = Self { nano: 0, binary: false };

    pub(crate) fn minus(self, other: Self) -> Self {
        Self {
            nano: self.nano - other.nano,
            binary: self.binary || other.binary,
        }
    }

    /// Whether it is a whole number.
    pub(crate) fn is_whole(self) -> bool {
        self.nano % NANO == 0
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            nano: self.nano + other.nano,
            binary: self.binary || other.binary,
        }
    }

    /// The canonical text.
    pub(crate) fn text(self) -> String {
        if self.nano == 0 {
            return "0".into();
        }
        if self.binary && self.is_whole() && self.nano.abs() >= 1024 * NANO {
            return binary_text(self.nano / NANO);
        }
        let (suffix, unit) = DECIMAL
            .iter()
            .find(|(_, unit)| self.nano % unit == 0)
            .unwrap_or(&("n", 1));
        format!("{}{suffix}", self.nano / unit)
    }
}

fn binary_text(mut whole: i128) -> String {
    let mut suffix = "";
    for next in BINARY {
        if whole % 1024 != 0 {
            break;
        }
        whole /= 1024;
        suffix = next;
    }
    format!("{whole}{suffix}")
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        self.nano.partial_cmp(&other.nano)
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn quantities_are_written_as_the_server_writes_them() {
        let texts = [
            "1000m", "1024Mi", "1.5Gi", "250m", "512m", "0.5", "1e3", "64Mi", "1536Mi", "0", "2Gi", "100Gi", "1500m",
            "3G", "512Ki",
        ];
        let written: Vec<_> = texts.iter().map(|t| parse(t).unwrap().text()).collect();
        assert_eq!(
            written.join(" "),
            "1 1Gi 1536Mi 250m 512m 500m 1k 64Mi 1536Mi 0 2Gi 100Gi 1500m 3G 512Ki"
        );
    }

    #[test]
    fn what_is_no_quantity_is_refused() {
        assert!(["1 core", "", "Mi", "1x", "1.2.3"].iter().all(|t| parse(t).is_none()));
    }
}
