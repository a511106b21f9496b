//! Operations of resources that keep the state of others: state handlers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::path::MemberPath;
use crate::state::LockOwner;

/// Asks a state handler for the state it keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StateRead {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The inputs of the state handler.
    pub inputs: Json,
    /// Its outputs.
    #[serde(default)]
    pub outputs: Json,
}

/// Answer to [`StateRead`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StateReadResult {
    /// The snapshot: all events folded; `null` if there is none yet.
    pub state: Json,
}

/// Has a state handler write an event. It is answered when the event is durable.
///
/// ```
/// use nixops4_proto::native::StateEvent;
/// let event: StateEvent = serde_json::from_str(r#"{ "type": "state_file",
///   "inputs": { "name": "nixops4.state" }, "event": "create", "nixopsVersion": "0.1.0",
///   "patch": [{ "op": "add", "path": "/resources/a", "value": { "type": "file" } }] }"#)?;
/// assert_eq!(event.patch[0]["op"], "add");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateEvent {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The inputs of the state handler.
    pub inputs: Json,
    /// Its outputs.
    #[serde(default)]
    pub outputs: Json,
    /// What happened, in a word.
    pub event: String,
    /// Who writes.
    pub nixops_version: String,
    /// The change of the snapshot: a JSON Patch (RFC 6902).
    pub patch: Json,
}

/// Answer to [`StateEvent`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventWritten {}

/// Asks a state handler to let no one else write about some components.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StateLock {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The inputs of the state handler.
    pub inputs: Json,
    /// Its outputs.
    #[serde(default)]
    pub outputs: Json,
    /// Who asks.
    pub owner: LockOwner,
    /// The components, each with everything below it.
    pub members: Vec<MemberPath>,
}

/// Answer to [`StateLock`]. Nothing is set where there are no locks after all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateLocked {
    /// Names the lock that was taken, or that of who holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// Who holds it already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<LockOwner>,
}

/// Gives a lock back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StateUnlock {
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The inputs of the state handler.
    pub inputs: Json,
    /// Its outputs.
    #[serde(default)]
    pub outputs: Json,
    /// [`StateLocked::lock`].
    pub lock: String,
}

/// Answer to [`StateUnlock`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateUnlocked {}
