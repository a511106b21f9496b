//! [`StateRouter`]: several states at once, and which resource is remembered in which.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixops4_proto::evaluator::StateChoice;

use super::{ResourceEntry, StateStore};
use crate::MemberPath;

/// Who handles a state.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Handler {
    /// The root's own file, where no component names a handler.
    Default,
    /// A resource.
    Member(MemberPath),
}

/// Which components name which handler, and the states of those handlers.
#[derive(Clone, Debug, Default)]
pub struct StateRouter {
    choices: BTreeMap<MemberPath, StateChoice>,
    stores: BTreeMap<Handler, Arc<dyn StateStore>>,
}

/// A resource that is remembered elsewhere than where it belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// The resource.
    pub member: MemberPath,
    /// Where it is remembered.
    pub found: Handler,
    /// Where it belongs; `None` if it is to have no state.
    pub belongs: Option<Handler>,
}

impl StateRouter {
    /// Notes what a component says about its state and that of what is below it.
    pub fn choose(&mut self, component: MemberPath, choice: StateChoice) {
        self.choices.insert(component, choice);
    }

    /// Notes the state of a handler.
    pub fn add_store(&mut self, handler: Handler, store: Arc<dyn StateStore>) {
        self.stores.insert(handler, store);
    }

    /// Where a component is remembered: where it says so itself, or the nearest component around
    /// it that says anything; `None` if it is to have no state.
    pub fn handler_of(&self, member: &MemberPath) -> Option<Handler> {
        let mut at = Some(member.clone());
        while let Some(path) = at {
            match self.choices.get(&path) {
                Some(StateChoice::Stateless) => return None,
                Some(StateChoice::Member(handler)) => {
                    return Some(Handler::Member(handler.clone()));
                }
                Some(StateChoice::Inherit) | None => at = path.parent(),
            }
        }
        Some(Handler::Default)
    }

    /// The handlers that components name, and the default one.
    pub fn handlers(&self) -> BTreeSet<Handler> {
        let named = self.choices.values().filter_map(|choice| match choice {
            StateChoice::Member(handler) => Some(Handler::Member(handler.clone())),
            StateChoice::Inherit | StateChoice::Stateless => None,
        });
        named.chain([Handler::Default]).collect()
    }

    /// The state of a handler, if it is open.
    pub fn store(&self, handler: &Handler) -> Option<&Arc<dyn StateStore>> {
        self.stores.get(handler)
    }

    /// The state in which a component belongs, if it has one and that is open.
    pub fn store_of(&self, member: &MemberPath) -> Option<&Arc<dyn StateStore>> {
        self.store(&self.handler_of(member)?)
    }

    /// All states that are open.
    pub fn stores(&self) -> impl Iterator<Item = (&Handler, &Arc<dyn StateStore>)> {
        self.stores.iter()
    }

    /// Where a resource is remembered: first where it belongs, else wherever it is.
    pub fn find(&self, member: &MemberPath) -> Option<(Handler, Arc<ResourceEntry>)> {
        let belongs = self.handler_of(member);
        let all = belongs.iter().chain(self.stores.keys());
        all.filter_map(|handler| {
            let snapshot = self.stores.get(handler)?.snapshot();
            Some((handler.clone(), snapshot.resource(member)?.clone()))
        })
        .next()
    }

    /// Resources that are remembered elsewhere than where they belong, for example because a
    /// component was given another handler.
    pub fn misplaced(&self) -> Vec<Misplaced> {
        let mut misplaced = Vec::new();
        for (found, store) in &self.stores {
            for (member, _) in store.snapshot().resources() {
                let belongs = self.handler_of(member);
                if belongs.as_ref() != Some(found) {
                    misplaced.push(Misplaced {
                        member: member.clone(),
                        found: found.clone(),
                        belongs,
                    });
                }
            }
        }
        misplaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::samples::{path, sample};
    use crate::state::{MemoryStore, StateEvent};

    async fn router() -> StateRouter {
        let mut router = StateRouter::default();
        router.choose(path(""), StateChoice::Member(path("state")));
        router.choose(path("state"), StateChoice::Stateless);
        router.choose(path("web.db"), StateChoice::Member(path("web.vault")));
        router.choose(path("web.db.x"), StateChoice::Inherit);
        for (handler, member) in [("state", "web.db.x"), ("web.vault", "web.db.y")] {
            let store = MemoryStore::new();
            let object = sample(1).into();
            let found = StateEvent::Found {
                member: path(member),
                deposed: None,
                object,
            };
            store.record(found).await.expect("recorded");
            router.add_store(Handler::Member(path(handler)), Arc::new(store));
        }
        router
    }

    #[tokio::test]
    async fn the_nearest_component_that_says_something_decides() {
        let router = router().await;
        let (state, vault) = (
            Handler::Member(path("state")),
            Handler::Member(path("web.vault")),
        );
        assert_eq!(router.handler_of(&path("web.a")), Some(state.clone()));
        assert_eq!(router.handler_of(&path("state")), None);
        assert_eq!(router.handler_of(&path("web.db.x")), Some(vault.clone()));
        assert_eq!(
            StateRouter::default().handler_of(&path("a")),
            Some(Handler::Default)
        );
        assert_eq!(router.handlers(), [Handler::Default, state, vault].into());
    }

    #[tokio::test]
    async fn a_resource_is_found_wherever_it_is_and_said_to_be_misplaced() {
        let router = router().await;
        let state = Handler::Member(path("state"));
        let vault = Handler::Member(path("web.vault"));
        let find = |member| router.find(&path(member)).map(|(handler, _)| handler);
        assert_eq!(find("web.db.x"), Some(state.clone()));
        assert_eq!(find("web.db.y"), Some(vault.clone()));
        assert_eq!(find("web.db.z"), None);
        let misplaced = Misplaced {
            member: path("web.db.x"),
            found: state,
            belongs: Some(vault),
        };
        assert_eq!(router.misplaced(), [misplaced]);
    }
}
