//! The provider instances that components declare, whether or not a resource uses them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{EvalError, Method, ProviderInstance};
use crate::path::MemberPath;

/// Asks which provider instances a component and those below it declare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListProviders {
    /// Where to start.
    pub path: MemberPath,
}
method!(ListProviders, "providers", (), ProvidersListed);

/// Answer to [`ListProviders`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProvidersListed {
    /// The instances, in the order of their components and names.
    pub providers: Vec<ProviderInstance>,
    /// Instances, and components, of which this cannot be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<UntoldProvider>,
}

/// An instance, or all of a component, that cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UntoldProvider {
    /// The component that declares it.
    pub member: MemberPath,
    /// The instance's name there; absent where the component itself cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Why; absent where it waits for outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<EvalError>,
}
