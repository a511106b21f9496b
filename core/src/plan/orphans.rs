//! What the state remembers and the deployment has no more: looked for once it is known what the
//! deployment has, and planned for deletion by who made it.

use std::collections::BTreeSet;
use std::sync::Arc;

use nixops4_proto::evaluator::{ProviderInstance, ProviderProgram};

use super::model::{HoldReason, Reason};
use super::session::{
    Node, NodeId, NodeKind, Prior, ProviderId, ProviderKey, ProviderStatus, ResourceNode, Session,
    Status, StoreId,
};
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
    fn is_gone(&self, path: &MemberPath) -> bool {
        if self.destroy {
            return true;
        }
        self.is_absent(path)
            || matches!(
                self.node_at(path).map(|node| &node.kind),
                Some(NodeKind::Composite(_))
            )
    }

    /// Looks for resources that have moved here from elsewhere.
    pub(crate) fn resolve_movers(&mut self) {
        for id in std::mem::take(&mut self.movers) {
            if !self.nodes[id].status.is_open() {
                continue;
            }
            match self.former(id) {
                None => self.no_prior(id),
                Some((from, object)) => {
                    let resource = self.resource_mut(id);
                    resource.object = Some(object);
                    resource.moved_from = Some(from);
                    self.read_prior(id);
                }
            }
        }
    }

    /// What is remembered under a former path of a resource.
    fn former(&self, id: NodeId) -> Option<(MemberPath, Arc<StoredObject>)> {
        let resource = self.resource(id);
        let (_, contents) = self
            .contents()
            .find(|(id, _)| Some(*id) == resource.store)?;
        let declared = &resource.declared;
        declared.formerly.iter().find_map(|from| {
            let object = contents.snapshot.object(from)?;
            let free = self.is_gone(from) && !contents.in_doubt.contains_key(from);
            (free && object.state.type_name == declared.type_name)
                .then(|| (from.clone(), object.clone()))
        })
    }

    /// Adds what is to be deleted; looked for when nothing else is going on.
    pub(crate) fn find_orphans(&mut self) {
        let taken: BTreeSet<MemberPath> = self
            .nodes
            .iter()
            .filter_map(|node| node.resource.as_ref()?.moved_from.clone())
            .collect();
        let mut found = Vec::new();
        let mut doubtful = Vec::new();
        for (store, contents) in self.contents() {
            for (path, entry) in contents.snapshot.resources() {
                let known = self.node_at(path);
                let handled = known.is_some_and(|node| node.swept);
                if handled || taken.contains(path) || !self.is_concerned(path) {
                    continue;
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
    /// first. Gives whether there were any that are new.
    pub(crate) fn pull_in_dependents(&mut self) -> bool {
        if self.selection.is_all() {
            return false;
        }
        let dependents = self.recorded_dependents();
        let mut new = BTreeSet::new();
        for node in &self.nodes {
            if let (NodeKind::Orphan, Some(members)) = (&node.kind, dependents.get(&node.path)) {
                let fresh = |member: &&MemberPath| !self.is_concerned(member);
                new.extend(members.iter().filter(fresh).cloned());
            }
        }
        for member in &new {
            self.pulled_in.insert(member.clone());
            if !self.destroy {
                self.ask(member);
            }
        }
        !new.is_empty()
    }

    /// Adds a node for an object that is to be deleted.
    pub(crate) fn add_orphan(
        &mut self,
        path: &MemberPath,
        store: Option<StoreId>,
        object: Arc<StoredObject>,
        deposed: Option<DeposedKey>,
    ) {
        let provider = self.recorded_provider(&object);
        let id = self.orphan_node(path);
        let mut resource = ResourceNode {
            store,
            grounded: true,
            inputs_ready: true,
            deposed,
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
        if !record.config.is_wholly_known() {
            let text = format!(
                "the provider `{}` that made it is no longer in the deployment, and its \
                 configuration had secrets, which are not stored",
                record.id
            );
            let hint = "put the provider back into the deployment until this is deleted";
            return Err(Box::new(Diagnostic::error(text).hint(hint)));
        }
        let mut refs = RefTable::default();
        let config = record.config.to_tree(&mut refs);
        let text = format!("{:?} {}", record.program, config.0);
        let key = ProviderKey::Recorded(record.id.clone(), text);
        if let Some(&id) = self.provider_by_key.get(&key) {
            return Ok(id);
        }
        let id = self.add_provider(
            key,
            ProviderInstance {
                id: record.id.clone(),
                program: record.program.clone(),
                config,
                refs: refs.into_refs(),
                position: None,
            },
        );
        self.providers[id].config = record.config.clone();
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
