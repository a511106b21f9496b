//! A started evaluator with the deployment loaded.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nixops4_core::engine::ProviderFactory;
use nixops4_core::evaluate::{
    Evaluate, EvaluateError, EvaluatorProcess, EvaluatorProgram, ProviderFunctions, Traces,
};
use nixops4_proto::evaluator::{Configure, Load};

use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::interrupt::interrupted;
use crate::programs::Program;
use crate::root::{self, Root};
use crate::tools::Providers;
use crate::ui::print::errln;

/// The current directory.
pub fn current_dir() -> Result<PathBuf, CommandError> {
    std::env::current_dir()
        .map_err(|error| CommandError::user(format!("there is no current directory: {error}")))
}

/// What was typed of how to evaluate. It holds for every evaluator of this process, whichever
/// command starts it.
static SETTINGS: OnceLock<(Configure, Vec<OsString>)> = OnceLock::new();

/// How long an evaluator may take to end what it does before it is ended itself.
const PATIENCE: Duration = Duration::from_millis(40);

/// Says how evaluators are to evaluate, and with which arguments they are started, before any is.
pub fn configure(settings: Configure, arguments: Vec<OsString>) {
    // Set once, at the start of the program.
    let _ = SETTINGS.set((settings, arguments));
}

/// Waits for the evaluator, and ends what it does when the user presses Ctrl-C.
pub async fn interruptible<T>(
    evaluator: &EvaluatorProcess,
    work: impl Future<Output = Result<T, EvaluateError>>,
) -> Result<T, CommandError> {
    interruptible_within(evaluator, work, PATIENCE).await
}

/// The same, where the evaluator has that long to end what it does.
pub async fn interruptible_within<T>(
    evaluator: &EvaluatorProcess,
    work: impl Future<Output = Result<T, EvaluateError>>,
    patience: Duration,
) -> Result<T, CommandError> {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        // Somebody listens before the work begins, so that no Ctrl-C ends this process unheard.
        biased;
        _ = tokio::signal::ctrl_c() => {}
        result = &mut work => return Ok(result?),
    }
    let asked = tokio::time::timeout(patience, evaluator.cancel()).await;
    if asked.is_err() {
        evaluator.kill();
    }
    Err(interrupted())
}

/// Starts an evaluator; functions are those of the providers that `providers` starts.
pub async fn evaluator(
    providers: Arc<dyn ProviderFactory>,
) -> Result<EvaluatorProcess, CommandError> {
    let program = EvaluatorProgram {
        program: Program::Evaluator.path(),
        args: SETTINGS
            .get()
            .map(|(_, args)| args.clone())
            .unwrap_or_default(),
        traces: Traces::to(|text| errln!("{text}")),
    };
    let functions = Arc::new(ProviderFunctions::new(providers));
    let evaluator = EvaluatorProcess::start(&program, Some(functions)).await?;
    if let Some((settings, _)) = SETTINGS.get() {
        evaluator.configure(settings.clone()).await?;
    }
    Ok(evaluator)
}

/// Finds the deployment and loads it into a new evaluator.
pub async fn load(
    args: &RootArgs,
    show_trace: bool,
) -> Result<(Arc<EvaluatorProcess>, Root), CommandError> {
    let root = root::find(args, &current_dir()?)?;
    let evaluator = evaluator(Arc::new(Providers::new(&root.base))).await?;
    let load = Load {
        root: root.source.clone(),
        show_trace,
    };
    interruptible(&evaluator, evaluator.load(load)).await?;
    Ok((Arc::new(evaluator), root))
}
