//! From one wave to the next: what a wave has done is settled, what it had to leave is looked at
//! again.

use std::sync::Arc;

use nixops4_proto::evaluator::{Component, ComponentKind};
use nixops4_proto::events::Operation;

use super::model::{Change, DeferReason};
use super::nodes::{NodeId, NodeKind, Prior, ProviderStatus, Status, StoreId, StoreStatus};
use super::remembered::Contents;
use super::session::Session;
use super::work::PlanWork;
use crate::apply::{Job, Outcome};
use crate::diagnostic::Diagnostic;
use crate::evaluate::from_eval_error;
use crate::plan::listen::unknown_outputs;
use crate::provider::Action;
use crate::state::DeposedKey;
use crate::value::Value;

impl Session {
    /// Makes ready for planning what the last wave had to leave.
    pub(crate) fn next_wave(&mut self) {
        self.wave += 1;
        self.waiters.clear();
        self.movers.clear();
        self.parked.clear();
        self.settled_below.clear();
        self.unchanged_below.clear();
        self.unplaced.clear();
        for store in &mut self.stores {
            store.waiting.clear();
            match &mut store.status {
                StoreStatus::Ready(contents) => {
                    **contents = Contents::of(contents.store.clone());
                }
                StoreStatus::Deferred(_) => store.status = StoreStatus::Open,
                _ => {}
            }
        }
        for id in 0..self.providers.len() {
            self.providers[id].waiting.clear();
            if matches!(self.providers[id].status, ProviderStatus::Deferred(_)) {
                self.providers[id].status = ProviderStatus::Open;
                self.batch.providers.insert(id);
            }
        }
        for id in 0..self.nodes.len() {
            self.reopen(id);
        }
    }

    fn reopen(&mut self, id: NodeId) {
        let node = &mut self.nodes[id];
        node.swept = false;
        let resource = node.resource.as_ref();
        if resource.is_some_and(|r| r.is_handler && !r.inputs.is_wholly_known()) {
            node.status = Status::Open;
            self.resource_mut(id).inputs_ready = false;
            return self.ask_again(id);
        }
        match node.status {
            Status::Deferred(_) => {}
            Status::Planned(_) => {
                node.status = Status::Settled;
                return;
            }
            _ => return,
        }
        node.status = Status::Open;
        node.waits_for.clear();
        node.ask_again = false;
        if let Some(resource) = &mut node.resource {
            resource.inputs_ready = false;
            resource.busy = false;
            // What has been read is still so; what has not been is begun anew.
            if !matches!(resource.prior, Prior::Known(_)) {
                resource.prior = Prior::NotAsked;
                resource.grounded = false;
            }
        }
        if !matches!(node.kind, NodeKind::Orphan) {
            self.ask_again(id);
        }
    }

    /// Whether something is left for a later wave.
    pub(crate) fn deferred(&self) -> usize {
        let deferred = |node: &&super::nodes::Node| matches!(node.status, Status::Deferred(_));
        self.nodes.iter().filter(deferred).count()
    }

    pub(crate) fn held_back(&self) -> usize {
        let held = |node: &&super::nodes::Node| matches!(node.status, Status::Held(_));
        self.nodes.iter().filter(held).count()
    }

    /// Notes what became of a step of a node.
    pub(crate) fn step_ended(&mut self, id: NodeId, operation: Operation, outcome: &Outcome) {
        let node = &mut self.nodes[id];
        let orphan = matches!(node.kind, NodeKind::Orphan);
        match outcome {
            // The old object of a replacement is not what others depend on.
            _ if operation == Operation::Delete && !orphan => {}
            Outcome::Applied => node.status = Status::Settled,
            Outcome::Failed | Outcome::Tainted | Outcome::InDoubt => node.status = Status::Failed,
            Outcome::SkippedBecause(member) => node.status = Status::Blocked(member.clone()),
            Outcome::Deferred if matches!(node.status, Status::Planned(_)) => {
                let inputs = node.resource.as_ref().map(|r| unknown_outputs(&r.inputs));
                let reason = DeferReason::Inputs(inputs.unwrap_or_default());
                node.status = Status::Deferred(reason);
            }
            Outcome::Deferred | Outcome::Cancelled => {}
        }
    }

    /// A resource's inputs, asked about again while a wave is applied.
    pub(crate) fn inputs_again(
        &mut self,
        component: Component,
    ) -> Result<Arc<Value>, Box<Diagnostic>> {
        let id = self.node_of(&component.path);
        let inputs = match component.kind {
            ComponentKind::Resource(resource) => match (resource.inputs_error, resource.inputs) {
                (Some(error), _) => Err(Box::new(from_eval_error(&error))),
                (None, Some(tree)) => Value::from_tree(&tree, &component.refs)
                    .map_err(|error| Box::new(Diagnostic::error(error.to_string()))),
                (None, None) => Ok(Value::null()),
            },
            ComponentKind::Failed { error } => Err(Box::new(from_eval_error(&error))),
            ComponentKind::Unknown { .. } => Ok(Value::unknown()),
            ComponentKind::Composite(_) => Err(Box::new(Diagnostic::error(
                "it was a resource when it was planned, and is none now",
            ))),
        };
        self.resource_mut(id).inputs = Arc::new(inputs?);
        self.mark_secrets(id);
        let misplaced = self.misplaced(id, &self.resource(id).inputs).0;
        if let Some(diagnostic) = misplaced.into_iter().next() {
            return Err(Box::new(diagnostic));
        }
        Ok(self.resource(id).inputs.clone())
    }

    /// What a worker needs for a step.
    pub(crate) fn job(
        &self,
        id: NodeId,
        operation: Operation,
        change: &Arc<Change>,
        depose: Option<DeposedKey>,
        inputs: Arc<Value>,
        plan_again: bool,
    ) -> Option<Job> {
        let ready = self.ready(id)?.clone();
        let resource = self.resource(id);
        let open = |id: StoreId| match &self.stores[id].status {
            StoreStatus::Ready(contents) => Some(contents.store.clone()),
            _ => None,
        };
        let store = resource.store.and_then(open);
        let lifecycle = &resource.declared.lifecycle;
        let create = operation == Operation::Create;
        let plan = plan_again.then(|| PlanWork {
            node: id,
            ready: ready.clone(),
            type_name: change.type_name.clone(),
            prior: change.before.clone().filter(|_| !create),
            inputs: inputs.clone(),
            stateful: store.is_some(),
            ignore_changes: lifecycle.ignore_changes.clone(),
            ignore_all_changes: lifecycle.ignore_all_changes,
            force_replace: false,
        });
        Some(Job {
            operation,
            change: change.clone(),
            ready,
            store,
            from_store: resource.from_store.and_then(open),
            provider: self.providers[resource.provider].record.clone()?,
            object: resource.object.clone(),
            depose,
            inputs,
            plan,
            prevent_destroy: lifecycle.prevent_destroy,
            ephemerals: self.ephemerals.clone(),
            progress: crate::apply::progress(&self.reporter, &change.member, operation),
        })
    }

    /// Whether what is remembered of a resource that stays as it is has to be written again.
    pub(crate) fn is_to_remember(&self, id: NodeId) -> bool {
        let Status::Planned(change) = &self.nodes[id].status else {
            return false;
        };
        debug_assert_eq!(change.action, Action::NoOp);
        let inputs = change.inputs.clone();
        self.job(id, Operation::Remember, change, None, inputs, false)
            .is_some_and(|job| job.is_to_remember())
    }
}
