//! `plugin_cache_dir`: a directory in the layout of an unpacked mirror, shared with Terraform and
//! OpenTofu, and with runs at the same time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nixops4_tfproto::discovery::{Platform, ProviderSource, Version, extract, find_executable};
use nixops4_tfproto::lockfile::{LockedProvider, PackageHash};

use crate::context::Context;
use crate::error::FetchError;
use crate::offer::Offer;

/// The cache.
#[derive(Debug)]
pub struct SharedCache {
    dir: PathBuf,
}

impl SharedCache {
    /// The configured cache, if there is one.
    pub fn of(context: &Context) -> Option<Self> {
        let dir = context.config.plugin_cache_dir.clone()?;
        Some(Self { dir })
    }

    /// A package that is there and is known to be right: it is locked, or the method vouches for
    /// it.
    pub fn find(
        &self,
        context: &Context,
        source: &ProviderSource,
        version: &Version,
        platform: &Platform,
        locked: Option<&LockedProvider>,
        offer: &Offer,
    ) -> Option<PackageHash> {
        let place = self.place(source, version, platform);
        let hash = PackageHash::of_directory(&place, None).ok()?;
        find_executable(&place, source.kind()).ok()?;
        let is_right = match locked {
            Some(locked) => locked.accepts([&hash]),
            None => context.config.cache_may_break_lock_file || offer.expected.contains(&hash),
        };
        is_right.then_some(hash)
    }

    /// Unpacks an archive into the cache, in place of what was there.
    pub fn put(
        &self,
        source: &ProviderSource,
        version: &Version,
        platform: &Platform,
        archive: &Path,
    ) -> Result<(), FetchError> {
        let place = self.place(source, version, platform);
        let parent = place.parent().unwrap_or(&self.dir);
        fs::create_dir_all(parent).map_err(FetchError::file("create", parent))?;
        let staging = tempfile::Builder::new()
            .prefix(".unpacking-")
            .tempdir_in(parent)
            .map_err(FetchError::file("write to", parent))?;
        let content = staging.path().join("content");
        extract(archive, &content)?;
        // OpenTofu locks the same file. Readers need no lock: they see the old or the new one.
        let lock = parent.join(format!("{platform}.lock"));
        let lock = File::create(&lock).map_err(FetchError::file("create", lock))?;
        lock.lock().map_err(FetchError::file("lock", parent))?;
        let failed = || FetchError::file("replace", &place);
        let before = staging.path().join("before");
        match fs::rename(&place, &before) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed()(error)),
        }
        fs::rename(&content, &place).map_err(failed())
    }

    fn place(&self, source: &ProviderSource, version: &Version, platform: &Platform) -> PathBuf {
        let dir = self.dir.join(source.host()).join(source.namespace());
        let dir = dir.join(source.kind()).join(version.to_string());
        dir.join(platform.to_string())
    }
}
