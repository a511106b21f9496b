//! Filesystem mirrors: packages that lie on this machine already.

use std::collections::BTreeSet;
use std::path::Path;

use nixops4_tfproto::discovery::mirror::{self, Package};
use nixops4_tfproto::discovery::{Platform, ProviderSource, Version};

use crate::error::FetchError;
use crate::offer::{Location, Offer};

/// The versions that a mirror has, for any platform; `None` if it has nothing of the provider.
pub fn versions(
    root: &Path,
    source: &ProviderSource,
    platform: &Platform,
) -> Result<Option<BTreeSet<Version>>, FetchError> {
    let listing = mirror::list(root, source, platform).map_err(FetchError::file("read", root))?;
    Ok(listing.map(|listing| {
        let versions = listing.packages.into_keys();
        versions.chain(listing.elsewhere.into_keys()).collect()
    }))
}

/// The other platforms that a mirror has a version for.
pub fn platforms(
    root: &Path,
    source: &ProviderSource,
    version: &Version,
    platform: &Platform,
) -> Vec<String> {
    let listing = mirror::list(root, source, platform).ok().flatten();
    let found = listing.and_then(|mut listing| listing.elsewhere.remove(version));
    found.unwrap_or_default().into_iter().collect()
}

/// What a mirror offers for a platform.
pub fn offer(
    root: &Path,
    source: &ProviderSource,
    version: &Version,
    platform: &Platform,
) -> Result<Option<Offer>, FetchError> {
    let listing = mirror::list(root, source, platform).map_err(FetchError::file("read", root))?;
    let package = listing.and_then(|mut listing| listing.packages.remove(version));
    let location = match package {
        Some(Package::Archive(path)) => Location::Archive(path),
        Some(Package::Directory(dir)) => Location::Directory(dir),
        Some(Package::Stored(package)) => Location::Directory(package.dir),
        None => return Ok(None),
    };
    Ok(Some(Offer {
        location,
        expected: BTreeSet::new(),
        vouched: BTreeSet::new(),
        is_vouched: false,
        size: None,
        warnings: Vec::new(),
    }))
}
