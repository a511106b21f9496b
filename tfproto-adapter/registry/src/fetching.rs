//! [`Fetching`]: a directory for what is being fetched, which goes away even if its run is killed.

use std::fs::{self, File};
use std::path::Path;

use nixops4_tfproto::discovery::Environment;
use tempfile::TempDir;

use crate::error::FetchError;

/// What the directories' names begin with.
const PREFIX: &str = ".fetching-";
/// In each directory: locked for as long as somebody uses it.
const IN_USE: &str = "lock";
/// Beside them: locked by who makes or removes them, since a new one is not locked at once.
const COMING_AND_GOING: &str = ".fetching.lock";

/// A directory for a download; it ends with this value, or else with a later download.
pub struct Fetching {
    // Declared first, so that it is gone before the lock is.
    dir: TempDir,
    _in_use: Option<File>,
}

impl Fetching {
    /// Makes one below the user's cache: packages may be larger than what a temporary directory
    /// in memory holds. What killed runs left behind there is removed.
    pub fn new(environment: &Environment) -> Result<Self, FetchError> {
        let Some(cache) = environment.cache_dir() else {
            let made = tempfile::Builder::new().prefix(PREFIX).tempdir();
            let dir = made.map_err(FetchError::file("write to", std::env::temp_dir()))?;
            return Ok(Self { dir, _in_use: None });
        };
        fs::create_dir_all(&cache).map_err(FetchError::file("create", &cache))?;
        let failed = || FetchError::file("write to", &cache);
        let alone = File::create(cache.join(COMING_AND_GOING)).map_err(failed())?;
        alone.lock().map_err(failed())?;
        remove_abandoned(&cache);
        let made = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&cache);
        let dir = made.map_err(failed())?;
        let in_use = File::create(dir.path().join(IN_USE)).map_err(failed())?;
        in_use.lock().map_err(failed())?;
        Ok(Self {
            dir,
            _in_use: Some(in_use),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Removes the directories that nobody uses. What cannot be removed is no reason not to fetch.
fn remove_abandoned(cache: &Path) {
    for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
        let (name, path) = (entry.file_name(), entry.path());
        if !name.to_string_lossy().starts_with(PREFIX) || !path.is_dir() {
            continue;
        }
        let lock = File::open(path.join(IN_USE));
        if lock.as_ref().is_ok_and(|lock| lock.try_lock().is_err()) {
            continue;
        }
        match fs::remove_dir_all(&path) {
            Ok(()) => tracing::debug!("removed the abandoned download {}", path.display()),
            Err(error) => tracing::debug!("cannot remove {}: {error}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn abandoned_downloads_are_removed_and_those_in_use_stay() {
        let home = tempfile::tempdir().expect("a directory");
        let variables = [("HOME".into(), home.path().into())];
        let environment = Environment::new(variables, "/");
        let cache = environment.cache_dir().expect("a cache");
        for (name, file) in [("killed", "package.zip"), ("at-once", ""), ("late", IN_USE)] {
            let dir = cache.join(format!("{PREFIX}{name}"));
            fs::create_dir_all(&dir).expect("a directory");
            if !file.is_empty() {
                fs::write(dir.join(file), "part").expect("a file");
            }
        }
        let first = Fetching::new(&environment).expect("a directory");
        let second = Fetching::new(&environment).expect("a directory");
        let left = || {
            let entries = fs::read_dir(&cache).expect("a directory").flatten();
            let dirs = entries.filter(|entry| entry.path().is_dir());
            dirs.map(|entry| entry.path()).collect::<Vec<_>>()
        };
        assert_eq!(left().len(), 2);
        assert!(first.path().is_dir() && second.path().is_dir());
        drop((first, second));
        assert_eq!(left(), Vec::<std::path::PathBuf>::new());
    }
}
