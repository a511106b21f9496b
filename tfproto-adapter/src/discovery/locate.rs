//! The search itself: from a source and constraints to an executable, or to all that was tried.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::{Path, PathBuf};

use super::mirror::{self, Listing, Package};
use super::package::{PackageError, find_executable, unpack};
use super::{Constraints, Environment, Platform, ProviderSource, SourceSpec, Version};
use crate::cliconfig::{CliConfig, CliConfigError, Method, MethodKind};

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
        /// Its version, or "(dev override)".
        version: String,
        /// What is wrong.
        source: Box<PackageError>,
    },
    /// No place has it.
    #[error("{0}")]
    NotFound(Box<NotFound>),
}

/// Everything that was tried for a plugin that was not found.
#[derive(Debug)]
pub struct NotFound {
    request: Request,
    platform: Platform,
    /// The places, in the order they were tried.
    pub tried: Vec<Tried>,
    /// What the user can do.
    pub hint: String,
}

impl LocateError {
    /// What the user can do.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::NotFound(not_found) => Some(&not_found.hint),
            _ => None,
        }
    }
}

/// Finds the newest plugin that will do.
pub fn locate(request: &Request, environment: &Environment) -> Result<Located, LocateError> {
    let config = CliConfig::load(environment)?;
    let methods = match &config.installation {
        Some(installation) => installation.methods.clone(),
        None => implied_methods(environment),
    };
    let mut search = Search {
        request,
        environment,
        tried: Vec::new(),
        near: Near::Nothing,
    };
    for source in request.source.candidates() {
        let overrides = config
            .installation
            .as_ref()
            .map(|found| &found.dev_overrides);
        if let Some(dir) = overrides.and_then(|overrides| overrides.get(&source)) {
            return dev_override(source, dir, config.warnings);
        }
        if let Some(located) = search.among(&source, &methods, &config.warnings)? {
            return Ok(located);
        }
    }
    Err(LocateError::NotFound(Box::new(NotFound {
        request: request.clone(),
        platform: environment.platform().clone(),
        hint: search.near.hint(),
        tried: search.tried,
    })))
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

fn dev_override(
    source: ProviderSource,
    dir: &Path,
    mut warnings: Vec<String>,
) -> Result<Located, LocateError> {
    let executable = find_executable(dir, source.kind())
        .map_err(|problem| broken(&source, "(dev override)", problem))?;
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
}

impl Search<'_> {
    /// Looks for one full address with all methods that cover it.
    fn among(
        &mut self,
        source: &ProviderSource,
        methods: &[Method],
        warnings: &[String],
    ) -> Result<Option<Located>, LocateError> {
        let mut found: BTreeMap<Version, (Package, PathBuf)> = BTreeMap::new();
        for method in methods {
            if !method.covers(source) {
                self.note(
                    method,
                    source,
                    "is not meant for this provider (include/exclude)",
                );
                continue;
            }
            let MethodKind::FilesystemMirror(root) = &method.kind else {
                self.note(
                    method,
                    source,
                    "not asked: plugins are looked for on this machine only",
                );
                continue;
            };
            for (version, package) in self.mirror(root, method, source) {
                // The first method that has a version provides it.
                if let Entry::Vacant(entry) = found.entry(version) {
                    entry.insert((package, root.clone()));
                }
            }
        }
        let Some(version) = self.request.constraints.newest(found.keys()).cloned() else {
            return Ok(None);
        };
        let Some((package, root)) = found.remove(&version) else {
            return Ok(None);
        };
        match self.open(&package, source.kind()) {
            Ok((package_dir, executable)) => Ok(Some(Located {
                source: source.clone(),
                version: Some(version),
                executable,
                package_dir,
                origin: Origin::Mirror(root),
                warnings: warnings.to_vec(),
            })),
            Err(problem) => Err(broken(source, &version.to_string(), problem)),
        }
    }

    /// The packages a mirror has for this platform; says what is missing otherwise.
    fn mirror(
        &mut self,
        root: &Path,
        method: &Method,
        source: &ProviderSource,
    ) -> BTreeMap<Version, Package> {
        let listing = match mirror::list(root, source, self.environment.platform()) {
            Ok(Some(listing)) => listing,
            Ok(None) if root.is_dir() => {
                self.note(method, source, "has nothing of it");
                return BTreeMap::new();
            }
            Ok(None) => {
                self.note(method, source, "does not exist");
                return BTreeMap::new();
            }
            Err(error) => {
                self.note(method, source, &format!("cannot be read: {error}"));
                return BTreeMap::new();
            }
        };
        if self
            .request
            .constraints
            .newest(listing.packages.keys())
            .is_none()
        {
            self.note(method, source, &describe(&listing));
            self.near.consider(&listing, &self.request.constraints);
        }
        listing.packages
    }

    fn open(&self, package: &Package, kind: &str) -> Result<(PathBuf, PathBuf), PackageError> {
        let dir = match package {
            Package::Directory(dir) => dir.clone(),
            Package::Archive(path) => match self.environment.cache_dir() {
                Some(cache) => unpack(path, &cache)?,
                None => return Err(PackageError::NoCache { path: path.clone() }),
            },
        };
        let executable = find_executable(&dir, kind)?;
        Ok((dir, executable))
    }

    fn note(&mut self, method: &Method, source: &ProviderSource, outcome: &str) {
        let place = format!("{source} in {}", method.kind);
        self.tried.push(Tried {
            place,
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
    fn consider(&mut self, listing: &Listing, constraints: &Constraints) {
        if let Some(version) = constraints.newest(listing.elsewhere.keys())
            && let Some(platforms) = listing.elsewhere.get(version)
        {
            let (version, platforms) = (version.clone(), platforms.iter().cloned().collect());
            *self = Self::OtherPlatform { version, platforms };
        } else if let (Self::Nothing, Some(version)) = (&*self, listing.packages.keys().max()) {
            *self = Self::OtherVersion(version.clone());
        }
    }

    fn hint(&self) -> String {
        match self {
            Self::Nothing => {
                "put the plugin into one of these mirrors (`tofu providers mirror DIR` \
                              fills one), name a mirror in ~/.tofurc, or set `executable`"
                    .to_owned()
            }
            Self::OtherPlatform { version, platforms } => format!(
                "version {version} is there, but for {} only: mirror it for this platform too",
                platforms.join(", ")
            ),
            Self::OtherVersion(version) => {
                format!(
                    "the newest version there is {version}: allow it in `version`, or mirror another"
                )
            }
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
        if !constraints.is_any() {
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
