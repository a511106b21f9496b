//! What the state remembers and the deployment has no more: looked for once it is known what the
//! deployment has, and planned for deletion by who made it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixops4_proto::evaluator::{ProviderInstance, ProviderProgram};

use super::configuration::{completed, incomplete};
use super::model::{HoldReason, Reason};
use super::moves::same_object;
use super::nodes::{
    Node, NodeId, NodeKind, Prior, ProviderId, ProviderKey, ProviderStatus, ResourceNode, Status,
    StoreId, Waiter,
};
use super::session::Session;
use super::work::Work;
use crate::MemberPath;
use crate::diagnostic::Diagnostic;
use crate::provider::{Action, PlannedChange};
use crate::state::{DeposedKey, StoredObject};
use crate::value::{RefTable, Value};

impl Session {
    /// Whether what is around a path has no such member.
    pub(crate) fn is_absent(&self, path: &MemberPath) -> bool {
        let mut at = MemberPath::root();
        for name in path.names() {
            match self.node_at(&at).map(|node| &node.kind) {
                Some(NodeKind::Composite(composite)) => {
                    if composite.members.binary_search(name).is_err() {
                        return true;
                    }
                }
                Some(NodeKind::Resource | NodeKind::Absent) => return true,
                _ => return false,
            }
            at = at.child(name.clone());
        }
        false
    }

    /// Whether a resource that the state remembers is no longer in the deployment.
    pub(crate) fn is_gone(&self, path: &MemberPath) -> bool {
        if self.destroy {
            return true;
        }
        self.is_absent(path)
            || matches!(
                self.node_at(path).map(|node| &node.kind),
                Some(NodeKind::Composite(_))
            )
    }

    /// Adds what is to be deleted, and what has to go before it; looked for when nothing else is
    /// going on.
    pub(crate) fn find_deletions(&mut self) {
        self.find_orphans();
        while self.pull_in_dependents() {
            self.find_orphans();
        }
    }

    fn find_orphans(&mut self) {
        let taken: BTreeSet<MemberPath> = self
            .nodes
            .iter()
            .filter_map(|node| node.resource.as_ref()?.moved_from.clone())
            .collect();
        let mut found = Vec::new();
        // What one state remembers another may, too, where a move was cut off; of what is gone, the
        // first counts.
        let several = self.contents().count() > 1;
        let mut firsts: BTreeMap<&MemberPath, &Arc<StoredObject>> = BTreeMap::new();
        let mut copies = Vec::new();
        let mut doubtful = Vec::new();
        for (store, contents) in self.contents() {
            for (path, entry) in contents.snapshot.resources() {
                let known = self.node_at(path);
                let handled = known.is_some_and(|node| node.swept);
                if handled || taken.contains(path) || !self.is_concerned(path) {
                    continue;
                }
                let copy = |object: &&Arc<StoredObject>| {
                    let first = firsts.get(path);
                    first.is_some_and(|first| same_object(first, object))
                        || self.is_left_behind(store, path, object)
                };
                if let Some(object) = entry.current.as_ref().filter(copy) {
                    copies.push((path.clone(), store, object.clone()));
                    continue;
                }
                if let Some(object) = entry
                    .current
                    .as_ref()
                    .filter(|_| several && self.is_gone(path))
                {
                    firsts.insert(path, object);
                }
                let current = entry.current.as_ref().filter(|_| self.is_gone(path));
                // A deposed object is left from what is here still, or has gone as well.
                let current = current.map(|object| (None, object.clone()));
                let deposed = entry.deposed.iter();
                let deposed = deposed.map(|(key, object)| (Some(key.clone()), object.clone()));
                for (key, object) in current.into_iter().chain(deposed) {
                    found.push((path.clone(), store, key, object));
                }
            }
            for (path, doubt) in &contents.in_doubt {
                if self.is_concerned(path) {
                    doubtful.push((path.clone(), doubt.clone()));
                }
            }
        }
        for (path, doubt) in doubtful {
            let id = self.node_of(&path);
            self.nodes[id].swept = true;
            self.nodes[id].status = Status::Held(HoldReason::InDoubt(doubt));
        }
        for (path, store, object) in copies {
            self.add_copy(&path, store, object);
        }
        for (path, store, key, object) in found {
            if let Some(node) = self.by_path.get(&path) {
                let held = matches!(self.nodes[*node].status, Status::Held(_));
                self.nodes[*node].swept = true;
                if held {
                    continue;
                }
            }
            self.add_orphan(&path, Some(store), object, key);
        }
    }

    /// Whether this run is to look after a member at all.
    fn is_concerned(&self, path: &MemberPath) -> bool {
        self.selection.covers(path) || self.pulled_in.contains(path)
    }

    /// Adds members that depended on what is to be deleted, so that they are deleted or changed
    /// first; and what depended on those that are gone as well, at once, however long the chain.
    /// Gives whether there were any that are new.
    fn pull_in_dependents(&mut self) -> bool {
        let is_orphan = |node: &&Node| matches!(node.kind, NodeKind::Orphan);
        if self.selection.is_all() || !self.nodes.iter().any(|node| is_orphan(&node)) {
            return false;
        }
        let dependents = self.recorded_dependents();
        let orphans = self.nodes.iter().filter(is_orphan);
        let mut deleted: Vec<_> = orphans.map(|node| node.path.clone()).collect();
        let mut new = BTreeSet::new();
        while let Some(path) = deleted.pop() {
            for member in dependents.get(&path).into_iter().flatten() {
                if !self.is_concerned(member) && new.insert(member.clone()) {
                    // What is in doubt is held back, and what depends on it stays with it.
                    let goes = self.is_gone(member) && !self.is_in_doubt(member);
                    deleted.extend(goes.then(|| member.clone()));
                }
            }
        }
        let any = !new.is_empty();
        for member in new {
            if !self.destroy {
                self.ask(&member);
            }
            self.pulled_in.insert(member);
        }
        any
    }

    fn is_in_doubt(&self, member: &MemberPath) -> bool {
        self.contents()
            .any(|(_, contents)| contents.in_doubt.contains_key(member))
    }

    /// Adds a node for what a state remembers of an object that another state has by now.
    fn add_copy(&mut self, path: &MemberPath, store: StoreId, object: Arc<StoredObject>) {
        let of_another = |node: &Node| {
            let resource = node.resource.as_deref();
            node.path == *path && resource.is_some_and(|r| r.copy && r.store == Some(store))
        };
        if !self.nodes.iter().any(of_another) {
            self.add_node_for(path, Some(store), object, None, true);
        }
    }

    /// Adds a node for an object that is to be deleted.
    pub(crate) fn add_orphan(
        &mut self,
        path: &MemberPath,
        store: Option<StoreId>,
        object: Arc<StoredObject>,
        deposed: Option<DeposedKey>,
    ) {
        self.add_node_for(path, store, object, deposed, false);
    }

    fn add_node_for(
        &mut self,
        path: &MemberPath,
        store: Option<StoreId>,
        object: Arc<StoredObject>,
        deposed: Option<DeposedKey>,
        copy: bool,
    ) {
        let provider = self.recorded_provider(&object);
        let id = self.orphan_node(path);
        let mut resource = ResourceNode {
            store,
            grounded: true,
            inputs_ready: true,
            deposed,
            copy,
            ..ResourceNode::default()
        };
        resource.declared.type_name = object.state.type_name.clone();
        resource.declared.mode = object.mode;
        resource.object = Some(object);
        let node = &mut self.nodes[id];
        node.kind = NodeKind::Orphan;
        node.swept = true;
        node.status = Status::Open;
        match provider {
            Ok(provider) => {
                resource.provider = provider;
                node.resource = Some(Box::new(resource));
                self.need_provider(id, provider);
            }
            Err(diagnostic) => {
                node.resource = Some(Box::new(resource));
                self.fail(id, *diagnostic);
            }
        }
    }

    /// A node for an object to delete; its path may have one for what is to be there instead.
    fn orphan_node(&mut self, path: &MemberPath) -> NodeId {
        if !self.by_path.contains_key(path) {
            return self.node_of(path);
        }
        let id = self.nodes.len();
        let node = Node::new(path.clone(), self.selection.covers(path));
        self.nodes.push(node);
        id
    }

    /// Has what the configurations of providers wait for told, where what they made is to be
    /// deleted and the state does not know all of how they were configured.
    pub(crate) fn want_configurations(&mut self) {
        let mut incomplete = BTreeSet::new();
        for (_, contents) in self.contents() {
            for (path, entry) in contents.snapshot.resources() {
                let objects = entry.current.iter().chain(entry.deposed.values());
                let records = objects.filter_map(|object| object.provider.as_ref());
                let unknown = records.filter(|record| !record.config.is_wholly_known());
                incomplete.extend(unknown.filter(|_| self.is_gone(path)).map(|r| r.id.clone()));
            }
        }
        for id in incomplete {
            let Some(&id) = self.provider_by_key.get(&ProviderKey::Declared(id)) else {
                continue;
            };
            let provider = &mut self.providers[id];
            let pending = provider.waits_for.clone();
            let waits = matches!(provider.status, ProviderStatus::Open) && !pending.is_empty();
            if waits
                && provider.waiting.is_empty()
                && !std::mem::replace(&mut provider.wanted, true)
            {
                self.wait(Waiter::Provider(id), &pending);
            }
        }
    }

    /// Who is to delete an object: the instance that made it, as the deployment has it now, or
    /// else as it is remembered.
    pub(crate) fn recorded_provider(
        &mut self,
        object: &StoredObject,
    ) -> Result<ProviderId, Box<Diagnostic>> {
        let type_name = &object.state.type_name;
        let Some(record) = &object.provider else {
            let text = format!(
                "no one knows how to delete it: it is a `{type_name}` that an earlier version of \
                 NixOps4 made, without noting the provider"
            );
            let hint = "delete it by hand, then have it forgotten: \
                        `nixops4 state repair MEMBER --forget`";
            return Err(Box::new(Diagnostic::error(text).hint(hint)));
        };
        let declared = ProviderKey::Declared(record.id.clone());
        if let Some(&id) = self.provider_by_key.get(&declared) {
            let provider = &self.providers[id];
            let usable = match provider.status {
                ProviderStatus::Ready(_) | ProviderStatus::Starting => true,
                ProviderStatus::Open => provider.config.is_wholly_known(),
                ProviderStatus::Deferred(_) | ProviderStatus::Failed => false,
            };
            if usable && same_kind(&provider.instance.program, &record.program) {
                return Ok(id);
            }
        }
        let evaluated = self.provider_by_key.get(&declared);
        let evaluated = evaluated.map(|&id| &self.providers[id].config);
        let remembered = completed(&record.config, evaluated);
        let remembered =
            remembered.map_err(|missing| Box::new(incomplete(&record.id, &missing)))?;
        let mut refs = RefTable::default();
        let config = remembered.to_tree(&mut refs);
        let text = format!("{:?} {}", record.program, config.0);
        let key = ProviderKey::Recorded(record.id.clone(), text);
        if let Some(&id) = self.provider_by_key.get(&key) {
            return Ok(id);
        }
        // What the account bears does not depend on what is done there.
        let declared = ProviderKey::Declared(record.id.clone());
        let declared = self.provider_by_key.get(&declared);
        let settings = declared.map(|&id| self.providers[id].instance.settings.clone());
        let id = self.add_provider(
            key,
            ProviderInstance {
                id: record.id.clone(),
                program: record.program.clone(),
                config,
                refs: refs.into_refs(),
                settings: settings.unwrap_or_default(),
                position: None,
            },
        );
        self.providers[id].config = remembered;
        Ok(id)
    }

    /// Plans the deletion of an object, once it is known whether it is there.
    pub(crate) fn plan_delete(&mut self, id: NodeId) {
        let Prior::Known(prior) = self.resource(id).prior.clone() else {
            return;
        };
        let Some(prior) = prior else {
            let planned = PlannedChange {
                action: Action::Forget,
                outputs: Value::null(),
                replace_paths: Vec::new(),
                provider_data: Vec::new(),
                deferred: None,
            };
            return self.planned(id, Ok(planned.into()));
        };
        let Some(ready) = self.ready(id).cloned() else {
            return;
        };
        self.nodes[id].status = Status::Planning;
        self.work.push_back(Work::PlanDelete {
            node: id,
            ready,
            prior,
        });
    }

    pub(crate) fn orphan_reason(&self, id: NodeId) -> Reason {
        let resource = self.resource(id);
        match (&resource.deposed, &resource.prior) {
            _ if resource.copy => Reason::LeftBehind,
            (_, Prior::Known(None)) => Reason::Vanished,
            (Some(_), _) => Reason::Deposed,
            _ if self.destroy => Reason::Destroy,
            _ => Reason::LeftDeployment,
        }
    }
}

/// Whether two programs are spoken to alike, so that an object of one is one of the other.
fn same_kind(a: &ProviderProgram, b: &ProviderProgram) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}
