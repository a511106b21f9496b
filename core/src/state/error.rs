//! Why a state cannot be read or written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nixops4_proto::state::{Event, LockOwner, OperationKind};

use super::{DeposedKey, IntentId, format};
use crate::MemberPath;

/// A state cannot be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StateError {
    /// Somebody else is writing.
    #[error("{}", locked(.path, .owner.as_deref()))]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// Who; `None` if that is not readable (yet).
        owner: Option<Box<LockOwner>>,
    },
    /// The operating system refused something.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried: `open`, `write to`, ….
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What it said.
        source: Arc<io::Error>,
    },
    /// What is stored is damaged.
    #[error("{place}, line {line}: {reason}")]
    Corrupt {
        /// Which store.
        place: String,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
        /// What to do.
        hints: Vec<String>,
    },
    /// What is stored is not a state at all, or one of a newer version.
    #[error("{place} {reason}")]
    Foreign {
        /// Which store.
        place: String,
        /// What it is instead.
        reason: String,
        /// What to do.
        hints: Vec<String>,
    },
    /// The event may not follow what happened before.
    #[error(transparent)]
    Illegal(#[from] Illegal),
    /// The store was opened for reading only.
    #[error("{place} was opened for reading only")]
    ReadOnly {
        /// Which store.
        place: String,
    },
    /// An earlier write failed, so nothing new is begun.
    #[error("nothing new is begun, because {place} could not be written to before")]
    Stopped {
        /// Which store.
        place: String,
        /// Why the earlier write failed.
        source: Box<Self>,
    },
    /// What happened could not be made durable.
    #[error("{}", not_recorded(.place, .rescued_to.as_ref()))]
    NotRecorded {
        /// Which store.
        place: String,
        /// Why the write failed.
        source: Box<Self>,
        /// Where it is kept instead, until the store can be written to again.
        rescued_to: Option<PathBuf>,
        /// What happened, to be told to the user if it is kept nowhere.
        unwritten: Vec<Unwritten>,
    },
    /// The provider that handles the state failed.
    #[error("the state handler {place} failed: {message}")]
    Handler {
        /// Which store.
        place: String,
        /// What it said.
        message: String,
    },
    /// The state handler does not let anybody write now, as a rule because somebody else does.
    #[error("the state handler {place} gives no lock: {message}")]
    Refused {
        /// Which store.
        place: String,
        /// What it said of who has it.
        message: String,
    },
    /// The lock could not be given up.
    #[error("the state handler {place} may still be locked: {message}")]
    StillLocked {
        /// Which store.
        place: String,
        /// What it said.
        message: String,
    },
    /// The store was closed.
    #[error("{place} is closed")]
    Closed {
        /// Which store.
        place: String,
    },
}

impl StateError {
    /// What to do next.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Corrupt { hints, .. } | Self::Foreign { hints, .. } => hints.clone(),
            Self::Locked { path, owner } => vec![match owner {
                Some(owner) => format!(
                    "wait for it to end; if process {} on {} is certainly gone, remove {}",
                    owner.run.pid,
                    owner.run.host,
                    path.display()
                ),
                None => "try again in a moment".to_owned(),
            }],
            Self::Illegal(illegal) => illegal.hint().into_iter().collect(),
            Self::Stopped { source, .. } => source.hints(),
            Self::NotRecorded {
                source, rescued_to, ..
            } => {
                let mut hints = source.hints();
                hints.push(match rescued_to {
                    Some(_) => {
                        "the next run that can write the state takes over what was kept".to_owned()
                    }
                    None => "keep what is printed: it is stored nowhere".to_owned(),
                });
                hints
            }
            Self::Refused { place, .. } | Self::StillLocked { place, .. } => vec![format!(
                "wait for whoever has it to end; if that run is certainly gone, \
                 `nixops4 state unlock {place} LOCK` breaks the lock of that id"
            )],
            Self::Io { path, source, .. } => io_hint(path, source).into_iter().collect(),
            Self::ReadOnly { .. } | Self::Handler { .. } | Self::Closed { .. } => Vec::new(),
        }
    }
}

fn io_hint(path: &Path, error: &io::Error) -> Option<String> {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("make room there and run it again: it goes on from what is recorded".to_owned())
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            let folder = path.parent().unwrap_or(path).display();
            Some(format!(
                "a run that changes something writes files in {folder}: make it writable, or name \
                 another state"
            ))
        }
        _ => None,
    }
}

fn locked(path: &Path, owner: Option<&LockOwner>) -> String {
    match owner {
        None => format!("another process has just locked {}", path.display()),
        Some(owner) => format!(
            "process {} on {} (started {}) is writing this state since {}: {}",
            owner.run.pid, owner.run.host, owner.started, owner.since, owner.command,
        ),
    }
}

fn not_recorded(place: &str, rescued_to: Option<&PathBuf>) -> String {
    match rescued_to {
        Some(path) => format!(
            "{place} could not be written to; what happened is kept in {}",
            path.display()
        ),
        None => format!("{place} could not be written to, and what happened is not stored"),
    }
}

/// An event that happened and is not stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Unwritten {
    /// What it is about.
    pub member: Option<MemberPath>,
    /// The line that could not be written; may hold secrets.
    pub json: String,
}

impl Unwritten {
    /// An event that is still to be written.
    pub(super) fn of(event: &Event) -> Self {
        Self {
            member: event.meta.member.clone(),
            json: format::line(event),
        }
    }
}

impl fmt::Debug for Unwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Errors are logged, and the line may hold secrets.
        f.debug_struct("Unwritten")
            .field("member", &self.member)
            .finish_non_exhaustive()
    }
}

/// An event that may not follow what happened before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// No such intent is open.
    #[error("no operation with the id {0} is under way")]
    UnknownIntent(IntentId),
    /// The id was used before.
    #[error("an operation with the id {0} is under way already")]
    IntentExists(IntentId),
    /// What came of an earlier operation on the object is not known.
    #[error("{member} is in doubt: what came of an operation to {} it is not known", verb(*.operation))]
    InDoubt {
        /// The resource.
        member: MemberPath,
        /// What was done.
        operation: OperationKind,
        /// The intent.
        id: IntentId,
    },
    /// The object is not there.
    #[error("{} is not in the state", object(.member, .deposed.as_ref()))]
    Missing {
        /// The resource.
        member: MemberPath,
        /// Which object.
        deposed: Option<DeposedKey>,
    },
    /// There is an object where there must be none.
    #[error("{} is in the state already", object(.member, .deposed.as_ref()))]
    Exists {
        /// The resource.
        member: MemberPath,
        /// Which object.
        deposed: Option<DeposedKey>,
    },
    /// The path cannot be stored.
    #[error("a resource cannot be stored under the path `{0}`: it has an empty name")]
    EmptyName(MemberPath),
}

impl Illegal {
    fn hint(&self) -> Option<String> {
        match self {
            Self::InDoubt { member, .. } => Some(format!(
                "`nixops4 state repair {member}` settles it: with --adopt ID or --forget"
            )),
            _ => None,
        }
    }
}

fn verb(operation: OperationKind) -> &'static str {
    match operation {
        OperationKind::Create => "create",
        OperationKind::Update => "update",
        OperationKind::Delete => "delete",
    }
}

fn object(member: &MemberPath, deposed: Option<&DeposedKey>) -> String {
    match deposed {
        Some(key) => format!("the replaced object {key} of {member}"),
        None => member.to_string(),
    }
}
