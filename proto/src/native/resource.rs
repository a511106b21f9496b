//! Operations on resources and data sources.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Complaint;
use crate::path::AttrPath;
use crate::tree::Tree;

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What is remembered of an object, as the provider reported it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// The inputs it was last made or changed with; an object.
    #[serde(default)]
    pub inputs: Json,
    /// The outputs that the provider reported; an object.
    #[serde(default)]
    pub outputs: Json,
    /// What the provider wanted to be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<Json>,
    /// Version of the form of outputs and private data when they were written.
    #[serde(default, skip_serializing_if = "is_default")]
    pub schema_version: u64,
    /// What identifies it, if the provider told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Json>,
}

/// An object as the provider reports it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// Its outputs; an object.
    #[serde(default)]
    pub outputs: Json,
    /// The inputs that would make it as it is now. Left out, they are those that it was made with;
    /// after a partial failure, those that it had before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Json>,
    /// What is to be kept with it and handed back; any value. Left out, what was kept stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<Json>,
    /// What identifies it, for as long as it exists; any value. Left out, it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Json>,
    /// Leaves of its outputs that are secret, beyond those that the type declares so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<AttrPath>,
}

/// Checks inputs without looking at anything outside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Validate {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The inputs, with unknown leaves; their types have been checked already.
    pub inputs: Tree,
}

/// Answer to [`Validate`]; warnings stand beside the result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Validated {
    /// What is wrong; paths go into the inputs.
    #[serde(default)]
    pub errors: Vec<Complaint>,
}

/// Brings a state that an older version of the provider wrote up to date, without looking at the
/// object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Upgrade {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What is remembered.
    pub state: State,
}

/// Looks at an object.
///
/// ```
/// use nixops4_proto::native::{Read, ReadState};
/// let read: Read = serde_json::from_str(r#"{ "type": "machine",
///   "state": { "inputs": { "image": "a" }, "outputs": { "id": "m-17" } } }"#)?;
/// // Someone has put another image on it:
/// let there: ReadState = serde_json::from_str(
///   r#"{ "state": { "inputs": { "image": "b" }, "outputs": { "id": "m-17" } } }"#)?;
/// // Someone has deleted it:
/// let gone: ReadState = serde_json::from_str(r#"{ "state": null }"#)?;
/// assert!(there.state.is_some() && gone.state.is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Read {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What is remembered.
    pub state: State,
}

/// Answer to [`Read`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadState {
    /// The object as it is; `null` if it is gone.
    pub state: Option<Object>,
}

/// Works out what has to be done. Changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Plan {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What there is; `null` to create, also in place of an object that is to be replaced.
    #[serde(default)]
    pub prior: Option<State>,
    /// What the user wants, with unknown leaves.
    pub inputs: Tree,
    /// Whether what comes of it is remembered.
    pub stateful: bool,
}

/// Answer to [`Plan`].
///
/// ```
/// use nixops4_proto::native::{PlanAction, Planned};
/// let planned: Planned = serde_json::from_str(r#"{ "action": "update",
///   "outputs": { "id": "m-17", "address": { "$": "unknown" } } }"#)?;
/// assert_eq!(planned.action, PlanAction::Update);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// What has to be done.
    pub action: PlanAction,
    /// The outputs as they will be, with unknown leaves. Left out, they are unknown but for those
    /// that the type declares stable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Tree>,
    /// For a replacement: the inputs that force it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace_paths: Vec<AttrPath>,
    /// What is to be handed back when this plan is carried out; any value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_private: Option<Json>,
    /// Why nothing can be planned yet; it is asked again when more is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred: Option<String>,
}

/// What a [`Plan`] comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum PlanAction {
    /// Nothing has to be done.
    Noop,
    /// It has to be made.
    Create,
    /// It has to be changed in place.
    Update,
    /// It has to be deleted and made again.
    Replace,
}

/// Makes an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Create {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What the user wants; an object.
    pub inputs: Json,
    /// Whether what comes of it is remembered.
    pub stateful: bool,
    /// [`Planned::plan_private`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_private: Option<Json>,
}

/// Changes an object in place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What there is.
    pub state: State,
    /// What the user wants; an object.
    pub inputs: Json,
    /// [`Planned::plan_private`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan_private: Option<Json>,
}

/// Deletes an object. One that is gone already is no error.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Delete {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What there is.
    pub state: State,
}

/// Answer to [`Delete`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Deleted {}

/// Takes over an object that exists. The answer has [`Object::inputs`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Import {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The provider's identifier of it.
    pub id: String,
    /// What the user wants of it, with unknown leaves.
    #[serde(default)]
    pub inputs: Tree,
}

/// Reads a data source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadData {
    /// The data source.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What the user asks for; an object.
    pub inputs: Json,
}

/// Answer to [`ReadData`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DataRead {
    /// What was found; an object.
    #[serde(default)]
    pub outputs: Json,
    /// Leaves that are secret, beyond those that the data source declares so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<AttrPath>,
}
