//! How the inputs of a flake are pinned.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is wanted of a flake's lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LockFlags {
    /// Inputs that are taken from elsewhere: the way to the input (`a/b`), and a flake reference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub override_inputs: Vec<(String, String)>,
    /// Inputs that are pinned anew.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub update_inputs: Vec<String>,
    /// Short names that stand for other flake references.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub override_flakes: Vec<(String, String)>,
    /// Whether everything is pinned anew.
    pub recreate: bool,
    /// Whether it is an error if the lock file has to change.
    pub no_update: bool,
    /// Whether the lock file on disk stays as it is.
    pub no_write: bool,
}
