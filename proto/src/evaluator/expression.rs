//! Expressions on their own: what is asked, and how the answer is printed.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Method;

/// Evaluates an expression on its own, and prints it: an item for each of `attrs`, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Eval {
    /// What to evaluate.
    pub source: EvalSource,
    /// Selection paths into the result, `a.b.0`; an empty one is the result itself, and so is none
    /// at all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attrs: Vec<String>,
    /// Arguments for functions that are met on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<EvalArg>,
    /// How to print the result.
    pub format: EvalFormat,
    /// Whether to evaluate everything inside the result first.
    #[serde(default)]
    pub strict: bool,
    /// Whether traces are whole.
    #[serde(default)]
    pub show_trace: bool,
}

/// The text of an [`Eval`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EvalSource {
    /// An expression; relative paths are relative to `base`.
    Expr {
        /// The text.
        text: String,
        /// An absolute directory.
        base: PathBuf,
        /// What to call it in messages.
        #[serde(default = "string")]
        name: String,
    },
    /// A file.
    File(PathBuf),
}

fn string() -> String {
    "string".to_owned()
}

/// An argument by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvalArg {
    /// The name.
    pub name: String,
    /// The value.
    pub value: EvalArgValue,
}

/// The value of an [`EvalArg`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EvalArgValue {
    /// An expression; relative paths are relative to `base`.
    Expr {
        /// The text.
        text: String,
        /// An absolute directory.
        base: PathBuf,
    },
    /// A string.
    Text(String),
}

/// How an [`Eval`] prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EvalFormat {
    /// As an expression.
    Nix,
    /// As JSON.
    Json,
    /// As XML, without or with the places where things were written.
    Xml {
        /// With.
        locations: bool,
    },
    /// A string, as it is.
    Raw,
    /// Nothing is evaluated: the expression as it was understood.
    Parsed,
}

/// An item of [`Eval`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Printed {
    /// The printed result, without a final newline.
    pub text: String,
}

/// Answer to [`Eval`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluated {}
method!(Eval, "eval", Printed, Evaluated);
