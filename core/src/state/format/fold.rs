//! [`Fold`]: events, one after another, make a document.

use nixops4_proto::state::Event;
use serde_json::Value as Json;

use super::{document, events, patch, pointer};
use crate::MemberPath;
use crate::state::transition::{Doing, Effect, Next, ObjectRef, World, next};
use crate::state::{DeposedKey, IntentId};

/// The events so far.
#[derive(Clone, Debug, Default)]
pub(in crate::state) struct Fold {
    document: Json,
    version: u32,
    next_index: u64,
}

/// Why an event cannot come next.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::state) enum FoldError {
    /// It is no state, or one that cannot be read: the text goes on after the name of the place.
    #[error("it {0}")]
    Foreign(String),
    /// It does not fit what came before.
    #[error("{0}")]
    Corrupt(String),
}

impl From<String> for FoldError {
    fn from(reason: String) -> Self {
        Self::Corrupt(reason)
    }
}

impl Fold {
    /// Adds an event. After an error the fold is of no use.
    pub fn push(&mut self, event: Event) -> Result<(), FoldError> {
        // Version 0 neither numbered its events reliably nor said what they do.
        let checked = self.version > 0;
        if checked && event.index != self.next_index {
            return Err(FoldError::Corrupt(format!(
                "the event has the index {} where {} is next",
                event.index, self.next_index
            )));
        }
        let step = if checked {
            events::step(&event.meta)?
        } else {
            None
        };
        let expected = step.map(|step| next(&Document(&self.document), &step));
        let expected = expected
            .transpose()
            .map_err(|illegal| illegal.to_string())?;
        patch::apply(&mut self.document, event.patch)?;
        self.version = document::version(&self.document).map_err(FoldError::Foreign)?;
        self.next_index = event.index.saturating_add(1);
        match expected {
            Some(expected) => Ok(verify(&Document(&self.document), &expected)?),
            None => Ok(()),
        }
    }

    /// The index of the event that comes next.
    pub fn next_index(&self) -> u64 {
        self.next_index
    }

    /// What the events made; `null` without any.
    pub fn into_document(self) -> Json {
        self.document
    }
}

/// Checks that a patch did what its event says.
fn verify(document: &Document<'_>, next: &Next) -> Result<(), String> {
    let intent = next
        .intent
        .iter()
        .all(|(id, open)| document.has_intent(id) == *open);
    let current = |member: &MemberPath| document.exists(&(member.clone(), None));
    let aside = |member: &MemberPath, key: &DeposedKey| {
        document.exists(&(member.clone(), Some(key.clone())))
    };
    let effect = match &next.effect {
        Effect::None => true,
        Effect::Set(object) => document.exists(object),
        Effect::Drop(object) => !document.exists(object),
        Effect::SetAside(member, key) => aside(member, key) && !current(member),
        Effect::Restore(member, key) => !aside(member, key) && current(member),
        Effect::Move(from, to) => !document.knows(from) && document.knows(to),
        Effect::Forget(member) => !document.knows(member),
    };
    match intent && effect {
        true => Ok(()),
        false => Err("its patch does not do what its `meta` says".into()),
    }
}

/// A document, as far as events are judged by it.
struct Document<'a>(&'a Json);

impl Document<'_> {
    fn has_intent(&self, id: &IntentId) -> bool {
        self.intents()
            .is_some_and(|intents| intents.contains_key(id.as_str()))
    }

    fn intents(&self) -> Option<&serde_json::Map<String, Json>> {
        self.0.get("intents")?.as_object()
    }
}

impl World for Document<'_> {
    fn exists(&self, (member, deposed): &ObjectRef) -> bool {
        pointer::find_resource(self.0, member).is_some_and(|entry| match deposed {
            None => entry.contains_key("type"),
            Some(key) => entry
                .get("deposed")
                .is_some_and(|all| all.get(key.as_str()).is_some()),
        })
    }

    fn knows(&self, member: &MemberPath) -> bool {
        pointer::find_resource(self.0, member).is_some()
    }

    fn doing(&self, id: &IntentId) -> Option<Doing> {
        doing(self.intents()?.get(id.as_str())?)
    }

    fn all_doing(&self) -> Vec<(IntentId, Doing)> {
        let intents = self.intents().into_iter().flatten();
        intents
            .filter_map(|(id, json)| Some((IntentId::from(id.as_str()), doing(json)?)))
            .collect()
    }
}

fn doing(intent: &Json) -> Option<Doing> {
    Some(Doing {
        member: intent.get("member")?.as_str()?.parse().ok()?,
        operation: serde::Deserialize::deserialize(intent.get("operation")?).ok()?,
        key: intent
            .get("deposed")
            .and_then(Json::as_str)
            .map(DeposedKey::from),
    })
}
