//! Operations of components: which there are, and what they do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EvalError, Method, Position, ProviderInstance};
use crate::path::{MemberPath, OutputRef};
use crate::tree::Tree;

/// Asks which operations a component and those below it offer; each comes as an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListOperations {
    /// Where to start.
    pub path: MemberPath,
}

/// Answer to [`ListOperations`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperationsListed {
    /// Components whose operations, or whose members, cannot be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<Untold>,
}
method!(
    ListOperations,
    "operations",
    OperationHead,
    OperationsListed
);

/// A component whose operations cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Untold {
    /// The component.
    pub member: MemberPath,
    /// Why; absent where it waits for outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<EvalError>,
}

/// An item of [`ListOperations`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OperationHead {
    /// The component that offers it.
    pub member: MemberPath,
    /// Its name there.
    pub name: String,
    /// What it does, in the user's words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Where it is defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// Asks what an operation does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DescribeOperation {
    /// The component that offers it.
    pub member: MemberPath,
    /// Its name there.
    pub name: String,
}
method!(DescribeOperation, "operation", (), OperationDescription);

/// Answer to [`DescribeOperation`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct OperationDescription {
    /// What it does, in the user's words.
    pub description: String,
    /// What is done, in this order.
    pub steps: Vec<OperationStep>,
    /// The provider instances that the steps name.
    pub providers: Vec<ProviderInstance>,
    /// The outputs that trees in `steps` refer to.
    pub refs: Vec<OutputRef>,
    /// The outputs without which it cannot be told what the steps are; there are none then.
    pub waits_for: Vec<OutputRef>,
    /// Where it is defined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// One action of an operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct OperationStep {
    /// [`ProviderInstance::id`].
    pub provider: String,
    /// The provider's name for the type of action.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What it is told, with unknown leaves; left out where it is in error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Tree>,
    /// Why the inputs cannot be evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs_error: Option<EvalError>,
}

/// Which step of which operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepPath {
    /// The component that offers the operation.
    pub member: MemberPath,
    /// The operation's name there.
    pub operation: String,
    /// Counted from 0.
    pub step: usize,
}
