//! States: which resource is remembered where, and the states themselves.
//!
//! A state handler is a resource that is not planned: it is where state is. A file of ours is
//! opened as soon as its name is known; any other handler is spoken to through its provider.

use nixops4_proto::evaluator::{ProviderProgram, StateChoice, Subject};

use super::listen::unknown_outputs;
use super::model::DeferReason;
use super::nodes::{NodeId, NodeKind, Ready, Status, StoreId, StoreNode, StoreStatus};
use super::remembered::Contents;
use super::session::Session;
use super::work::{OpenStore, Work};
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use crate::engine::StateHandler;
use crate::provider::Mode;
use crate::value::Value;
use crate::{MemberPath, OutputRef};

impl Session {
    /// Opens the state that a component names, and that of the root if it names none: also where
    /// nothing is left that uses it, it may remember something.
    pub(crate) fn heard_state(&mut self, id: NodeId, state: &StateChoice) {
        match state {
            StateChoice::Member(handler) => {
                self.store_of(Some(handler.clone()));
                if self.nodes[id].path.is_root() {
                    // What was remembered before a handler was named moves there.
                    self.store_if_there();
                }
            }
            StateChoice::Inherit if self.nodes[id].path.is_root() => drop(self.store_of(None)),
            StateChoice::Inherit | StateChoice::Stateless => {}
        }
    }

    /// Whether a component names this one as its state handler.
    pub(crate) fn is_named_handler(&self, path: &MemberPath) -> bool {
        self.store_by_handler.contains_key(&Some(path.clone()))
    }

    /// A state handler has no state and nothing to be planned.
    pub(crate) fn is_handler(&mut self, id: NodeId) {
        self.resource_mut(id).is_handler = true;
        // Also where no component names it any more: it may remember what is to move.
        let path = self.nodes[id].path.clone();
        self.store_of(Some(path));
        self.set_outputs(id, &Value::attrs::<String>([]));
        if self.resource(id).inputs_ready {
            self.handler_ready(id);
        }
    }

    /// The inputs of a state handler are as known as they will be in this wave.
    pub(crate) fn handler_ready(&mut self, id: NodeId) {
        self.nodes[id].status = Status::Settled;
        self.try_stores();
    }

    /// A resource is named as a state handler, and its type cannot be one.
    pub(crate) fn is_no_handler(&mut self, id: NodeId) {
        let type_name = &self.resource(id).declared.type_name;
        let text = format!(
            "it is named as a state handler, but a resource of type `{type_name}` cannot be one"
        );
        self.fail(id, Diagnostic::error(text));
        self.try_stores();
    }

    /// Where a resource is remembered, if anywhere: as itself says, or the nearest component
    /// around it that says something.
    ///
    /// # Errors
    /// A component around it that is not known yet.
    pub(crate) fn choose_store(&mut self, id: NodeId) -> Result<Option<StoreId>, MemberPath> {
        let resource = self.resource(id);
        let unless_named = resource
            .resource_type
            .as_ref()
            .is_some_and(|t| t.stateless_unless_named);
        // What cannot do without state takes what there is.
        let unless_named = unless_named && !resource.declared.require_state;
        let mut choice = resource.declared.state.clone();
        let mut at = self.nodes[id].path.parent();
        while let (StateChoice::Inherit, Some(path)) = (&choice, &at) {
            if unless_named {
                return Ok(None);
            }
            match self.node_at(path).map(|node| &node.kind) {
                Some(NodeKind::Composite(composite)) => choice = composite.state.clone(),
                Some(
                    NodeKind::Resource | NodeKind::Failed | NodeKind::Absent | NodeKind::Orphan,
                ) => {}
                _ => return Err(path.clone()),
            }
            at = path.parent();
        }
        Ok(match choice {
            StateChoice::Stateless => None,
            StateChoice::Inherit if unless_named => None,
            StateChoice::Inherit => Some(self.store_of(None)),
            StateChoice::Member(handler) => Some(self.store_of(Some(handler))),
        })
    }

    /// Looks again at resources that waited for other components to be told of.
    pub(crate) fn place(&mut self) {
        for id in std::mem::take(&mut self.unplaced) {
            if let Some(resource_type) = self.resource(id).resource_type.clone() {
                self.type_there(id, resource_type, true);
            }
        }
    }

    /// The state of a handler, opened if that can be done.
    pub(crate) fn store_of(&mut self, handler: Option<MemberPath>) -> StoreId {
        if let Some(&id) = self.store_by_handler.get(&handler) {
            return id;
        }
        let id = self.add_store(handler.clone());
        match handler {
            None => self.open_store(id, None, None),
            Some(handler) => {
                self.ask(&handler);
                if self.destroy {
                    // It has been asked about without its inputs, if at all.
                    self.batch.flat.insert(handler);
                }
                self.try_stores();
            }
        }
        id
    }

    /// The default state, where there is one although nothing is to be remembered there.
    fn store_if_there(&mut self) -> StoreId {
        if let Some(&id) = self.store_by_handler.get(&None) {
            return id;
        }
        let id = self.add_store(None);
        self.stores[id].status = StoreStatus::Opening;
        self.work.push_back(Work::OpenStore(OpenStore {
            store: id,
            handler: None,
            check: None,
            if_there: true,
        }));
        id
    }

    fn add_store(&mut self, handler: Option<MemberPath>) -> StoreId {
        let id = self.stores.len();
        self.stores.push(StoreNode {
            handler: handler.clone(),
            status: StoreStatus::Open,
            waiting: Vec::new(),
        });
        self.store_by_handler.insert(handler, id);
        id
    }

    fn open_store(&mut self, id: StoreId, handler: Option<StateHandler>, check: Option<Ready>) {
        self.stores[id].status = StoreStatus::Opening;
        let work = OpenStore {
            store: id,
            handler,
            check,
            if_there: false,
        };
        self.work.push_back(Work::OpenStore(work));
    }

    /// Opens the states whose handlers have become known.
    pub(crate) fn try_stores(&mut self) {
        for id in 0..self.stores.len() {
            if matches!(self.stores[id].status, StoreStatus::Open)
                && let Some(handler) = self.stores[id].handler.clone()
            {
                self.try_store(id, &handler);
            }
        }
    }

    fn try_store(&mut self, id: StoreId, path: &MemberPath) {
        let Some(&node) = self.by_path.get(path) else {
            return;
        };
        match (&self.nodes[node].kind, &self.nodes[node].status) {
            (_, Status::Failed | Status::Blocked(_)) => self.store_failed(id),
            (NodeKind::Composite(_) | NodeKind::Absent, _) => {
                let text = format!("`{path}` is named as a state handler, but is no resource");
                self.complain(None, Diagnostic::error(text));
                self.store_failed(id);
            }
            (_, Status::Deferred(reason)) => {
                let outputs = match reason {
                    DeferReason::Dependency(_) | DeferReason::Provider(_) => Vec::new(),
                    _ => reason.outputs().to_vec(),
                };
                self.store_deferred(id, outputs);
            }
            (NodeKind::Resource, _) => self.try_handler(id, node, path),
            _ => {}
        }
    }

    fn try_handler(&mut self, id: StoreId, node: NodeId, path: &MemberPath) {
        let resource = self.resource(node);
        let unknown = unknown_outputs(&resource.inputs);
        if !unknown.is_empty() {
            if matches!(self.nodes[node].status, Status::Settled) {
                self.store_deferred(id, unknown);
            }
            return;
        }
        if !resource.has_inputs {
            return;
        }
        let provider = &self.providers[resource.provider];
        let ours = provider.instance.program == ProviderProgram::Local {};
        if !ours && !resource.is_handler {
            return;
        }
        let handler = StateHandler {
            member: path.clone(),
            provider: provider.instance.id.clone(),
            program: provider.instance.program.clone(),
            settings: provider.instance.settings.clone(),
            configured: self
                .ready(node)
                .filter(|_| !ours)
                .map(|ready| ready.configured.clone()),
            mode: resource.declared.mode,
            type_name: resource.declared.type_name.clone(),
            inputs: resource.inputs.as_ref().clone(),
        };
        let check = match handler.mode {
            Mode::StateStore => self.ready(node).cloned(),
            // Any other checks its inputs itself.
            _ => None,
        };
        self.open_store(id, Some(handler), check);
    }

    fn store_failed(&mut self, id: StoreId) {
        self.stores[id].status = StoreStatus::Failed;
        for node in std::mem::take(&mut self.stores[id].waiting) {
            self.need_store(node, id);
        }
    }

    fn store_deferred(&mut self, id: StoreId, outputs: Vec<OutputRef>) {
        self.stores[id].status = StoreStatus::Deferred(outputs);
        for node in std::mem::take(&mut self.stores[id].waiting) {
            self.need_store(node, id);
        }
    }

    /// A state is open, or cannot be opened.
    pub(crate) fn store_opened(
        &mut self,
        id: StoreId,
        result: Result<Diagnosed<Contents>, Diagnostics>,
    ) {
        let subject = self.stores[id].handler.clone().map(Subject::Inputs);
        // What says where it is about is about the inputs of the handler.
        let subject_of = |diagnostic: &Diagnostic| {
            let placed = diagnostic.path.is_some();
            subject.clone().filter(|_| placed)
        };
        match result {
            Ok(Diagnosed {
                value: contents,
                warnings,
            }) => {
                for warning in warnings.0 {
                    self.complain(subject_of(&warning), warning);
                }
                self.stores[id].status = StoreStatus::Ready(Box::new(contents));
                for node in std::mem::take(&mut self.stores[id].waiting) {
                    self.store_there(node, id);
                }
                self.try_movers();
            }
            Err(diagnostics) => {
                for diagnostic in diagnostics.0 {
                    self.complain(subject_of(&diagnostic), diagnostic);
                }
                self.store_failed(id);
            }
        }
    }

    pub(crate) fn need_store(&mut self, id: NodeId, store: StoreId) {
        match &self.stores[store].status {
            StoreStatus::Ready(_) => self.store_there(id, store),
            StoreStatus::Open | StoreStatus::Opening => self.stores[store].waiting.push(id),
            StoreStatus::Failed => self.nodes[id].status = Status::Failed,
            StoreStatus::Deferred(outputs) => {
                self.nodes[id].status = Status::Deferred(DeferReason::State {
                    handler: self.stores[store].handler.clone().unwrap_or_default(),
                    outputs: outputs.clone(),
                });
            }
        }
    }

    /// For a destruction: tells the evaluator what the states remember, of the members that
    /// something waits for. Nothing is planned that could say it.
    pub(crate) fn supply_recorded(&mut self) {
        let mut found = Vec::new();
        for member in self.waiters.keys() {
            let object = self
                .contents()
                .find_map(|(_, contents)| contents.snapshot.object(member).cloned());
            if let Some(object) = object {
                found.push((member.clone(), object));
            }
        }
        for (member, object) in found {
            let id = self.node_of(&member);
            if self.nodes[id].set_at.is_none() {
                self.set_outputs(id, &object.state.outputs);
            }
        }
    }
}
