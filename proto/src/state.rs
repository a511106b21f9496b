//! The state log: lines of JSON, each an [`Event`]; folding their patches gives a [`Document`].
//!
//! An event's patch (RFC 6902) applies to the document that the events before it made; the first
//! one makes it, by an `add` at the path `""`. A line is never changed once written, so writing costs
//! as much as what changed; a log that is mostly of the past may be replaced by one line that makes
//! the same document. What a reader does not know it keeps.
//!
//! Version 0 of the format (of earlier NixOps4) is a document without `version`: only `_type`,
//! `resources`, `deployments`, and of an object only `type`, `inputProperties` and
//! `outputProperties`, where the latter two may also be spelt `input_properties` and
//! `output_properties`; its events may be printed over several lines.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::evaluator::{Mode, ProviderProgram};
use crate::path::{AttrPath, MemberPath, OutputRef};
use crate::tree::Tree;

/// The newest [`Document::version`].
pub const FORMAT_VERSION: u32 = 1;

/// The `_type` of every [`Document`].
pub const DOCUMENT_TYPE: &str = "nixopsState";

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// One more than that of the event before it. The first has 0, or in a compacted log the number
    /// that would have come next.
    pub index: u64,
    /// What it was about.
    pub meta: Meta,
    /// What it changed, in order.
    pub patch: Vec<PatchOp>,
}

/// What an event was about.
///
/// Version 0 has only `time` and `event`. From version 1 on the rest says what the patch does, so
/// that a reader can check that the event may follow those before it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// When, as RFC 3339.
    #[serde(default)]
    pub time: String,
    /// In version 1 one of [`EventKind`]'s names, `initialize`, `upgrade`, or `compact` for the event
    /// that stands for all before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberPath>,
    /// For `moved`: the component's new path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<MemberPath>,
    /// The key under which an object is, or is being, set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<String>,
    /// The intent that is begun or settled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<String>,
    /// For `begin` and `finish`: what is to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationKind>,
    /// For `finish`: what there is afterwards. For `intentForgotten`: `gone` if the object is
    /// forgotten too, else `unchanged`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<OutcomeKind>,
}

/// The kinds of events that change objects and intents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum EventKind {
    /// A provider is about to be called.
    Begin,
    /// What came of that.
    Finish,
    /// An object is as it was read or taken over.
    Found,
    /// An object was looked for and is not there.
    Gone,
    /// A component has a new path.
    Moved,
    /// A component is no longer remembered, whatever there is of it.
    Forgotten,
    /// An intent is no longer remembered although nobody knows what came of it.
    IntentForgotten,
}

/// What a provider is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OperationKind {
    /// Make an object.
    Create,
    /// Change it in place.
    Update,
    /// Delete it.
    Delete,
}

/// What there is after an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OutcomeKind {
    /// The object, as the patch says.
    Object,
    /// No object.
    Gone,
    /// What there was before.
    Unchanged,
}

/// One operation of a JSON Patch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PatchOp {
    /// What to do.
    pub op: PatchOpKind,
    /// Where: a JSON Pointer (RFC 6901).
    pub path: String,
    /// For `move` and `copy`: from where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// For `add`, `replace` and `test`: the value, which may be `null`.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub value: Option<Value>,
}

/// Reads a value that is there, `null` included.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// What an operation of a JSON Patch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PatchOpKind {
    /// Adds a value, or replaces an attribute.
    Add,
    /// Removes the value.
    Remove,
    /// Replaces the value.
    Replace,
    /// Removes the value at `from` and adds it.
    Move,
    /// Adds the value at `from`.
    Copy,
    /// Fails unless the value is the given one.
    Test,
}

/// The fold of all events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// Always [`DOCUMENT_TYPE`].
    #[serde(rename = "_type")]
    pub type_: String,
    /// [`FORMAT_VERSION`] of the writer; 0 where it is left out.
    #[serde(default)]
    pub version: u32,
    /// What is not inside a composite; the root itself, if it is a resource, has the name `""`.
    #[serde(default)]
    pub resources: BTreeMap<String, Resource>,
    /// Composites.
    #[serde(default)]
    pub deployments: BTreeMap<String, Deployment>,
    /// Provider calls that have begun and not ended, by id.
    #[serde(default)]
    pub intents: BTreeMap<String, Intent>,
    /// What a newer or another program put there.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What is inside a composite.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Deployment {
    /// Its resources.
    pub resources: BTreeMap<String, Resource>,
    /// The composites in it.
    pub deployments: BTreeMap<String, Self>,
    /// What a newer or another program put there.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What is remembered of a resource: the object it stands for, and older ones not yet deleted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Resource {
    /// The object; left out (as its `type` is) where there are only deposed ones.
    #[serde(flatten)]
    pub current: Option<Object>,
    /// Replaced objects that are still to be deleted, by key.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub deposed: BTreeMap<String, Object>,
}

/// One object in the world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Object {
    /// The provider's name for its type.
    #[serde(rename = "type")]
    pub type_: String,
    /// What kind of object it is; `managed` where left out.
    #[serde(default)]
    pub mode: Mode,
    /// Who made it; unknown in version 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// What the user had set when it was last applied.
    #[serde(default, alias = "input_properties")]
    pub input_properties: Value,
    /// What the provider reported; left out if nothing.
    #[serde(
        default,
        alias = "output_properties",
        skip_serializing_if = "Value::is_null"
    )]
    pub output_properties: Value,
    /// The secrets among them.
    #[serde(default, skip_serializing_if = "Marked::is_empty")]
    pub sensitive: Marked,
    /// The values among them that were not stored; they stand as `null`.
    #[serde(default, skip_serializing_if = "Marked::is_empty")]
    pub ephemeral: Marked,
    /// The provider's own bytes, as base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private: Option<String>,
    /// Version of the type's schema that `outputProperties` follow; 0 where left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub schema_version: u64,
    /// What identifies the object, in the provider's own form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Value>,
    /// Whether its creation failed half-way.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tainted: bool,
    /// What its inputs, its existence and its provider's configuration depended on: it is deleted
    /// before those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<OutputRef>,
    /// Whether a replacement is created before it is deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub create_before_destroy: bool,
    /// Whether a plan that deletes it is an error.
    #[serde(default, skip_serializing_if = "is_false")]
    pub prevent_destroy: bool,
    /// What a newer or another program put there.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// Positions in the two values of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Marked {
    /// In `inputProperties`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<AttrPath>,
    /// In `outputProperties`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<AttrPath>,
}

impl Marked {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.outputs.is_empty()
    }
}

/// The provider instance that made an object, so that the object can be deleted when nothing in
/// the deployment names that instance any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Provider {
    /// [`ProviderInstance::id`](crate::evaluator::ProviderInstance::id).
    pub id: String,
    /// How its program is found.
    pub program: ProviderProgram,
    /// Its configuration. Secrets are left out: they stand as unknown leaves marked `sensitive`.
    #[serde(default)]
    pub config: Tree,
}

/// A provider call that may have had an effect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// The resource.
    pub member: MemberPath,
    /// What the provider is asked to do.
    pub operation: OperationKind,
    /// For `create`: the key under which the object that was there is set aside; for `delete`: the
    /// key of the object, where it is not the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<String>,
    /// The provider's name for the type.
    #[serde(rename = "type")]
    pub type_: String,
    /// Whom it asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// What the object is to be like.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub input_properties: Value,
    /// The secrets in that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sensitive: Vec<AttrPath>,
    /// The values in that which were not stored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ephemeral: Vec<AttrPath>,
    /// What will identify or identifies the object, as far as known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_id: Option<Value>,
    /// When it began, as RFC 3339.
    #[serde(default)]
    pub time: String,
    /// Who began it.
    #[serde(default)]
    pub run: Run,
}

/// One run of `nixops4`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Run {
    /// A random text that tells it from all others.
    pub id: String,
    /// Its process.
    pub pid: u32,
    /// The machine.
    pub host: String,
}

/// Who holds the lock of a state file: the contents of the file `<state>.lock`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct LockOwner {
    /// The run.
    #[serde(flatten)]
    pub run: Run,
    /// When the process started: as RFC 3339, for people.
    pub started: String,
    /// The same as the operating system counts it, which tells it from a later process with the
    /// same id; empty where that cannot be told.
    pub start_ticks: String,
    /// The command line, without secrets.
    pub command: String,
    /// Since when it holds the lock, as RFC 3339.
    pub since: String,
}

impl fmt::Display for LockOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, command, .. } = self;
        write!(f, "process {} on {}: {command}", run.pid, run.host)
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_a_value_and_not_the_lack_of_one() {
        let line = r#"{"index":0,"meta":{"time":"t"},"patch":[{"op":"add","path":"/a","value":null},{"op":"remove","path":"/a"}]}"#;
        let event: Event = serde_json::from_str(line).expect("event");
        assert_eq!(event.patch[0].value, Some(Value::Null));
        assert_eq!(event.patch[1].value, None);
        assert_eq!(serde_json::to_string(&event).expect("json"), line);
    }

    #[test]
    fn a_version_0_resource_is_an_object_with_unknown_keys_kept() {
        let json = serde_json::json!({
            "type": "file", "input_properties": { "name": "x" }, "colour": "blue",
        });
        let resource: Resource = serde_json::from_value(json).expect("resource");
        let object = resource.current.expect("current");
        assert_eq!(object.input_properties["name"], "x");
        assert_eq!(object.other["colour"], "blue");
    }
}
