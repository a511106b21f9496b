//! What keeps and builds store objects for an evaluation. The language computes store paths by
//! itself and only comes here when it needs what a derivation makes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::host::HostError;

/// An object that an evaluation made, on its way to a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewObject {
    /// Its full store path.
    pub path: String,
    /// Its name: the path without folder and hash.
    pub name: String,
    /// What it is.
    pub contents: NewContents,
}

/// What a [`NewObject`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewContents {
    /// A text that refers to other objects: also what a derivation is.
    Text {
        /// The text.
        bytes: Vec<u8>,
        /// Full store paths, all of which are in the store before it.
        references: Vec<String>,
    },
    /// A file known by the hash of its bytes alone.
    File(Vec<u8>),
    /// A file or directory, as an archive in Nix's format.
    Archive(Vec<u8>),
}

/// Keeps objects, and makes what derivations describe.
pub trait ObjectStore {
    /// Whether an object is there.
    fn has(&mut self, path: &str) -> Result<bool, HostError>;

    /// Adds objects, each after those that it refers to. Those that are there already stay.
    fn add(&mut self, objects: &[NewObject]) -> Result<(), HostError>;

    /// Makes an output of a derivation that is in the store, and gives its store path.
    fn realise(&mut self, derivation: &str, output: &str) -> Result<String, HostError>;

    /// Where on this machine an object of the store can be read.
    fn locate(&mut self, path: &str) -> Result<PathBuf, HostError>;
}

type Build = Box<dyn FnMut(&str, &str) -> Result<Vec<u8>, HostError>>;

/// A store in memory, for tests: what it builds are files that a function makes.
#[derive(Default)]
pub struct MemoryStore {
    /// What was added, by path.
    pub objects: BTreeMap<String, NewObject>,
    files: BTreeMap<PathBuf, Vec<u8>>,
    build: Option<Build>,
}

impl MemoryStore {
    /// A store that asks `build` for the contents of an output, by the text of the derivation and
    /// the output's name.
    pub fn building(
        build: impl FnMut(&str, &str) -> Result<Vec<u8>, HostError> + 'static,
    ) -> MemoryStore {
        MemoryStore {
            build: Some(Box::new(build)),
            ..MemoryStore::default()
        }
    }

    /// A file that was built.
    pub fn file(&self, path: &Path) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }
}

impl ObjectStore for MemoryStore {
    fn has(&mut self, path: &str) -> Result<bool, HostError> {
        Ok(self.objects.contains_key(path) || self.files.contains_key(Path::new(path)))
    }

    fn add(&mut self, objects: &[NewObject]) -> Result<(), HostError> {
        for object in objects {
            if let NewContents::Text { references, .. } = &object.contents
                && let Some(missing) = references.iter().find(|r| !self.objects.contains_key(*r))
            {
                let message = format!(
                    "'{}' refers to '{missing}', which is not there",
                    object.path
                );
                return Err(HostError::Other(message));
            }
            self.objects.insert(object.path.clone(), object.clone());
        }
        Ok(())
    }

    fn realise(&mut self, derivation: &str, output: &str) -> Result<String, HostError> {
        let Some(NewContents::Text { bytes, .. }) =
            self.objects.get(derivation).map(|o| &o.contents)
        else {
            return Err(HostError::NotFound(derivation.into()));
        };
        let Some(build) = &mut self.build else {
            return Err(HostError::Other(format!(
                "'{derivation}' cannot be built in memory"
            )));
        };
        let made = build(&String::from_utf8_lossy(bytes), output)?;
        let path = format!("{derivation}!{output}");
        self.files.insert(PathBuf::from(&path), made);
        Ok(path)
    }

    fn locate(&mut self, path: &str) -> Result<PathBuf, HostError> {
        Ok(PathBuf::from(path))
    }
}
