//! The dependency lock file, `.terraform.lock.hcl`: which version of each provider, and what it
//! looks like.
//!
//! Read as strictly as Terraform and OpenTofu do, and of the same hashes written byte for byte as
//! they would: a deployment can be worked on with either tool beside this one, and a lock file
//! never changes for its looks alone. Which hashes are known may differ.

mod hash;
mod read;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

pub use hash::PackageHash;

use crate::cliconfig::SyntaxError;
use crate::discovery::{Constraints, ProviderSource, SourceSpec, Version};

/// The name of the file, in the folder of the root.
pub const LOCK_FILE: &str = ".terraform.lock.hcl";

/// What a lock file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LockFile {
    maintainer: Maintainer,
    providers: BTreeMap<ProviderSource, LockedProvider>,
    /// What was odd but no error.
    pub warnings: Vec<String>,
}

/// What is locked of one provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockedProvider {
    /// The version that was chosen.
    pub version: Version,
    /// What was asked for at that time.
    pub constraints: Constraints,
    /// Hashes of the version's packages, on any platform.
    pub hashes: BTreeSet<PackageHash>,
}

/// The tool that the first line of the file names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Maintainer {
    #[default]
    Terraform,
    OpenTofu,
}

/// A lock file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It exists but cannot be read.
    #[error("cannot read the lock file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("cannot write the lock file {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It does not say what it should.
    #[error("{path}, {problem}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        problem: SyntaxError,
    },
}

impl LockFile {
    /// Reads the lock file in a folder; `None` if there is none.
    pub fn load(dir: &Path) -> Result<Option<Self>, LockError> {
        let path = dir.join(LOCK_FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LockError::Read { path, source }),
        };
        match Self::parse(&text) {
            Ok(lock) => Ok(Some(lock)),
            Err(problem) => Err(LockError::Syntax { path, problem }),
        }
    }

    /// Writes it into a folder; others see the old or the new one, never a part.
    pub fn save(&self, dir: &Path) -> Result<(), LockError> {
        let path = dir.join(LOCK_FILE);
        write::replace(&path, &self.to_string()).map_err(|source| LockError::Write { path, source })
    }

    /// What is locked of a provider.
    pub fn get(&self, source: &ProviderSource) -> Option<&LockedProvider> {
        self.providers.get(source)
    }

    /// Everything that is locked, in the file's order.
    pub fn providers(&self) -> impl Iterator<Item = (&ProviderSource, &LockedProvider)> {
        self.providers.iter()
    }

    /// Locks a provider. Hashes known already stay if the version does.
    pub fn set(&mut self, source: ProviderSource, mut locked: LockedProvider) {
        if let Some(before) = self.providers.get(&source)
            && before.version == locked.version
        {
            locked.hashes.extend(before.hashes.iter().cloned());
        }
        self.providers.insert(source, locked);
    }

    /// Forgets the providers that are not asked for any more.
    pub fn retain(&mut self, wanted: impl Fn(&ProviderSource) -> bool) {
        self.providers.retain(|source, _| wanted(source));
    }

    /// The full addresses a source may mean, those that are locked first.
    ///
    /// A lock file that the other tool wrote names the other registry.
    pub fn candidates(&self, spec: &SourceSpec) -> Vec<ProviderSource> {
        let mut candidates = spec.candidates();
        candidates.sort_by_key(|source| !self.providers.contains_key(source));
        candidates
    }
}

impl LockedProvider {
    /// Whether one of these hashes is among the locked ones; without any, only the version is
    /// locked.
    pub fn accepts<'a>(&self, hashes: impl IntoIterator<Item = &'a PackageHash>) -> bool {
        self.hashes.is_empty() || hashes.into_iter().any(|hash| self.hashes.contains(hash))
    }
}

#[cfg(test)]
mod tests;
