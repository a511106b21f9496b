//! What the evaluator asks back while it answers: functions that providers offer.
//!
//! While it answers the request 7, the evaluator may write a line `{"id":7,"call":{…}}`. It then
//! waits for a line `{"id":7,"answer":{…}}`, and goes on; requests that come before that line are
//! answered afterwards, in their order. There is never more than one call without an answer.
//!
//! Functions are pure, and providers need no configuration for them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evaluator::ProviderProgram;
use crate::tree::Tree;

/// A question about a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Call {
    /// What does it take?
    Describe(FunctionName),
    /// What does it return?
    Call(FunctionCall),
}

/// Names a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct FunctionName {
    /// The provider, for messages: an instance's id.
    pub provider: String,
    /// How its program is found.
    pub program: ProviderProgram,
    /// The function.
    pub name: String,
}

/// Calls a function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionCall {
    /// Which.
    pub function: FunctionName,
    /// Its arguments, those of a variadic parameter last. Leaves are unknown only where the
    /// parameter allows that.
    pub arguments: Vec<Tree>,
}

/// A line that answers a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AnswerLine {
    /// That of the request during which the evaluator calls.
    pub id: u64,
    /// The answer.
    pub answer: Answer,
}

/// The answer to a [`Call`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// What it takes.
    Signature(FunctionSignature),
    /// What it returns, possibly with unknown leaves where arguments had some.
    Value(Tree),
    /// There is no such function, or it complains.
    Error(FunctionError),
}

/// What a function takes and returns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FunctionSignature {
    /// What it does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Its parameters, in order.
    pub parameters: Vec<FunctionParameter>,
    /// The parameter that all further arguments are for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variadic: Option<FunctionParameter>,
}

/// One parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FunctionParameter {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it may be null.
    #[serde(default)]
    pub allow_null: bool,
    /// Whether leaves of it may be unknown.
    #[serde(default)]
    pub allow_unknown: bool,
}

/// Why there is no answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionError {
    /// What went wrong.
    pub message: String,
    /// The argument to blame, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<u32>,
    /// What may help.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}
