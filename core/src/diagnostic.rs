//! [`Diagnostic`]: what an evaluator, a provider or a check has to say about the user's text or
//! about an object, as a value that is collected and carried, not thrown.

use std::fmt;

use nixops4_proto::evaluator::Position;

use crate::{AttrPath, MemberPath};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing stops.
    Warning,
    /// What it is about cannot go on.
    Error,
}

/// One complaint.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// One line: what is wrong.
    pub summary: String,
    /// More lines; may be empty.
    pub detail: String,
    /// The component it is about, filled in by whoever knows it.
    pub member: Option<MemberPath>,
    /// The input (or configuration) leaf it is about.
    pub path: Option<AttrPath>,
    /// Where that leaf is defined, filled in by whoever can ask the evaluator.
    pub position: Option<Position>,
    /// What to do next.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// An error with a summary only.
    pub fn error(summary: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            summary: summary.into(),
            detail: String::new(),
            member: None,
            path: None,
            position: None,
            hints: Vec::new(),
        }
    }

    /// A warning with a summary only.
    pub fn warning(summary: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(summary)
        }
    }

    /// With more lines.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// About a leaf.
    pub fn at(mut self, path: AttrPath) -> Self {
        self.path = Some(path);
        self
    }

    /// With advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        if let Some(path) = self.path.as_ref().filter(|path| !path.0.is_empty()) {
            write!(f, " (at {path})")?;
        }
        Ok(())
    }
}

/// Complaints, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Whether any is an error.
    pub fn has_errors(&self) -> bool {
        self.0
            .iter()
            .any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(vec![diagnostic])
    }
}

/// A value together with warnings. Where it stands in an `Ok`, none of them is an error.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosed<T> {
    /// The value.
    pub value: T,
    /// What came with it.
    pub warnings: Diagnostics,
}

impl<T> From<T> for Diagnosed<T> {
    fn from(value: T) -> Self {
        Self {
            value,
            warnings: Diagnostics::default(),
        }
    }
}
