//! What may follow what: [`next`] is the only place that says so, for stores that are being
//! written to and for logs that are being read.

use nixops4_proto::state::{EventKind, OperationKind, OutcomeKind};

use super::{DeposedKey, Illegal, IntentId};
use crate::MemberPath;

/// An object: a resource's current one, or one of its deposed ones.
pub(super) type ObjectRef = (MemberPath, Option<DeposedKey>);

/// What an open intent is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Doing {
    pub member: MemberPath,
    pub operation: OperationKind,
    /// As in [`Operation`](super::Operation).
    pub key: Option<DeposedKey>,
}

impl Doing {
    /// The object that is there (or not) when it is done.
    fn target(&self) -> ObjectRef {
        let deposed = match self.operation {
            OperationKind::Delete => self.key.clone(),
            OperationKind::Create | OperationKind::Update => None,
        };
        (self.member.clone(), deposed)
    }

    /// The key of the object that is set aside and comes back if nothing is made.
    fn set_aside(&self) -> Option<(MemberPath, DeposedKey)> {
        let key = self
            .key
            .clone()
            .filter(|_| self.operation == OperationKind::Create)?;
        Some((self.member.clone(), key))
    }

    fn touches(&self, (member, deposed): &ObjectRef) -> bool {
        let named = deposed.is_some() && self.key == *deposed;
        self.member == *member && (named || self.target().1 == *deposed)
    }
}

/// What is so far.
pub(super) trait World {
    /// Whether an object is remembered.
    fn exists(&self, object: &ObjectRef) -> bool;
    /// Whether anything is remembered of a resource.
    fn knows(&self, member: &MemberPath) -> bool;
    /// An open intent.
    fn doing(&self, id: &IntentId) -> Option<Doing>;
    /// An open intent of which something holds.
    fn find_doing(&self, concerns: &dyn Fn(&Doing) -> bool) -> Option<(IntentId, Doing)>;
}

/// An event, without the values that it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Begin(IntentId, Doing),
    Finish(IntentId, OutcomeKind),
    Found(ObjectRef),
    Gone(ObjectRef),
    Moved(MemberPath, MemberPath),
    Forgotten(MemberPath),
    IntentForgotten { id: IntentId, with_object: bool },
}

impl Step {
    /// The name of such events.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Begin(..) => EventKind::Begin,
            Self::Finish(..) => EventKind::Finish,
            Self::Found(_) => EventKind::Found,
            Self::Gone(_) => EventKind::Gone,
            Self::Moved(..) => EventKind::Moved,
            Self::Forgotten(_) => EventKind::Forgotten,
            Self::IntentForgotten { .. } => EventKind::IntentForgotten,
        }
    }
}

/// What a step leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Next {
    /// Which intent is open now, or no longer.
    pub intent: Option<(IntentId, bool)>,
    /// What becomes of the objects.
    pub effect: Effect,
}

/// What a step does to objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    #[default]
    None,
    /// The object is as the event says.
    Set(ObjectRef),
    /// The object is no longer remembered.
    Drop(ObjectRef),
    /// The current object becomes a deposed one.
    SetAside(MemberPath, DeposedKey),
    /// The deposed object is the current one again.
    Restore(MemberPath, DeposedKey),
    /// What is remembered of a resource is remembered under another path.
    Move(MemberPath, MemberPath),
    /// Nothing is remembered of the resource.
    Forget(MemberPath),
}

impl From<Effect> for Next {
    fn from(effect: Effect) -> Self {
        Self {
            intent: None,
            effect,
        }
    }
}

/// What a step leads to, if it may follow.
pub(super) fn next(world: &impl World, step: &Step) -> Result<Next, Illegal> {
    match step {
        Step::Begin(id, doing) => {
            let effect = begin(world, id, doing)?;
            Ok(Next {
                intent: Some((id.clone(), true)),
                effect,
            })
        }
        Step::Finish(id, outcome) => settle(world, id, *outcome),
        Step::IntentForgotten {
            id,
            with_object: true,
        } => settle(world, id, OutcomeKind::Gone),
        Step::IntentForgotten { id, .. } => settle(world, id, OutcomeKind::Unchanged),
        Step::Found(object) => {
            storable(&object.0)?;
            undoubted(world, object)?;
            if object.1.is_some() {
                present(world, object)?;
            }
            Ok(Effect::Set(object.clone()).into())
        }
        Step::Gone(object) => {
            undoubted(world, object)?;
            present(world, object)?;
            Ok(Effect::Drop(object.clone()).into())
        }
        Step::Moved(from, to) => moved(world, from, to),
        Step::Forgotten(member) => {
            idle(world, member)?;
            known(world, member)?;
            Ok(Effect::Forget(member.clone()).into())
        }
    }
}

fn begin(world: &impl World, id: &IntentId, doing: &Doing) -> Result<Effect, Illegal> {
    storable(&doing.member)?;
    if world.doing(id).is_some() {
        return Err(Illegal::IntentExists(id.clone()));
    }
    let target = doing.target();
    undoubted(world, &target)?;
    match (doing.operation, doing.set_aside()) {
        (OperationKind::Create, None) => {
            absent(world, &target)?;
            Ok(Effect::None)
        }
        (OperationKind::Create, Some((member, key))) => {
            let set_aside = (member.clone(), Some(key.clone()));
            undoubted(world, &set_aside)?;
            present(world, &target)?;
            absent(world, &set_aside)?;
            Ok(Effect::SetAside(member, key))
        }
        (OperationKind::Update | OperationKind::Delete, _) => {
            present(world, &target)?;
            Ok(Effect::None)
        }
    }
}

fn settle(world: &impl World, id: &IntentId, outcome: OutcomeKind) -> Result<Next, Illegal> {
    let unknown = || Illegal::UnknownIntent(id.clone());
    let doing = world.doing(id).ok_or_else(unknown)?;
    let effect = match (outcome, doing.operation, doing.set_aside()) {
        (OutcomeKind::Object, ..) => Effect::Set(doing.target()),
        // An object that was set aside for nothing is the current one again.
        (_, OperationKind::Create, Some((member, key))) => Effect::Restore(member, key),
        (_, OperationKind::Create, None) | (OutcomeKind::Unchanged, ..) => Effect::None,
        (OutcomeKind::Gone, ..) => Effect::Drop(doing.target()),
    };
    Ok(Next {
        intent: Some((id.clone(), false)),
        effect,
    })
}

fn moved(world: &impl World, from: &MemberPath, to: &MemberPath) -> Result<Next, Illegal> {
    storable(to)?;
    idle(world, from)?;
    idle(world, to)?;
    known(world, from)?;
    if world.knows(to) {
        return Err(Illegal::Exists {
            member: to.clone(),
            deposed: None,
        });
    }
    Ok(Effect::Move(from.clone(), to.clone()).into())
}

/// The empty name stands for the root itself in the stored form.
fn storable(member: &MemberPath) -> Result<(), Illegal> {
    match member.names().iter().any(String::is_empty) {
        true => Err(Illegal::EmptyName(member.clone())),
        false => Ok(()),
    }
}

fn undoubted(world: &impl World, object: &ObjectRef) -> Result<(), Illegal> {
    doubtless(world, |doing| doing.touches(object))
}

/// No object of the resource is being worked on.
fn idle(world: &impl World, member: &MemberPath) -> Result<(), Illegal> {
    doubtless(world, |doing| doing.member == *member)
}

fn doubtless(world: &impl World, concerns: impl Fn(&Doing) -> bool) -> Result<(), Illegal> {
    match world.find_doing(&concerns) {
        Some((
            id,
            Doing {
                member, operation, ..
            },
        )) => Err(Illegal::InDoubt {
            member,
            operation,
            id,
        }),
        None => Ok(()),
    }
}

fn present(world: &impl World, object: &ObjectRef) -> Result<(), Illegal> {
    let (member, deposed) = object.clone();
    match world.exists(object) {
        true => Ok(()),
        false => Err(Illegal::Missing { member, deposed }),
    }
}

fn absent(world: &impl World, object: &ObjectRef) -> Result<(), Illegal> {
    let (member, deposed) = object.clone();
    match world.exists(object) {
        true => Err(Illegal::Exists { member, deposed }),
        false => Ok(()),
    }
}

fn known(world: &impl World, member: &MemberPath) -> Result<(), Illegal> {
    match world.knows(member) {
        true => Ok(()),
        false => Err(Illegal::Missing {
            member: member.clone(),
            deposed: None,
        }),
    }
}
