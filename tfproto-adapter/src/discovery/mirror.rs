//! Filesystem mirrors: which versions of a provider lie in a directory, packed or unpacked.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::store::StoredPackage;
use super::{Platform, ProviderSource, Version};

/// What a mirror has of one provider.
#[derive(Debug, Default)]
pub struct Listing {
    /// Packages for the wanted platform.
    pub packages: BTreeMap<Version, Package>,
    /// Versions that are there, but only for these other platforms.
    pub elsewhere: BTreeMap<Version, BTreeSet<String>>,
}

/// A package, by where it lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Package {
    /// Unpacked.
    Directory(PathBuf),
    /// Packed.
    Archive(PathBuf),
    /// In the user's own store, with hashes known.
    Stored(StoredPackage),
}

/// Lists a provider's packages below a mirror's root; `None` if there is nothing of it.
pub fn list(
    root: &Path,
    source: &ProviderSource,
    platform: &Platform,
) -> io::Result<Option<Listing>> {
    let dir = root
        .join(source.host())
        .join(source.namespace())
        .join(source.kind());
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(error) if absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut listing = Listing::default();
    let platform = platform.to_string();
    for entry in entries {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        // Links to packages are common, so the target decides.
        if path.is_dir() {
            if let Ok(version) = Version::parse(name) {
                listing.add_unpacked(version, &path, &platform)?;
            }
        } else if let Some((version, built_for)) = archive_name(name, source.kind()) {
            listing.add(version, &built_for, &platform, Package::Archive(path));
        }
    }
    Ok(Some(listing))
}

/// The archives in a provider's directory: version, platform and file.
pub fn archives(dir: &Path, kind: &str) -> io::Result<Vec<(Version, String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some((version, platform)) = name.and_then(|name| archive_name(name, kind)) {
            found.push((version, platform, path));
        }
    }
    Ok(found)
}

impl Listing {
    fn add_unpacked(&mut self, version: Version, dir: &Path, platform: &str) -> io::Result<()> {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            let Some(built_for) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            if path.is_dir() && built_for.contains('_') {
                let built_for = built_for.to_owned();
                self.add(
                    version.clone(),
                    &built_for,
                    platform,
                    Package::Directory(path),
                );
            }
        }
        Ok(())
    }

    fn add(&mut self, version: Version, built_for: &str, platform: &str, package: Package) {
        if built_for != platform {
            self.elsewhere
                .entry(version)
                .or_default()
                .insert(built_for.to_owned());
            return;
        }
        // Where a mirror has both layouts, the directory needs no work.
        let known = self
            .packages
            .entry(version)
            .or_insert_with(|| package.clone());
        if matches!(package, Package::Directory(_)) {
            *known = package;
        }
    }
}

/// Reads `terraform-provider-TYPE_VERSION_OS_ARCH.zip`.
fn archive_name(name: &str, kind: &str) -> Option<(Version, String)> {
    let lower = name.to_ascii_lowercase();
    let rest = lower
        .strip_prefix("terraform-provider-")?
        .strip_prefix(kind)?
        .strip_prefix('_')?
        .strip_suffix(".zip")?;
    let (version, platform) = rest.split_once('_')?;
    platform.contains('_').then_some(())?;
    Some((Version::parse(version).ok()?, platform.to_owned()))
}

fn absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}
