//! [`CommandError`]: why a command could not do its work, in the words the user reads.

use std::fmt;

use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::evaluate::EvaluateError;

use crate::exit::Exit;

/// Ends a command.
#[derive(Debug)]
pub struct CommandError {
    /// What is said; may be empty when everything has been said already.
    pub diagnostics: Diagnostics,
    /// The exit code.
    pub exit: Exit,
}

impl CommandError {
    /// Something the user can mend.
    pub fn user(summary: impl Into<String>) -> Self {
        Diagnostic::error(summary).into()
    }

    /// With advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        if let Some(last) = self.diagnostics.0.last_mut() {
            last.hints.push(hint.into());
        }
        self
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for diagnostic in &self.diagnostics.0 {
            if !std::mem::take(&mut first) {
                f.write_str("; ")?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl From<Diagnostics> for CommandError {
    fn from(diagnostics: Diagnostics) -> Self {
        Self {
            diagnostics,
            exit: Exit::Failed,
        }
    }
}

impl From<Diagnostic> for CommandError {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics::from(diagnostic).into()
    }
}

impl From<EvaluateError> for CommandError {
    fn from(error: EvaluateError) -> Self {
        error.to_diagnostic().into()
    }
}
