//! Versions and package names, as `builtins.compareVersions` and its kin read them.

use std::cmp::Ordering;

/// The components of a version: runs of digits and runs of other characters, without the dots and
/// dashes that separate them.
pub fn components(version: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = version;
    std::iter::from_fn(move || next_component(&mut rest))
}

fn next_component<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let separators = rest.iter().take_while(|byte| is_separator(**byte)).count();
    let text = &rest[separators..];
    let digits = text.first()?.is_ascii_digit();
    let belongs = |byte: &&u8| !is_separator(**byte) && byte.is_ascii_digit() == digits;
    let (component, after) = text.split_at(text.iter().take_while(belongs).count());
    *rest = after;
    Some(component)
}

fn is_separator(byte: u8) -> bool {
    byte == b'.' || byte == b'-'
}

/// Compares two versions: numbers by value, `pre` before the end of a version, and anything else
/// before a number.
pub fn compare(left: &[u8], right: &[u8]) -> Ordering {
    let (mut left, mut right) = (components(left), components(right));
    loop {
        let (a, b) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => (a.unwrap_or_default(), b.unwrap_or_default()),
        };
        if comes_before(a, b) {
            return Ordering::Less;
        }
        if comes_before(b, a) {
            return Ordering::Greater;
        }
    }
}

fn comes_before(left: &[u8], right: &[u8]) -> bool {
    match (number(left), number(right)) {
        (Some(left), Some(right)) => left < right,
        (_, Some(_)) if left.is_empty() => true,
        _ if left == b"pre" => right != b"pre",
        _ if right == b"pre" => false,
        // `2.3a` comes before `2.3.1`.
        (_, Some(_)) => true,
        (Some(_), _) => false,
        _ => left < right,
    }
}

/// A number too large for C++'s `int` is text to Nix.
fn number(component: &[u8]) -> Option<i32> {
    if !component.first()?.is_ascii_digit() {
        return None;
    }
    std::str::from_utf8(component).ok()?.parse().ok()
}

/// Splits `name-version` at the first dash that no letter follows.
pub fn split_name(name: &[u8]) -> (&[u8], &[u8]) {
    let dash = name
        .windows(2)
        .position(|pair| pair[0] == b'-' && !pair[1].is_ascii_alphabetic());
    match dash {
        Some(at) => (&name[..at], &name[at + 1..]),
        None => (name, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(version: &str) -> Vec<String> {
        components(version.as_bytes())
            .map(|part| String::from_utf8_lossy(part).into())
            .collect()
    }

    #[test]
    fn splits_at_dots_dashes_and_changes_of_kind() {
        assert_eq!(parts("1.2.3-pre4a"), ["1", "2", "3", "pre", "4", "a"]);
        assert_eq!(parts("..-1--"), ["1"]);
        assert_eq!(parts(""), [""; 0]);
    }

    #[test]
    fn orders_as_nix_does() {
        for (left, right, expected) in [
            ("1.0", "2.3", Ordering::Less),
            ("2.1", "2.3", Ordering::Less),
            ("2.3", "2.3", Ordering::Equal),
            ("2.5", "2.3", Ordering::Greater),
            ("3.1", "2.3", Ordering::Greater),
            ("2.3.1", "2.3", Ordering::Greater),
            ("2.3.1", "2.3a", Ordering::Greater),
            ("2.3pre1", "2.3", Ordering::Less),
            ("2.3pre3", "2.3pre12", Ordering::Less),
            ("2.3a", "2.3c", Ordering::Less),
            ("2.3pre1", "2.3c", Ordering::Less),
            ("2.3pre1", "2.3q", Ordering::Less),
            ("", "", Ordering::Equal),
            ("1.", "1", Ordering::Equal),
            ("99999999999", "2", Ordering::Less),
            ("1.0-1", "1.0.1", Ordering::Equal),
        ] {
            assert_eq!(
                compare(left.as_bytes(), right.as_bytes()),
                expected,
                "{left} {right}"
            );
            assert_eq!(
                compare(right.as_bytes(), left.as_bytes()),
                expected.reverse()
            );
        }
    }

    #[test]
    fn separates_the_version_from_a_name() {
        for (full, name, version) in [
            ("a-b-1.2", "a-b", "1.2"),
            ("nix-0.12pre12876", "nix", "0.12pre12876"),
            ("plain", "plain", ""),
            ("end-", "end-", ""),
            ("a--b", "a", "-b"),
        ] {
            assert_eq!(
                split_name(full.as_bytes()),
                (name.as_bytes(), version.as_bytes()),
                "{full}"
            );
        }
    }
}
