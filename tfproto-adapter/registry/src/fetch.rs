//! From an offer to a verified package on this machine.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nixops4_tfproto::cliconfig::Method;
use nixops4_tfproto::discovery::{
    Environment, PackageError, Platform, PluginStore, ProviderSource, StoredPackage, Version,
    check_archive, find_executable,
};
use nixops4_tfproto::lockfile::{LockedProvider, PackageHash};

use crate::context::Context;
use crate::error::FetchError;
use crate::fetching::Fetching;
use crate::http::{Ask, Client};
use crate::offer::{Location, Offer};
use crate::shared_cache::SharedCache;

/// What is to be fetched.
pub struct Wanted<'a> {
    /// Whose package.
    pub source: &'a ProviderSource,
    /// Of which version.
    pub version: &'a Version,
    /// For which platform.
    pub platform: &'a Platform,
    /// What it must look like, if that is locked.
    pub locked: Option<&'a LockedProvider>,
}

/// An archive on this machine that is what was offered.
pub struct Archive {
    /// Where it is.
    pub path: PathBuf,
    /// Its hashes, of itself and of its content.
    pub hashes: BTreeSet<PackageHash>,
    /// What the user knows it by.
    shown: PathBuf,
    /// Removes it in the end, if it was fetched.
    _temporary: Option<Fetching>,
}

/// Fetches an archive, or finds it where it lies, and checks it.
pub fn archive(
    client: &Client,
    environment: &Environment,
    offer: &Offer,
    wanted: &Wanted<'_>,
) -> Result<Option<Archive>, FetchError> {
    let (path, shown, temporary) = match &offer.location {
        Location::Directory(_) => return Ok(None),
        Location::Archive(path) => (path.clone(), path.clone(), None),
        Location::Remote { url, authorization } => {
            let dir = Fetching::new(environment)?;
            let path = dir.path().join("package.zip");
            let ask = Ask {
                authorization: authorization.clone(),
                accept: "",
            };
            let fetched = client.download(url, &ask, &path, offer.size);
            fetched.map_err(FetchError::Download)?;
            (path, url.into(), Some(dir))
        }
    };
    let zip = PackageHash::of_archive(&path).map_err(FetchError::file("read", &path))?;
    check_unopened(&zip, offer, wanted)?;
    let hashes = BTreeSet::from([zip, content_hash(&path, &shown)?]);
    check(&hashes, offer, wanted)?;
    check_archive(&path, wanted.source.kind()).map_err(|error| about(&shown, error))?;
    Ok(Some(Archive {
        path,
        hashes,
        shown,
        _temporary: temporary,
    }))
}

/// Both hashes of an archive.
pub fn archive_hashes(path: &Path) -> Result<BTreeSet<PackageHash>, FetchError> {
    let zip = PackageHash::of_archive(path).map_err(FetchError::file("read", path))?;
    Ok(BTreeSet::from([zip, content_hash(path, path)?]))
}

fn content_hash(path: &Path, shown: &Path) -> Result<PackageHash, FetchError> {
    PackageHash::of_archive_content(path).map_err(|error| {
        let shown = shown.display();
        FetchError::Refused(format!("{shown} is not a usable archive: {error}"))
    })
}

/// What is wrong with an archive, by the name that the user knows it by.
fn about(shown: &Path, mut error: PackageError) -> PackageError {
    match &mut error {
        PackageError::NoExecutable { dir, .. } => *dir = shown.to_owned(),
        PackageError::Archive { path, .. } => *path = shown.to_owned(),
        PackageError::NotExecutable { path, .. } => {
            *path = shown.join(path.file_name().unwrap_or_default());
        }
        PackageError::Io { .. } | PackageError::NoCache { .. } => {}
    }
    error
}

/// Whether an archive is what it should be, as far as can be told without opening it.
///
/// Whoever tampered with it may have made it to harm what opens archives.
fn check_unopened(zip: &PackageHash, offer: &Offer, wanted: &Wanted<'_>) -> Result<(), FetchError> {
    let is_zip = |hash: &&PackageHash| hash.scheme() == zip.scheme();
    let announced: BTreeSet<_> = offer.expected.iter().filter(is_zip).cloned().collect();
    if !announced.is_empty() && !announced.contains(zip) {
        return Err(not_announced([zip], &announced));
    }
    match wanted.locked {
        Some(locked) if locked.hashes.iter().all(|hash| is_zip(&hash)) => {
            check_locked(&BTreeSet::from([zip.clone()]), locked)
        }
        _ => Ok(()),
    }
}

/// Whether a package is what the method says and what is locked.
fn check(
    hashes: &BTreeSet<PackageHash>,
    offer: &Offer,
    wanted: &Wanted<'_>,
) -> Result<(), FetchError> {
    if !offer.expected.is_empty() && offer.expected.is_disjoint(hashes) {
        return Err(not_announced(hashes, &offer.expected));
    }
    match wanted.locked {
        Some(locked) => check_locked(hashes, locked),
        None => Ok(()),
    }
}

fn check_locked(hashes: &BTreeSet<PackageHash>, locked: &LockedProvider) -> Result<(), FetchError> {
    if locked.accepts(hashes) {
        return Ok(());
    }
    Err(FetchError::Refused(format!(
        "the package is not the one that is locked: what is not in the lock file is {}; if it is \
         the right one, `nixops4 providers lock` adds it",
        list(hashes)
    )))
}

fn not_announced<'a>(
    hashes: impl IntoIterator<Item = &'a PackageHash>,
    announced: &BTreeSet<PackageHash>,
) -> FetchError {
    FetchError::Refused(format!(
        "the package is not what was announced: it is {}, announced {}",
        list(hashes),
        list(announced)
    ))
}

fn list<'a>(hashes: impl IntoIterator<Item = &'a PackageHash>) -> String {
    let texts: Vec<_> = hashes.into_iter().map(PackageHash::as_str).collect();
    texts.join(", ")
}

/// A package where plugins are found.
pub struct Installed {
    /// The hashes that are now certain.
    pub hashes: BTreeSet<PackageHash>,
    /// Whether it had been fetched before.
    pub was_there: bool,
}

/// Puts an offered package where plugins are found, unless it is there.
pub fn install(
    context: &Context,
    method: &Method,
    offer: &Offer,
    wanted: &Wanted<'_>,
) -> Result<Installed, FetchError> {
    let kept = match SharedCache::of(context) {
        Some(cache) => {
            let Wanted {
                source,
                version,
                platform,
                locked,
            } = *wanted;
            let hash = cache.find(context, source, version, platform, locked, offer);
            hash.map(|hash| BTreeSet::from([hash]))
        }
        None => stored(&context.environment, offer, wanted),
    };
    let was_there = kept.is_some();
    let hashes = match kept {
        Some(hashes) => hashes,
        None => put(context, method, offer, wanted)?,
    };
    Ok(Installed { hashes, was_there })
}

/// The hashes of what the user's store has, if it is what is offered.
fn stored(
    environment: &Environment,
    offer: &Offer,
    wanted: &Wanted<'_>,
) -> Option<BTreeSet<PackageHash>> {
    let packages =
        PluginStore::of(environment)?.packages(wanted.source, wanted.version, wanted.platform);
    let is_right = |package: &&StoredPackage| {
        let is_wanted = wanted.locked.is_none_or(|l| l.accepts(&package.hashes));
        is_wanted
            && !offer.expected.is_disjoint(&package.hashes)
            && find_executable(&package.dir, wanted.source.kind()).is_ok()
    };
    let package = packages.iter().find(is_right)?;
    // It may have been changed since.
    let content = PackageHash::of_directory(&package.dir, None).ok()?;
    let certain = package.hashes.contains(&content).then_some(content)?;
    // It may have come in other archives, too.
    let announced = offer.expected.intersection(&package.hashes).cloned();
    Some(announced.chain([certain]).collect())
}

/// Fetches an offered package, and puts it where plugins are found.
fn put(
    context: &Context,
    method: &Method,
    offer: &Offer,
    wanted: &Wanted<'_>,
) -> Result<BTreeSet<PackageHash>, FetchError> {
    let Wanted {
        source,
        version,
        platform,
        ..
    } = *wanted;
    let cache = SharedCache::of(context);
    let client = context.client_of(method);
    let Some(archive) = archive(&client, &context.environment, offer, wanted)? else {
        return in_place(offer, wanted);
    };
    // Plugins are found in mirrors on this machine without being copied.
    if matches!(offer.location, Location::Archive(_)) {
        return Ok(archive.hashes);
    }
    match (&cache, PluginStore::of(&context.environment)) {
        (Some(cache), _) => cache.put(source, version, platform, &archive.path)?,
        (None, Some(store)) => {
            let added = store.add_archive(source, version, platform, &archive.path);
            added.map_err(|error| about(&archive.shown, error))?;
        }
        (None, None) => {
            return Err(FetchError::Configuration(
                "there is no place for plugins: neither XDG_CACHE_HOME nor HOME is set".to_owned(),
            ));
        }
    }
    Ok(archive.hashes)
}

/// The hash of an unpacked package, checked where it lies.
fn in_place(offer: &Offer, wanted: &Wanted<'_>) -> Result<BTreeSet<PackageHash>, FetchError> {
    let Location::Directory(dir) = &offer.location else {
        return Ok(BTreeSet::new());
    };
    let hash = PackageHash::of_directory(dir, None).map_err(FetchError::file("read", dir))?;
    let hashes = BTreeSet::from([hash]);
    check(&hashes, offer, wanted)?;
    find_executable(dir, wanted.source.kind())?;
    Ok(hashes)
}

/// The hashes of an offered package that stays where it is.
pub fn hashes(
    context: &Context,
    method: &Method,
    offer: &Offer,
    wanted: &Wanted<'_>,
) -> Result<BTreeSet<PackageHash>, FetchError> {
    let client = context.client_of(method);
    match archive(&client, &context.environment, offer, wanted)? {
        Some(archive) => Ok(archive.hashes),
        None => in_place(offer, wanted),
    }
}
