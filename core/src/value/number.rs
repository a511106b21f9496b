//! [`Number`]: exact, of any size; compared by value, not by spelling.

use std::fmt;

use serde_json::Number as JsonNumber;

/// A number. Integers of 64 bits are held as such; everything else as canonical decimal text, so
/// nothing a provider reports is rounded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Number(Repr);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Repr {
    Int(i64),
    /// Invariant: canonical (see [`canonical`]) and not an `i64`.
    Text(Box<str>),
}

impl Number {
    /// From decimal text, with or without fraction and exponent; `None` if it is not that, or its
    /// exponent is out of all proportion.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(int) = text.parse() {
            return Some(Self(Repr::Int(int)));
        }
        let text = canonical(text)?;
        Some(Self(match text.parse() {
            Ok(int) => Repr::Int(int),
            Err(_) => Repr::Text(text.into()),
        }))
    }

    /// From a float; `None` if it is infinite or not a number.
    pub fn from_f64(value: f64) -> Option<Self> {
        value
            .is_finite()
            .then(|| Self::parse(&format!("{value}")))?
    }

    /// The integer, if it is one of 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Repr::Int(int) => Some(int),
            Repr::Text(_) => None,
        }
    }

    /// The nearest float.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            Repr::Int(int) => *int as f64,
            Repr::Text(text) => text.parse().unwrap_or(f64::NAN),
        }
    }

    /// As a JSON number, with every digit.
    pub fn to_json(&self) -> JsonNumber {
        match &self.0 {
            Repr::Int(int) => (*int).into(),
            Repr::Text(text) => JsonNumber::from_string_unchecked(text.to_string()),
        }
    }

    /// From a JSON number; `None` if its exponent is out of all proportion.
    pub fn from_json(number: &JsonNumber) -> Option<Self> {
        number
            .as_i64()
            .map(Self::from)
            .or_else(|| Self::parse(number.as_str()))
    }
}

impl From<i64> for Number {
    fn from(value: i64) -> Self {
        Self(Repr::Int(value))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(int) => write!(f, "{int}"),
            Repr::Text(text) => f.write_str(text),
        }
    }
}

/// Longest canonical text that is made; beyond it an exponent is taken for an attack or a mistake.
const MAX_DIGITS: usize = 4096;

/// Plain decimal text without exponent, leading or trailing zeros: `-0.5`, `12000000000000000000`.
fn canonical(text: &str) -> Option<String> {
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty()
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits[leading..].trim_end_matches('0');
    if digits.is_empty() {
        return Some("0".to_owned());
    }
    // Where the decimal point stands, counted from the first significant digit.
    let point =
        i64::try_from(whole.len()).ok()?.checked_add(exponent)? - i64::try_from(leading).ok()?;
    if point.unsigned_abs() > MAX_DIGITS as u64 {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    Some(match usize::try_from(point) {
        Ok(point) if point >= digits.len() => {
            format!("{sign}{digits}{}", "0".repeat(point - digits.len()))
        }
        Ok(point) if point > 0 => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
        _ => format!(
            "{sign}0.{}{digits}",
            "0".repeat(point.unsigned_abs() as usize)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_does_not_matter() {
        for (a, b) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("0.5", "5E-1"),
            ("-0", "0"),
            ("12.50", "0.125e2"),
            ("18446744073709551616", "18446744073709551616.000"),
        ] {
            assert_eq!(Number::parse(a).expect(a), Number::parse(b).expect(b));
        }
        assert_eq!(
            Number::parse("1e20").expect("big").to_string(),
            "100000000000000000000"
        );
        assert_eq!(
            Number::parse("0.000120").expect("small").to_string(),
            "0.00012"
        );
        assert_eq!(Number::from_f64(0.1), Number::parse("0.1"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".", "1x", "1e", "0x10", "1e999999999", "NaN"] {
            assert_eq!(Number::parse(text), None, "{text}");
        }
    }
}
