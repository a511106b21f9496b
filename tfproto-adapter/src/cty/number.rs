//! Numbers of any precision, in decimal.
//!
//! Terraform keeps numbers as binary floats of 512 bits and compares them by their shortest
//! decimal text. A decimal number says the same with less: the text is the number. Only numbers
//! of more than 154 digits, which Terraform rounds, are kept more exactly here.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// The most digits, leading and trailing zeros included, that a number's plain text may have.
///
/// Bounds what a short text with an exponent can make us write.
pub const MAX_DIGITS: i64 = 10_000;

/// A number: whole and small, or decimal, or infinite. There is no negative zero and no NaN.
///
/// Invariant: every number has one representation, so that equality is equality of the parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Number(Repr);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Repr {
    Int(i64),
    /// Invariant: not a whole number that fits `Int`.
    Decimal(Box<Decimal>),
    Infinite {
        negative: bool,
    },
}

/// `0.DIGITS` times ten to the power of `exponent`. Invariant: no leading, no trailing zero.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Decimal {
    negative: bool,
    digits: Box<str>,
    exponent: i64,
}

/// A text that is not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// The text is not a decimal number.
    #[error("not a decimal number")]
    Syntax,
    /// The number has too many digits.
    #[error("a number of more than {MAX_DIGITS} digits")]
    TooLong,
    /// The floating-point value is not a number.
    #[error("NaN is not a number")]
    NotANumber,
}

impl Number {
    /// Positive infinity, which providers may send but JSON cannot express.
    pub const INFINITY: Self = Self(Repr::Infinite { negative: false });
    /// Negative infinity.
    pub const NEG_INFINITY: Self = Self(Repr::Infinite { negative: true });

    /// The number as a 64-bit integer, if it is one.
    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Repr::Int(number) => Some(number),
            _ => None,
        }
    }

    /// The nearest floating-point number.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            // Rounds to nearest, as wanted.
            #[expect(clippy::cast_precision_loss)]
            Repr::Int(number) => *number as f64,
            Repr::Infinite { negative: false } => f64::INFINITY,
            Repr::Infinite { negative: true } => f64::NEG_INFINITY,
            Repr::Decimal(decimal) => decimal.to_f64(),
        }
    }

    /// The fraction as a floating-point number, if the number is no integer and that is exact.
    ///
    /// This is when Terraform sends a float.
    pub fn as_exact_fraction(&self) -> Option<f64> {
        match &self.0 {
            Repr::Decimal(decimal) => decimal.as_exact_fraction(),
            _ => None,
        }
    }

    /// Tells whether the number is whole; infinities are not.
    pub fn is_integer(&self) -> bool {
        match &self.0 {
            Repr::Int(_) => true,
            Repr::Decimal(decimal) => decimal.fraction_digits() == 0,
            Repr::Infinite { .. } => false,
        }
    }

    /// Tells whether the number is an infinity.
    pub fn is_infinite(&self) -> bool {
        matches!(self.0, Repr::Infinite { .. })
    }

    /// Converts a floating-point number: whole ones exactly, others by their shortest text.
    pub fn from_f64(float: f64) -> Result<Self, NumberError> {
        if float.is_nan() {
            return Err(NumberError::NotANumber);
        }
        if float.is_infinite() {
            return Ok(if float > 0.0 {
                Self::INFINITY
            } else {
                Self::NEG_INFINITY
            });
        }
        // Display of whole floats is exact with a precision, shortest without.
        match float.fract() == 0.0 {
            true => format!("{float:.0}").parse(),
            false => format!("{float:e}").parse(),
        }
    }

    fn from_decimal(decimal: Decimal) -> Self {
        match decimal.to_i64() {
            Some(number) => Self(Repr::Int(number)),
            None => Self(Repr::Decimal(Box::new(decimal))),
        }
    }
}

impl From<i64> for Number {
    fn from(number: i64) -> Self {
        Self(Repr::Int(number))
    }
}

impl From<i32> for Number {
    fn from(number: i32) -> Self {
        Self::from(i64::from(number))
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        match i64::try_from(number) {
            Ok(number) => Self::from(number),
            Err(_) => Self::from_decimal(Decimal::new(false, &number.to_string(), 0)),
        }
    }
}

impl FromStr for Number {
    type Err = NumberError;

    /// Reads decimal text with optional sign, fraction and exponent.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction)
        {
            return Err(NumberError::Syntax);
        }
        let digits = format!("{whole}{fraction}");
        let fraction_len = i64::try_from(fraction.len()).map_err(|_| NumberError::TooLong)?;
        let decimal = Decimal::new(negative, &digits, exponent.saturating_sub(fraction_len));
        match decimal.digits.is_empty() || decimal.plain_digits() <= MAX_DIGITS {
            true => Ok(Self::from_decimal(decimal)),
            false => Err(NumberError::TooLong),
        }
    }
}

fn parse_exponent(text: &str) -> Result<i64, NumberError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NumberError::Syntax);
    }
    // A longer exponent is far out of range, whatever its digits are.
    match digits.len() > 9 {
        true => Err(NumberError::TooLong),
        false => text.parse().map_err(|_| NumberError::Syntax),
    }
}

impl Decimal {
    /// Takes `DIGITS` times ten to the power of `scale`.
    fn new(negative: bool, digits: &str, scale: i64) -> Self {
        let end = digits.trim_end_matches('0').len();
        // `len` of a string in memory always fits.
        let dropped = i64::try_from(digits.len() - end).unwrap_or(i64::MAX);
        let significant = digits[..end].trim_start_matches('0');
        let count = i64::try_from(significant.len()).unwrap_or(i64::MAX);
        Self {
            negative: negative && !significant.is_empty(),
            digits: significant.into(),
            exponent: match count {
                0 => 0,
                _ => scale.saturating_add(dropped).saturating_add(count),
            },
        }
    }

    fn len(&self) -> i64 {
        i64::try_from(self.digits.len()).unwrap_or(i64::MAX)
    }

    fn fraction_digits(&self) -> i64 {
        (self.len().saturating_sub(self.exponent)).max(0)
    }

    fn plain_digits(&self) -> i64 {
        self.exponent.max(0).saturating_add(self.fraction_digits())
    }

    fn to_i64(&self) -> Option<i64> {
        match self.fraction_digits() {
            0 if self.exponent <= 19 => self.to_string().parse().ok(),
            _ => None,
        }
    }

    fn to_f64(&self) -> f64 {
        let sign = if self.negative { "-" } else { "" };
        // Of this form every text parses.
        format!("{sign}0.{}e{}", self.digits, self.exponent)
            .parse()
            .unwrap_or(f64::NAN)
    }

    fn as_exact_fraction(&self) -> Option<f64> {
        // A binary fraction always ends in 5 and never has more than 1074 digits after the point.
        if self.fraction_digits() == 0 || !self.digits.ends_with('5') {
            return None;
        }
        let float = self.to_f64();
        let exact = format!("{float:.1074}");
        (exact.trim_end_matches('0') == self.to_string()).then_some(float)
    }

    /// Compares the absolute values; neither is zero.
    fn cmp_magnitude(&self, other: &Self) -> Ordering {
        self.exponent
            .cmp(&other.exponent)
            .then_with(|| self.digits.cmp(&other.digits))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let digits = &*self.digits;
        if digits.is_empty() {
            return f.write_str("0");
        }
        // The parser bounds the exponent, so the zeros are few.
        let zeros = |count: i64| "0".repeat(usize::try_from(count).unwrap_or(0));
        match usize::try_from(self.exponent) {
            Ok(point) if point >= digits.len() => {
                write!(f, "{sign}{digits}{}", zeros(self.exponent - self.len()))
            }
            Ok(point) if point > 0 => write!(f, "{sign}{}.{}", &digits[..point], &digits[point..]),
            _ => write!(f, "{sign}0.{}{digits}", zeros(-self.exponent)),
        }
    }
}

impl fmt::Display for Number {
    /// Writes plain decimal text, without exponent, in the fewest digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Int(number) => write!(f, "{number}"),
            Repr::Decimal(decimal) => decimal.fmt(f),
            Repr::Infinite { negative: false } => f.write_str("Infinity"),
            Repr::Infinite { negative: true } => f.write_str("-Infinity"),
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Int(one), Repr::Int(two)) => one.cmp(two),
            (Repr::Infinite { negative }, _) if self.0 != other.0 => infinite_order(*negative),
            (_, Repr::Infinite { negative }) if self.0 != other.0 => {
                infinite_order(*negative).reverse()
            }
            _ => self.cmp_decimal(other),
        }
    }
}

fn infinite_order(negative: bool) -> Ordering {
    if negative {
        Ordering::Less
    } else {
        Ordering::Greater
    }
}

impl Number {
    fn cmp_decimal(&self, other: &Self) -> Ordering {
        let sign = self.sign().cmp(&other.sign());
        sign.then_with(|| match (self.to_decimal(), other.to_decimal()) {
            (Some(one), Some(two)) if one.negative => two.cmp_magnitude(&one),
            (Some(one), Some(two)) => one.cmp_magnitude(&two),
            _ => Ordering::Equal,
        })
    }

    fn sign(&self) -> i64 {
        match &self.0 {
            Repr::Int(number) => number.signum(),
            Repr::Decimal(decimal) if decimal.negative => -1,
            Repr::Infinite { negative: true } => -1,
            _ => 1,
        }
    }

    /// The parts of a finite number.
    fn to_decimal(&self) -> Option<Decimal> {
        match &self.0 {
            Repr::Int(number) => Some(Decimal::new(
                *number < 0,
                &number.unsigned_abs().to_string(),
                0,
            )),
            Repr::Decimal(decimal) => Some((**decimal).clone()),
            Repr::Infinite { .. } => None,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn plain_text_is_the_shortest() {
        for (text, plain) in [
            ("0", "0"),
            ("-0.000", "0"),
            ("007", "7"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("1.25E-3", "0.00125"),
            ("-12.5e1", "-125"),
            (".5", "0.5"),
            ("5.", "5"),
            ("+3", "3"),
            ("9223372036854775808", "9223372036854775808"),
            (
                "123456789012345678901234567890.123",
                "123456789012345678901234567890.123",
            ),
        ] {
            assert_eq!(number(text).to_string(), plain, "{text}");
        }
    }

    #[test]
    fn equal_numbers_have_one_form() {
        assert_eq!(number("1.0"), Number::from(1));
        assert_eq!(number("-9223372036854775808"), Number::from(i64::MIN));
        assert_eq!(Number::from_f64(0.1).unwrap(), number("0.1"));
        assert_eq!(Number::from_f64(-0.0).unwrap(), Number::from(0));
        assert_eq!(
            Number::from_f64(1e22).unwrap(),
            number("10000000000000000000000")
        );
        assert_eq!(Number::from(u64::MAX), number("18446744073709551615"));
    }

    #[test]
    fn whole_floats_are_exact() {
        assert_eq!(
            Number::from_f64(1e23).unwrap().to_string(),
            "99999999999999991611392"
        );
    }

    #[test]
    fn only_binary_fractions_are_exact_floats() {
        assert_eq!(number("0.5").as_exact_fraction(), Some(0.5));
        assert_eq!(number("-2.375").as_exact_fraction(), Some(-2.375));
        assert_eq!(number("0.1").as_exact_fraction(), None);
        assert_eq!(number("0.15").as_exact_fraction(), None);
        assert_eq!(number("7").as_exact_fraction(), None);
        let smallest = format!("{:.1074}", f64::from_bits(1));
        assert_eq!(
            number(&smallest).as_exact_fraction(),
            Some(f64::from_bits(1))
        );
    }

    #[test]
    fn bad_text_is_refused() {
        for text in [
            "", "-", ".", "1e", "1e+", "0x10", "1 ", "1_0", "Inf", "NaN", "--1", "1.-5",
        ] {
            assert_eq!(text.parse::<Number>(), Err(NumberError::Syntax), "{text:?}");
        }
        for text in ["1e10000", "1e-10001", "1e999999999999", "-3e-123456789"] {
            assert_eq!(
                text.parse::<Number>(),
                Err(NumberError::TooLong),
                "{text:?}"
            );
        }
        assert_eq!(number("0e99999999"), Number::from(0));
        assert_eq!(Number::from_f64(f64::NAN), Err(NumberError::NotANumber));
    }

    #[test]
    fn numbers_are_ordered_by_size() {
        let ascending = [
            Number::NEG_INFINITY,
            number("-1e30"),
            number("-2"),
            number("-1.5"),
            number("-1"),
            number("-0.001"),
            number("0"),
            number("0.001"),
            number("0.01"),
            number("1"),
            number("1.5"),
            number("9"),
            number("10"),
            number("9223372036854775808"),
            Number::INFINITY,
        ];
        for (i, one) in ascending.iter().enumerate() {
            for (j, two) in ascending.iter().enumerate() {
                assert_eq!(one.cmp(two), i.cmp(&j), "{one} against {two}");
            }
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(number in crate::cty::testing::number()) {
            prop_assert_eq!(number.to_string().parse::<Number>().unwrap(), number);
        }

        #[test]
        fn floats_round_trip(float in any::<f64>().prop_filter("finite", |f| f.is_finite())) {
            let number = Number::from_f64(float).unwrap();
            prop_assert_eq!(number.to_f64(), float);
        }

        #[test]
        fn order_agrees_with_floats(one in -1e6..1e6f64, two in -1e6..1e6f64) {
            let ordering = Number::from_f64(one).unwrap().cmp(&Number::from_f64(two).unwrap());
            prop_assert_eq!(ordering, one.partial_cmp(&two).unwrap());
        }

        #[test]
        fn any_text_is_a_number_or_an_error(text in "[-+0-9.eE]{0,20}") {
            let _ = text.parse::<Number>();
        }
    }
}
