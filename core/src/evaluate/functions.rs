//! Answers the evaluator's calls: functions that providers offer.
//!
//! ```text
//! nixops4-eval ──call──► EvaluatorProcess ──Functions──► ProviderFunctions ──► Provider
//!              ◄─answer─
//! ```
//! Functions need no configuration, so each provider is opened for them as soon as text names one,
//! long before its configuration is known, and apart from the instances that make objects.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use nixops4_proto::evaluator::{ProviderProgram, ProviderSettings};
use nixops4_proto::functions::{
    Answer, Call, FunctionCall, FunctionError, FunctionName, FunctionSignature,
};
use tokio::sync::Mutex;

use crate::Step;
use crate::diagnostic::{Diagnostic, Severity};
use crate::engine::ProviderFactory;
use crate::provider::{Failure, Provider};
use crate::value::{RefTable, Value};

/// Answers what the evaluator asks back.
#[async_trait]
pub trait Functions: Send + Sync + Debug {
    /// Answers a call.
    async fn answer(&self, call: Call) -> Answer;

    /// Ends what was started for it. Later calls fail.
    async fn close(&self);
}

/// The functions of providers, which are started as they are needed.
#[derive(Debug)]
pub struct ProviderFunctions {
    factory: Arc<dyn ProviderFactory>,
    providers: Mutex<HashMap<(String, ProviderProgram), Arc<dyn Provider>>>,
}

impl ProviderFunctions {
    /// Those of providers that `factory` starts.
    pub fn new(factory: Arc<dyn ProviderFactory>) -> Self {
        Self {
            factory,
            providers: Mutex::default(),
        }
    }

    async fn provider(&self, function: &FunctionName) -> Result<Arc<dyn Provider>, Failure> {
        let FunctionName {
            provider, program, ..
        } = function;
        let key = (provider.clone(), program.clone());
        let mut providers = self.providers.lock().await;
        if let Some(provider) = providers.get(&key) {
            return Ok(provider.clone());
        }
        let settings = ProviderSettings::default();
        let opened = self.factory.open(provider, program, &settings).await?;
        providers.insert(key, opened.clone());
        Ok(opened)
    }

    async fn describe(&self, function: &FunctionName) -> Result<FunctionSignature, Failure> {
        let provider = self.provider(function).await?;
        let described = provider.function(&function.name).await?;
        Ok((*described).clone())
    }

    async fn call(&self, call: &FunctionCall) -> Result<Value, Failure> {
        let read = |tree| Value::from_tree(tree, &[]);
        let arguments: Result<Vec<_>, _> = call.arguments.iter().map(read).collect();
        let arguments = arguments.map_err(|error| Diagnostic::error(error.to_string()))?;
        let provider = self.provider(&call.function).await?;
        provider
            .call_function(&call.function.name, &arguments)
            .await
    }
}

#[async_trait]
impl Functions for ProviderFunctions {
    async fn answer(&self, call: Call) -> Answer {
        let answered = match call {
            Call::Describe(function) => self.describe(&function).await.map(Answer::Signature),
            Call::Call(call) => {
                let called = self.call(&call).await;
                called.map(|value| Answer::Value(value.to_tree(&mut RefTable::default())))
            }
        };
        answered.unwrap_or_else(|failure| Answer::Error(as_error(failure)))
    }

    async fn close(&self) {
        let providers = std::mem::take(&mut *self.providers.lock().await);
        for provider in providers.into_values() {
            provider.close().await;
        }
    }
}

/// The first error among what a provider complains of; a path in it begins with the argument.
fn as_error(failure: Failure) -> FunctionError {
    let diagnostics = failure.into_diagnostics().0;
    let first = diagnostics
        .into_iter()
        .find(|diagnostic| diagnostic.severity == Severity::Error);
    let Some(diagnostic) = first else {
        return FunctionError {
            message: "the function gave nothing".to_owned(),
            ..FunctionError::default()
        };
    };
    let path = diagnostic.path.unwrap_or_default();
    let argument = match path.0.first() {
        Some(Step::Index(index)) => u32::try_from(*index).ok(),
        _ => None,
    };
    let message = match diagnostic.detail.is_empty() {
        true => diagnostic.summary,
        false => format!("{}: {}", diagnostic.summary, diagnostic.detail),
    };
    FunctionError {
        message,
        argument,
        hints: diagnostic.hints,
    }
}
