//! What concerns the evaluator process itself: how it is to evaluate, and that it is to stop.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Method;

/// Says how to evaluate from now on. Comes before what it is to hold for; every field that is left
/// out keeps its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Configure {
    /// Where names in angle brackets are looked up, before the evaluator's own places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub search_path: Vec<SearchEntry>,
    /// How many calls may be inside each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_depth: Option<u32>,
    /// How many bytes of memory evaluation may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_memory: Option<u64>,
    /// Whether a warning ends evaluation.
    pub abort_on_warn: bool,
    /// Whether traces meant for the curious are shown.
    pub trace_verbose: bool,
    /// Whether what depends on the machine is refused.
    pub pure: bool,
    /// The store that objects are added to and built in: `none`, `memory`, or as the evaluator's
    /// documentation names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
}

/// One place of a search path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SearchEntry {
    /// The first part of the names found here; empty for all.
    pub prefix: String,
    /// An absolute path.
    pub path: PathBuf,
}

/// Answer to [`Configure`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Configured {}
method!(Configure, "configure", (), Configured);

/// Ends whatever was asked before and is not answered yet: questions that evaluate are answered
/// with an error of the kind `cancelled`, soon. What is known of outputs stays as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cancel {}

/// Answer to [`Cancel`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cancelled {}
method!(Cancel, "cancel", (), Cancelled);
