//! What the evaluator says, taken into the [`Session`].

use std::collections::BTreeSet;
use std::sync::Arc;

use nixops4_proto::evaluator::{
    Component, ComponentKind, Composite, EvalError, Lifecycle, ProviderInstance, Resource, Subject,
    WalkItem,
};

use super::ephemeral::is_ephemeral;
use super::model::DeferReason;
use super::nodes::{
    NodeId, NodeKind, ProviderKey, ProviderNode, ProviderStatus, ResourceNode, Status, Waiter,
};
use super::session::Session;
use crate::diagnostic::{Diagnostic, Severity};
use crate::evaluate::from_eval_error;
use crate::provider::{Identifier, Mode};
use crate::value::{Value, WireError};
use crate::{MemberPath, OutputRef};

impl Session {
    /// Takes one item of a walk.
    pub(crate) fn heard(&mut self, item: WalkItem) {
        match item {
            WalkItem::Provider(instance) => self.heard_provider(instance),
            WalkItem::Component(component) => self.heard_component(component),
        }
    }

    fn heard_component(&mut self, component: Component) {
        if self.is_below_failed(&component.path) {
            // Its very name may be a secret.
            return;
        }
        let id = self.node_of(&component.path);
        let refs = component.refs;
        let node = &mut self.nodes[id];
        node.asked = true;
        node.position = component.position;
        if !node.status.is_open() {
            // Settled already; asked about again only as part of something else.
            return;
        }
        match component.kind {
            ComponentKind::Composite(composite) => self.heard_composite(id, composite, &refs),
            ComponentKind::Resource(resource) => self.heard_resource(id, *resource, &refs),
            ComponentKind::Unknown { what, from } => self.heard_unknown(id, what, &from, &refs),
            ComponentKind::Failed { error } => self.heard_failure(id, &error),
        }
    }

    fn heard_composite(&mut self, id: NodeId, composite: Composite, refs: &[OutputRef]) {
        let structure = pick(&composite.from, refs);
        if let Some(diagnostic) = self.ephemeral_names(&structure) {
            return self.refuse(id, diagnostic);
        }
        let node = &mut self.nodes[id];
        node.structure = structure;
        node.status = Status::Settled;
        let state = composite.state.clone();
        self.nodes[id].kind = NodeKind::Composite(composite);
        self.heard_state(id, &state);
    }

    /// Does not take a component at its word.
    fn refuse(&mut self, id: NodeId, diagnostic: Diagnostic) {
        let node = &mut self.nodes[id];
        node.kind = NodeKind::Failed;
        node.status = Status::Failed;
        let diagnostic = Diagnostic {
            member: Some(node.path.clone()),
            position: node.position.clone(),
            ..diagnostic
        };
        self.complain(None, diagnostic);
    }

    fn is_below_failed(&self, path: &MemberPath) -> bool {
        let mut at = path.parent();
        while let Some(above) = at {
            let node = self.node_at(&above);
            if node.is_some_and(|node| matches!(node.kind, NodeKind::Failed)) {
                return true;
            }
            at = above.parent();
        }
        false
    }

    fn heard_unknown(&mut self, id: NodeId, what: String, from: &[u32], refs: &[OutputRef]) {
        let outputs: Vec<_> = pick(from, refs).into_iter().collect();
        let (pending, stale) = self.pending(outputs.iter().map(|output| &output.member));
        let node = &mut self.nodes[id];
        node.kind = NodeKind::Unknown;
        if pending.is_empty() && !stale {
            node.status = Status::Deferred(DeferReason::Structure { what, outputs });
        } else {
            self.wait_to_ask(id, pending);
        }
    }

    fn heard_failure(&mut self, id: NodeId, error: &EvalError) {
        let node = &mut self.nodes[id];
        if matches!(node.kind, NodeKind::Failed | NodeKind::Absent) {
            return;
        }
        let path = node.path.clone();
        let mut diagnostic = from_eval_error(error);
        diagnostic.member = Some(path.clone());
        if self.is_absent(&path) {
            // Asked for by the user, or remembered in the state, which is no error then.
            self.nodes[id].kind = NodeKind::Absent;
            if self.selection.names(&path) {
                self.missing_targets.push((path, diagnostic));
            }
            return;
        }
        let node = &mut self.nodes[id];
        node.kind = NodeKind::Failed;
        node.status = Status::Failed;
        if self.destroy && !self.is_named_handler(&path) {
            // What is to go away need not be in order.
            self.nodes[id].status = Status::Settled;
            diagnostic.severity = Severity::Warning;
        }
        self.complain(None, diagnostic);
    }

    fn heard_resource(&mut self, id: NodeId, declared: Resource, refs: &[OutputRef]) {
        let inputs = declared
            .inputs
            .as_ref()
            .map_or_else(|| Ok(Value::null()), |tree| Value::from_tree(tree, refs));
        let error = declared.inputs_error.as_ref().map(from_eval_error);
        let asked_for = declared.inputs.is_some() || error.is_some();
        let node = &mut self.nodes[id];
        node.structure = pick(&declared.from, refs);
        node.kind = NodeKind::Resource;
        let resource = node.resource.get_or_insert_default();
        let identity = declared.import_identity.as_ref();
        let identity = identity.and_then(|tree| Value::from_tree(tree, refs).ok());
        resource.import = match (&declared.import_id, identity) {
            (Some(id), _) => Some(Identifier::Id(id.clone())),
            (None, identity) => identity.map(|value| Identifier::Identity(value.to_plain_json())),
        };
        resource.declared = Resource {
            // It is kept as a value, which is smaller.
            inputs: None,
            ..declared
        };
        if let Some((member, object)) = &self.import
            && *member == self.nodes[id].path
        {
            let object = object.clone();
            self.resource_mut(id).import = Some(object);
        }
        let resource = self.resource_mut(id);
        resource.has_inputs = asked_for;
        let state = resource.declared.state.clone();
        self.heard_state(id, &state);
        let ephemeral = is_ephemeral(self.resource(id));
        let needed = ephemeral || self.is_named_handler(&self.nodes[id].path);
        if self.destroy && !(asked_for && needed) {
            // It is only asked where its state and its provider are.
            if ephemeral && self.waiters.contains_key(&self.nodes[id].path) {
                self.ask_again(id);
            }
            return;
        }
        let resource = self.resource_mut(id);
        match (inputs, error) {
            (_, Some(error)) => self.fail(id, error),
            (Err(error), _) => self.fail(id, malformed(&error)),
            (Ok(inputs), None) => {
                resource.inputs = Arc::new(inputs);
                self.mark_secrets(id);
                self.ground(id);
                self.inputs_heard(id);
            }
        }
    }

    /// Finds out whether the inputs are as known as they will be in this wave.
    fn inputs_heard(&mut self, id: NodeId) {
        if !self.nodes[id].status.is_open() {
            return;
        }
        let resource = self.resource(id);
        let leaves = waits(&resource.inputs);
        let order = order_waits(&resource.declared);
        let (pending, stale) = self.pending(&leaves);
        let (behind, _) = self.pending(&order);
        if stale || !pending.is_empty() {
            let all = pending.union(&behind).cloned().collect();
            return self.wait_to_ask(id, all);
        }
        if behind.is_empty() {
            return self.inputs_ready(id);
        }
        let node = &mut self.nodes[id];
        node.waits_for = behind.clone();
        self.wait(Waiter::Node(id), &behind);
    }

    /// Asks again as soon as these members have outputs.
    fn wait_to_ask(&mut self, id: NodeId, members: BTreeSet<MemberPath>) {
        if members.is_empty() {
            return self.ask_again(id);
        }
        let node = &mut self.nodes[id];
        node.waits_for = members.clone();
        node.ask_again = true;
        self.wait(Waiter::Node(id), &members);
    }

    /// Takes a provider instance, when it is first told of or told again.
    pub(crate) fn heard_provider(&mut self, instance: ProviderInstance) {
        let key = ProviderKey::Declared(instance.id.clone());
        let id = match self.provider_by_key.get(&key) {
            Some(&id) if !matches!(self.providers[id].status, ProviderStatus::Open) => return,
            Some(&id) => {
                self.providers[id].instance = instance;
                id
            }
            None => self.add_provider(key, instance),
        };
        let instance = &self.providers[id].instance;
        match Value::from_tree(&instance.config, &instance.refs) {
            Ok(config) => {
                self.providers[id].config = config;
                self.provider_heard(id);
            }
            Err(error) => {
                let subject = Subject::ProviderConfig(self.providers[id].instance.id.clone());
                self.complain(Some(subject), malformed(&error));
                self.provider_failed(id);
            }
        }
    }

    pub(crate) fn add_provider(&mut self, key: ProviderKey, instance: ProviderInstance) -> usize {
        let id = self.providers.len();
        self.providers.push(ProviderNode {
            instance,
            config: Value::null(),
            waits_for: BTreeSet::new(),
            wanted: false,
            status: ProviderStatus::Open,
            types: Default::default(),
            waiting: Vec::new(),
            record: None,
        });
        self.provider_by_key.insert(key, id);
        id
    }

    fn provider_heard(&mut self, id: usize) {
        let provider = &self.providers[id];
        let leaves = waits(&provider.config);
        let (pending, stale) = self.pending(&leaves);
        if !pending.is_empty() {
            let provider = &mut self.providers[id];
            provider.waits_for = pending.clone();
            // Nobody may need it: then what it waits for is not asked for either.
            if !provider.waiting.is_empty() {
                self.wait(Waiter::Provider(id), &pending);
            }
        } else if stale {
            self.batch.providers.insert(id);
        } else if provider.config.is_wholly_known() {
            self.start_provider_if_needed(id);
        } else {
            let outputs = unknown_outputs(&provider.config);
            self.provider_deferred(id, outputs);
        }
    }
}

/// The outputs at these places of a message's table.
fn pick(from: &[u32], refs: &[OutputRef]) -> BTreeSet<OutputRef> {
    from.iter()
        .filter_map(|&index| refs.get(index as usize).cloned())
        .collect()
}

/// The members whose outputs unknown leaves wait for.
fn waits(value: &Value) -> BTreeSet<MemberPath> {
    let mut members = BTreeSet::new();
    value.visit(&mut |_, value, provenance, _| {
        if value.is_unknown() {
            members.extend(provenance.iter().map(|output| output.member.clone()));
        }
    });
    members
}

/// The outputs that unknown leaves wait for.
pub(crate) fn unknown_outputs(value: &Value) -> Vec<OutputRef> {
    let mut outputs = BTreeSet::new();
    value.visit(&mut |_, value, provenance, _| {
        if value.is_unknown() {
            outputs.extend(provenance.iter().cloned());
        }
    });
    outputs.into_iter().collect()
}

/// The members that have to be planned before it although no input of it waits for them.
fn order_waits(declared: &Resource) -> BTreeSet<MemberPath> {
    let Lifecycle {
        replace_triggered_by,
        ..
    } = &declared.lifecycle;
    replace_triggered_by
        .iter()
        .map(|output| output.member.clone())
        .collect()
}

fn malformed(error: &WireError) -> Diagnostic {
    Diagnostic::error(format!("the evaluator broke its protocol: {error}"))
}

/// Whether what the resource stands for is remembered.
pub(crate) fn is_managed(resource: &ResourceNode) -> bool {
    resource.declared.mode == Mode::Managed
}

impl Session {
    /// Asks the evaluator about what the user wants to have looked at.
    pub(crate) fn start(&mut self) {
        for target in self.selection.targets() {
            self.ask(&target);
        }
        self.started = true;
    }

    /// Goes on without the evaluator, as far as the default state tells what there is.
    pub(crate) fn start_without_evaluation(&mut self, error: &crate::evaluate::EvaluateError) {
        let mut diagnostic = error.to_diagnostic();
        diagnostic.severity = Severity::Warning;
        diagnostic.hints.push(
            "only what the default state remembers is destroyed: where other states are, and \
             whether providers have changed, is for the deployment to say"
                .to_owned(),
        );
        self.complain(None, diagnostic);
        self.started = true;
        self.store_of(None);
    }

    /// All questions of a batch have been answered.
    pub(crate) fn batch_done(&mut self) {
        self.place();
        self.try_stores();
        if !self.evaluated && self.batch.asks_nothing() {
            self.evaluated = true;
            let components = self.nodes.len();
            let event = nixops4_proto::events::Event::EvaluationDone { components };
            self.reporter.send(event);
        }
        self.try_movers();
    }
}
