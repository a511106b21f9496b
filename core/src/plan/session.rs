//! [`Session`]: everything that is known of a deployment during a run: its components as the
//! evaluator describes them, its provider instances, its states, and how far each has got.
//!
//! The session is the synchronous heart of planning. It is told what has happened (the modules
//! beside this one, one per kind of news) and keeps two lists of what to do next: questions for the
//! evaluator ([`Session::next_batch`]) and work for the workers ([`Session::work`]). It does no I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use nixops4_proto::evaluator::{
    Composite, Position, ProviderInstance, Resource, ResourceOutputs, Subject,
};

use super::model::{Change, DeferReason, HoldReason, StateNote};
use super::remembered::Contents;
use super::work::Work;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::{Ephemerals, Refresh, Selection};
use crate::provider::{
    ConfiguredProvider, Identifier, Mode, Provider, ResourceState, ResourceType,
};
use crate::report::Reporter;
use crate::state::{DeposedKey, ProviderRecord, ResourceEntry, StoredObject};
use crate::value::Value;
use crate::{MemberPath, OutputRef};

/// Number of a component in [`Session::nodes`].
pub(crate) type NodeId = usize;
/// Number of a provider instance in [`Session::providers`].
pub(crate) type ProviderId = usize;
/// Number of a state in [`Session::stores`].
pub(crate) type StoreId = usize;

/// What is known of a deployment.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) selection: Selection,
    /// What the user wants taken over although the deployment does not say so.
    pub(crate) import: Option<(MemberPath, Identifier)>,
    pub(crate) refresh: Refresh,
    pub(crate) reporter: Reporter,
    pub(crate) nodes: Vec<Node>,
    pub(crate) by_path: HashMap<MemberPath, NodeId>,
    pub(crate) providers: Vec<ProviderNode>,
    pub(crate) provider_by_key: HashMap<ProviderKey, ProviderId>,
    pub(crate) stores: Vec<StoreNode>,
    /// By handler; `None` is the default state.
    pub(crate) store_by_handler: HashMap<Option<MemberPath>, StoreId>,
    /// Who waits for the outputs of a member.
    pub(crate) waiters: HashMap<MemberPath, Vec<Waiter>>,
    /// Ephemeral resources that are open.
    pub(crate) ephemerals: Arc<Ephemerals>,
    /// What the evaluator is to be told and asked next.
    pub(crate) batch: Batch,
    /// Counts the batches: an answer is as old as the batch that asked.
    pub(crate) epoch: u32,
    /// What the workers are to do.
    pub(crate) work: VecDeque<Work>,
    /// Resources that may have been elsewhere before; looked at once the walk is through.
    pub(crate) movers: Vec<NodeId>,
    /// Resources around which components are not known yet that say where their state is.
    pub(crate) unplaced: Vec<NodeId>,
    /// What the user asked for and the evaluator does not know; an error unless the state does.
    pub(crate) missing_targets: Vec<(MemberPath, Diagnostic)>,
    /// Data sources that come after whole composites; looked at when nothing else goes on.
    pub(crate) parked: Vec<NodeId>,
    /// Up to which node all that is within a path is settled, and unchanged, in this wave.
    pub(crate) settled_below: HashMap<MemberPath, NodeId>,
    pub(crate) unchanged_below: HashMap<MemberPath, NodeId>,
    pub(crate) diagnostics: Diagnostics,
    /// Leaves that diagnostics are about, in step with `diagnostics`; their positions are asked
    /// for at the end.
    pub(crate) subjects: Vec<Option<Subject>>,
    pub(crate) notes: Vec<StateNote>,
    /// Members beyond the selection that have to be looked after because of what is deleted.
    pub(crate) pulled_in: BTreeSet<MemberPath>,
    /// Whether what the user asked for has been asked of the evaluator.
    pub(crate) started: bool,
    /// Whether everything has been told of once.
    pub(crate) evaluated: bool,
    pub(crate) wave: u32,
    pub(crate) destroy: bool,
}

/// What the evaluator is to be told and asked at once.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) outputs: Vec<ResourceOutputs>,
    /// To be asked with everything below.
    pub(crate) deep: BTreeSet<MemberPath>,
    /// To be asked alone.
    pub(crate) flat: BTreeSet<MemberPath>,
    pub(crate) providers: BTreeSet<ProviderId>,
}

impl Batch {
    pub(crate) fn asks_nothing(&self) -> bool {
        self.deep.is_empty() && self.flat.is_empty() && self.providers.is_empty()
    }
}

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

impl Session {
    pub(crate) fn new(selection: Selection, refresh: Refresh, reporter: Reporter) -> Self {
        Self {
            selection,
            import: None,
            refresh,
            reporter,
            nodes: Vec::new(),
            by_path: HashMap::new(),
            providers: Vec::new(),
            provider_by_key: HashMap::new(),
            stores: Vec::new(),
            store_by_handler: HashMap::new(),
            waiters: HashMap::new(),
            ephemerals: Arc::default(),
            batch: Batch::default(),
            epoch: 0,
            work: VecDeque::new(),
            movers: Vec::new(),
            unplaced: Vec::new(),
            missing_targets: Vec::new(),
            started: false,
            evaluated: false,
            pulled_in: BTreeSet::new(),
            parked: Vec::new(),
            settled_below: HashMap::new(),
            unchanged_below: HashMap::new(),
            diagnostics: Diagnostics::default(),
            subjects: Vec::new(),
            notes: Vec::new(),
            wave: 1,
            destroy: false,
        }
    }

    /// The node of a path, made where there is none.
    pub(crate) fn node_of(&mut self, path: &MemberPath) -> NodeId {
        if let Some(&id) = self.by_path.get(path) {
            return id;
        }
        let id = self.nodes.len();
        let node = Node::new(path.clone(), self.selection.covers(path));
        self.nodes.push(node);
        self.by_path.insert(path.clone(), id);
        id
    }

    pub(crate) fn node_at(&self, path: &MemberPath) -> Option<&Node> {
        self.by_path.get(path).map(|&id| &self.nodes[id])
    }

    /// The resource that a node is. Invariant: asked only of nodes that are resources.
    pub(crate) fn resource(&self, id: NodeId) -> &ResourceNode {
        self.nodes[id]
            .resource
            .as_deref()
            .expect("the node is a resource")
    }

    /// As [`Self::resource`], to be changed.
    pub(crate) fn resource_mut(&mut self, id: NodeId) -> &mut ResourceNode {
        self.nodes[id]
            .resource
            .as_deref_mut()
            .expect("the node is a resource")
    }

    /// Takes what the evaluator is to be told and asked, if there is anything to ask.
    pub(crate) fn next_batch(&mut self) -> Option<Batch> {
        if self.batch.asks_nothing() {
            return None;
        }
        self.epoch += 1;
        Some(std::mem::take(&mut self.batch))
    }

    /// Asks about a component, alone or with everything below it as its scope says; also about
    /// what is above it, which says where its state is.
    pub(crate) fn ask(&mut self, path: &MemberPath) {
        let mut at = Some(path.clone());
        while let Some(path) = at {
            let id = self.node_of(&path);
            let node = &mut self.nodes[id];
            // What is in scope comes with the walk that was asked for at the start.
            let coming = node.in_scope && self.started;
            if std::mem::replace(&mut node.asked, true) || coming {
                break;
            }
            match node.in_scope {
                true => self.batch.deep.insert(path.clone()),
                false => self.batch.flat.insert(path.clone()),
            };
            at = path.parent();
        }
    }

    /// Asks again.
    pub(crate) fn ask_again(&mut self, id: NodeId) {
        let node = &mut self.nodes[id];
        node.asked = true;
        let path = node.path.clone();
        match node.in_scope && !matches!(node.kind, NodeKind::Resource) {
            true => self.batch.deep.insert(path),
            false => self.batch.flat.insert(path),
        };
    }

    /// Tells the evaluator the outputs of a member, with the next batch, and wakes who waits.
    pub(crate) fn set_outputs(&mut self, id: NodeId, outputs: &Value) {
        let node = &mut self.nodes[id];
        node.set_at = Some(self.epoch + 1);
        let member = node.path.clone();
        // What an output depended on is for its resource to say: readers depend on the output.
        let value = outputs.without_provenance();
        let value = value.to_tree(&mut crate::value::RefTable::default());
        self.batch.outputs.push(ResourceOutputs {
            member: member.clone(),
            value: Some(value),
        });
        for waiter in self.waiters.remove(&member).unwrap_or_default() {
            self.woken(waiter, &member);
        }
    }

    fn woken(&mut self, waiter: Waiter, member: &MemberPath) {
        match waiter {
            Waiter::Node(id) => {
                let node = &mut self.nodes[id];
                if !node.waits_for.remove(member) {
                    return;
                }
                if node.waits_for.is_empty() && node.status.is_open() {
                    match std::mem::take(&mut node.ask_again) {
                        true => self.ask_again(id),
                        false => self.inputs_ready(id),
                    }
                }
            }
            Waiter::Provider(id) => {
                let provider = &mut self.providers[id];
                provider.waits_for.remove(member);
                if provider.waits_for.is_empty() && matches!(provider.status, ProviderStatus::Open)
                {
                    self.batch.providers.insert(id);
                }
            }
        }
    }

    /// Which of these members have no outputs yet, and whether some have got theirs only after the
    /// evaluator gave the answer that is being looked at.
    pub(crate) fn pending<'a>(
        &self,
        members: impl IntoIterator<Item = &'a MemberPath>,
    ) -> (BTreeSet<MemberPath>, bool) {
        let mut pending = BTreeSet::new();
        let mut stale = false;
        for member in members {
            match self.node_at(member).and_then(|node| node.set_at) {
                None => {
                    pending.insert(member.clone());
                }
                Some(at) => stale |= at > self.epoch,
            }
        }
        (pending, stale)
    }

    pub(crate) fn wait(&mut self, waiter: Waiter, members: &BTreeSet<MemberPath>) {
        for member in members {
            self.waiters.entry(member.clone()).or_default().push(waiter);
            self.ask(member);
            self.want_ephemeral(member);
        }
    }

    /// Notes an error or warning about a member; a path in it goes into `subject`.
    pub(crate) fn complain(&mut self, subject: Option<Subject>, mut diagnostic: Diagnostic) {
        if diagnostic.member.is_none()
            && let Some(Subject::Inputs(member) | Subject::Type(member)) = &subject
        {
            diagnostic.member = Some(member.clone());
        }
        if diagnostic.member.is_none()
            && let Some(Subject::Operation(step)) = &subject
            && !step.member.is_root()
        {
            diagnostic.member = Some(step.member.clone());
        }
        self.diagnostics.push(diagnostic);
        self.subjects.push(subject);
    }

    pub(crate) fn complain_all(&mut self, subject: &Subject, diagnostics: Diagnostics) {
        for diagnostic in diagnostics.0 {
            self.complain(Some(subject.clone()), diagnostic);
        }
    }

    /// The resource cannot be planned because of its own error.
    pub(crate) fn fail(&mut self, id: NodeId, diagnostics: impl Into<Diagnostics>) {
        let subject = Subject::Inputs(self.nodes[id].path.clone());
        self.complain_all(&subject, diagnostics.into());
        self.nodes[id].status = Status::Failed;
    }

    /// Which members are remembered, by state.
    pub(crate) fn contents(&self) -> impl Iterator<Item = (StoreId, &Contents)> {
        self.stores
            .iter()
            .enumerate()
            .filter_map(|(id, store)| match &store.status {
                StoreStatus::Ready(contents) => Some((id, &**contents)),
                _ => None,
            })
    }

    /// Members that depended on each other when they were last applied.
    pub(crate) fn recorded_dependents(&self) -> BTreeMap<MemberPath, BTreeSet<MemberPath>> {
        let mut dependents = BTreeMap::<_, BTreeSet<_>>::new();
        for (_, contents) in self.contents() {
            for (member, entry) in contents.snapshot.resources() {
                let objects = entry.current.iter().chain(entry.deposed.values());
                for dependency in objects.flat_map(|object| &object.dependencies) {
                    let of = dependents.entry(dependency.member.clone()).or_default();
                    of.insert(member.clone());
                }
            }
        }
        dependents
    }
}
