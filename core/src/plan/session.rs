//! [`Session`]: everything that is known of a deployment during a run: its components as the
//! evaluator describes them, its provider instances and its states.
//!
//! The session is the synchronous heart of planning. It is told what has happened (the modules
//! beside this one, one per kind of news) and keeps two lists of what to do next: questions for the
//! evaluator ([`Session::next_batch`]) and work for the workers ([`Session::work`]). It does no I/O.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use nixops4_proto::evaluator::{ResourceOutputs, Subject};

use super::model::StateNote;
use super::nodes::{
    Node, NodeId, NodeKind, ProviderId, ProviderKey, ProviderNode, ProviderStatus, ResourceNode,
    Status, StoreId, StoreNode, StoreStatus, Waiter,
};
use super::remembered::Contents;
use super::work::Work;
use crate::MemberPath;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::{Ephemerals, Refresh, Selection};
use crate::provider::Identifier;
use crate::report::Reporter;
use crate::value::Value;

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
