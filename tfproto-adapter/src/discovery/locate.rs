//! The search itself: from a source and constraints to an executable, or to all that was tried.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::mirror::{self, Listing, Package};
use super::package::{PackageError, find_executable, unpack};
use super::store::PluginStore;
use super::{Constraints, Environment, Platform, ProviderSource, SourceSpec, Version};
use crate::cache::FileHashes;
use crate::cliconfig::{CliConfig, CliConfigError, Method, MethodKind};
use crate::lockfile::{LockFile, LockedProvider, PackageHash};

/// What fetches and locks plugins.
const INSTALL: &str = "`nixops4 providers install`";
/// What locks plugins.
const LOCK: &str = "`nixops4 providers lock`";

/// The plugin that is wanted.
#[derive(Clone, Debug)]
pub struct Request {
    /// Which provider.
    pub source: SourceSpec,
    /// Which versions will do.
    pub constraints: Constraints,
}

/// A plugin that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// The full address it was found under.
    pub source: ProviderSource,
    /// Its version; a developer's override has none.
    pub version: Option<Version>,
    /// The program to start.
    pub executable: PathBuf,
    /// The directory with the package's content.
    pub package_dir: PathBuf,
    /// Where it came from.
    pub origin: Origin,
    /// What was odd on the way, for the user to see.
    pub warnings: Vec<String>,
}

/// Where a plugin came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `dev_overrides`: the version was not checked.
    DevOverride,
    /// A filesystem mirror with this root.
    Mirror(PathBuf),
    /// It was fetched before.
    Installed,
    /// The deployment names this package.
    Package(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DevOverride => f.write_str("developer's override"),
            Self::Mirror(root) => write!(f, "from the mirror {}", root.display()),
            Self::Installed => f.write_str("installed"),
            Self::Package(path) => write!(f, "from the package {}", path.display()),
        }
    }
}

/// A place that was looked at in vain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// The mirror, directory or registry, with the address looked for.
    pub place: String,
    /// What was there.
    pub outcome: String,
}

/// Why there is no plugin to start.
#[derive(Debug, thiserror::Error)]
pub enum LocateError {
    /// The CLI configuration is unusable.
    #[error(transparent)]
    Config(#[from] CliConfigError),
    /// The best match is broken.
    #[error("the package of {provider} {version} is unusable")]
    Package {
        /// The provider.
        provider: Box<ProviderSource>,
        /// Its version.
        version: String,
        /// What is wrong.
        source: Box<PackageError>,
    },
    /// A developer's override is broken.
    #[error("the developer's override of {provider} is unusable")]
    Override {
        /// The provider.
        provider: Box<ProviderSource>,
        /// Where `dev_overrides` names it.
        place: String,
        /// What is wrong.
        source: Box<PackageError>,
    },
    /// There is a lock file without it.
    #[error("provider {0} is not in the lock file")]
    NotLocked(SourceSpec),
    /// The lock file has a version that is not asked for.
    #[error("provider {provider} is locked at {version}, but {constraints} is asked for")]
    LockedOtherwise {
        /// The provider.
        provider: Box<SourceSpec>,
        /// The version that is locked.
        version: Version,
        /// What is asked for.
        constraints: Constraints,
    },
    /// The package that the deployment names has no plugin that will do.
    #[error("the package {path} will not do: {problem}")]
    Unfit {
        /// The package.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// No place has it.
    #[error("{0}")]
    NotFound(Box<NotFound>),
}

/// Everything that was tried for a plugin that was not found.
#[derive(Debug)]
pub struct NotFound {
    request: Request,
    /// The only version that does, since the lock file says so.
    locked: Option<Version>,
    platform: Platform,
    /// The places, in the order they were tried.
    pub tried: Vec<Tried>,
    /// What may be the cause, and what the user can do.
    pub hints: Vec<String>,
}

impl LocateError {
    /// What may be the cause, and what the user can do.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NotFound(not_found) => not_found.hints.clone(),
            Self::NotLocked(_) => vec![format!("{INSTALL} locks it")],
            Self::LockedOtherwise { .. } => {
                vec!["`nixops4 providers install --upgrade` locks another version".to_owned()]
            }
            Self::Override { place, .. } => vec![format!(
                "`dev_overrides` names it in {place}: build the plugin there, or take that out"
            )],
            Self::Config(_) | Self::Package { .. } | Self::Unfit { .. } => Vec::new(),
        }
    }
}

/// Finds the plugin that is locked, or without a lock file the newest that will do.
pub fn locate(
    request: &Request,
    environment: &Environment,
    lock: Option<&LockFile>,
) -> Result<Located, LocateError> {
    let config = CliConfig::load(environment)?;
    let mut sources = match lock {
        Some(lock) => lock.candidates(&request.source),
        None => request.source.candidates(),
    };
    for source in &sources {
        let overrides = config.installation.iter().map(|found| &found.dev_overrides);
        if let Some(dir) = overrides.filter_map(|dirs| dirs.get(source)).next() {
            return dev_override(source.clone(), dir, &config);
        }
    }
    let locked = lock
        .map(|lock| locked(request, &sources, lock))
        .transpose()?;
    if locked.is_some() {
        sources.truncate(1);
    }
    let store = PluginStore::of(environment);
    let mut search = Search {
        request,
        environment,
        hashes: environment.cache_dir().map(|dir| FileHashes::new(&dir)),
        locked,
        tried: Vec::new(),
        near: Near::Nothing,
    };
    let methods = methods(&config, environment);
    let (mirrors, kept) = places(&methods, store.as_ref(), &config);
    // Content is what counts where it is locked, so the place that needs no hashing comes first.
    let rounds = match locked {
        Some(_) => vec![[kept, mirrors].concat()],
        None => vec![mirrors, kept],
    };
    for places in rounds {
        for source in &sources {
            if let Some(located) = search.among(source, &places, &config.warnings)? {
                return Ok(located);
            }
        }
    }
    let mut hints = config.warnings.clone();
    let locked = locked.map(|locked| locked.version.clone());
    hints.push(search.near.hint(locked.as_ref()));
    Err(LocateError::NotFound(Box::new(NotFound {
        request: request.clone(),
        locked,
        platform: environment.platform().clone(),
        hints,
        tried: search.tried,
    })))
}

/// What is locked of a provider; its source is the first.
fn locked<'a>(
    request: &Request,
    sources: &[ProviderSource],
    lock: &'a LockFile,
) -> Result<&'a LockedProvider, LocateError> {
    let Some(locked) = sources.first().and_then(|source| lock.get(source)) else {
        return Err(LocateError::NotLocked(request.source.clone()));
    };
    if !request.constraints.allows(&locked.version) {
        return Err(LocateError::LockedOtherwise {
            provider: Box::new(request.source.clone()),
            version: locked.version.clone(),
            constraints: request.constraints.clone(),
        });
    }
    Ok(locked)
}

/// The installation methods, configured or implied.
pub fn methods(config: &CliConfig, environment: &Environment) -> Vec<Method> {
    match &config.installation {
        Some(installation) => installation.methods.clone(),
        None => implied_methods(environment),
    }
}

fn implied_methods(environment: &Environment) -> Vec<Method> {
    let mirrors = environment
        .implied_mirrors()
        .into_iter()
        .map(MethodKind::FilesystemMirror);
    mirrors
        .chain([MethodKind::Direct])
        .map(Method::for_all)
        .collect()
}

/// A place where plugins may be.
#[derive(Clone, Copy)]
enum Place<'a> {
    Method(&'a Method),
    Store(&'a PluginStore),
    /// A cache in the layout of a mirror, shared with the other tools.
    SharedCache(&'a Path),
}

/// The configured places, and those where fetched plugins are kept.
fn places<'a>(
    methods: &'a [Method],
    store: Option<&'a PluginStore>,
    config: &'a CliConfig,
) -> (Vec<Place<'a>>, Vec<Place<'a>>) {
    let mirrors = methods.iter().map(Place::Method).collect();
    let store = store.map(Place::Store);
    let cache = config.plugin_cache_dir.as_deref().map(Place::SharedCache);
    (mirrors, store.into_iter().chain(cache).collect())
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Method(method) => write!(f, "{}", method.kind),
            Self::Store(store) => write!(f, "the installed plugins {}", store.dir().display()),
            Self::SharedCache(dir) => write!(f, "plugin cache {}", dir.display()),
        }
    }
}

fn dev_override(
    source: ProviderSource,
    dir: &Path,
    config: &CliConfig,
) -> Result<Located, LocateError> {
    let executable =
        find_executable(dir, source.kind()).map_err(|problem| LocateError::Override {
            provider: Box::new(source.clone()),
            place: config.override_place(&source).to_owned(),
            source: Box::new(problem),
        })?;
    let mut warnings = config.warnings.clone();
    let shown = dir.display();
    warnings.push(format!(
        "{source} is overridden by {shown}; its version is not checked"
    ));
    let (package_dir, origin) = (dir.to_owned(), Origin::DevOverride);
    Ok(Located {
        source,
        version: None,
        executable,
        package_dir,
        origin,
        warnings,
    })
}

fn broken(provider: &ProviderSource, version: &str, problem: PackageError) -> LocateError {
    LocateError::Package {
        provider: Box::new(provider.clone()),
        version: version.to_owned(),
        source: Box::new(problem),
    }
}

struct Search<'a> {
    request: &'a Request,
    environment: &'a Environment,
    hashes: Option<FileHashes>,
    locked: Option<&'a LockedProvider>,
    tried: Vec<Tried>,
    near: Near,
}

/// The nearest miss, which decides the hint.
enum Near {
    Nothing,
    OtherPlatform {
        version: Version,
        platforms: Vec<String>,
    },
    OtherVersion(Version),
    /// The version that is locked, with a hash that is not.
    OtherContent(Version),
}

impl Search<'_> {
    /// Looks for one full address in all places that are for it.
    fn among(
        &mut self,
        source: &ProviderSource,
        places: &[Place<'_>],
        warnings: &[String],
    ) -> Result<Option<Located>, LocateError> {
        let mut found: BTreeMap<Version, Vec<(Package, Place<'_>)>> = BTreeMap::new();
        for place in places {
            for (version, packages) in self.packages(*place, source) {
                let packages = packages.into_iter().map(|package| (package, *place));
                found.entry(version).or_default().extend(packages);
            }
        }
        let Some(version) = self.wanted(found.keys()).cloned() else {
            return Ok(None);
        };
        let failed = |problem| broken(source, &version.to_string(), problem);
        // The first place that has a version provides it.
        for (package, place) in found.remove(&version).unwrap_or_default() {
            if !self.is_acceptable(&package).map_err(failed)? {
                let outcome = format!("has {version}, but its hash is not in the lock file");
                self.note(place, source, &outcome);
                self.near = Near::OtherContent(version.clone());
                continue;
            }
            let (package_dir, executable) = self.open(&package, source.kind()).map_err(failed)?;
            return Ok(Some(Located {
                source: source.clone(),
                version: Some(version.clone()),
                executable,
                package_dir,
                origin: match place {
                    Place::Method(Method {
                        kind: MethodKind::FilesystemMirror(root),
                        ..
                    }) => Origin::Mirror(root.clone()),
                    _ => Origin::Installed,
                },
                warnings: warnings.to_vec(),
            }));
        }
        Ok(None)
    }

    /// The packages that a place has for this platform.
    fn packages(
        &mut self,
        place: Place<'_>,
        source: &ProviderSource,
    ) -> BTreeMap<Version, Vec<Package>> {
        let root = match place {
            Place::Method(method) if !method.covers(source) => {
                let outcome = "is not meant for this provider (include/exclude)";
                self.note(place, source, outcome);
                return BTreeMap::new();
            }
            Place::Method(Method {
                kind: MethodKind::FilesystemMirror(root),
                ..
            }) => root,
            Place::Method(_) => {
                let outcome = "not asked: only `nixops4 providers install` uses the network";
                self.note(place, source, outcome);
                return BTreeMap::new();
            }
            Place::Store(store) => return self.stored(store, source),
            Place::SharedCache(dir) => dir,
        };
        let packages = self.mirror(root, place, source).into_iter();
        packages
            .map(|(version, package)| (version, vec![package]))
            .collect()
    }

    fn stored(
        &mut self,
        store: &PluginStore,
        source: &ProviderSource,
    ) -> BTreeMap<Version, Vec<Package>> {
        let platform = self.environment.platform();
        let mut listing = Listing::default();
        let mut all = BTreeMap::new();
        for version in store.versions(source, platform) {
            let packages = store.packages(source, &version, platform);
            if let Some(first) = packages.first() {
                let first = Package::Directory(first.dir.clone());
                listing.packages.insert(version.clone(), first);
            }
            let packages = packages.into_iter().map(Package::Stored).collect();
            all.insert(version, packages);
        }
        let place = Place::Store(store);
        if listing.packages.is_empty() {
            self.note(place, source, "has nothing of it");
        } else {
            self.consider(&listing, place, source);
        }
        all
    }

    /// The packages a mirror has for this platform; says what is missing otherwise.
    fn mirror(
        &mut self,
        root: &Path,
        place: Place<'_>,
        source: &ProviderSource,
    ) -> BTreeMap<Version, Package> {
        let listing = match mirror::list(root, source, self.environment.platform()) {
            Ok(Some(listing)) => listing,
            Ok(None) if root.is_dir() => {
                self.note(place, source, "has nothing of it");
                return BTreeMap::new();
            }
            Ok(None) => {
                self.note(place, source, "does not exist");
                return BTreeMap::new();
            }
            Err(error) => {
                self.note(place, source, &format!("cannot be read: {error}"));
                return BTreeMap::new();
            }
        };
        self.consider(&listing, place, source);
        listing.packages
    }

    /// Notes what a place has if that will not do.
    fn consider(&mut self, listing: &Listing, place: Place<'_>, source: &ProviderSource) {
        if self.wanted(listing.packages.keys()).is_none() {
            self.note(place, source, &describe(listing));
            let elsewhere = self.wanted(listing.elsewhere.keys());
            self.near.consider(listing, elsewhere);
        }
    }

    /// The one of these versions that is wanted.
    fn wanted<'v>(&self, mut versions: impl Iterator<Item = &'v Version>) -> Option<&'v Version> {
        match self.locked {
            Some(locked) => versions.find(|version| **version == locked.version),
            None => self.request.constraints.newest(versions),
        }
    }

    /// Whether a package is one that is locked, if anything is.
    fn is_acceptable(&self, package: &Package) -> Result<bool, PackageError> {
        let Some(locked) = self.locked else {
            return Ok(true);
        };
        let read = |path: &Path| {
            let path = path.to_owned();
            move |source| PackageError::Io {
                action: "read",
                path,
                source,
            }
        };
        match package {
            Package::Stored(package) => Ok(locked.accepts(&package.hashes)),
            Package::Directory(dir) => {
                let hash = PackageHash::of_directory(dir, self.hashes.as_ref());
                Ok(locked.accepts([&hash.map_err(read(dir))?]))
            }
            Package::Archive(path) => {
                let digest = match &self.hashes {
                    Some(hashes) => hashes
                        .sha256(path)
                        .map(|digest| PackageHash::of_archive_digest(&digest)),
                    None => PackageHash::of_archive(path),
                };
                if locked.accepts([&digest.map_err(read(path))?]) {
                    return Ok(true);
                }
                let content = PackageHash::of_archive_content(path);
                Ok(locked.accepts([&content.map_err(read(path))?]))
            }
        }
    }

    fn open(&self, package: &Package, kind: &str) -> Result<(PathBuf, PathBuf), PackageError> {
        let dir = match package {
            Package::Directory(dir) => dir.clone(),
            Package::Stored(package) => package.dir.clone(),
            Package::Archive(path) => match self.environment.cache_dir() {
                Some(cache) => unpack(path, &cache)?,
                None => return Err(PackageError::NoCache { path: path.clone() }),
            },
        };
        let executable = find_executable(&dir, kind)?;
        Ok((dir, executable))
    }

    fn note(&mut self, place: Place<'_>, source: &ProviderSource, outcome: &str) {
        self.tried.push(Tried {
            place: format!("{source} in {place}"),
            outcome: outcome.to_owned(),
        });
    }
}

/// Says what a mirror has instead.
fn describe(listing: &Listing) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !listing.packages.is_empty() {
        let versions: Vec<_> = listing.packages.keys().map(ToString::to_string).collect();
        parts.push(format!("has {}", versions.join(", ")));
    }
    for (version, platforms) in &listing.elsewhere {
        let platforms: Vec<_> = platforms.iter().map(String::as_str).collect();
        parts.push(format!("has {version} for {} only", platforms.join(", ")));
    }
    if parts.is_empty() {
        "has no version of it".to_owned()
    } else {
        parts.join("; ")
    }
}

impl Near {
    /// Looks at what a place has; `elsewhere` is what would do on another platform.
    fn consider(&mut self, listing: &Listing, elsewhere: Option<&Version>) {
        if let Some(version) = elsewhere
            && let Some(platforms) = listing.elsewhere.get(version)
        {
            let (version, platforms) = (version.clone(), platforms.iter().cloned().collect());
            *self = Self::OtherPlatform { version, platforms };
        } else if let (Self::Nothing, Some(version)) = (&*self, listing.packages.keys().max()) {
            *self = Self::OtherVersion(version.clone());
        }
    }

    fn hint(&self, locked: Option<&Version>) -> String {
        match (self, locked) {
            (Self::Nothing, _) => {
                format!("{INSTALL} fetches it from its registry or a mirror; or set `executable`")
            }
            (Self::OtherContent(version), _) => format!(
                "if this {version} is what you want, {LOCK} adds its hash; otherwise {INSTALL} \
                 fetches the one that is locked"
            ),
            (Self::OtherPlatform { version, platforms }, _) => format!(
                "version {version} is there, but for {} only; {INSTALL} fetches it for this platform",
                platforms.join(", ")
            ),
            (Self::OtherVersion(version), Some(locked)) => format!(
                "{INSTALL} fetches {locked}; {version} is there, and \
                 `nixops4 providers install --upgrade` locks another version than {locked}"
            ),
            (Self::OtherVersion(version), None) if !version.pre.is_empty() => format!(
                "the newest version there, {version}, is a prerelease: `version = \"{version}\"` \
                 asks for it, or let {INSTALL} fetch another"
            ),
            (Self::OtherVersion(version), None) => format!(
                "the newest version there is {version}: allow it in `version`, or let {INSTALL} \
                 fetch another"
            ),
        }
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request {
            source,
            constraints,
        } = &self.request;
        write!(f, "no plugin found for provider {source}")?;
        if let Some(version) = &self.locked {
            write!(f, " in version {version}, which the lock file asks for")?;
        } else if !constraints.is_any() {
            write!(f, ", version {constraints}")?;
        }
        write!(f, ", on {}; tried:", self.platform)?;
        for Tried { place, outcome } in &self.tried {
            write!(f, "\n  {place}: {outcome}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
