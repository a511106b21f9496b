//! What goes wrong between us and a provider.

use crate::diagnostic::{Diagnostic, Diagnostics};

/// A provider cannot be found, started or spoken to, or broke its protocol.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("provider {provider}: {message}")]
pub struct ProviderError {
    /// The provider, as the user knows it.
    pub provider: String,
    /// What was being asked, `ApplyResourceChange`; empty when it was being started.
    pub call: String,
    /// What happened, with what the program last said.
    pub message: String,
    /// What to do next.
    pub hints: Vec<String>,
    /// Whether the call may have had an effect although no answer came.
    pub in_doubt: bool,
}

/// Why a provider call gave no value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The provider complained; at least one is an error.
    #[error("{}", first_error(.0))]
    Diagnostics(Diagnostics),
    /// The provider could not be spoken to.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

fn first_error(diagnostics: &Diagnostics) -> String {
    diagnostics
        .0
        .iter()
        .max_by_key(|d| d.severity)
        .map(ToString::to_string)
        .unwrap_or_default()
}

impl Failure {
    /// As diagnostics, for reports.
    pub fn into_diagnostics(self) -> Diagnostics {
        match self {
            Self::Diagnostics(diagnostics) => diagnostics,
            Self::Provider(error) => {
                let mut diagnostic = Diagnostic::error(error.to_string());
                diagnostic.hints = error.hints;
                diagnostic.into()
            }
        }
    }
}

impl From<Diagnostics> for Failure {
    fn from(diagnostics: Diagnostics) -> Self {
        Self::Diagnostics(diagnostics)
    }
}

impl From<Diagnostic> for Failure {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Diagnostics(diagnostic.into())
    }
}
