//! What is asked of a run, and what it says came of it.

use std::collections::BTreeMap;

use nixops4_tfproto::discovery::{Constraints, Platform, ProviderSource, SourceSpec, Version};
use nixops4_tfproto::lockfile::LockFile;

use crate::error::{Failure, InstallError};

/// A provider that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Which.
    pub source: SourceSpec,
    /// Which versions will do.
    pub constraints: Constraints,
}

impl Wish {
    /// Something that went wrong with it.
    pub(crate) fn failed(&self, error: InstallError) -> Failure {
        let provider = Some(self.source.clone());
        Failure { provider, error }
    }
}

/// How to go about it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Chooses versions anew, whatever is locked.
    pub upgrade: bool,
    /// Lets the lock file stay as it is, and fails where other providers or versions are needed.
    pub read_only: bool,
    /// Takes packages whose hashes are not locked, and locks them.
    pub accept_new_hashes: bool,
    /// Fetches and locks what runs already, too.
    pub attached: bool,
    /// Keeps what is locked and not asked for: not everything that will be asked for can be told
    /// yet.
    pub keep_unasked: bool,
    /// Platforms to lock beside the present one; `None` is only that.
    pub platforms: Option<Vec<Platform>>,
}

/// What came of one wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Which provider it is, in full.
    pub source: ProviderSource,
    /// The version; a developer's override has none.
    pub version: Option<Version>,
    /// What was done.
    pub done: Done,
    /// For which platforms it was locked now.
    pub platforms: Vec<Platform>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// What was done about a wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It was fetched from, or found in, this place.
    Installed(String),
    /// It was there.
    Present,
    /// It was only locked.
    Locked,
    /// A developer's override is in its place.
    Overridden,
    /// It runs already.
    Attached,
}

/// What came of all wishes.
#[derive(Debug)]
pub struct Report {
    /// One by one, in the order of the wishes.
    pub outcomes: Vec<Outcome>,
    /// Whether the lock file was written.
    pub lock_changed: bool,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Wishes for one provider are one wish, with all conditions.
pub fn merged(wishes: &[Wish], lock: &LockFile) -> Vec<Wish> {
    let mut all: BTreeMap<ProviderSource, Wish> = BTreeMap::new();
    for wish in wishes {
        let candidates = lock.candidates(&wish.source);
        let Some(first) = candidates.into_iter().next() else {
            continue;
        };
        match all.get_mut(&first) {
            Some(known) => known.constraints = known.constraints.clone().and(&wish.constraints),
            None => {
                all.insert(first, wish.clone());
            }
        }
    }
    all.into_values().collect()
}
