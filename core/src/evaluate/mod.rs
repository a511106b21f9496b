//! The evaluator, seen from core: the trait [`Evaluate`], and [`EvaluatorProcess`], which asks the
//! evaluator process.
//!
//! ```text
//! planner ──Evaluate──► EvaluatorProcess ──JSON lines──► nixops4-eval
//! ```
//!
//! Requests may be made concurrently; they are answered in the order in which they were made. The
//! process may die at any line: from then on every call gives the same [`EvaluateError::Died`].

mod error;
mod functions;
mod process;

use std::fmt::Debug;

use async_trait::async_trait;
pub use error::{Death, EvaluateError, from_eval_error};
pub use functions::{Functions, ProviderFunctions};
use nixops4_proto::evaluator::{
    Configure, DescribeOperation, Eval, EvalSource, ListOperations, ListProviders, Load, Locate,
    OperationDescription, OperationHead, OperationsListed, Position, ProviderInstance,
    ProvidersListed, ResourceOutputs, Subject, Walk, WalkItem,
};
pub use process::{EvaluatorProcess, EvaluatorProgram, Traces};
use tokio::sync::mpsc;

use crate::AttrPath;

/// Where the items of a walk go. Unbounded: the planner keeps every item, so a bound would save
/// nothing.
pub type WalkSender = mpsc::UnboundedSender<WalkItem>;

/// Answers questions about a deployment.
#[async_trait]
pub trait Evaluate: Send + Sync + Debug {
    /// Loads the root. Comes before every question about components.
    async fn load(&self, load: Load) -> Result<(), EvaluateError>;

    /// Describes components; each goes to `items` as soon as it is known.
    async fn walk(&self, walk: Walk, items: WalkSender) -> Result<(), EvaluateError>;

    /// Describes a provider instance again.
    async fn provider(&self, id: &str) -> Result<ProviderInstance, EvaluateError>;

    /// The provider instances that a component and those below it declare.
    async fn providers(&self, ask: ListProviders) -> Result<ProvidersListed, EvaluateError>;

    /// Tells the outputs of resources.
    async fn set_outputs(&self, outputs: Vec<ResourceOutputs>) -> Result<(), EvaluateError>;

    /// Where a leaf is defined, as far as known.
    async fn locate(
        &self,
        subject: Subject,
        path: &AttrPath,
    ) -> Result<Option<Position>, EvaluateError>;

    /// The operations of a component and of those below it, with what could not be told.
    async fn operations(
        &self,
        ask: ListOperations,
    ) -> Result<(Vec<OperationHead>, OperationsListed), EvaluateError>;

    /// What an operation does.
    async fn operation(
        &self,
        ask: DescribeOperation,
    ) -> Result<OperationDescription, EvaluateError>;

    /// Says how to evaluate from now on.
    async fn configure(&self, configure: Configure) -> Result<(), EvaluateError>;

    /// Evaluates an expression on its own; what is printed of it goes to `printed`, piece by piece.
    async fn eval(
        &self,
        eval: Eval,
        printed: mpsc::UnboundedSender<String>,
    ) -> Result<(), EvaluateError>;

    /// Ends what was asked before: whoever still waits gets an error soon.
    async fn cancel(&self) -> Result<(), EvaluateError>;

    /// Ends what was started to answer its calls. To be called at the end of every run.
    async fn close(&self) {}
}

/// What a question is about, for the message when the evaluator dies over it.
fn describe_walk(walk: &Walk) -> String {
    let what = match (walk.recursive, walk.inputs) {
        (true, _) => "the members",
        (false, true) => "the inputs",
        (false, false) => "the kind",
    };
    let first = walk.paths.first().filter(|path| !path.is_root());
    let more = walk.paths.len().saturating_sub(1);
    match (first, more) {
        (None, 0) => format!("{what} of the root"),
        (Some(path), 0) => format!("{what} of {path}"),
        (None, more) => format!("{what} of the root and {more} other components"),
        (Some(path), more) => format!("{what} of {path} and {more} other components"),
    }
}

fn describe_eval(eval: &Eval) -> String {
    match &eval.source {
        EvalSource::File(path) => format!("the file {}", path.display()),
        EvalSource::Expr { text, .. } => describe_text(text),
    }
}

fn describe_text(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("the expression `{}…`", &line[..end]),
        None => format!("the expression `{line}`"),
    }
}

fn describe_locate(locate: &Locate) -> String {
    match &locate.subject {
        Subject::Inputs(member) => format!("the position of an input of {member}"),
        Subject::Type(member) => format!("the position of the type of {member}"),
        Subject::ProviderConfig(id) => format!("the position of the configuration of {id}"),
        Subject::Operation(step) => format!("the position of an input of {}", step.operation),
    }
}
