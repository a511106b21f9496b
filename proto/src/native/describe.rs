//! What a provider says of itself: resource types, their inputs and outputs, and what it can do.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::FunctionSpec;

/// Asks what there is.
///
/// ```
/// use nixops4_proto::native::{Described, OptionalOperation, ValueType};
/// let described: Described = serde_json::from_str(r#"{
///   "config": { "token": { "type": "string", "sensitive": true } },
///   "resourceTypes": {
///     "machine": {
///       "description": "A machine",
///       "inputs": {
///         "image": { "type": "string", "required": true, "replaces": true },
///         "disks": { "type": { "list": { "object": { "size": { "type": "integer", "required": true } } } } }
///       },
///       "outputs": { "id": { "type": "string", "stable": true }, "address": { "type": "string" } },
///       "operations": ["read", "update", "delete", "import"]
///     }
///   }
/// }"#)?;
/// let machine = &described.resource_types["machine"];
/// assert!(machine.can(OptionalOperation::Update) && !machine.can(OptionalOperation::Plan));
/// assert!(matches!(machine.inputs["disks"].value_type, ValueType::List(_)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Describe {
    /// The names of the types that are asked about; empty asks about all. A provider may always
    /// describe more than what was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
}

/// Answer to [`Describe`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Described {
    /// What can be configured.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, InputSpec>,
    /// Whether [`super::ValidateConfig`] is answered.
    pub validates_config: bool,
    /// What can be created.
    pub resource_types: BTreeMap<String, ResourceTypeSpec>,
    /// What can only be read.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub data_sources: BTreeMap<String, DataSourceSpec>,
    /// What can be called from evaluated text.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub functions: BTreeMap<String, FunctionSpec>,
    /// Whether there are types that this answer leaves out, for being too many; they are described
    /// when asked for by name.
    pub more: bool,
}

/// A type of objects that can be created.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceTypeSpec {
    /// What it is, in Markdown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What the user sets.
    pub inputs: BTreeMap<String, InputSpec>,
    /// Whether inputs that are not described are allowed.
    pub open_inputs: bool,
    /// What the provider reports.
    pub outputs: BTreeMap<String, OutputSpec>,
    /// Whether there may be outputs that are not described.
    pub open_outputs: bool,
    /// Whether it cannot do without state.
    pub require_state: bool,
    /// Whether it is updated at every apply even where no input has changed.
    pub always: bool,
    /// Version of the form of its outputs and private data, for [`super::Upgrade`].
    pub schema_version: u64,
    /// What can be done with it beyond [`super::Create`].
    pub operations: Vec<OptionalOperation>,
}

impl ResourceTypeSpec {
    /// Whether an operation exists.
    pub fn can(&self, operation: OptionalOperation) -> bool {
        self.operations.contains(&operation)
    }

    /// Whether it is a state handler.
    pub fn handles_state(&self) -> bool {
        self.can(OptionalOperation::StateEvent)
    }
}

/// An operation that a type need not have.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum OptionalOperation {
    /// [`super::Validate`]. Without it, inputs are checked by their types only.
    Validate,
    /// [`super::Upgrade`]. Without it, states of an older schema version are used as they are.
    Upgrade,
    /// [`super::Read`]. Without it, an object is taken to be as it was left.
    Read,
    /// [`super::Plan`]. Without it, the inputs' differences are the plan.
    Plan,
    /// [`super::Update`]. Without it, an object that is to change is replaced.
    Update,
    /// [`super::Delete`]. Without it, an object that is no longer wanted is only forgotten.
    Delete,
    /// [`super::Import`].
    Import,
    /// [`super::StateRead`].
    StateRead,
    /// [`super::StateEvent`]; a type that has it is a state handler.
    StateEvent,
    /// [`super::StateLock`] and [`super::StateUnlock`].
    StateLock,
}

/// A type of things that can only be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DataSourceSpec {
    /// What it is, in Markdown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What the user asks for.
    pub inputs: BTreeMap<String, InputSpec>,
    /// Whether inputs that are not described are allowed.
    pub open_inputs: bool,
    /// What is found.
    pub outputs: BTreeMap<String, OutputSpec>,
    /// Whether there may be outputs that are not described.
    pub open_outputs: bool,
}

/// An input, or a field inside one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InputSpec {
    /// What values it takes, when it is set.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Whether it has to be set.
    pub required: bool,
    /// Whether it is secret.
    pub sensitive: bool,
    /// Whether a change of it needs another object.
    pub replaces: bool,
    /// What it is for, in Markdown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// An output.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OutputSpec {
    /// What values it has.
    #[serde(rename = "type")]
    pub value_type: ValueType,
    /// Whether it is secret.
    pub sensitive: bool,
    /// Inputs that it is made from: it is secret where one of them is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub derived_from: Vec<String>,
    /// Whether updates keep its value.
    pub stable: bool,
    /// What it tells, in Markdown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What values there can be. `null`, "not set", is none of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ValueType {
    /// Anything.
    #[default]
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Text.
    String,
    /// A list with elements of one type.
    List(Box<ValueType>),
    /// An object with any names and values of one type.
    Map(Box<ValueType>),
    /// An object with these fields and no others.
    Object(BTreeMap<String, InputSpec>),
    /// Any of several.
    OneOf(Vec<ValueType>),
}
