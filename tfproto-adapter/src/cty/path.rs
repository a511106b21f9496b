//! Where in a value something is, and the codec errors that say so.

use std::fmt;
use std::sync::Arc;

/// One step from a value into a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// An attribute of an object, or a nested block type.
    Attribute(Arc<str>),
    /// An element of a map.
    Key(Arc<str>),
    /// An element of a list or tuple; of a set, the position in the set's own order.
    Index(usize),
}

/// The way from the root of a value to one of its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// The path of the root itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// Extends a copy of this path by one step.
    #[must_use]
    pub fn child(&self, step: Step) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step);
        Self(steps)
    }

    /// Extends a copy of this path by an attribute name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Self {
        self.child(Step::Attribute(name.into()))
    }

    /// Tells whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Attribute(name) if position == 0 => f.write_str(name)?,
                Step::Attribute(name) => write!(f, ".{name}")?,
                Step::Key(key) => write!(f, "[{key:?}]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

/// A value that could not be encoded or decoded, with the attribute that is to blame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodecError(Box<Problem>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    /// Steps from the inside outwards: they are added while the error travels up, so that the
    /// path costs nothing as long as all is well.
    reversed: Vec<Step>,
    message: String,
}

impl CodecError {
    /// Makes an error about the value at hand.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Problem {
            reversed: Vec::new(),
            message: message.into(),
        }))
    }

    /// Says that the error happened inside the given step.
    #[must_use]
    pub fn within(mut self, step: Step) -> Self {
        self.0.reversed.push(step);
        self
    }

    /// The path of the value that is to blame.
    pub fn path(&self) -> Path {
        self.0.reversed.iter().rev().cloned().collect()
    }

    /// What is wrong, without the path.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.reversed.is_empty() {
            true => f.write_str(&self.0.message),
            false => write!(f, "{}: {}", self.path(), self.0.message),
        }
    }
}

impl std::error::Error for CodecError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_print_the_path_from_the_root() {
        let error = CodecError::new("expected a string, found true")
            .within(Step::Key("Name".into()))
            .within(Step::Attribute("tags".into()))
            .within(Step::Index(2))
            .within(Step::Attribute("rule".into()));
        assert_eq!(
            error.to_string(),
            r#"rule[2].tags["Name"]: expected a string, found true"#
        );
        assert_eq!(error.path().0.len(), 4);
    }

    #[test]
    fn errors_at_the_root_have_no_prefix() {
        assert_eq!(
            CodecError::new("2 bytes left over").to_string(),
            "2 bytes left over"
        );
    }
}
