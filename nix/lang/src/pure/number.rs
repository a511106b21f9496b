//! Numbers as Nix writes them: floats have three notations.

use std::fmt::Write as _;

/// A float as `toString` and string interpolation write it: six decimals, as C's `%f`.
pub fn float_fixed(value: f64) -> String {
    special(value).unwrap_or_else(|| format!("{value:.6}"))
}

/// A float as the evaluator prints it, and as in `toXML`: six significant digits, as C's `%g`.
pub fn float_general(value: f64) -> String {
    if let Some(special) = special(value) {
        return special;
    }
    if value == 0.0 {
        return if value.is_sign_negative() {
            "-0".into()
        } else {
            "0".into()
        };
    }
    // Rounding to six digits can carry over into the exponent, so it comes first.
    let rounded = format!("{value:.5e}");
    let (mantissa, exponent) = split_exponent(&rounded);
    if !(-4..6).contains(&exponent) {
        let mut text = trim_fraction(mantissa).to_owned();
        push_exponent(&mut text, exponent);
        return text;
    }
    let decimals = usize::try_from(5 - exponent).unwrap_or(0);
    trim_fraction(&format!("{value:.decimals$}")).to_owned()
}

/// A float as `toJSON` writes it: the shortest digits that read back the same, always with a
/// point or an exponent. What JSON has no number for is `null`.
pub fn float_json(value: f64) -> String {
    if !value.is_finite() {
        return "null".into();
    }
    if value == 0.0 {
        return if value.is_sign_negative() {
            "-0.0".into()
        } else {
            "0.0".into()
        };
    }
    let shortest = format!("{:e}", value.abs());
    let (mantissa, exponent) = split_exponent(&shortest);
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    match usize::try_from(exponent) {
        Ok(exponent) if exponent < 15 && digits.len() <= exponent + 1 => {
            let _ = write!(text, "{digits:0<width$}.0", width = exponent + 1);
        }
        Ok(exponent) if exponent < 15 => {
            let (whole, fraction) = digits.split_at(exponent + 1);
            let _ = write!(text, "{whole}.{fraction}");
        }
        Err(_) if exponent >= -4 => {
            let zeros = usize::try_from(-exponent - 1).unwrap_or(0);
            let _ = write!(text, "0.{:0<zeros$}{digits}", "");
        }
        _ => {
            text.push_str(mantissa);
            push_exponent(&mut text, exponent);
        }
    }
    text
}

fn special(value: f64) -> Option<String> {
    let name = match value {
        _ if value.is_nan() => "nan",
        _ if value.is_infinite() => "inf",
        _ => return None,
    };
    Some(if value.is_sign_negative() {
        format!("-{name}")
    } else {
        name.into()
    })
}

/// Rust writes `1.5e-7`, without padding.
fn split_exponent(text: &str) -> (&str, i32) {
    match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().unwrap_or(0)),
        None => (text, 0),
    }
}

fn trim_fraction(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

/// C's exponents have a sign and at least two digits.
fn push_exponent(text: &mut String, exponent: i32) {
    let sign = if exponent < 0 { '-' } else { '+' };
    let _ = write!(text, "e{sign}{:02}", exponent.abs());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_notations_of_floats() {
        for (value, fixed, general, json) in [
            (1.5, "1.500000", "1.5", "1.5"),
            (1.0, "1.000000", "1", "1.0"),
            (0.0, "0.000000", "0", "0.0"),
            (0.1, "0.100000", "0.1", "0.1"),
            (-2.25, "-2.250000", "-2.25", "-2.25"),
            (1e-7, "0.000000", "1e-07", "1e-07"),
            (0.0001, "0.000100", "0.0001", "0.0001"),
            (0.00001, "0.000010", "1e-05", "1e-05"),
            (0.0001234567, "0.000123", "0.000123457", "0.0001234567"),
            (123456.7, "123456.700000", "123457", "123456.7"),
            (1234567.8, "1234567.800000", "1.23457e+06", "1234567.8"),
            (999999.5, "999999.500000", "1e+06", "999999.5"),
            (1e5, "100000.000000", "100000", "100000.0"),
            (1e15, "1000000000000000.000000", "1e+15", "1e+15"),
            (1e14, "100000000000000.000000", "1e+14", "100000000000000.0"),
            (
                123456789012345680.0,
                "123456789012345680.000000",
                "1.23457e+17",
                "1.2345678901234568e+17",
            ),
            (2.5e20, "250000000000000000000.000000", "2.5e+20", "2.5e+20"),
            (f64::INFINITY, "inf", "inf", "null"),
            (f64::NEG_INFINITY, "-inf", "-inf", "null"),
            (f64::NAN, "nan", "nan", "null"),
            (-f64::NAN, "-nan", "-nan", "null"),
        ] {
            assert_eq!(float_fixed(value), fixed);
            assert_eq!(float_general(value), general);
            assert_eq!(float_json(value), json);
        }
        assert!(float_general(1.7976931348623157e308) == "1.79769e+308");
    }
}
