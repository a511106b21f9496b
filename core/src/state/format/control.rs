//! [`Control`]: which objects and intents there are, as the events of a log say.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value as Json;

use super::node::Node;
use crate::MemberPath;
use crate::state::transition::{Doing, Effect, ObjectRef, Step, World, next};
use crate::state::{DeposedKey, Illegal, IntentId, Snapshot};

/// Which objects and intents there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Control {
    /// The objects of each resource: `None` is the current one.
    objects: BTreeMap<MemberPath, BTreeSet<Option<DeposedKey>>>,
    intents: BTreeMap<IntentId, Doing>,
}

impl Control {
    /// What a document has.
    pub fn of(document: &mut Node<'_>) -> Self {
        let mut control = Self::default();
        for (id, node) in parts(document, "intents") {
            let doing = doing(&node.to_json());
            control
                .intents
                .extend(doing.map(|doing| (IntentId::from(id.as_str()), doing)));
        }
        control.add_composite(&MemberPath::root(), document);
        control
    }

    fn add_composite(&mut self, path: &MemberPath, composite: &mut Node<'_>) {
        for (name, resource) in parts(composite, "resources") {
            let member = match name.is_empty() {
                true => path.clone(),
                false => path.child(name.as_str()),
            };
            let deposed = parts(resource, "deposed").map(|(key, _)| Some(key.as_str().into()));
            let mut objects: BTreeSet<_> = deposed.collect();
            if resource
                .object()
                .is_some_and(|map| map.contains_key("type"))
            {
                objects.insert(None);
            }
            self.objects.insert(member, objects);
        }
        for (name, inner) in parts(composite, "deployments") {
            self.add_composite(&path.child(name.as_str()), inner);
        }
    }

    /// Takes a step, if it may follow.
    pub fn follow(&mut self, step: &Step) -> Result<(), Illegal> {
        let next = next(self, step)?;
        match next.effect {
            Effect::None => {}
            Effect::Set((member, key)) => drop(self.objects.entry(member).or_default().insert(key)),
            Effect::Drop(object) => self.remove(&object),
            Effect::SetAside(member, key) => {
                self.remove(&(member.clone(), None));
                self.objects.entry(member).or_default().insert(Some(key));
            }
            Effect::Restore(member, key) => {
                self.remove(&(member.clone(), Some(key)));
                self.objects.entry(member).or_default().insert(None);
            }
            Effect::Move(from, to) => {
                let objects = self.objects.remove(&from);
                self.objects.extend(objects.map(|objects| (to, objects)));
            }
            Effect::Forget(member) => drop(self.objects.remove(&member)),
        }
        match (step, next.intent) {
            (Step::Begin(id, doing), _) => drop(self.intents.insert(id.clone(), doing.clone())),
            (_, Some((id, _))) => drop(self.intents.remove(&id)),
            (_, None) => {}
        }
        Ok(())
    }

    fn remove(&mut self, (member, key): &ObjectRef) {
        if let Some(objects) = self.objects.get_mut(member) {
            objects.remove(key);
            if objects.is_empty() {
                self.objects.remove(member);
            }
        }
    }

    /// Whether a snapshot has the same objects and intents.
    pub fn agrees(&self, snapshot: &Snapshot) -> bool {
        let objects = snapshot.resources().all(|(member, entry)| {
            self.objects.get(member).is_some_and(|objects| {
                let deposed = entry
                    .deposed
                    .keys()
                    .filter(|key| objects.contains(&Some((*key).clone())));
                let current = usize::from(entry.current.is_some());
                objects.contains(&None) == entry.current.is_some()
                    && deposed.count() == entry.deposed.len()
                    && objects.len() == entry.deposed.len() + current
            })
        });
        let intents = self
            .intents
            .iter()
            .all(|(id, doing)| snapshot.doing(id).as_ref() == Some(doing));
        objects
            && intents
            && self.objects.len() == snapshot.len()
            && self.intents.len() == snapshot.intents().count()
    }
}

impl World for Control {
    fn exists(&self, (member, key): &ObjectRef) -> bool {
        self.objects
            .get(member)
            .is_some_and(|objects| objects.contains(key))
    }

    fn knows(&self, member: &MemberPath) -> bool {
        self.objects.contains_key(member)
    }

    fn doing(&self, id: &IntentId) -> Option<Doing> {
        self.intents.get(id).cloned()
    }

    fn find_doing(&self, concerns: &dyn Fn(&Doing) -> bool) -> Option<(IntentId, Doing)> {
        let found = self.intents.iter().find(|(_, doing)| concerns(doing))?;
        Some((found.0.clone(), found.1.clone()))
    }
}

fn parts<'n, 'a>(
    node: &'n mut Node<'a>,
    name: &str,
) -> impl Iterator<Item = (&'n String, &'n mut Node<'a>)> + use<'n, 'a> {
    let map = node
        .object()
        .and_then(|map| map.get_mut(name))
        .and_then(Node::object);
    map.into_iter().flatten()
}

fn doing(intent: &Json) -> Option<Doing> {
    Some(Doing {
        member: intent.get("member")?.as_str()?.parse().ok()?,
        operation: Deserialize::deserialize(intent.get("operation")?).ok()?,
        key: intent
            .get("deposed")
            .and_then(Json::as_str)
            .map(DeposedKey::from),
    })
}
