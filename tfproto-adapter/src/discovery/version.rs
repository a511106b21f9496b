//! Version constraints, as Terraform and OpenTofu write them.
//!
//! Versions themselves are those of the `semver` crate; its requirements differ from these (`~>`,
//! prereleases only when written exactly), so constraints are our own.

use std::fmt;

pub use semver::Version;

/// A comma-separated list of conditions that must all hold; empty accepts every release.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraints {
    conditions: Vec<Condition>,
}

/// Why a text is no version constraint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid version constraint \"{text}\": {reason}")]
pub struct ConstraintError {
    text: String,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    operator: Operator,
    boundary: Version,
    /// Segments as written (1 to 3): `~>` moves the last one.
    segments: usize,
}

/// In the order in which lock files list conditions on one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Operator {
    Greater,
    GreaterOrEqual,
    Equal,
    Pessimistic,
    LessOrEqual,
    Less,
    NotEqual,
}

// Longest first, so that ">=" is not read as ">".
const OPERATORS: [(&str, Operator); 7] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("~>", Operator::Pessimistic),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
];

impl Constraints {
    /// Reads for example `>= 2.1, < 3, != 2.4.0` or `~> 5.0`.
    pub fn parse(text: &str) -> Result<Self, ConstraintError> {
        let fail = |reason: String| ConstraintError {
            text: text.to_owned(),
            reason,
        };
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let conditions = text
            .split(',')
            .map(|part| Condition::parse(part.trim()))
            .collect::<Result<_, _>>()
            .map_err(fail)?;
        Ok(Self { conditions })
    }

    /// Whether a version satisfies all conditions.
    pub fn allows(&self, version: &Version) -> bool {
        // A prerelease is only ever chosen by its full name.
        let named = self.conditions.iter().any(|condition| {
            condition.operator == Operator::Equal && condition.boundary == *version
        });
        (version.pre.is_empty() || named) && self.conditions.iter().all(|c| c.holds(version))
    }

    /// The newest version that satisfies all conditions.
    pub fn newest<'a>(
        &self,
        versions: impl IntoIterator<Item = &'a Version>,
    ) -> Option<&'a Version> {
        versions
            .into_iter()
            .filter(|version| self.allows(version))
            .max()
    }

    /// Both these conditions and those.
    pub fn and(mut self, other: &Self) -> Self {
        self.conditions.extend(other.conditions.iter().cloned());
        self
    }

    /// The conditions in the one order and spelling that lock files have.
    pub fn canonical(&self) -> String {
        let mut conditions: Vec<_> = self.conditions.iter().collect();
        // `~> 1.2.0` comes before `~> 1.2`; of other conditions the segments do not show.
        conditions.sort_by(|a, b| {
            let order = a.boundary.cmp(&b.boundary);
            order
                .then(a.operator.cmp(&b.operator))
                .then(b.segments.cmp(&a.segments))
        });
        let mut texts: Vec<_> = conditions.iter().map(ToString::to_string).collect();
        texts.dedup();
        texts.join(", ")
    }

    /// Whether every release is accepted.
    pub fn is_any(&self) -> bool {
        self.conditions.is_empty()
    }
}

impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, condition) in self.conditions.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{condition}")?;
        }
        Ok(())
    }
}

impl Condition {
    fn parse(text: &str) -> Result<Self, String> {
        let (operator, rest) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?)))
            .unwrap_or((Operator::Equal, text));
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let (boundary, segments) = parse_partial(rest)?;
        if operator == Operator::Equal && boundary == Version::new(0, 0, 0) {
            return Err("0.0.0 means \"no version\" and cannot be asked for".to_owned());
        }
        Ok(Self {
            operator,
            boundary,
            segments,
        })
    }

    fn holds(&self, version: &Version) -> bool {
        let order = version.cmp_precedence(&self.boundary);
        match self.operator {
            // Build metadata has no precedence, but an exact wish for it is meant.
            Operator::Equal if !self.boundary.build.is_empty() => *version == self.boundary,
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => order.is_ne(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
            Operator::Pessimistic => order.is_ge() && self.same_series(version),
        }
    }

    fn same_series(&self, version: &Version) -> bool {
        version.major == self.boundary.major
            && (self.segments < 3 || version.minor == self.boundary.minor)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = OPERATORS
            .iter()
            .find(|(_, operator)| *operator == self.operator);
        if let Some((sign, operator)) = sign
            && *operator != Operator::Equal
        {
            write!(f, "{sign} ")?;
        }
        if self.operator == Operator::Pessimistic && self.segments < 3 {
            return write!(f, "{}.{}", self.boundary.major, self.boundary.minor);
        }
        write!(f, "{}", self.boundary)
    }
}

/// Reads 1 to 3 numeric segments with an optional prerelease and build; missing ones are 0.
fn parse_partial(text: &str) -> Result<(Version, usize), String> {
    if let Some(rest) = text.strip_prefix(['v', 'V']) {
        return Err(format!("write {rest}, without the \"v\""));
    }
    if text.contains(['*', '|', 'x']) && !text.contains(['-', '+']) {
        return Err("wildcards and \"||\" are not part of this syntax".to_owned());
    }
    let numbers_end = text.find(['-', '+']).unwrap_or(text.len());
    let (numbers, suffix) = text.split_at(numbers_end);
    let segments = numbers.split('.').count();
    if numbers.is_empty() {
        return Err("a version is missing".to_owned());
    }
    if segments > 3 {
        return Err(format!("\"{text}\" has more than three segments"));
    }
    let full = format!("{numbers}{}{suffix}", ".0".repeat(3 - segments));
    let version = Version::parse(&full).map_err(|error| format!("\"{text}\": {error}"))?;
    Ok((version, segments))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(constraint: &str, version: &str) -> bool {
        let constraints = Constraints::parse(constraint).expect("a constraint");
        constraints.allows(&Version::parse(version).expect("a version"))
    }

    #[test]
    fn operators() {
        for (constraint, yes, no) in [
            ("1.2.3", "1.2.3", "1.2.4"),
            ("= 1.2", "1.2.0", "1.2.1"),
            ("!= 1.2.3", "1.2.4", "1.2.3"),
            ("> 1.2", "1.2.1", "1.2.0"),
            (">=1.2", "1.2.0", "1.1.9"),
            ("< 2", "1.99.0", "2.0.0"),
            ("<= 2", "2.0.0", "2.0.1"),
            ("~> 1.2.3", "1.2.9", "1.3.0"),
            ("~> 1.2.3", "1.2.3", "1.2.2"),
            ("~> 1.2", "1.9.0", "2.0.0"),
            ("~> 1", "1.9.0", "2.0.0"),
            (">= 1, < 2, != 1.5.0", "1.6.0", "1.5.0"),
            ("", "0.0.1", "1.0.0-rc1"),
        ] {
            assert!(allows(constraint, yes), "{constraint} allows {yes}");
            assert!(!allows(constraint, no), "{constraint} refuses {no}");
        }
    }

    #[test]
    fn prereleases_only_by_name() {
        assert!(allows("2.0.0-beta1", "2.0.0-beta1"));
        assert!(!allows(">= 2.0.0-beta1", "2.0.0-beta2"));
        assert!(!allows("~> 2.0", "2.1.0-rc1"));
    }

    #[test]
    fn newest_is_chosen_by_number() {
        let versions =
            ["9.9.0", "10.0.0", "10.1.0-rc1"].map(|v| Version::parse(v).expect("version"));
        let any = Constraints::default();
        assert_eq!(any.newest(&versions), Some(&Version::new(10, 0, 0)));
    }

    #[test]
    fn written_back_canonically() {
        for (text, canonical) in [
            (">=2", ">= 2.0.0"),
            ("~>2", "~> 2.0"),
            ("~> 2.1.0", "~> 2.1.0"),
            ("=1.2.3,<2", "1.2.3, < 2.0.0"),
        ] {
            assert_eq!(
                Constraints::parse(text).expect("a constraint").to_string(),
                canonical
            );
        }
    }

    #[test]
    fn lock_files_have_one_spelling() {
        for (text, canonical) in [
            ("", ""),
            ("< 3, >= 2, >=2.0", ">= 2.0.0, < 3.0.0"),
            (
                "!= 1.2.0, < 1.2, <= 1.2, ~> 1.2, ~> 1.2.0, 1.2, >= 1.2, > 1.2",
                "> 1.2.0, >= 1.2.0, 1.2.0, ~> 1.2.0, ~> 1.2, <= 1.2.0, < 1.2.0, != 1.2.0",
            ),
            ("~> 1", "~> 1.0"),
        ] {
            let constraints = Constraints::parse(text).expect("constraints");
            assert_eq!(constraints.canonical(), canonical);
        }
        let both = Constraints::parse(">= 1").expect("constraints");
        let both = both.and(&Constraints::parse("< 2").expect("constraints"));
        assert_eq!(both.to_string(), ">= 1.0.0, < 2.0.0");
    }

    #[test]
    fn errors_say_what_to_write() {
        for (text, part) in [
            ("v1.2", "write 1.2, without the \"v\""),
            ("1.*", "wildcards"),
            (">=", "missing"),
            ("1.2.3.4", "more than three"),
            ("0.0.0", "no version"),
            (">= 1,", "missing"),
            ("^1", "\"^1\""),
        ] {
            let error = Constraints::parse(text)
                .expect_err("no constraint")
                .to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
