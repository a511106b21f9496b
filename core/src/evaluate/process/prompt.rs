//! What a prompt asks of the evaluator. Runs have no use for it, so it is not part of
//! [`crate::evaluate::Evaluate`].

use nixops4_proto::evaluator::{
    CheckInput, CompleteInput, Completions, Dependencies, EnterInput, Entered, EvalSource,
    ExtendScope, InScope, ListDependencies, OpenScope,
};

use super::EvaluatorProcess;
use crate::evaluate::{EvaluateError, describe_text};

impl EvaluatorProcess {
    /// Begins the scope anew; gives the names in it.
    pub async fn open_scope(&self, ask: OpenScope) -> Result<InScope, EvaluateError> {
        self.ask(ask, "the arguments of the root".to_owned(), |()| {})
            .await
    }

    /// Adds a set's attributes to the scope; gives their names.
    pub async fn extend_scope(&self, source: EvalSource) -> Result<InScope, EvaluateError> {
        let doing = match &source {
            EvalSource::File(path) => format!("the file {}", path.display()),
            EvalSource::Expr { text, .. } => describe_text(text),
        };
        self.ask(ExtendScope { source }, doing, |()| {}).await
    }

    /// Whether a text is whole, or only begins something.
    pub async fn is_whole(&self, text: &str) -> Result<bool, EvaluateError> {
        let text = text.to_owned();
        let doing = describe_text(&text);
        let checked = self.ask(CheckInput { text }, doing, |()| {}).await?;
        Ok(checked.whole)
    }

    /// Evaluates an expression, or adds bindings to the scope.
    pub async fn enter(&self, ask: EnterInput) -> Result<Entered, EvaluateError> {
        let doing = describe_text(&ask.text);
        self.ask(ask, doing, |()| {}).await
    }

    /// Which outputs an expression or a leaf of a member depends on.
    pub async fn dependencies(&self, text: &str) -> Result<Dependencies, EvaluateError> {
        let text = text.to_owned();
        let doing = describe_text(&text);
        self.ask(ListDependencies { text }, doing, |()| {}).await
    }

    /// How the name at the end of a text could go on.
    pub async fn complete(&self, ask: CompleteInput) -> Result<Completions, EvaluateError> {
        let doing = describe_text(&ask.text);
        self.ask(ask, doing, |()| {}).await
    }
}
