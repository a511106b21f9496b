//! What a state holds, in Rust: [`Snapshot`], [`ResourceEntry`], [`StoredObject`], [`Intent`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nixops4_proto::evaluator::{Mode, ProviderProgram};
use nixops4_proto::state::{OperationKind, OutcomeKind, Run};
use rpds::RedBlackTreeMapSync;
use serde_json::{Map, Value as Json};

use super::format::Layout;
use super::{DeposedKey, IntentId};
use crate::provider::ResourceState;
use crate::value::Value;
use crate::{MemberPath, OutputRef};

/// Everything that is remembered, at one moment.
///
/// The maps share what did not change with the snapshots before, so keeping one, and making the
/// next, costs little however many resources there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    pub(super) resources: RedBlackTreeMapSync<MemberPath, Arc<ResourceEntry>>,
    pub(super) intents: RedBlackTreeMapSync<IntentId, Arc<OpenIntent>>,
    pub(super) layout: Layout,
}

impl Snapshot {
    /// What is remembered of a resource.
    pub fn resource(&self, member: &MemberPath) -> Option<&Arc<ResourceEntry>> {
        self.resources.get(member)
    }

    /// The object that a resource stands for.
    pub fn object(&self, member: &MemberPath) -> Option<&Arc<StoredObject>> {
        self.resource(member)?.current.as_ref()
    }

    /// All resources, by path.
    pub fn resources(&self) -> impl Iterator<Item = (&MemberPath, &Arc<ResourceEntry>)> {
        self.resources.iter()
    }

    /// A component and all resources below it, by path.
    pub fn within<'a>(
        &'a self,
        member: &'a MemberPath,
    ) -> impl Iterator<Item = (&'a MemberPath, &'a Arc<ResourceEntry>)> {
        let from_here = self.resources.range(member..);
        from_here.take_while(move |(path, _)| path.is_within(member))
    }

    /// How many resources there are.
    pub fn len(&self) -> usize {
        self.resources.size()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.intents.is_empty()
    }

    /// Provider calls that have begun and not ended: under way, or in doubt.
    pub fn intents(&self) -> impl Iterator<Item = (&IntentId, &Arc<OpenIntent>)> {
        self.intents.iter()
    }

    /// One of those.
    pub fn intent(&self, id: &IntentId) -> Option<&Arc<OpenIntent>> {
        self.intents.get(id)
    }
}

/// What is remembered of a resource.
///
/// Invariant: there is a current object or a deposed one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceEntry {
    /// The object it stands for; `None` while there are only objects left to delete.
    pub current: Option<Arc<StoredObject>>,
    /// Objects that were replaced and are still to be deleted.
    pub deposed: BTreeMap<DeposedKey, Arc<StoredObject>>,
    /// What this version does not know, of an entry without a current object.
    pub(super) other: Map<String, Json>,
}

/// One object in the world.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredObject {
    /// What kind of object it is.
    pub mode: Mode,
    /// Who made it; `None` where an earlier NixOps4 wrote the state.
    pub provider: Option<Arc<ProviderRecord>>,
    /// What the provider knows of it. Unknown and ephemeral leaves are stored as `null`.
    pub state: ResourceState,
    /// What its inputs, its existence and its provider's configuration depended on: an object is
    /// deleted before those. A whole component has an empty attribute path.
    pub dependencies: BTreeSet<OutputRef>,
    /// Whether a replacement is created before it is deleted.
    pub create_before_destroy: bool,
    /// Whether a plan that deletes it is an error.
    pub prevent_destroy: bool,
    /// What this version does not know; kept as it is.
    pub(super) other: Map<String, Json>,
    /// Whether it is stored under the names of version 0 that were replaced since.
    pub(super) old_names: bool,
}

impl StoredObject {
    /// An object with nothing but its state.
    pub fn new(mode: Mode, state: ResourceState) -> Self {
        Self {
            mode,
            state,
            ..Self::default()
        }
    }
}

/// A provider instance, as far as it takes to delete what it made without evaluating anything.
#[derive(Clone, Debug, PartialEq)]
pub struct ProviderRecord {
    /// Names it, as [`ProviderInstance::id`](nixops4_proto::evaluator::ProviderInstance::id).
    pub id: String,
    /// How its program is found.
    pub program: ProviderProgram,
    /// Its configuration. Sensitive and ephemeral leaves are not stored: they come back unknown,
    /// with their mark.
    pub config: Value,
}

/// What is about to be done to an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// The resource.
    pub member: MemberPath,
    /// What is about to be done.
    pub operation: Operation,
    /// The provider's name for the type.
    pub type_name: String,
    /// Whom it asks.
    pub provider: Option<Arc<ProviderRecord>>,
    /// What the object is to be like; null for a deletion.
    pub inputs: Value,
    /// What identifies the object, or will, as far as known.
    pub planned_id: Option<Json>,
}

/// What is done to an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Makes it. The current object, if there is one, is set aside under the key; it comes back
    /// if nothing is made.
    Create {
        /// The key; `None` where there is no current object.
        depose: Option<DeposedKey>,
    },
    /// Changes the current object in place.
    Update,
    /// Deletes the current object, or a deposed one.
    Delete {
        /// Which deposed one.
        deposed: Option<DeposedKey>,
    },
}

impl Operation {
    /// Which it is.
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Create { .. } => OperationKind::Create,
            Self::Update => OperationKind::Update,
            Self::Delete { .. } => OperationKind::Delete,
        }
    }

    /// The key it names.
    pub fn key(&self) -> Option<&DeposedKey> {
        match self {
            Self::Create { depose: key } | Self::Delete { deposed: key } => key.as_ref(),
            Self::Update => None,
        }
    }
}

/// An intent whose outcome is not recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenIntent {
    /// What was about to be done.
    pub intent: Intent,
    /// When, as RFC 3339.
    pub time: String,
    /// By whom.
    pub run: Run,
}

/// What came of an intent.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// This is the object now, made or changed wholly or (after a failure) in part.
    Object(Box<StoredObject>),
    /// There is no object: it is deleted, or none was made.
    Gone,
    /// Nothing happened; what there was is as it was.
    Unchanged,
}

impl Outcome {
    /// The object, as it is now.
    pub fn object(object: StoredObject) -> Self {
        Self::Object(Box::new(object))
    }

    /// Which it is.
    pub fn kind(&self) -> OutcomeKind {
        match self {
            Self::Object(_) => OutcomeKind::Object,
            Self::Gone => OutcomeKind::Gone,
            Self::Unchanged => OutcomeKind::Unchanged,
        }
    }
}

/// A change to what is remembered that no intent precedes, because nothing in the world changes.
#[derive(Clone, Debug, PartialEq)]
pub enum StateEvent {
    /// An object was read, or taken over by an import, or is to be remembered with other rules.
    Found {
        /// The resource; it need not have been known.
        member: MemberPath,
        /// Which object; `None` for the current one.
        deposed: Option<DeposedKey>,
        /// How it is.
        object: Box<StoredObject>,
    },
    /// An object was looked for and is not there.
    Gone {
        /// The resource.
        member: MemberPath,
        /// Which object; `None` for the current one.
        deposed: Option<DeposedKey>,
    },
    /// A resource has a new path; nothing is remembered under that one.
    Moved {
        /// The path it had.
        from: MemberPath,
        /// The path it has.
        to: MemberPath,
    },
    /// A resource is not to be remembered any more, whatever objects it has.
    Forgotten {
        /// The resource.
        member: MemberPath,
    },
    /// An intent is settled although nobody knows what came of it.
    IntentForgotten {
        /// The intent.
        id: IntentId,
        /// Whether the object it was about is no longer remembered either.
        with_object: bool,
    },
}
