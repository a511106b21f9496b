//! Decides what is to be done about a resource: from its inputs, what there is, and what the
//! provider says.

use std::collections::BTreeSet;
use std::sync::Arc;

use nixops4_proto::evaluator::Subject;

use super::ephemeral::unknown_outputs_of;
use super::model::{Change, DeferReason, Reason};
use super::nodes::{Node, NodeId, NodeKind, Prior, ResourceNode, Status};
use super::session::Session;
use super::values::{has_drifted, same};
use super::work::{PlanWork, Work};
use crate::diagnostic::{Diagnosed, Diagnostic};
use crate::provider::{Action, Failure, Mode, PlannedChange, ProviderResult, ResourceState};
use crate::value::Value;
use crate::{MemberPath, OutputRef};

impl Session {
    /// Nothing that the inputs wait for can come in this wave any more.
    pub(crate) fn inputs_ready(&mut self, id: NodeId) {
        if let Some(resource) = &mut self.nodes[id].resource {
            resource.inputs_ready = true;
            self.maybe_plan(id);
        }
    }

    /// Has a resource planned, if all that it takes is there.
    pub(crate) fn maybe_plan(&mut self, id: NodeId) {
        if !matches!(self.nodes[id].status, Status::Open) {
            return;
        }
        if matches!(self.nodes[id].kind, NodeKind::Orphan) {
            return self.plan_delete(id);
        }
        let resource = self.resource(id);
        if resource.is_handler {
            if resource.inputs_ready {
                self.handler_ready(id);
            }
            return;
        }
        if !resource.inputs_ready || resource.resource_type.is_none() || resource.busy {
            return;
        }
        let misplaced = self.misplaced(id, &resource.inputs);
        if misplaced.has_errors() {
            return self.fail(id, misplaced);
        }
        match self.resource(id).declared.mode {
            Mode::Managed => self.plan_managed(id),
            Mode::Data => self.plan_data(id),
            Mode::Ephemeral => self.plan_ephemeral(id),
            // A state handler, which has gone its way above.
            Mode::StateStore => {}
        }
    }

    fn plan_managed(&mut self, id: NodeId) {
        let Some(ready) = self.ready(id).cloned() else {
            return;
        };
        let resource = self.resource(id);
        match &resource.prior {
            Prior::NotAsked | Prior::Asked => {}
            Prior::ToImport => {
                let Some(object) = resource.import.clone() else {
                    return;
                };
                let work = Work::Import {
                    node: id,
                    ready,
                    type_name: resource.declared.type_name.clone(),
                    object,
                    inputs: resource.inputs.clone(),
                };
                self.resource_mut(id).prior = Prior::Asked;
                self.work.push_back(work);
            }
            Prior::Known(prior) => {
                let lifecycle = &resource.declared.lifecycle;
                let work = PlanWork {
                    node: id,
                    ready,
                    type_name: resource.declared.type_name.clone(),
                    prior: prior.clone(),
                    inputs: resource.inputs.clone(),
                    stateful: resource.store.is_some(),
                    ignore_changes: lifecycle.ignore_changes.clone(),
                    ignore_all_changes: lifecycle.ignore_all_changes,
                    force_replace: self.trigger(resource).is_some(),
                };
                self.hand_over(id, Work::Plan(work));
            }
        }
    }

    pub(crate) fn hand_over(&mut self, id: NodeId, work: Work) {
        self.nodes[id].status = Status::Planning;
        self.resource_mut(id).busy = true;
        self.work.push_back(work);
    }

    /// An existing object has been taken over, or cannot be.
    pub(crate) fn imported(&mut self, id: NodeId, result: ProviderResult<ResourceState>) {
        match result {
            Ok(Diagnosed { value, warnings }) => {
                let subject = Subject::Inputs(self.nodes[id].path.clone());
                self.complain_all(&subject, warnings);
                let resource = self.resource_mut(id);
                resource.prior = Prior::Known(Some(Arc::new(value)));
                resource.imported = true;
                self.maybe_plan(id);
            }
            Err(failure) => self.fail(id, failure.into_diagnostics()),
        }
    }

    fn plan_data(&mut self, id: NodeId) {
        let Some(ready) = self.ready(id).cloned() else {
            return;
        };
        if !self.order_settled(id) {
            self.parked.push(id);
            return;
        }
        let known = self.resource(id).inputs.is_wholly_known();
        let now = known && self.pending_dependency(id).is_none();
        let resource = self.resource(id);
        let work = Work::ReadData {
            node: id,
            ready,
            type_name: resource.declared.type_name.clone(),
            inputs: resource.inputs.clone(),
            now,
        };
        self.hand_over(id, work);
    }

    /// Whether it is known what happens to everything that a resource is to come after.
    pub(crate) fn order_settled(&mut self, id: NodeId) -> bool {
        let after = self.resource(id).declared.depends_on.clone();
        after.iter().all(|path| match self.node_at(path) {
            // It is what the evaluator is about to tell, or never will: see `settle`.
            None => !self.selection.covers(path),
            Some(node) if node.status.is_open() => false,
            Some(_) => self.first_open_within(path).is_none(),
        })
    }

    /// A component at or below a path of which it is not known yet what happens to it. What has
    /// been found settled stays so in a wave and is not looked at again, so however many ask, the
    /// nodes are gone through once for a path.
    fn first_open_within(&mut self, path: &MemberPath) -> Option<NodeId> {
        let open = |node: &Node| node.path.is_within(path) && node.status.is_open();
        let from = self.settled_below.get(path).copied().unwrap_or_default();
        let found = (from..self.nodes.len()).find(|&id| open(&self.nodes[id]));
        let until = found.unwrap_or(self.nodes.len());
        self.settled_below.insert(path.clone(), until);
        found
    }

    /// Looks again at data sources that come after others.
    pub(crate) fn unpark(&mut self) {
        for id in std::mem::take(&mut self.parked) {
            self.maybe_plan(id);
        }
    }

    /// A member that is to change and that this data source depends on.
    pub(crate) fn pending_dependency(&mut self, id: NodeId) -> Option<MemberPath> {
        let resource = self.resource(id);
        let provenance = resource.inputs.all_provenance();
        let members = provenance.iter().map(|output| &output.member);
        let direct: BTreeSet<_> = members.chain(&resource.declared.depends_on).collect();
        // Almost always there are no composites among them, and looking each up is enough.
        let found = direct
            .iter()
            .find_map(|path| self.node_at(path).filter(|node| is_to_change(node)));
        if let Some(node) = found {
            return Some(node.path.clone());
        }
        let is_composite = |path: &&MemberPath| {
            self.node_at(path)
                .is_some_and(|node| matches!(node.kind, NodeKind::Composite(_)))
        };
        let composites: Vec<_> = direct.into_iter().filter(is_composite).cloned().collect();
        let mut composites = composites.iter();
        let found = composites.find_map(|path| self.first_change_within(path))?;
        Some(self.nodes[found].path.clone())
    }

    /// A component below a settled path that is to change; as [`Self::first_open_within`].
    fn first_change_within(&mut self, path: &MemberPath) -> Option<NodeId> {
        let changes = |node: &Node| node.path.is_within(path) && is_to_change(node);
        let from = self.unchanged_below.get(path).copied().unwrap_or_default();
        let found = (from..self.nodes.len()).find(|&id| changes(&self.nodes[id]));
        let until = found.unwrap_or(self.nodes.len());
        self.unchanged_below.insert(path.clone(), until);
        found
    }

    /// A data source has been read, or only checked because it cannot be read yet.
    pub(crate) fn data_read(&mut self, id: NodeId, result: ProviderResult<Option<Value>>) {
        self.resource_mut(id).busy = false;
        let Diagnosed { value, warnings } = match result {
            Ok(read) => read,
            Err(failure) => return self.fail(id, failure.into_diagnostics()),
        };
        let subject = Subject::Inputs(self.nodes[id].path.clone());
        self.complain_all(&subject, warnings);
        let (action, reason, outputs) = match value {
            Some(value) => (Action::NoOp, Reason::New, value),
            None => {
                let reason = match self.pending_dependency(id) {
                    Some(member) if self.resource(id).inputs.is_wholly_known() => {
                        Reason::PendingDependency(member)
                    }
                    _ => Reason::UnknownInputs,
                };
                (Action::Read, reason, unknown_outputs_of(self.resource(id)))
            }
        };
        let planned = PlannedChange {
            action,
            outputs,
            replace_paths: Vec::new(),
            provider_data: Vec::new(),
            deferred: None,
        };
        self.settle_change(id, reason, planned);
    }

    /// A provider has planned, or cannot.
    pub(crate) fn planned(
        &mut self,
        id: NodeId,
        result: Result<Diagnosed<PlannedChange>, Failure>,
    ) {
        self.resource_mut(id).busy = false;
        let Diagnosed {
            mut value,
            warnings,
        } = match result {
            Ok(planned) => planned,
            Err(failure) => return self.fail(id, failure.into_diagnostics()),
        };
        if value.outputs.is_unknown()
            && let Some(names) = &self.resource(id).declared.outputs_skeleton
        {
            // The provider cannot say which outputs there will be, but the deployment does.
            value.outputs =
                Value::attrs(names.iter().map(|name| (name.as_str(), Value::unknown())));
        }
        let subject = Subject::Inputs(self.nodes[id].path.clone());
        self.complain_all(&subject, warnings);
        if let Some(reason) = value.deferred {
            self.nodes[id].status = Status::Deferred(DeferReason::Provider(reason));
            return;
        }
        let reason = match self.nodes[id].kind {
            NodeKind::Orphan => self.orphan_reason(id),
            _ => self.reason(id, &value),
        };
        if let Some(diagnostic) = self.protected(id, value.action) {
            return self.fail(id, diagnostic);
        }
        self.settle_change(id, reason, value);
    }

    pub(crate) fn settle_change(&mut self, id: NodeId, reason: Reason, planned: PlannedChange) {
        let orphan = matches!(self.nodes[id].kind, NodeKind::Orphan);
        let depends_on = match orphan {
            true => BTreeSet::new(),
            false => self.dependencies(id),
        };
        let node = &self.nodes[id];
        let resource = self.resource(id);
        let before = match &resource.prior {
            Prior::Known(prior) => prior.clone(),
            _ => None,
        };
        let depended_on = resource
            .object
            .as_ref()
            .map(|object| object.dependencies.clone());
        let lifecycle = &resource.declared.lifecycle;
        let change = Change {
            member: node.path.clone(),
            action: planned.action,
            reason,
            mode: resource.declared.mode,
            type_name: resource.declared.type_name.clone(),
            provider: self.providers[resource.provider].instance.id.clone(),
            before,
            inputs: resource.inputs.clone(),
            depends_on,
            depended_on: depended_on.unwrap_or_default(),
            create_before_destroy: lifecycle.create_before_destroy,
            moved_from: resource.moved_from.clone(),
            moved_state: self.state_move(id),
            deposed: resource.deposed.clone(),
            position: node.position.clone(),
            planned,
        };
        let change = Arc::new(change);
        // First, for whoever is woken by the outputs looks at it.
        self.nodes[id].status = Status::Planned(change.clone());
        if !orphan {
            self.set_outputs(id, &change.planned.outputs);
        }
    }

    /// What a resource comes after: what its inputs, its existence, its place and its provider's
    /// configuration depended on, and what the user says.
    pub(crate) fn dependencies(&self, id: NodeId) -> BTreeSet<OutputRef> {
        let node = &self.nodes[id];
        let resource = self.resource(id);
        let mut dependencies = node.structure.clone();
        dependencies.extend(resource.inputs.all_provenance().iter().cloned());
        let mut at = node.path.parent();
        while let Some(path) = at {
            if let Some(above) = self.node_at(&path) {
                dependencies.extend(above.structure.iter().cloned());
            }
            at = path.parent();
        }
        let config = self.providers[resource.provider].config.all_provenance();
        dependencies.extend(config.iter().cloned());
        let whole = |member: &MemberPath| OutputRef {
            member: member.clone(),
            path: crate::AttrPath::root(),
        };
        dependencies.extend(resource.declared.depends_on.iter().map(whole));
        let triggers = &resource.declared.lifecycle.replace_triggered_by;
        dependencies.extend(triggers.iter().cloned());
        dependencies.retain(|output| output.member != node.path);
        dependencies
    }

    /// Why the provider plans what it plans.
    fn reason(&self, id: NodeId, planned: &PlannedChange) -> Reason {
        let resource = self.resource(id);
        let prior = match &resource.prior {
            Prior::Known(Some(prior)) => prior,
            _ if resource.store.is_none() => return Reason::Stateless,
            _ if resource.object.is_some() => return Reason::Vanished,
            _ => return Reason::New,
        };
        let import = || {
            let object = resource.import.as_ref();
            Reason::Import(object.map(ToString::to_string).unwrap_or_default())
        };
        match planned.action {
            Action::Replace if prior.tainted => Reason::Tainted,
            Action::Replace => match self.trigger(resource) {
                Some(output) => Reason::Triggered(output),
                None if planned.replace_paths.is_empty() => Reason::Provider,
                None => Reason::CannotUpdate,
            },
            _ if resource.imported => import(),
            Action::NoOp => Reason::Moved,
            _ => {
                let recorded = resource.object.as_ref().map(|object| &object.state);
                match recorded {
                    Some(recorded) if !same(&recorded.inputs, &resource.inputs) => {
                        Reason::InputsChanged
                    }
                    Some(recorded)
                        if has_drifted(&recorded.inputs, &prior.inputs)
                            || has_drifted(&recorded.outputs, &prior.outputs) =>
                    {
                        Reason::Drifted
                    }
                    _ => Reason::Provider,
                }
            }
        }
    }

    /// The first output that a resource is to be replaced with and that is to change.
    fn trigger(&self, resource: &ResourceNode) -> Option<OutputRef> {
        let triggers = &resource.declared.lifecycle.replace_triggered_by;
        triggers.iter().find(|output| self.changes(output)).cloned()
    }

    fn changes(&self, output: &OutputRef) -> bool {
        let Some(Status::Planned(change)) = self.node_at(&output.member).map(|node| &node.status)
        else {
            return false;
        };
        if !matches!(change.action, Action::Update | Action::Replace) {
            return false;
        }
        if output.path.0.is_empty() {
            return true;
        }
        let before = change.before.as_ref().map(|state| &state.outputs);
        let before = before.and_then(|outputs| outputs.get(&output.path));
        let after = change.planned.outputs.get(&output.path);
        match (before, after) {
            (Some(before), Some(after)) => !after.is_wholly_known() || !same(before, after),
            (None, None) => !change.planned.outputs.is_wholly_known(),
            _ => true,
        }
    }

    /// The error, where the user does not want an object to be deleted.
    fn protected(&self, id: NodeId, action: Action) -> Option<Diagnostic> {
        let resource = self.resource(id);
        let orphan = matches!(self.nodes[id].kind, NodeKind::Orphan);
        let protected = match orphan {
            true => {
                resource.deposed.is_none()
                    && resource.object.as_ref().is_some_and(|o| o.prevent_destroy)
            }
            false => resource.declared.lifecycle.prevent_destroy,
        };
        let path = &self.nodes[id].path;
        let text = match action {
            Action::Replace => format!("{path} would have to be replaced, which deletes it"),
            Action::Delete => format!("{path} would be deleted"),
            _ => return None,
        };
        let hint = match orphan {
            true => "put it back with `lifecycle.preventDestroy = false` and apply that first",
            false => "set `lifecycle.preventDestroy = false` to allow it",
        };
        protected.then(|| {
            let mut diagnostic = Diagnostic::error(text)
                .detail("`lifecycle.preventDestroy` forbids it")
                .hint(hint);
            diagnostic.position.clone_from(&self.nodes[id].position);
            diagnostic
        })
    }
}

/// Whether something is to be done about a component, or it is not known what.
fn is_to_change(node: &Node) -> bool {
    match &node.status {
        Status::Planned(change) => change.action != Action::NoOp,
        Status::Settled => false,
        _ => matches!(node.kind, NodeKind::Resource),
    }
}
