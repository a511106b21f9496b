//! The user's own store of plugins: what was fetched once is found by every project.
//!
//! ```text
//! providers/HOST/NAMESPACE/TYPE/VERSION/OS_ARCH/HEX/      the package, HEX being its content hash
//! providers/HOST/NAMESPACE/TYPE/VERSION/OS_ARCH/HEX.zh    SHA-256 of archives it came in, one a line
//! ```
//! A package appears by one rename and never changes, so runs need no lock against each other, and
//! its name promises its content: it was hashed when it was put there.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::package::{PackageError, extract};
use super::{Environment, Platform, ProviderSource, Version};
use crate::cache::write_atomically;
use crate::lockfile::PackageHash;

/// The store of one user.
#[derive(Clone, Debug)]
pub struct PluginStore {
    dir: PathBuf,
}

/// A package in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPackage {
    /// Its directory.
    pub dir: PathBuf,
    /// All hashes that are known of it; one of them is of its content.
    pub hashes: BTreeSet<PackageHash>,
}

impl PluginStore {
    /// The store of the user whose surroundings these are; there is none without a home.
    pub fn of(environment: &Environment) -> Option<Self> {
        let dir = environment.cache_dir()?.join("providers");
        Some(Self { dir })
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The versions of a provider that are there for a platform.
    pub fn versions(&self, source: &ProviderSource, platform: &Platform) -> BTreeSet<Version> {
        let names = names(&self.provider(source));
        let versions = names.iter().filter_map(|name| Version::parse(name).ok());
        versions
            .filter(|version| !self.packages(source, version, platform).is_empty())
            .collect()
    }

    /// The packages of a version for a platform, usually one.
    pub fn packages(
        &self,
        source: &ProviderSource,
        version: &Version,
        platform: &Platform,
    ) -> Vec<StoredPackage> {
        let dir = self.place(source, version, platform);
        let names = names(&dir);
        names
            .iter()
            .filter_map(|name| {
                let mut hashes = BTreeSet::from([content_hash(name)?]);
                if let Ok(text) = fs::read_to_string(dir.join(format!("{name}{ARCHIVES}"))) {
                    hashes.extend(text.lines().filter_map(PackageHash::parse));
                }
                let dir = dir.join(name);
                Some(StoredPackage { dir, hashes })
            })
            .collect()
    }

    /// Unpacks an archive into the store, unless its content is there already.
    pub fn add_archive(
        &self,
        source: &ProviderSource,
        version: &Version,
        platform: &Platform,
        archive: &Path,
    ) -> Result<StoredPackage, PackageError> {
        let failed = |source| PackageError::Io {
            action: "read",
            path: archive.to_owned(),
            source,
        };
        let digest = PackageHash::of_archive(archive).map_err(failed)?;
        let put = |content: &Path| extract(archive, content);
        self.add(source, version, platform, Some(digest), put)
    }

    /// Copies an unpacked package into the store, unless its content is there already.
    pub fn add_directory(
        &self,
        source: &ProviderSource,
        version: &Version,
        platform: &Platform,
        package: &Path,
    ) -> Result<StoredPackage, PackageError> {
        let put = |content: &Path| {
            copy(package, content).map_err(|source| PackageError::Io {
                action: "copy",
                path: package.to_owned(),
                source,
            })
        };
        self.add(source, version, platform, None, put)
    }

    fn add(
        &self,
        source: &ProviderSource,
        version: &Version,
        platform: &Platform,
        archive: Option<PackageHash>,
        put: impl FnOnce(&Path) -> Result<(), PackageError>,
    ) -> Result<StoredPackage, PackageError> {
        let place = self.place(source, version, platform);
        let failed = |source| PackageError::Io {
            action: "write",
            path: place.clone(),
            source,
        };
        fs::create_dir_all(&place).map_err(failed)?;
        let staging = tempfile::Builder::new()
            .prefix(".unpacking-")
            .tempdir_in(&place)
            .map_err(failed)?;
        let content = staging.path().join("content");
        put(&content)?;
        // Hashed where it lies, so that what is promised is what arrived.
        let hash = PackageHash::of_directory(&content, None).map_err(failed)?;
        let Some(name) = directory_name(&hash) else {
            return Err(failed(io::Error::other("its hash has no name")));
        };
        let mut hashes = BTreeSet::from([hash.clone()]);
        let dir = place.join(&name);
        if let Some(archive) = archive {
            let list = place.join(format!("{name}{ARCHIVES}"));
            let mut known = fs::read_to_string(&list).unwrap_or_default();
            if !known.lines().any(|line| line == archive.as_str()) {
                known.push_str(archive.as_str());
                known.push('\n');
                write_atomically(&list, known.as_bytes()).map_err(failed)?;
            }
            hashes.insert(archive);
        }
        match fs::rename(&content, &dir) {
            Ok(()) => {}
            // Somebody else was faster; unless it was changed since, the content is the same.
            Err(_) if dir.is_dir() => {
                let is_whole = PackageHash::of_directory(&dir, None).is_ok_and(|it| it == hash);
                if !is_whole {
                    let before = staging.path().join("before");
                    fs::rename(&dir, before).map_err(failed)?;
                    fs::rename(&content, &dir).map_err(failed)?;
                }
            }
            Err(error) => return Err(failed(error)),
        }
        Ok(StoredPackage { dir, hashes })
    }

    fn provider(&self, source: &ProviderSource) -> PathBuf {
        let dir = self.dir.join(source.host());
        dir.join(source.namespace()).join(source.kind())
    }

    fn place(&self, source: &ProviderSource, version: &Version, platform: &Platform) -> PathBuf {
        let dir = self.provider(source);
        dir.join(version.to_string()).join(platform.to_string())
    }
}

/// The end of the name of a list of archives.
const ARCHIVES: &str = ".zh";

/// The names in a directory, sorted; none if it cannot be read.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Base64 has slashes, and letters that some filesystems do not tell apart.
fn directory_name(hash: &PackageHash) -> Option<String> {
    let bytes = STANDARD.decode(hash.value()).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn content_hash(name: &str) -> Option<PackageHash> {
    let hash = blake3::Hash::from_hex(name).ok()?;
    PackageHash::parse(&format!("h1:{}", STANDARD.encode(hash.as_bytes())))
}

/// Copies a directory with all that links in it lead to.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if fs::metadata(&path)?.is_dir() {
            copy(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::SourceSpec;

    #[test]
    fn what_is_put_in_is_found_by_its_content() {
        let home = tempfile::tempdir().expect("a directory");
        let variables = [("HOME".into(), home.path().into())];
        let store = PluginStore::of(&Environment::new(variables, "/")).expect("a store");
        let source = SourceSpec::parse("acme/x")
            .expect("a source")
            .candidates()
            .remove(0);
        let (version, platform) = (Version::new(1, 0, 0), Platform::new("linux", "amd64"));
        let package = home.path().join("package");
        for content in ["one", "two", "one"] {
            fs::create_dir_all(&package).expect("a directory");
            fs::write(package.join("terraform-provider-x"), content).expect("a file");
            let stored = store
                .add_directory(&source, &version, &platform, &package)
                .expect("stored");
            let hash = PackageHash::of_directory(&stored.dir, None).expect("a hash");
            assert!(stored.hashes.contains(&hash));
            assert!(
                store
                    .packages(&source, &version, &platform)
                    .contains(&stored)
            );
        }
        assert_eq!(store.packages(&source, &version, &platform).len(), 2);
        // What somebody has changed is mended.
        let add = || store.add_directory(&source, &version, &platform, &package);
        let program = add().expect("stored").dir.join("terraform-provider-x");
        fs::write(&program, "changed").expect("a file");
        add().expect("stored");
        assert_eq!(fs::read_to_string(&program).expect("a file"), "one");
        assert_eq!(
            store.versions(&source, &platform),
            BTreeSet::from([version.clone()])
        );
        assert!(
            store
                .versions(&source, &Platform::new("plan9", "386"))
                .is_empty()
        );
    }
}
