//! Requests and responses of the provider operations.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use nixops4_proto::evaluator::ProviderProgram;

use crate::AttrPath;
use crate::diagnostic::Diagnostics;
use crate::value::Value;

/// What core has to know of a resource type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceType {
    /// The provider's name for it.
    pub name: String,
    /// Whether it is a state handler.
    pub state_handler: bool,
    /// Whether it cannot do without state.
    pub require_state: bool,
    /// Whether a resource has state only where it names its state handler itself, and inherits
    /// none: what programs of protocol version 0 rely on.
    pub stateless_unless_named: bool,
    /// The names of its outputs, where the type fixes them.
    pub outputs: Option<BTreeSet<String>>,
    /// Inputs whose value is secret whatever the user says.
    pub sensitive_inputs: Vec<AttrPath>,
    /// Inputs that are never stored, so may be ephemeral. Indexes of lists are left out, and
    /// [`ResourceType::ANY_KEY`] stands for the keys of a map.
    pub write_only_inputs: Vec<AttrPath>,
}

impl ResourceType {
    /// Stands for any key of a map.
    pub const ANY_KEY: &str = "*";
}

/// What is remembered of an object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceState {
    /// The provider's name for its type.
    pub type_name: String,
    /// What the user set when it was last applied.
    pub inputs: Value,
    /// What the provider reported. Secret leaves are marked.
    pub outputs: Value,
    /// Bytes that belong to the provider, to be handed back as they are.
    pub private: Option<Vec<u8>>,
    /// Version of the type's schema that `outputs` follow.
    pub schema_version: u64,
    /// What identifies the object, where the provider tells; JSON in the provider's own form.
    pub identity: Option<serde_json::Value>,
    /// Whether its creation failed half-way: it is to be replaced.
    pub tainted: bool,
}

/// What to plan.
#[derive(Clone, Debug)]
pub struct PlanRequest<'a> {
    /// The provider's name for the type.
    pub type_name: &'a str,
    /// What there is; `None` to create. A tainted object is replaced.
    pub prior: Option<&'a ResourceState>,
    /// What the user wants, with unknown leaves.
    pub inputs: &'a Value,
    /// Whether what comes of it is remembered; what is not is created at every apply.
    pub stateful: bool,
    /// Inputs whose changes are not acted upon.
    pub ignore_changes: &'a [AttrPath],
    /// No input's change is acted upon.
    pub ignore_all_changes: bool,
    /// Replace it whatever has changed.
    pub force_replace: bool,
}

/// What has to be done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// Nothing.
    NoOp,
    /// Read a data source, once its inputs are known.
    Read,
    /// Make it.
    Create,
    /// Change it in place.
    Update,
    /// Delete it and make another (in which order is not the provider's to say).
    Replace,
    /// Delete it.
    Delete,
    /// Stop remembering it.
    Forget,
}

/// A provider's plan for one object.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedChange {
    /// What has to be done.
    pub action: Action,
    /// The outputs as they will be, unknown where only doing it can tell; null for a deletion.
    /// Secret leaves are marked.
    pub outputs: Value,
    /// For a replacement: the leaves (of inputs or outputs) that force it; empty if the user or
    /// taint does.
    pub replace_paths: Vec<AttrPath>,
    /// What the provider wants back at apply; opaque, may be written to a plan file.
    pub provider_data: Vec<u8>,
    /// Why the provider cannot plan yet; the change is then made in a later wave.
    pub deferred: Option<String>,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApplyKind {
    /// Make it: `prior` is `None`. Also the second half of a replacement.
    Create,
    /// Change it in place.
    Update,
    /// Delete it. Also the other half of a replacement.
    Delete,
}

type TakeText = Arc<dyn Fn(&str) + Send + Sync>;

/// Where a provider tells what it is doing while it does it. By default nobody listens.
#[derive(Clone, Default)]
pub struct Progress(Option<TakeText>);

impl Progress {
    /// One that is listened to.
    pub fn new(listener: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listener)))
    }

    /// Tells something.
    pub fn tell(&self, message: &str) {
        if let Some(listener) = &self.0 {
            listener(message);
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.0.is_some()).finish()
    }
}

/// What to apply.
#[derive(Clone, Debug)]
pub struct ApplyRequest<'a> {
    /// What to do.
    pub kind: ApplyKind,
    /// The provider's name for the type.
    pub type_name: &'a str,
    /// What there is; `None` to create.
    pub prior: Option<&'a ResourceState>,
    /// What the user wants, wholly known; null to delete.
    pub inputs: &'a Value,
    /// As in [`PlanRequest::stateful`].
    pub stateful: bool,
    /// The plan that is carried out, made from these very inputs.
    pub change: &'a PlannedChange,
    /// Where to tell of what is being done.
    pub progress: Progress,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ApplyResponse {
    /// What there is now, also after a failure that got half-way; `None` if there is no object.
    /// Whoever applies marks it tainted where creating it failed; an update that failed half-way
    /// keeps the inputs of `prior`, so that the next plan sees that something is left to do.
    pub state: Option<ResourceState>,
    /// Complaints; the operation failed if one of them is an error.
    pub diagnostics: Diagnostics,
}

/// What to read from a data source.
#[derive(Clone, Copy, Debug)]
pub struct ReadDataRequest<'a> {
    /// The provider's name for the type.
    pub type_name: &'a str,
    /// What the user asks for, wholly known.
    pub inputs: &'a Value,
}

/// What to open.
#[derive(Clone, Copy, Debug)]
pub struct EphemeralRequest<'a> {
    /// The provider's name for the type.
    pub type_name: &'a str,
    /// What the user asks for, wholly known.
    pub inputs: &'a Value,
}

/// What a provider wants to be told again of something that is open, and when.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lease {
    /// Bytes that belong to the provider, to be handed back as they are.
    pub private: Option<Vec<u8>>,
    /// When it has to be renewed; `None` if it need not.
    pub renew_at: Option<SystemTime>,
}

/// What to do that is neither creating, updating nor deleting an object.
#[derive(Clone, Copy, Debug)]
pub struct ActionRequest<'a> {
    /// The provider's name for the type of action.
    pub type_name: &'a str,
    /// What it is told, wholly known.
    pub inputs: &'a Value,
}

/// A provider's plan for an action.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlannedAction {
    /// Why it cannot be done yet, if so.
    pub deferred: Option<String>,
    /// Inputs whose value is secret whatever the user says.
    pub sensitive: Vec<AttrPath>,
}

/// How an existing object is named.
#[derive(Clone, Debug, PartialEq)]
pub enum Identifier {
    /// By one text, as the provider's documentation says.
    Id(String),
    /// By the attributes of its identity, as the provider's schema says.
    Identity(serde_json::Value),
}

impl std::fmt::Display for Identifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => f.write_str(id),
            Self::Identity(identity) => identity.fmt(f),
        }
    }
}

/// What to search for.
#[derive(Clone, Copy, Debug)]
pub struct ListRequest<'a> {
    /// The provider's name for the type of objects.
    pub type_name: &'a str,
    /// What narrows the search down, wholly known; null for nothing.
    pub inputs: &'a Value,
    /// How many objects are wanted at most.
    pub limit: Option<u64>,
    /// Whether the objects themselves are wanted, not only what identifies them.
    pub with_inputs: bool,
}

/// An object that was found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// What the provider calls it, for people.
    pub name: String,
    /// What identifies it.
    pub identity: serde_json::Value,
    /// The inputs that describe it as it is, where they were asked for and the provider tells.
    pub inputs: Option<Value>,
}

/// What to take over.
#[derive(Clone, Copy, Debug)]
pub struct ImportRequest<'a> {
    /// The provider's name for the type.
    pub type_name: &'a str,
    /// The object.
    pub object: &'a Identifier,
    /// What the user wants of it, as far as known.
    pub inputs: &'a Value,
}

/// What is to become an object of another type, or of another provider.
#[derive(Clone, Copy, Debug)]
pub struct MoveRequest<'a> {
    /// The provider's name for the type that it is to have.
    pub type_name: &'a str,
    /// The program of the provider that made it, if that is remembered.
    pub from: Option<&'a ProviderProgram>,
    /// What is remembered of it, under its former type.
    pub state: &'a ResourceState,
}

/// A resource that handles the state of others.
#[derive(Clone, Copy, Debug)]
pub struct StateHandle<'a> {
    /// The provider's name for its type.
    pub type_name: &'a str,
    /// Its inputs, wholly known.
    pub inputs: &'a Value,
    /// Its outputs, as far as it has any.
    pub outputs: &'a Value,
}

/// Something to be written into the state.
#[derive(Clone, Copy, Debug)]
pub struct StateEvent<'a> {
    /// What happened, in a word.
    pub event: &'a str,
    /// The change of the snapshot: a JSON Patch.
    pub patch: &'a serde_json::Value,
}
