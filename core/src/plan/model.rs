//! [`Plan`]: what is to be done, as data. Complete: applying it leaves nothing to decide but what
//! the plan itself calls unknown.

use std::collections::BTreeSet;
use std::sync::Arc;

use nixops4_proto::evaluator::{Mode, Position};

use crate::diagnostic::{Diagnostics, Severity};
use crate::provider::{Action, PlannedChange, ResourceState};
use crate::state::{DeposedKey, ResourceEntry};
use crate::value::Value;
use crate::{AttrPath, MemberPath, OutputRef};

/// What one wave is to do.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Counted from 1: how many waves there were, with this one.
    pub wave: u32,
    /// Whether everything that is named goes away.
    pub destroy: bool,
    /// What is to be done, by member path. Where nothing is to be done there is no change.
    pub changes: Vec<Change>,
    /// How many resources are as they should be.
    pub unchanged: usize,
    /// What cannot be planned in this wave, because it needs outputs that do not exist yet.
    pub deferred: Vec<Deferred>,
    /// What is left alone because of operations in doubt.
    pub held_back: Vec<HeldBack>,
    /// What could not be planned because of an error, here or in what it depends on.
    pub failed: Vec<FailedMember>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
    /// Where things are remembered, where it is worth saying.
    pub notes: Vec<StateNote>,
    /// What was read of the state, to know later whether the plan still holds.
    pub basis: Vec<Basis>,
}

impl Plan {
    /// Whether nothing is to be done, now or in a later wave.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.deferred.is_empty()
    }

    /// Whether something is in error.
    pub fn has_errors(&self) -> bool {
        !self.failed.is_empty()
            || self
                .diagnostics
                .0
                .iter()
                .any(|d| d.severity == Severity::Error)
    }

    /// The change of `member`.
    pub fn change(&self, member: &MemberPath) -> Option<&Change> {
        self.changes.iter().find(|change| &change.member == member)
    }

    /// How many changes have each action.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for change in &self.changes {
            let count = match change.action {
                Action::Create => &mut counts.create,
                Action::Update => &mut counts.update,
                Action::Replace => &mut counts.replace,
                Action::Delete => &mut counts.delete,
                Action::Read => &mut counts.read,
                Action::Forget => &mut counts.forget,
                Action::NoOp if matches!(change.reason, Reason::Import(_)) => &mut counts.import,
                // Moved: remembered otherwise, but left as it is.
                Action::NoOp => &mut counts.remember,
            };
            *count += 1;
        }
        counts
    }
}

/// How many changes have each action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after the actions")]
pub struct Counts {
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    pub read: usize,
    pub forget: usize,
    /// Taken over as it is.
    pub import: usize,
    /// Only what is remembered changes: moved.
    pub remember: usize,
}

/// What is to be done about one resource.
#[derive(Clone, Debug)]
pub struct Change {
    /// The resource.
    pub member: MemberPath,
    /// What is to be done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// What kind of object it is.
    pub mode: Mode,
    /// The provider's name for its type.
    pub type_name: String,
    /// The provider instance, by id.
    pub provider: String,
    /// What there is, as last read; `None` to create.
    pub before: Option<Arc<ResourceState>>,
    /// What the user wants, with unknown leaves; null to delete.
    pub inputs: Arc<Value>,
    /// What the provider has planned: outputs with unknown leaves, what forces a replacement.
    pub planned: PlannedChange,
    /// What it comes after, by what the deployment says now.
    pub depends_on: BTreeSet<OutputRef>,
    /// What it came after when it was last applied.
    pub depended_on: BTreeSet<OutputRef>,
    /// Whether a replacement is created before the old object is deleted.
    pub create_before_destroy: bool,
    /// Where it was before it moved.
    pub moved_from: Option<MemberPath>,
    /// The state that it moves from and the one that it moves to.
    pub moved_state: Option<StateMove>,
    /// An object left over from a replacement, which is deleted: its key in the state.
    pub deposed: Option<DeposedKey>,
    /// Where it is defined.
    pub position: Option<Position>,
}

/// A resource is to be remembered in another state than it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateMove {
    /// The state that remembers it: a file, or the path of a state handler.
    pub from: String,
    /// The state that is to.
    pub to: String,
}

/// Why something is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is new in the deployment.
    New,
    /// It has been applied before, but its object is gone.
    Vanished,
    /// It has no state, so it is done every time.
    Stateless,
    /// Its inputs have changed, or may change: some are unknown.
    InputsChanged,
    /// Its object has been changed by someone else.
    Drifted,
    /// The provider wants it so.
    Provider,
    /// Some leaves cannot be changed in place: [`PlannedChange::replace_paths`].
    CannotUpdate,
    /// Its creation failed half-way.
    Tainted,
    /// Something that it is to be replaced with has changed.
    Triggered(OutputRef),
    /// It is no longer in the deployment.
    LeftDeployment,
    /// The user wants it gone.
    Destroy,
    /// It is an object left over from a replacement.
    Deposed,
    /// An existing object is taken over.
    Import(String),
    /// It is at another place in the deployment, or remembered in another state.
    Moved,
    /// Another state remembers it by now.
    LeftBehind,
    /// A data source whose inputs are not known yet.
    UnknownInputs,
    /// A data source that depends on something that is to change.
    PendingDependency(MemberPath),
}

/// A component that is for a later wave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// The component.
    pub member: MemberPath,
    /// Why.
    pub reason: DeferReason,
    /// Where it is defined.
    pub position: Option<Position>,
}

/// Why a component is for a later wave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeferReason {
    /// What it is, or which members it has, needs outputs.
    Structure {
        /// Which part: `kind`, `members`, `type` or `provider`.
        what: String,
        /// The outputs.
        outputs: Vec<OutputRef>,
    },
    /// The configuration of its provider needs outputs.
    ProviderConfig {
        /// The provider instance, by id.
        provider: String,
        /// The outputs.
        outputs: Vec<OutputRef>,
    },
    /// Its state handler needs outputs.
    State {
        /// The state handler.
        handler: MemberPath,
        /// The outputs.
        outputs: Vec<OutputRef>,
    },
    /// It depends on something that is for a later wave.
    Dependency(MemberPath),
    /// Its inputs need outputs of something that is for a later wave.
    Inputs(Vec<OutputRef>),
    /// The provider cannot plan it yet; its own words.
    Provider(String),
}

/// A member that is left alone because of an operation in doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// The member.
    pub member: MemberPath,
    /// Why.
    pub reason: HoldReason,
}

/// Why a member is left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldReason {
    /// An operation on it was begun, and no one knows how it ended; what is known of it.
    InDoubt(String),
    /// It depends on a member in doubt (or, to be deleted, is depended on by one).
    Because(MemberPath),
}

/// A member that could not be planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedMember {
    /// The member.
    pub member: MemberPath,
    /// The member whose error it is, if it is not its own.
    pub because: Option<MemberPath>,
}

/// Something to say about where things are remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StateNote {
    /// No component names a state handler; this file is going to be made.
    DefaultState {
        /// Its path.
        path: String,
    },
    /// Something in the state is worth saying, for example that a truncated line was dropped.
    Remark(String),
}

/// What was read of one entry of the state.
#[derive(Clone, Debug, PartialEq)]
pub struct Basis {
    /// The state handler; `None` for the default state.
    pub handler: Option<MemberPath>,
    /// The member.
    pub member: MemberPath,
    /// What was remembered of it.
    pub entry: Option<Arc<ResourceEntry>>,
}

/// Whether one side of a leaf is the user's or the provider's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// Set by the user.
    Input,
    /// Reported by the provider.
    Output,
}

/// One leaf of a change.
#[derive(Clone, Debug, PartialEq)]
pub struct LeafChange {
    /// Whether it is an input or an output.
    pub side: Side,
    /// Where.
    pub path: AttrPath,
    /// As it is.
    pub before: Shown,
    /// As it will be.
    pub after: Shown,
    /// Whether it forces a replacement.
    pub forces_replacement: bool,
}

/// A leaf as it may be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Shown {
    /// Not there, or not set.
    Absent,
    /// A scalar or an empty container.
    Value(Value),
    /// Secret. That it differs from the other side is all that is told.
    Sensitive,
    /// Known after apply; the outputs that it waits for, where it waits for others'.
    Unknown(Vec<OutputRef>),
}
