//! What is known of single components, provider instances and states during a run, and how far each
//! has got.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use nixops4_proto::evaluator::{Composite, Position, ProviderInstance, Resource};

use super::model::{Change, DeferReason, HoldReason};
use super::remembered::Contents;
use crate::diagnostic::Diagnostics;
use crate::provider::{
    ConfiguredProvider, Identifier, Mode, Provider, ResourceState, ResourceType,
};
use crate::state::{DeposedKey, ProviderRecord, ResourceEntry, StoredObject};
use crate::value::Value;
use crate::{MemberPath, OutputRef};

/// Number of a component among those of the session.
pub(crate) type NodeId = usize;
/// Number of a provider instance among those of the session.
pub(crate) type ProviderId = usize;
/// Number of a state among those of the session.
pub(crate) type StoreId = usize;

/// Who waits for outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiter {
    Node(NodeId),
    Provider(ProviderId),
}

/// A component.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) path: MemberPath,
    /// Whether the user asked for it and everything below it (rather than being needed by such).
    pub(crate) in_scope: bool,
    /// Whether the evaluator has been asked about it, itself or as part of what is above it.
    pub(crate) asked: bool,
    pub(crate) kind: NodeKind,
    pub(crate) position: Option<Position>,
    /// What its existence and kind depended on.
    pub(crate) structure: BTreeSet<OutputRef>,
    /// Which members it waits for.
    pub(crate) waits_for: BTreeSet<MemberPath>,
    /// Whether it is asked about again when it waits no longer.
    pub(crate) ask_again: bool,
    pub(crate) status: Status,
    /// The batch from which on the evaluator knows its outputs.
    pub(crate) set_at: Option<u32>,
    /// Whether the state has been searched for what is to be deleted under its path.
    pub(crate) swept: bool,
    pub(crate) resource: Option<Box<ResourceNode>>,
}

impl Node {
    pub(crate) fn new(path: MemberPath, in_scope: bool) -> Self {
        Self {
            path,
            in_scope,
            asked: false,
            kind: NodeKind::Unheard,
            position: None,
            structure: BTreeSet::new(),
            waits_for: BTreeSet::new(),
            ask_again: false,
            status: Status::Open,
            set_at: None,
            swept: false,
            resource: None,
        }
    }
}

/// What the evaluator says that a component is.
#[derive(Debug)]
pub(crate) enum NodeKind {
    /// It has said nothing yet.
    Unheard,
    Composite(Composite),
    Resource,
    /// It needs outputs to tell.
    Unknown,
    Failed,
    /// What is around it has no such member.
    Absent,
    /// It is only in the state, or stands for an object there that is to be deleted.
    Orphan,
}

/// What is known of a resource.
#[derive(Debug, Default)]
pub(crate) struct ResourceNode {
    pub(crate) declared: Resource,
    pub(crate) provider: ProviderId,
    pub(crate) resource_type: Option<Arc<ResourceType>>,
    /// The inputs as last told, with secret leaves marked; null for an orphan.
    pub(crate) inputs: Arc<Value>,
    /// Whether nothing that the inputs wait for can come in this wave.
    pub(crate) inputs_ready: bool,
    /// Where it is remembered; `None` where it has no state.
    pub(crate) store: Option<StoreId>,
    pub(crate) grounded: bool,
    /// What is remembered of it.
    pub(crate) entry: Option<Arc<ResourceEntry>>,
    /// The object in it that this node stands for.
    pub(crate) object: Option<Arc<StoredObject>>,
    pub(crate) prior: Prior,
    /// Where the entry was found, if not at its own path.
    pub(crate) moved_from: Option<MemberPath>,
    /// The state in which the entry was found, if not in its own.
    pub(crate) from_store: Option<StoreId>,
    /// Whether it stands for a copy of what another state has.
    pub(crate) copy: bool,
    pub(crate) imported: bool,
    /// The existing object that it is to take over, if it has none of its own.
    pub(crate) import: Option<Identifier>,
    /// The key of the object that this node stands for, if it is a deposed one.
    pub(crate) deposed: Option<DeposedKey>,
    /// Whether the inputs have been told.
    pub(crate) has_inputs: bool,
    /// Whether it is a state handler that can be asked.
    pub(crate) is_handler: bool,
    /// Whether a worker is at it.
    pub(crate) busy: bool,
    /// Of an ephemeral resource: whether its inputs have been checked.
    pub(crate) checked: bool,
}

/// What there is of a resource.
#[derive(Clone, Debug, Default)]
pub(crate) enum Prior {
    #[default]
    NotAsked,
    Asked,
    /// There is nothing, but an existing object is to be taken over.
    ToImport,
    Known(Option<Arc<ResourceState>>),
}

/// How far a component has got.
#[derive(Clone, Debug)]
pub(crate) enum Status {
    /// It waits: to be heard of, for outputs, for its provider, for a worker.
    Open,
    /// A composite whose members are known, or a state handler: nothing to do.
    Settled,
    /// A worker is planning it.
    Planning,
    /// What is to be done is known.
    Planned(Arc<Change>),
    /// Its own error.
    Failed,
    /// Another's error.
    Blocked(MemberPath),
    Deferred(DeferReason),
    Held(HoldReason),
}

impl Status {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open | Self::Planning)
    }
}

/// What tells provider instances apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ProviderKey {
    /// As the deployment declares it, by id.
    Declared(String),
    /// As the state remembers it: id, and program and configuration as text.
    Recorded(String, String),
}

/// A provider instance.
#[derive(Debug)]
pub(crate) struct ProviderNode {
    pub(crate) instance: ProviderInstance,
    pub(crate) config: Value,
    pub(crate) waits_for: BTreeSet<MemberPath>,
    /// Whether its configuration is needed although no member of the deployment needs it.
    pub(crate) wanted: bool,
    pub(crate) status: ProviderStatus,
    pub(crate) types: HashMap<(Mode, String), TypeStatus>,
    /// Nodes that can go on once it is ready.
    pub(crate) waiting: Vec<NodeId>,
    /// As it is to be remembered with what it makes.
    pub(crate) record: Option<Arc<ProviderRecord>>,
}

/// How far a provider instance has got.
#[derive(Clone, Debug)]
pub(crate) enum ProviderStatus {
    /// Its configuration waits for outputs, or it is not needed yet.
    Open,
    Starting,
    Ready(Ready),
    /// Its configuration needs outputs that do not exist in this wave.
    Deferred(Vec<OutputRef>),
    Failed,
}

/// A provider that can be asked.
#[derive(Clone, Debug)]
pub(crate) struct Ready {
    pub(crate) provider: Arc<dyn Provider>,
    pub(crate) configured: Arc<dyn ConfiguredProvider>,
}

/// What is known of a resource type.
#[derive(Debug)]
pub(crate) enum TypeStatus {
    /// A worker asks; these wait.
    Asked(Vec<NodeId>),
    Known(Arc<ResourceType>),
    Failed(Diagnostics),
}

/// A state.
#[derive(Debug)]
pub(crate) struct StoreNode {
    pub(crate) handler: Option<MemberPath>,
    pub(crate) status: StoreStatus,
    pub(crate) waiting: Vec<NodeId>,
}

/// How far a state has got.
#[derive(Debug)]
pub(crate) enum StoreStatus {
    /// Its handler is not known yet.
    Open,
    Opening,
    Ready(Box<Contents>),
    Deferred(Vec<OutputRef>),
    Failed,
}
