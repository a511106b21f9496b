//! The cache of sources: trees by the hash of their archive, and facts about where they came from.
//!
//! Any number of processes share it. Everything is made aside, under a name of its own, and put in
//! place by renaming: who comes second finds the same content there, and drops his own.
//!
//! ```text
//! trees/<hash>     a tree, file or link
//! facts/<key>      JSON: what a URL or revision led to, when it was last asked
//! git/<key>        bare repositories
//! locks/<key>      held while a repository is written to
//! aside/<name>     what is being made
//! ```

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use nixops4_lang::content::{Algorithm, Format, Hash};
use serde::{Serialize, de::DeserializeOwned};

use crate::{disk, error::FlakeError};

/// What is left aside by processes that were killed goes after this time.
const LEFT_OVER: Duration = Duration::from_secs(24 * 60 * 60);

/// The cache in one directory.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

/// Something being made; gone when dropped.
#[derive(Debug)]
pub(crate) struct Aside(PathBuf);

impl Aside {
    /// A path in it.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

/// Held while others must wait.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: fs::File,
}

impl Cache {
    /// The cache in that directory, which is made when something is put there.
    pub fn new(root: impl Into<PathBuf>) -> Cache {
        Cache { root: root.into() }
    }

    /// The tree with that hash.
    pub(crate) fn tree(&self, hash: &Hash) -> Option<PathBuf> {
        let path = self.tree_path(hash);
        fs::symlink_metadata(&path).is_ok().then_some(path)
    }

    fn tree_path(&self, hash: &Hash) -> PathBuf {
        self.root.join("trees").join(hash.format(Format::Nix32))
    }

    fn dir(&self, name: &str) -> Result<PathBuf, FlakeError> {
        let dir = self.root.join(name);
        fs::create_dir_all(&dir).map_err(FlakeError::io("cannot make", &dir))?;
        Ok(dir)
    }

    /// A directory to make something in.
    pub(crate) fn aside(&self) -> Result<Aside, FlakeError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let dir = self.dir("aside")?;
        sweep(&dir);
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{}-{count}", std::process::id(), now.as_nanos());
        let path = dir.join(name);
        fs::create_dir(&path).map_err(FlakeError::io("cannot make", &path))?;
        Ok(Aside(path))
    }

    /// Puts a finished tree in its place, unless it is there already.
    pub(crate) fn add(&self, finished: &Path, hash: &Hash) -> Result<PathBuf, FlakeError> {
        self.dir("trees")?;
        let place = self.tree_path(hash);
        // A file would be replaced by one with the same content; a directory that is there stays.
        match fs::rename(finished, &place) {
            Err(_) if fs::symlink_metadata(&place).is_ok() => Ok(place),
            result => result
                .map(|()| place.clone())
                .map_err(FlakeError::io("cannot write", &place)),
        }
    }

    /// Copies a tree into the cache, of which only what `only` names.
    pub(crate) fn copy(
        &self,
        path: &Path,
        only: Option<&disk::Selection>,
    ) -> Result<(PathBuf, disk::Hashed), FlakeError> {
        let hashed = disk::hash(path, only)?;
        if let Some(known) = self.tree(&hashed.hash) {
            return Ok((known, hashed));
        }
        let aside = self.aside()?;
        let copy = aside.at("tree");
        disk::copy(path, &copy, only)?;
        // What was copied counts: somebody may have been writing.
        let hash = disk::hash(&copy, None)?.hash;
        let place = self.add(&copy, &hash)?;
        let newest = hashed.newest;
        Ok((place, disk::Hashed { hash, newest }))
    }

    /// Puts a tree that was made aside into the cache.
    pub(crate) fn keep(&self, made: &Path) -> Result<(PathBuf, Hash), FlakeError> {
        let hash = disk::hash(made, None)?.hash;
        Ok((self.add(made, &hash)?, hash))
    }

    /// A fact, and how old it is.
    pub(crate) fn fact<T: DeserializeOwned>(&self, key: &str) -> Option<(T, Duration)> {
        let path = self.root.join("facts").join(short(key));
        let text = fs::read(&path).ok()?;
        let modified = fs::metadata(&path).ok()?.modified().ok()?;
        let (kept_key, fact): (String, T) = serde_json::from_slice(&text).ok()?;
        (kept_key == key).then_some((fact, modified.elapsed().unwrap_or_default()))
    }

    /// Remembers a fact.
    pub(crate) fn set_fact<T: Serialize>(&self, key: &str, fact: &T) -> Result<(), FlakeError> {
        let place = self.dir("facts")?.join(short(key));
        let aside = self.aside()?;
        let made = aside.at("fact");
        let text = serde_json::to_vec(&(key, fact))
            .map_err(|error| FlakeError::other(error.to_string()))?;
        fs::write(&made, text).map_err(FlakeError::io("cannot write", &made))?;
        fs::rename(&made, &place).map_err(FlakeError::io("cannot write", &place))
    }

    /// Where the repository of that URL is kept.
    pub(crate) fn repository(&self, url: &str) -> Result<PathBuf, FlakeError> {
        Ok(self.dir("git")?.join(short(url)))
    }

    /// Waits until nobody else holds the lock of that name.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock, FlakeError> {
        let path = self.dir("locks")?.join(short(name));
        let file = fs::File::create(&path).map_err(FlakeError::io("cannot write", &path))?;
        file.lock().map_err(FlakeError::io("cannot lock", &path))?;
        Ok(Lock { _file: file })
    }
}

/// Removes what killed processes left.
fn sweep(dir: &Path) {
    let old = |entry: &fs::DirEntry| -> io::Result<bool> {
        let modified = entry.metadata()?.modified()?;
        Ok(modified.elapsed().is_ok_and(|age| age > LEFT_OVER))
    };
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries {
        if old(&entry).unwrap_or(false) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// A file name for any text.
fn short(key: &str) -> String {
    Algorithm::Sha256.hash(key.as_bytes()).format(Format::Nix32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_tree_is_kept_once_whoever_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("source");
        fs::create_dir_all(source.join("sub")).unwrap();
        fs::write(source.join("sub/file"), "text").unwrap();
        let cache = Cache::new(folder.path().join("cache"));
        let places: Vec<PathBuf> = std::thread::scope(|scope| {
            let copies: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| cache.copy(&source, None).unwrap().0))
                .collect();
            copies
                .into_iter()
                .map(|copy| copy.join().unwrap())
                .collect()
        });
        assert!(places.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(fs::read(places[0].join("sub/file")).unwrap(), b"text");
        let aside = fs::read_dir(folder.path().join("cache/aside")).unwrap();
        assert_eq!(aside.count(), 0, "nothing is left aside");
    }

    #[test]
    fn facts_are_remembered_with_their_age() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        assert!(cache.fact::<u32>("key").is_none());
        cache.set_fact("key", &7_u32).unwrap();
        cache.set_fact("key", &8_u32).unwrap();
        let (fact, age) = cache.fact::<u32>("key").unwrap();
        assert_eq!(fact, 8);
        assert!(age < Duration::from_secs(3600));
    }
}
