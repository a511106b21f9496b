//! Makes the [`Plan`] out of a settled [`Session`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::model::{Basis, Deferred, FailedMember, HeldBack, Plan, StateNote};
use super::nodes::{NodeId, NodeKind, Status, StoreStatus};
use super::session::Session;
use crate::MemberPath;
use crate::graph::Graph;
use crate::provider::{Action, Mode};

impl Session {
    /// The plan of this wave. Diagnostics are the caller's to add.
    pub(crate) fn assemble(&mut self) -> Plan {
        self.settle();
        self.settle_planned();
        self.force_create_before_destroy();
        let mut plan = Plan {
            wave: self.wave,
            destroy: self.destroy,
            ..Plan::default()
        };
        for node in &self.nodes {
            let member = node.path.clone();
            match &node.status {
                Status::Planned(change) if self.is_listed(change) => {
                    plan.changes.push(change.as_ref().clone());
                }
                Status::Planned(change) if change.mode == Mode::Managed => plan.unchanged += 1,
                Status::Failed => plan.failed.push(FailedMember {
                    member,
                    because: None,
                }),
                Status::Blocked(because) => plan.failed.push(FailedMember {
                    member,
                    because: Some(because.clone()),
                }),
                Status::Deferred(reason) => plan.deferred.push(Deferred {
                    member,
                    reason: reason.clone(),
                    position: node.position.clone(),
                }),
                Status::Held(reason) => plan.held_back.push(HeldBack {
                    member,
                    reason: reason.clone(),
                }),
                _ => {}
            }
        }
        plan.changes.sort_by(|a, b| {
            let key = |c: &super::Change| {
                (
                    c.member.clone(),
                    c.action != Action::Delete,
                    c.deposed.clone(),
                )
            };
            key(a).cmp(&key(b))
        });
        plan.deferred.sort_by(|a, b| a.member.cmp(&b.member));
        plan.held_back.sort_by(|a, b| a.member.cmp(&b.member));
        plan.failed.sort_by(|a, b| a.member.cmp(&b.member));
        plan.failed.dedup_by(|a, b| a.member == b.member);
        plan.notes = self.state_notes();
        plan.basis = self.basis();
        plan
    }

    /// Whether a change is something to tell of.
    fn is_listed(&self, change: &super::Change) -> bool {
        change.action != Action::NoOp
            || matches!(
                change.reason,
                super::Reason::Import(_) | super::Reason::Moved
            ) && (change.moved_from.is_some()
                || change.moved_state.is_some()
                || matches!(change.reason, super::Reason::Import(_)))
    }

    /// What comes before something that is created before its old object is deleted has to be
    /// treated likewise: its old object must still be there until then.
    fn force_create_before_destroy(&mut self) {
        let mut graph = Graph::new(self.nodes.len());
        let mut wanted = Vec::new();
        for (id, node) in self.nodes.iter().enumerate() {
            let Status::Planned(change) = &node.status else {
                continue;
            };
            if change.create_before_destroy {
                wanted.push(id);
            }
            for output in &change.depends_on {
                if let Some(&other) = self.by_path.get(&output.member) {
                    graph.add_edge(id, other);
                }
            }
        }
        if wanted.is_empty() {
            return;
        }
        let forced = graph.all_needed(wanted);
        for (id, forced) in forced.into_iter().enumerate() {
            if let (true, Status::Planned(change)) = (forced, &mut self.nodes[id].status) {
                Arc::make_mut(change).create_before_destroy = true;
            }
        }
    }

    fn state_notes(&self) -> Vec<StateNote> {
        let mut notes = self.notes.clone();
        let default = self.store_by_handler.get(&None);
        if let Some(&id) = default
            && let StoreStatus::Ready(contents) = &self.stores[id].status
            && contents.snapshot.is_empty()
            && self.wave == 1
            && self.changes_of(id).next().is_some()
        {
            notes.push(StateNote::DefaultState {
                path: contents.store.place(),
            });
        }
        notes
    }

    fn changes_of(&self, store: usize) -> impl Iterator<Item = NodeId> + '_ {
        let uses = move |node: &super::nodes::Node| {
            let resource = node.resource.as_ref();
            matches!(node.status, Status::Planned(_))
                && resource.is_some_and(|resource| resource.store == Some(store))
        };
        self.nodes
            .iter()
            .enumerate()
            .filter(move |(_, node)| uses(node))
            .map(|(id, _)| id)
    }

    /// What was read of the state.
    fn basis(&self) -> Vec<Basis> {
        let mut basis = BTreeMap::new();
        for node in &self.nodes {
            let Some(resource) = &node.resource else {
                continue;
            };
            let Some(store) = resource.store else {
                continue;
            };
            if !matches!(node.kind, NodeKind::Resource | NodeKind::Orphan) {
                continue;
            }
            let StoreStatus::Ready(contents) = &self.stores[store].status else {
                continue;
            };
            let mut add = |member: &MemberPath| {
                let entry = contents.snapshot.resource(member).cloned();
                basis.insert((store, member.clone()), entry);
            };
            add(&node.path);
            let from = resource.moved_from.as_ref().unwrap_or(&node.path);
            match resource.from_store.map(|id| (id, &self.stores[id].status)) {
                None => add(from),
                Some((id, StoreStatus::Ready(contents))) => {
                    let entry = contents.snapshot.resource(from).cloned();
                    basis.insert((id, from.clone()), entry);
                }
                Some(_) => {}
            }
        }
        let basis = basis.into_iter().map(|((store, member), entry)| Basis {
            handler: self.stores[store].handler.clone(),
            member,
            entry,
        });
        basis.collect()
    }
}
