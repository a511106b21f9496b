//! What goes wrong between us and the evaluator.

use std::path::PathBuf;
use std::sync::Arc;

use nixops4_proto::evaluator::EvalError;

use crate::diagnostic::Diagnostic;

/// Why the evaluator gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EvaluateError {
    /// The question cannot be answered: the user's text is in error.
    #[error("{}", .0.message)]
    Eval(Box<EvalError>),
    /// The process could not be started.
    #[error("cannot start the evaluator {}: {error}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        error: Arc<std::io::Error>,
    },
    /// The process is gone.
    #[error("{0}")]
    Died(Arc<Death>),
    /// The process said something that the protocol does not allow.
    #[error("the evaluator broke its protocol: {0}")]
    Protocol(String),
}

/// How the evaluator ended, and over what.
#[derive(Clone, Debug)]
pub struct Death {
    /// What it was evaluating; empty if nothing.
    pub doing: String,
    /// How it ended: `exit status 1`, `signal 9 (killed)`, ….
    pub how: String,
    /// The last lines that it wrote to its standard error.
    pub last_words: Vec<String>,
}

impl std::fmt::Display for Death {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the evaluator ended ({})", self.how)?;
        if !self.doing.is_empty() {
            write!(f, " while evaluating {}", self.doing)?;
        }
        Ok(())
    }
}

impl EvaluateError {
    /// As a diagnostic, for reports.
    pub fn to_diagnostic(&self) -> Diagnostic {
        match self {
            Self::Eval(error) => from_eval_error(error),
            Self::Died(death) => {
                let mut diagnostic = Diagnostic::error(self.to_string());
                if !death.last_words.is_empty() {
                    diagnostic.detail = format!("It last said:\n{}", death.last_words.join("\n"));
                }
                diagnostic.hint("nothing is lost: run the command again")
            }
            _ => Diagnostic::error(self.to_string()),
        }
    }
}

/// An evaluation error as a diagnostic; the trace goes into the detail.
pub fn from_eval_error(error: &EvalError) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(error.message.clone());
    diagnostic.position = error.position.clone();
    diagnostic.hints = error.hints.clone();
    let lines: Vec<_> = error
        .trace
        .iter()
        .map(|frame| match &frame.position {
            Some(at) => format!("{} ({}:{}:{})", frame.message, at.file, at.line, at.column),
            None => frame.message.clone(),
        })
        .collect();
    diagnostic.detail = lines.join("\n");
    diagnostic
}
