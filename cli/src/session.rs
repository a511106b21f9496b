//! A started evaluator with the deployment loaded.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nixops4_core::evaluate::{Evaluate, EvaluatorProcess, EvaluatorProgram};
use nixops4_proto::evaluator::Load;

use crate::command_error::CommandError;
use crate::programs::Program;
use crate::root::{self, Root};

/// The current directory.
pub fn current_dir() -> Result<PathBuf, CommandError> {
    std::env::current_dir()
        .map_err(|error| CommandError::user(format!("there is no current directory: {error}")))
}

/// Starts an evaluator.
pub async fn evaluator() -> Result<EvaluatorProcess, CommandError> {
    let program = EvaluatorProgram {
        program: Program::Evaluator.path(),
        args: Vec::new(),
    };
    Ok(EvaluatorProcess::start(&program).await?)
}

/// Finds the deployment and loads it into a new evaluator.
pub async fn load(
    file: Option<&Path>,
    show_trace: bool,
) -> Result<(Arc<EvaluatorProcess>, Root), CommandError> {
    let root = root::find(file, &current_dir()?)?;
    let evaluator = evaluator().await?;
    evaluator
        .load(Load {
            root: root.source.clone(),
            show_trace,
        })
        .await?;
    Ok((Arc::new(evaluator), root))
}
