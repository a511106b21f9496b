//! Asks the methods, in their order, which versions there are and who has a package.

use std::collections::BTreeSet;

use nixops4_tfproto::cliconfig::{Method, MethodKind};
use nixops4_tfproto::discovery::{Constraints, Platform, ProviderSource, SourceSpec, Version};

use crate::context::Context;
use crate::error::{FetchError, InstallError, Lacks, NotFound};
use crate::oci::Repository;
use crate::offer::Offer;
use crate::{filesystem, network_mirror, registry};

/// A search for one provider, and what was tried so far.
pub struct Search<'a> {
    context: &'a Context,
    spec: &'a SourceSpec,
    constraints: String,
    locked: Option<Version>,
    tried: Vec<(String, String)>,
    /// Those of them that could not be asked.
    silent: Vec<(String, String)>,
}

/// A package that a method offers.
pub struct Found<'a> {
    /// Whose it is.
    pub method: &'a Method,
    /// What it says of it.
    pub offer: Offer,
}

impl<'a> Search<'a> {
    /// Begins one.
    pub fn new(context: &'a Context, spec: &'a SourceSpec, constraints: &Constraints) -> Self {
        Self {
            context,
            spec,
            constraints: constraints.to_string(),
            locked: None,
            tried: Vec::new(),
            silent: Vec::new(),
        }
    }

    /// The same, for the version that is locked.
    pub fn for_locked(self, version: Option<&Version>) -> Self {
        let locked = version.cloned();
        Self { locked, ..self }
    }

    /// Chooses an address and the newest version that will do.
    pub fn choose(
        &mut self,
        candidates: &[ProviderSource],
        constraints: &Constraints,
    ) -> Result<(ProviderSource, Version), InstallError> {
        let local_only = self.context.are_implied
            && candidates
                .iter()
                .any(|source| self.is_local(source, constraints));
        let mut all = BTreeSet::new();
        for (index, source) in candidates.iter().enumerate() {
            // An unqualified source means the first registry; the others count where mirrors
            // have them.
            let registries = index == 0 && !local_only;
            let versions = self.versions(source, registries)?;
            if let Some(version) = constraints.newest(&versions) {
                if let Some((place, outcome)) = self.silent.first() {
                    self.context.warn(format!(
                        "{version} is the newest that could be found, but not everybody could be \
                         asked: {place}: {outcome}"
                    ));
                }
                return Ok((source.clone(), version.clone()));
            }
            all.extend(versions);
        }
        let lacks = Lacks::Newest {
            release: Constraints::default().newest(&all).cloned(),
            prerelease: all.last().filter(|last| !last.pre.is_empty()).cloned(),
        };
        Err(self.not_found(self.context.environment.platform(), Some(lacks)))
    }

    /// Whether a directory of this machine has it, without telling.
    fn is_local(&self, source: &ProviderSource, constraints: &Constraints) -> bool {
        let platform = self.context.environment.platform();
        let mut methods = self.context.methods.iter();
        methods.any(|method| match &method.kind {
            MethodKind::FilesystemMirror(root) => filesystem::versions(root, source, platform)
                .ok()
                .flatten()
                .is_some_and(|versions| constraints.newest(&versions).is_some()),
            _ => false,
        })
    }

    fn versions(
        &mut self,
        source: &ProviderSource,
        registries: bool,
    ) -> Result<BTreeSet<Version>, InstallError> {
        let mut all = BTreeSet::new();
        let context = self.context;
        for method in &context.methods {
            let is_direct = method.kind == MethodKind::Direct;
            if !method.covers(source) {
                self.note(
                    method,
                    source,
                    "is not meant for this provider (include/exclude)",
                );
                continue;
            }
            if is_direct && !registries {
                continue;
            }
            match self.versions_of(method, source) {
                Ok(Some(versions)) => {
                    let outcome = match versions.is_empty() {
                        true => "has no version of it".to_owned(),
                        false => format!("has {}", summary(&versions)),
                    };
                    self.note(method, source, &outcome);
                    all.extend(versions);
                }
                Ok(None) => self.note(method, source, nothing(method, "does not know it")),
                Err(error) => {
                    self.note_failure(method, source, &error);
                    if is_final(method) {
                        return Err(self.not_found(context.environment.platform(), None));
                    }
                }
            }
        }
        Ok(all)
    }

    fn versions_of(
        &self,
        method: &Method,
        source: &ProviderSource,
    ) -> Result<Option<BTreeSet<Version>>, FetchError> {
        let context = self.context;
        match &method.kind {
            MethodKind::Direct => registry::versions(context, source),
            MethodKind::NetworkMirror(url) => network_mirror::versions(context, url, source),
            MethodKind::OciMirror(template) => {
                Repository::of(context, method, template, source)?.versions()
            }
            MethodKind::FilesystemMirror(root) => {
                let platform = context.environment.platform();
                filesystem::versions(root, source, platform)
            }
        }
    }

    /// The first method that has a version for a platform.
    pub fn offer(
        &mut self,
        source: &ProviderSource,
        version: &Version,
        platform: &Platform,
    ) -> Result<Found<'a>, InstallError> {
        let context = self.context;
        for method in context
            .methods
            .iter()
            .filter(|method| method.covers(source))
        {
            match self.offer_of(method, source, version, platform) {
                Ok(Some(mut offer)) => {
                    for warning in &mut offer.warnings {
                        *warning = format!("{source} {version}: {warning}");
                    }
                    return Ok(Found { method, offer });
                }
                Ok(None) => {
                    let mut outcome = format!("does not have {version} for {platform}");
                    if let Some(instead) = self.instead_of(method, source, version) {
                        outcome.push_str(&format!(", but {instead}"));
                    }
                    self.note(method, source, nothing(method, &outcome));
                }
                // What cannot be reached may be had elsewhere; what is not to be trusted ends it.
                Err(error) if error.is_silence() => {
                    self.note_failure(method, source, &error);
                    if is_final(method) {
                        return Err(self.not_found(platform, None));
                    }
                }
                Err(error) => return Err(failed(source, version, &method.kind, error)),
            }
        }
        let lacks = self.locked.is_some().then_some(Lacks::Locked);
        Err(self.not_found(platform, lacks))
    }

    fn offer_of(
        &self,
        method: &Method,
        source: &ProviderSource,
        version: &Version,
        platform: &Platform,
    ) -> Result<Option<Offer>, FetchError> {
        let context = self.context;
        match &method.kind {
            MethodKind::Direct => registry::offer(context, source, version, platform),
            MethodKind::NetworkMirror(url) => {
                let trust = method.trust_all_hashes;
                network_mirror::offer(context, url, trust, source, version, platform)
            }
            MethodKind::OciMirror(template) => {
                let mut repository = Repository::of(context, method, template, source)?;
                repository.offer(version, platform)
            }
            MethodKind::FilesystemMirror(root) => {
                filesystem::offer(root, source, version, platform)
            }
        }
    }

    /// What a method has instead of a package; asked for again, since only failures are told of it.
    fn instead_of(
        &self,
        method: &Method,
        source: &ProviderSource,
        version: &Version,
    ) -> Option<String> {
        let context = self.context;
        let platforms = match &method.kind {
            MethodKind::Direct => registry::platforms(context, source, version),
            MethodKind::NetworkMirror(url) => {
                network_mirror::platforms(context, url, source, version)
            }
            MethodKind::FilesystemMirror(root) => {
                filesystem::platforms(root, source, version, context.environment.platform())
            }
            MethodKind::OciMirror(_) => Vec::new(),
        };
        if !platforms.is_empty() {
            return Some(format!("for {}", platforms.join(", ")));
        }
        let versions = self.versions_of(method, source).ok().flatten()?;
        let has_others = !versions.is_empty() && !versions.contains(version);
        has_others.then(|| summary(&versions))
    }

    fn note(&mut self, method: &Method, source: &ProviderSource, outcome: &str) {
        let place = match method.kind {
            MethodKind::Direct => format!("{source} in the registry {}", source.host()),
            _ => format!("{source} in {}", method.kind),
        };
        self.tried.push((place, outcome.to_owned()));
    }

    /// Notes an error with what helps against it.
    fn note_failure(&mut self, method: &Method, source: &ProviderSource, error: &FetchError) {
        match error.hint(&method.kind) {
            Some(hint) => self.note(method, source, &format!("{error} ({hint})")),
            None => self.note(method, source, &error.to_string()),
        }
        self.silent.extend(self.tried.last().cloned());
    }

    fn not_found(&self, platform: &Platform, lacks: Option<Lacks>) -> InstallError {
        InstallError::NotFound(Box::new(NotFound {
            provider: self.spec.clone(),
            constraints: self.constraints.clone(),
            locked: self.locked.clone(),
            lacks: lacks.filter(|_| self.silent.is_empty()),
            platform: platform.clone(),
            tried: self.tried.clone(),
        }))
    }
}

/// An error about one package.
pub fn failed(
    source: &ProviderSource,
    version: &Version,
    method: &MethodKind,
    error: FetchError,
) -> InstallError {
    InstallError::Fetch {
        provider: Box::new(source.clone()),
        version: version.clone(),
        method: method.clone(),
        source: Box::new(error),
    }
}

/// Whether no other method is asked where this one could not be.
///
/// Whoever set up a mirror wants what it has, and not silently another version from elsewhere. A
/// registry may be out of reach where mirrors are in its place.
fn is_final(method: &Method) -> bool {
    method.kind != MethodKind::Direct
}

/// What is said of a method that has nothing.
fn nothing<'a>(method: &Method, outcome: &'a str) -> &'a str {
    match &method.kind {
        MethodKind::FilesystemMirror(root) if !root.exists() => "the folder does not exist",
        _ => outcome,
    }
}

/// At most this many versions are listed.
const SHOWN: usize = 5;

fn summary(versions: &BTreeSet<Version>) -> String {
    let newest = versions.iter().rev().take(SHOWN).map(ToString::to_string);
    let mut text = newest.collect::<Vec<_>>().join(", ");
    if versions.len() > SHOWN {
        text.push_str(&format!(" and {} older", versions.len() - SHOWN));
    }
    text
}
