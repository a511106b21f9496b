//! The plan file: what `nixops4 plan --out FILE` writes and `nixops4 apply --plan FILE` holds to.
//!
//! Applying it plans again and refuses whatever is not what the file says, so the file has to
//! *recognise* values and not to hold them: a leaf stands as a fingerprint. Of a secret leaf only
//! 16 bits of that are kept, by which a change is noticed and the secret is not found out. The
//! changes are also there as they were shown, for people; secrets are hidden there as on the screen.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evaluator::RootSource;
use crate::events;
use crate::path::{AttrPath, MemberPath, OutputRef};

/// The newest version of the format.
pub const PLAN_VERSION: u32 = 1;

/// The `_type` of every [`PlanFile`].
pub const PLAN_TYPE: &str = "nixopsPlan";

/// A saved plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanFile {
    /// Always [`PLAN_TYPE`].
    #[serde(rename = "_type")]
    pub type_: String,
    /// [`PLAN_VERSION`] of the writer.
    pub version: u32,
    /// The `nixops4` that wrote it.
    pub nixops_version: String,
    /// Mixed into all fingerprints, so that they mean nothing outside this file.
    pub salt: String,
    /// Where the text of the deployment is.
    pub root: RootSource,
    /// What was looked at; everything, if empty.
    #[serde(default)]
    pub members: Vec<MemberPath>,
    /// Whether objects were read before they were planned.
    pub refreshed: bool,
    /// Whether everything that was looked at goes away.
    #[serde(default)]
    pub destroy: bool,
    /// What was read of the state.
    pub basis: Vec<Basis>,
    /// What is to be done.
    pub changes: Vec<SavedChange>,
    /// What is for later waves.
    #[serde(default)]
    pub deferred: Vec<MemberPath>,
    /// How many resources stay as they are.
    pub unchanged: usize,
}

/// What was read of one entry of a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Basis {
    /// The state handler; left out for the default state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<MemberPath>,
    /// The member.
    pub member: MemberPath,
    /// Of what was remembered; left out if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedChange {
    /// As it was shown.
    pub shown: events::PlannedChange,
    /// What the user wants.
    pub inputs: Vec<SavedLeaf>,
    /// What there will be.
    pub outputs: Vec<SavedLeaf>,
}

/// A leaf: one of the two fields besides the path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SavedLeaf {
    /// Where.
    pub path: AttrPath,
    /// Of the value, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The outputs that it waits for, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Vec<OutputRef>>,
}
