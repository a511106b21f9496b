//! [`Ledger`]: turns what happens into events, and keeps the snapshot that they fold to.
//!
//! Every kind of store has one; a store only brings the events to where they are kept.

use std::sync::Arc;

use nixops4_proto::state::{Event, Meta, PatchOp, Run};

use super::format::{self, Layout, redacted, storable};
use super::transition::{Doing, Effect, Next, ObjectRef, Step, World, next};
use super::{
    DeposedKey, Illegal, Intent, IntentId, OpenIntent, Outcome, ProviderRecord, ResourceEntry,
    Snapshot, StateEvent, StoredObject, clock,
};
use crate::MemberPath;

/// Something that happens.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Begin(IntentId, Intent),
    Finish(IntentId, Outcome),
    Record(StateEvent),
}

impl Change {
    fn step(&self) -> Step {
        match self {
            Self::Begin(id, intent) => Step::Begin(id.clone(), doing(intent)),
            Self::Finish(id, outcome) => Step::Finish(id.clone(), outcome.kind()),
            Self::Record(event) => match event.clone() {
                StateEvent::Found {
                    member, deposed, ..
                } => Step::Found((member, deposed)),
                StateEvent::Gone { member, deposed } => Step::Gone((member, deposed)),
                StateEvent::Moved { from, to } => Step::Moved(from, to),
                StateEvent::Forgotten { member } => Step::Forgotten(member),
                StateEvent::IntentForgotten { id, with_object } => {
                    Step::IntentForgotten { id, with_object }
                }
            },
        }
    }
}

fn doing(intent: &Intent) -> Doing {
    Doing {
        member: intent.member.clone(),
        operation: intent.operation.kind(),
        key: intent.operation.key().cloned(),
    }
}

impl World for Snapshot {
    fn exists(&self, (member, deposed): &ObjectRef) -> bool {
        self.resource(member).is_some_and(|entry| match deposed {
            None => entry.current.is_some(),
            Some(key) => entry.deposed.contains_key(key),
        })
    }

    fn knows(&self, member: &MemberPath) -> bool {
        self.resource(member).is_some()
    }

    fn doing(&self, id: &IntentId) -> Option<Doing> {
        self.intent(id).map(|open| doing(&open.intent))
    }

    fn find_doing(&self, concerns: &dyn Fn(&Doing) -> bool) -> Option<(IntentId, Doing)> {
        let mut all = self.intents().map(|(id, open)| (id, doing(&open.intent)));
        all.find(|(_, doing)| concerns(doing))
            .map(|(id, doing)| (id.clone(), doing))
    }
}

/// The snapshot, and the number of the next event. Cheap to clone, for going back.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    pub snapshot: Snapshot,
    pub next_index: u64,
    run: Run,
    providers: Vec<Arc<ProviderRecord>>,
}

impl Ledger {
    /// Goes on from a snapshot.
    pub fn new(snapshot: Snapshot, next_index: u64, run: Run) -> Self {
        Self {
            snapshot,
            next_index,
            run,
            providers: Vec::new(),
        }
    }

    /// Lets something happen: the events for it, none if it changes nothing. After an error
    /// nothing has happened.
    pub fn commit(&mut self, change: Change) -> Result<Vec<Event>, Illegal> {
        let step = change.step();
        let next = next(&self.snapshot, &step)?;
        let time = clock::now();
        let doing = match &step {
            Step::Finish(id, _) | Step::IntentForgotten { id, .. } => self.snapshot.doing(id),
            _ => None,
        };
        let meta = format::meta(&step, doing.as_ref(), time.clone());
        let mut events = self.prepare_document(&time);
        let mut draft = Draft {
            ledger: self,
            ops: Vec::new(),
        };
        draft.apply(change, next, time);
        let patch = draft.ops;
        if !patch.is_empty() {
            events.push(self.event(meta, patch));
        }
        Ok(events)
    }

    /// Lets all of these happen, or none.
    pub fn commit_all(&mut self, changes: Vec<Change>) -> Result<Vec<Event>, Illegal> {
        let before = self.clone();
        let mut events = Vec::new();
        for change in changes {
            match self.commit(change) {
                Ok(more) => events.extend(more),
                Err(illegal) => {
                    *self = before;
                    return Err(illegal);
                }
            }
        }
        Ok(events)
    }

    /// The document that the first event needs, in this version.
    fn prepare_document(&mut self, time: &str) -> Vec<Event> {
        let layout = &mut self.snapshot.layout;
        let (name, patch) = match layout.version {
            None => {
                *layout = Layout::initial();
                ("initialize", vec![format::add("", format::empty())])
            }
            Some(_) => ("upgrade", format::upgrade(layout)),
        };
        if patch.is_empty() {
            return Vec::new();
        }
        let meta = Meta {
            time: time.to_owned(),
            event: Some(name.to_owned()),
            ..Meta::default()
        };
        vec![self.event(meta, patch)]
    }

    /// An object as it comes back after it was stored.
    fn storable(&mut self, mut object: StoredObject) -> StoredObject {
        object.state.inputs = storable(&object.state.inputs);
        object.state.outputs = storable(&object.state.outputs);
        object.provider = object
            .provider
            .map(|provider| self.storable_provider(provider));
        object
    }

    /// The same for a provider. Few provider instances make all the objects: they share a record.
    fn storable_provider(&mut self, provider: Arc<ProviderRecord>) -> Arc<ProviderRecord> {
        let config = redacted(&provider.config);
        let provider = match config == provider.config {
            true => provider,
            false => Arc::new(ProviderRecord {
                config,
                ..ProviderRecord::clone(&provider)
            }),
        };
        if let Some(known) = self.providers.iter().find(|known| **known == provider) {
            return known.clone();
        }
        self.providers.push(provider.clone());
        provider
    }

    fn event(&mut self, meta: Meta, patch: Vec<PatchOp>) -> Event {
        let index = self.next_index;
        self.next_index += 1;
        Event { index, meta, patch }
    }
}

/// A ledger in the course of one change, with what changed so far in its stored form.
struct Draft<'a> {
    ledger: &'a mut Ledger,
    ops: Vec<PatchOp>,
}

impl Draft<'_> {
    fn apply(&mut self, change: Change, next: Next, time: String) {
        let (begun, object) = match change {
            Change::Begin(id, intent) => (Some((id, intent)), None),
            Change::Finish(_, Outcome::Object(object))
            | Change::Record(StateEvent::Found { object, .. }) => (None, Some(object)),
            Change::Finish(..) | Change::Record(_) => (None, None),
        };
        match next.effect {
            Effect::None => {}
            Effect::Set((member, key)) => {
                let object = self.ledger.storable(*object.unwrap_or_default());
                self.change_resource(&member, |entry| set(entry, key, object));
            }
            Effect::Drop((member, None)) => {
                self.change_resource(&member, |entry| entry.current = None);
            }
            Effect::Drop((member, Some(key))) => {
                self.change_resource(&member, |entry| drop(entry.deposed.remove(&key)));
            }
            Effect::SetAside(member, key) => self.change_resource(&member, |entry| {
                let object = entry.current.take();
                entry.deposed.extend(object.map(|object| (key, object)));
            }),
            Effect::Restore(member, key) => self.change_resource(&member, |entry| {
                entry.current = entry.deposed.remove(&key);
            }),
            Effect::Move(from, to) => self.move_resource(&from, &to),
            Effect::Forget(member) => self.set_resource(&member, None),
        }
        match (begun, next.intent) {
            (Some((id, intent)), _) => self.open(id, intent, time),
            (None, Some((id, _))) => self.close(&id),
            (None, None) => {}
        }
    }

    fn open(&mut self, id: IntentId, mut intent: Intent, time: String) {
        intent.inputs = storable(&intent.inputs);
        intent.provider = intent
            .provider
            .map(|provider| self.ledger.storable_provider(provider));
        let open = OpenIntent {
            intent,
            time,
            run: self.ledger.run.clone(),
        };
        let pointer = format::intent_pointer(id.as_str());
        self.ops
            .push(format::add(pointer, format::write_intent(&open)));
        self.ledger.snapshot.intents.insert_mut(id, Arc::new(open));
    }

    fn close(&mut self, id: &IntentId) {
        self.ledger.snapshot.intents.remove_mut(id);
        self.ops
            .push(format::remove(format::intent_pointer(id.as_str())));
    }

    fn move_resource(&mut self, from: &MemberPath, to: &MemberPath) {
        let snapshot = &mut self.ledger.snapshot;
        if let Some(entry) = snapshot.resources.get(from).cloned() {
            snapshot.layout.make_room(to, &mut self.ops);
            snapshot.resources.insert_mut(to.clone(), entry);
            snapshot.resources.remove_mut(from);
            let (from, to) = (format::resource_pointer(from), format::resource_pointer(to));
            self.ops.push(format::move_to(from, to));
        }
        self.prune(from);
    }

    fn change_resource(&mut self, member: &MemberPath, change: impl FnOnce(&mut ResourceEntry)) {
        let old = self.ledger.snapshot.resource(member);
        let mut entry = old
            .map(|entry| ResourceEntry::clone(entry))
            .unwrap_or_default();
        change(&mut entry);
        let empty = entry.current.is_none() && entry.deposed.is_empty();
        self.set_resource(member, (!empty).then_some(entry));
    }

    fn set_resource(&mut self, member: &MemberPath, new: Option<ResourceEntry>) {
        let pointer = format::resource_pointer(member);
        let snapshot = &mut self.ledger.snapshot;
        match (snapshot.resources.get(member), new) {
            (None, None) => {}
            (Some(_), None) => {
                snapshot.resources.remove_mut(member);
                self.ops.push(format::remove(pointer));
                self.prune(member);
            }
            (Some(old), Some(new)) => {
                let ops = format::change_resource(&pointer, old, &new);
                if !ops.is_empty() {
                    self.ops.extend(ops);
                    snapshot.resources.insert_mut(member.clone(), Arc::new(new));
                }
            }
            (None, Some(new)) => {
                snapshot.layout.make_room(member, &mut self.ops);
                self.ops
                    .push(format::add(pointer, format::write_resource(&new)));
                snapshot.resources.insert_mut(member.clone(), Arc::new(new));
            }
        }
    }

    /// Removes composites with nothing in them.
    fn prune(&mut self, member: &MemberPath) {
        let Snapshot {
            resources, layout, ..
        } = &mut self.ledger.snapshot;
        let is_empty = |path: &MemberPath| {
            let first = resources.range(path..).next();
            !first.is_some_and(|(member, _)| member.is_within(path))
        };
        layout.prune(member, is_empty, &mut self.ops);
    }
}

/// Puts an object in its place. What this version does not know of the one before stays.
fn set(entry: &mut ResourceEntry, key: Option<DeposedKey>, mut object: StoredObject) {
    let old = match &key {
        None => entry.current.as_ref(),
        Some(key) => entry.deposed.get(key),
    };
    object.other = match old {
        Some(old) => old.other.clone(),
        None => std::mem::take(&mut entry.other),
    };
    object.old_names = false;
    let object = Arc::new(object);
    match key {
        None => entry.current = Some(object),
        Some(key) => drop(entry.deposed.insert(key, object)),
    }
}

#[cfg(test)]
mod tests;
