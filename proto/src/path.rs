//! Names: [`MemberPath`] for components, [`AttrPath`] for positions inside a value,
//! [`OutputRef`] for both together.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The address of a component from the root: `net.vpc`.
///
/// A name that is not a plain identifier is written in double quotes, as in Nix:
/// `web."eu-central.1"`. The root itself is the empty path and prints as the empty string.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberPath(Vec<String>);

impl MemberPath {
    /// The root component.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path from its names, outermost first.
    pub fn from_names<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// The names, outermost first.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The path of the member `name` of this component.
    pub fn child(&self, name: impl Into<String>) -> Self {
        let mut names = self.0.clone();
        names.push(name.into());
        Self(names)
    }

    /// The enclosing component; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let (_, init) = self.0.split_last()?;
        Some(Self(init.to_vec()))
    }

    /// The last name; `None` for the root.
    pub fn name(&self) -> Option<&str> {
        self.0.last().map(String::as_str)
    }

    /// Whether `self` is `ancestor` or lies below it.
    pub fn is_within(&self, ancestor: &Self) -> bool {
        self.0.starts_with(&ancestor.0)
    }
}

/// Whether `name` can be written without quotes in a member path.
fn is_plain(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|c| c.is_alphanumeric() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '\''))
}

/// `name` as it stands in a path: quoted where it has to be.
pub fn quote_name(name: &str) -> Cow<'_, str> {
    if is_plain(name) {
        return Cow::Borrowed(name);
    }
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for c in name.chars() {
        if matches!(c, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

impl fmt::Display for MemberPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(".")?;
            }
            f.write_str(&quote_name(name))?;
        }
        Ok(())
    }
}

/// A text is not a member path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a member path: {reason}")]
pub struct MemberPathError {
    /// What was parsed.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl FromStr for MemberPath {
    type Err = MemberPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        parse_names(text)
            .map(Self)
            .map_err(|reason| MemberPathError {
                text: text.to_owned(),
                reason,
            })
    }
}

fn parse_names(text: &str) -> Result<Vec<String>, &'static str> {
    let mut names = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let mut name = String::new();
        if chars.next_if_eq(&'"').is_some() {
            loop {
                match chars.next() {
                    Some('"') => break,
                    Some('\\') => name.push(chars.next().ok_or("a quote is not closed")?),
                    Some(c) => name.push(c),
                    None => return Err("a quote is not closed"),
                }
            }
        } else {
            while let Some(c) = chars.next_if(|c| !matches!(c, '.' | '"')) {
                name.push(c);
            }
            if name.is_empty() {
                return Err("a name is empty");
            }
        }
        names.push(name);
        match chars.next() {
            None => return Ok(names),
            Some('.') => {}
            Some(_) => return Err("names are separated by dots"),
        }
    }
}

impl Serialize for MemberPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for MemberPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for MemberPath {
    fn schema_name() -> Cow<'static, str> {
        "MemberPath".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "Names from the root, separated by dots; a name that is not an identifier is in double quotes."
        })
    }
}

/// One step into a value.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(untagged)]
pub enum Step {
    /// Into the element of a list, counted from 0.
    Index(u64),
    /// Into the attribute of an attribute set or map.
    Name(String),
}

impl From<&str> for Step {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index as u64)
    }
}

/// A position inside a value: `tags.Name`, `names[0]`. On the wire: `["names", 0]`.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct AttrPath(pub Vec<Step>);

impl AttrPath {
    /// The value itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path one step further in.
    pub fn child(&self, step: impl Into<Step>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step.into());
        Self(steps)
    }

    /// Whether `self` is `ancestor` or lies inside it.
    pub fn is_within(&self, ancestor: &Self) -> bool {
        self.0.starts_with(&ancestor.0)
    }
}

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Name(name) if i == 0 => f.write_str(&quote_name(name))?,
                Step::Name(name) => write!(f, ".{}", quote_name(name))?,
            }
        }
        Ok(())
    }
}

/// One leaf (or subtree) of the outputs of one resource.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct OutputRef {
    /// The resource.
    pub member: MemberPath,
    /// Where in its outputs; empty for all of them.
    #[serde(default, skip_serializing_if = "is_root")]
    pub path: AttrPath,
}

fn is_root(path: &AttrPath) -> bool {
    path.0.is_empty()
}

impl fmt::Display for OutputRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.0.is_empty() {
            true => write!(f, "{}", self.member),
            false => write!(f, "{}.{}", self.member, self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_paths_round_trip_through_text() {
        for text in ["", "a", "net.vpc", r#"web."eu-central.1""#, r#""a\"b".c"#] {
            let path: MemberPath = text.parse().expect(text);
            assert_eq!(path.to_string(), text);
        }
        let path: MemberPath = r#"web."eu.1""#.parse().expect("quoted");
        assert_eq!(path.names(), ["web", "eu.1"]);
    }

    #[test]
    fn bad_member_paths_say_why() {
        for (text, reason) in [
            ("a..b", "a name is empty"),
            (".", "a name is empty"),
            ("\"a", "a quote is not closed"),
            ("\"a\"b", "names are separated by dots"),
        ] {
            assert_eq!(
                MemberPath::from_str(text).unwrap_err().reason,
                reason,
                "{text}"
            );
        }
    }

    #[test]
    fn attribute_paths_print_like_nix_and_travel_as_arrays() {
        let path = AttrPath::root().child("names").child(0).child("a b");
        assert_eq!(path.to_string(), r#"names[0]."a b""#);
        assert_eq!(
            serde_json::to_string(&path).expect("json"),
            r#"["names",0,"a b"]"#
        );
    }
}
