//! Resources that are remembered elsewhere than they are now to be: under a former path, in another
//! state, as another type; and what is remembered twice because moving it was cut off.

use std::sync::Arc;

use super::model::{HoldReason, StateMove};
use super::nodes::{NodeId, NodeKind, Status, StoreId, StoreStatus};
use super::session::Session;
use crate::MemberPath;
use crate::diagnostic::Diagnostics;
use crate::state::StoredObject;
use crate::value::Value;

/// What is remembered of a resource elsewhere.
enum Former {
    /// Nothing.
    None,
    Found {
        store: StoreId,
        path: MemberPath,
        object: Arc<StoredObject>,
    },
    /// An operation on it is in doubt: what is known of it.
    InDoubt(String),
}

impl Session {
    /// Looks for what has moved here from elsewhere, once everything is told of that may have it.
    pub(crate) fn try_movers(&mut self) {
        let undecided =
            |status: &StoreStatus| matches!(status, StoreStatus::Open | StoreStatus::Opening);
        let all_open = !self.stores.iter().any(|store| undecided(&store.status));
        if self.evaluated && all_open && self.types_told() {
            self.resolve_movers();
        }
    }

    /// Looks for resources that have moved here from elsewhere, in the states that are open.
    pub(crate) fn resolve_movers(&mut self) {
        if self
            .stores
            .iter()
            .any(|store| matches!(store.status, StoreStatus::Opening))
        {
            return;
        }
        for id in std::mem::take(&mut self.movers) {
            if !self.nodes[id].status.is_open() {
                continue;
            }
            match self.former(id) {
                Former::None => self.no_prior(id),
                Former::InDoubt(doubt) => {
                    self.nodes[id].status = Status::Held(HoldReason::InDoubt(doubt));
                }
                Former::Found {
                    store,
                    path,
                    object,
                } => {
                    let own_path = path == self.nodes[id].path;
                    let resource = self.resource_mut(id);
                    resource.object = Some(object);
                    resource.moved_from = (!own_path).then_some(path);
                    resource.from_store = Some(store).filter(|_| resource.store != Some(store));
                    self.read_prior(id);
                }
            }
        }
    }

    /// What is remembered of a resource elsewhere: under its path in another state, or under a
    /// former path, in its own state first.
    fn former(&self, id: NodeId) -> Former {
        let resource = self.resource(id);
        let own = resource.store;
        let path = &self.nodes[id].path;
        let others = || {
            self.contents()
                .filter(move |(store, _)| Some(*store) != own)
        };
        let here = others().map(|found| (found, path));
        let formerly = |from: &'_ MemberPath| self.is_gone(from);
        let elsewhere = resource
            .declared
            .formerly
            .iter()
            .filter(|from| formerly(from));
        let elsewhere = elsewhere.flat_map(|from| {
            let own = self
                .contents()
                .filter(move |(store, _)| Some(*store) == own);
            own.chain(others()).map(move |found| (found, from))
        });
        for ((store, contents), from) in here.chain(elsewhere) {
            if let Some(doubt) = contents.in_doubt.get(from) {
                return Former::InDoubt(doubt.clone());
            }
            if let Some(object) = contents.snapshot.object(from) {
                return Former::Found {
                    store,
                    path: from.clone(),
                    object: object.clone(),
                };
            }
        }
        Former::None
    }

    /// Whether the user says that a resource was something else under its own path.
    pub(crate) fn was_other(&self, id: NodeId) -> bool {
        let resource = self.resource(id);
        resource.moved_from.is_some() || resource.declared.formerly.contains(&self.nodes[id].path)
    }

    /// A provider cannot take over what is remembered as another type: says what that is about.
    pub(crate) fn cannot_become(&self, id: NodeId, mut diagnostics: Diagnostics) -> Diagnostics {
        let resource = self.resource(id);
        let path = &self.nodes[id].path;
        let from = resource.moved_from.as_ref().unwrap_or(path);
        let object = resource.object.as_deref();
        let was = object.map_or("", |object| &object.state.type_name);
        if let Some(diagnostic) = diagnostics.0.first_mut() {
            let text = format!("`formerly` says that {path} was {from}, which is a `{was}`.");
            diagnostic.detail = match diagnostic.detail.is_empty() {
                true => text,
                false => format!("{}\n{text}", diagnostic.detail),
            };
            diagnostic.hints.push(format!(
                "without it in `formerly`, the `{was}` is deleted and a new object is made"
            ));
            diagnostic.position = diagnostic
                .position
                .take()
                .or_else(|| self.nodes[id].position.clone());
        }
        diagnostics
    }

    /// From which state a resource moves into which.
    pub(crate) fn state_move(&self, id: NodeId) -> Option<StateMove> {
        let resource = self.resource(id);
        let place = |store: StoreId| match &self.stores[store].status {
            StoreStatus::Ready(contents) => contents.store.place(),
            _ => String::new(),
        };
        Some(StateMove {
            from: place(resource.from_store?),
            to: place(resource.store?),
        })
    }

    /// Whether what a state remembers under a path is a copy that was left behind when the resource
    /// moved to another state and the move was cut off.
    pub(crate) fn is_left_behind(
        &self,
        store: StoreId,
        path: &MemberPath,
        object: &StoredObject,
    ) -> bool {
        let Some(node) = self
            .node_at(path)
            .filter(|n| matches!(n.kind, NodeKind::Resource))
        else {
            return false;
        };
        let resource = node.resource.as_deref();
        resource.is_some_and(|resource| {
            let elsewhere = resource.store.is_some_and(|own| own != store);
            let taken = resource.from_store == Some(store);
            let own = resource.object.as_deref();
            elsewhere && !taken && own.is_some_and(|own| same_object(own, object))
        })
    }
}

/// Whether two entries stand for one object in the world.
pub(crate) fn same_object(a: &StoredObject, b: &StoredObject) -> bool {
    let (a, b) = (&a.state, &b.state);
    if a.identity.is_some() || b.identity.is_some() {
        return a.identity == b.identity;
    }
    fn id(outputs: &Value) -> Option<&Value> {
        outputs.as_attrs()?.get("id").filter(|id| !id.is_null())
    }
    match (id(&a.outputs), id(&b.outputs)) {
        (Some(a), Some(b)) => super::values::same(a, b),
        _ => a.type_name == b.type_name && super::values::same(&a.outputs, &b.outputs),
    }
}
