//! Functions that a provider offers to evaluated text. They are pure, and called before the
//! provider has a configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ValueType;
use crate::tree::Tree;

/// A function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct FunctionSpec {
    /// What it gives, in Markdown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it takes, in order.
    pub parameters: Vec<ParameterSpec>,
    /// What any number of further arguments are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variadic: Option<ParameterSpec>,
}

/// One parameter of a function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ParameterSpec {
    /// Its name, for people.
    pub name: String,
    /// What values it takes.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// What it is for, in Markdown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether it may be null.
    pub allow_null: bool,
    /// Whether leaves of it may be unknown. Where it does not say so, what the function returns for
    /// an unknown argument is unknown, without a call.
    pub allow_unknown: bool,
}

/// Calls a function.
///
/// ```
/// use nixops4_proto::native::{CallFunction, Called};
/// let call: CallFunction = serde_json::from_str(r#"{ "name": "shout", "arguments": ["hello"] }"#)?;
/// assert_eq!(call.arguments[0].0, "hello");
/// let called: Called = serde_json::from_str(r#"{ "value": "HELLO" }"#)?;
/// assert_eq!(called.value.0, "HELLO");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallFunction {
    /// Which.
    pub name: String,
    /// Its arguments; those of a variadic parameter come last. The path of a complaint begins with
    /// the index of an argument.
    pub arguments: Vec<Tree>,
}

/// Answer to [`CallFunction`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Called {
    /// What it returns; may have unknown leaves where arguments had some.
    pub value: Tree,
}
