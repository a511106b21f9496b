//! The CLI configuration that Terraform and OpenTofu users already have.
//!
//! Only what decides where plugins come from, and who may fetch them, is kept. Which file counts follows OpenTofu, so that
//! both tools' files are found.

mod access;
mod pattern;
pub(crate) mod syntax;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

pub use access::{Access, OciCredentials, OciDefaults, Secret};
pub use pattern::SourcePattern;
pub use syntax::SyntaxError;
use syntax::{Body, Item};

use crate::discovery::{Environment, ProviderSource, SourceSpec, parse_host};

/// Where plugins may come from, as configured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CliConfig {
    /// The `provider_installation` block; without one, implied mirrors are used.
    pub installation: Option<Installation>,
    /// A cache shared by several projects.
    pub plugin_cache_dir: Option<PathBuf>,
    /// What said where that is: a variable, or a file with a line.
    cache_place: String,
    /// Whether packages from the cache are taken that nothing is known of.
    pub cache_may_break_lock_file: bool,
    /// What is needed to speak to hosts.
    pub access: Access,
    /// Hosts whose packages need no valid signature; a setting of ours alone.
    pub unsigned_hosts: BTreeSet<String>,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
    /// What was odd but no error.
    pub warnings: Vec<String>,
}

/// The methods of a `provider_installation` block, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Installation {
    /// Directories that hold a provider's executable directly, for its developers.
    pub dev_overrides: BTreeMap<ProviderSource, PathBuf>,
    /// File and line of each of them.
    pub override_places: BTreeMap<ProviderSource, String>,
    /// The methods to try.
    pub methods: Vec<Method>,
}

/// One way of getting plugins, for some providers.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// What is done.
    pub kind: MethodKind,
    /// How often a failed download is tried again, if that is set.
    pub retries: Option<u32>,
    /// Whether all hashes that a network mirror lists may be locked unseen.
    pub trust_all_hashes: bool,
    include: Option<Vec<SourcePattern>>,
    exclude: Vec<SourcePattern>,
}

/// What an installation method does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// Plugins lie in a directory.
    FilesystemMirror(PathBuf),
    /// Plugins are fetched from their registries.
    Direct,
    /// Plugins are fetched from a mirror with this base address.
    NetworkMirror(String),
    /// Plugins are fetched from an OCI registry, repositories named by this template.
    OciMirror(String),
}

/// A configuration file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CliConfigError {
    /// It exists but cannot be read.
    #[error("cannot read the CLI configuration {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It does not say what it should.
    #[error("{path}, {problem}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Where and why.
        problem: SyntaxError,
    },
    /// The cache is not there; Terraform and OpenTofu do not make it either.
    #[error("{place}: the plugin cache {dir} is not a folder")]
    NoCache {
        /// What names it.
        place: String,
        /// The folder.
        dir: PathBuf,
    },
}

impl Method {
    /// A method for every provider.
    pub fn for_all(kind: MethodKind) -> Self {
        Self {
            kind,
            retries: None,
            trust_all_hashes: false,
            include: None,
            exclude: Vec::new(),
        }
    }

    /// The components of addresses that `include` fixes to one value: host, namespace, type.
    pub fn fixed(&self) -> [bool; 3] {
        let mut fixed = [true; 3];
        let patterns = self.include.as_deref().unwrap_or_default();
        for (index, fixed) in fixed.iter_mut().enumerate() {
            let values: BTreeSet<_> = patterns.iter().map(|p| p.part(index)).collect();
            *fixed = values.len() == 1 && !values.contains(&None);
        }
        fixed
    }

    /// Whether the method is meant for that provider; an exclusion wins.
    pub fn covers(&self, source: &ProviderSource) -> bool {
        let listed = |patterns: &[SourcePattern]| patterns.iter().any(|p| p.matches(source));
        self.include.as_deref().is_none_or(listed) && !listed(&self.exclude)
    }
}

impl fmt::Display for MethodKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FilesystemMirror(path) => write!(f, "filesystem mirror {}", path.display()),
            Self::Direct => write!(f, "its registry"),
            Self::NetworkMirror(url) => write!(f, "network mirror {url}"),
            Self::OciMirror(template) => write!(f, "OCI mirror {template}"),
        }
    }
}

impl CliConfig {
    /// Reads whatever configuration files the surroundings point at.
    pub fn load(environment: &Environment) -> Result<Self, CliConfigError> {
        let mut config = Self::default();
        let explicit = environment
            .path_variable("TF_CLI_CONFIG_FILE")
            .or_else(|| environment.path_variable("TERRAFORM_CONFIG"));
        if let Some(path) = explicit {
            let path = environment.absolute(path);
            if path.is_file() {
                config.read(&path, environment)?;
            } else {
                let problem = match path.exists() {
                    true => "is not a file",
                    false => "does not exist",
                };
                let shown = path.display();
                config
                    .warnings
                    .push(format!("the CLI configuration {shown} {problem}"));
            }
            config.override_by(environment);
            return Ok(config);
        }
        for path in default_files(environment) {
            config.read(&path, environment)?;
        }
        config.override_by(environment);
        Ok(config)
    }

    /// Where `dev_overrides` names a provider, as file and line.
    pub fn override_place(&self, source: &ProviderSource) -> &str {
        let installation = self.installation.as_ref();
        let place = installation.and_then(|found| found.override_places.get(source));
        place.map_or("", String::as_str)
    }

    /// Checks that the cache can be written to, which only matters to those who install.
    pub fn check_cache(&self) -> Result<(), CliConfigError> {
        match &self.plugin_cache_dir {
            Some(dir) if !dir.is_dir() => Err(CliConfigError::NoCache {
                place: self.cache_place.clone(),
                dir: dir.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Variables win over files.
    fn override_by(&mut self, environment: &Environment) {
        if let Some(dir) = environment.path_variable(CACHE_DIR) {
            self.plugin_cache_dir = Some(environment.absolute(dir));
            CACHE_DIR.clone_into(&mut self.cache_place);
        }
        if let Some(value) = environment.text_variable(MAY_BREAK) {
            self.cache_may_break_lock_file = value != "0";
        }
        self.access.add_tokens(environment);
    }

    fn read(&mut self, path: &Path, environment: &Environment) -> Result<(), CliConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| CliConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let body = Body::parse(path, &text);
        let result = body.and_then(|body| self.merge(path, &body, environment));
        self.files.push(path.to_owned());
        result.map_err(|problem| CliConfigError::Syntax {
            path: path.to_owned(),
            problem,
        })
    }

    fn merge(
        &mut self,
        path: &Path,
        body: &Body,
        environment: &Environment,
    ) -> Result<(), SyntaxError> {
        for item in body
            .items
            .iter()
            .filter(|item| !KNOWN.contains(&item.name.as_str()))
        {
            let (place, name) = (place(path, item), &item.name);
            self.warnings
                .push(format!("{place}: unknown setting \"{name}\""));
        }
        self.warnings.extend(unknown_inside(path, body));
        for (item, block) in body.blocks("provider_installation") {
            if self.installation.is_some() {
                let message = "there is already a provider_installation block";
                return Err(SyntaxError::new(item.line, message));
            }
            self.installation = Some(installation(path, block, environment)?);
        }
        for item in body.named("plugin_cache_dir") {
            let dir = environment.expanded(item.text()?);
            self.plugin_cache_dir = Some(environment.absolute(dir));
            self.cache_place = place(path, item);
        }
        for item in body.named("plugin_cache_may_break_dependency_lock_file") {
            self.cache_may_break_lock_file = item.flag()?;
        }
        for item in body.named(UNSIGNED) {
            let hosts = item.texts()?.into_iter().map(parse_host);
            let hosts: Result<Vec<_>, _> = hosts.collect();
            let hosts = hosts.map_err(|error| SyntaxError::new(item.line, error))?;
            self.unsigned_hosts.extend(hosts);
        }
        self.access.merge(body)?;
        Ok(())
    }
}

/// Names the cache.
const CACHE_DIR: &str = "TF_PLUGIN_CACHE_DIR";
/// Allows packages from the cache that nothing is known of.
const MAY_BREAK: &str = "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE";

/// File and line, for messages.
fn place(path: &Path, item: &Item) -> String {
    format!("{}, line {}", path.display(), item.line)
}

/// What blocks may hold, by their names; those that hold names of the user's are not listed.
const KNOWN_INSIDE: [(&str, &[&str]); 10] = [
    ("filesystem_mirror", &["path", "include", "exclude"]),
    (
        "network_mirror",
        &[
            "url",
            "include",
            "exclude",
            "download_retry_count",
            "trust_all_hashes",
        ],
    ),
    (
        "oci_mirror",
        &[
            "repository_template",
            "include",
            "exclude",
            "download_retry_count",
        ],
    ),
    ("direct", &["include", "exclude", "download_retry_count"]),
    ("host", &["services"]),
    ("credentials", &["token"]),
    ("credentials_helper", &["args"]),
    (
        "registry_protocols",
        &["retry_count", "request_timeout_seconds"],
    ),
    (
        "oci_credentials",
        &[
            "username",
            "password",
            "access_token",
            "refresh_token",
            "docker_credentials_helper",
        ],
    ),
    ("provider_installation", &[]),
];

/// Warnings of settings in blocks that are not known there.
fn unknown_inside(path: &Path, body: &Body) -> Vec<String> {
    let mut warnings = Vec::new();
    for item in &body.items {
        let Some((_, known)) = KNOWN_INSIDE.iter().find(|(name, _)| *name == item.name) else {
            continue;
        };
        if item.name == "provider_installation" {
            for inner in item.bodies() {
                warnings.extend(unknown_inside(path, inner));
            }
            continue;
        }
        let is_labelled = matches!(
            item.name.as_str(),
            "host" | "credentials" | "credentials_helper" | "oci_credentials"
        );
        let bodies: Vec<_> = match is_labelled {
            true => item.labelled().into_iter().map(|(_, body)| body).collect(),
            false => item.bodies().collect(),
        };
        let inside = bodies.into_iter().flat_map(|body| &body.items);
        for odd in inside.filter(|inside| !known.contains(&inside.name.as_str())) {
            let (place, name, block) = (place(path, odd), &odd.name, &item.name);
            warnings.push(format!("{place}: unknown setting \"{name}\" in {block}"));
        }
    }
    warnings
}

/// Names the hosts whose packages need no signature. Terraform and OpenTofu pass it over.
const UNSIGNED: &str = "nixops4_unsigned_hosts";

/// Settings of either tool; those that do not decide where plugins come from are passed over.
const KNOWN: [&str; 13] = [
    UNSIGNED,
    "provider_installation",
    "plugin_cache_dir",
    "plugin_cache_may_break_dependency_lock_file",
    "host",
    "credentials",
    "credentials_helper",
    "registry_protocols",
    "oci_default_credentials",
    "oci_credentials",
    "disable_checkpoint",
    "disable_checkpoint_signature",
    "providers",
];

fn default_files(environment: &Environment) -> Vec<PathBuf> {
    let home = environment.home();
    let xdg = environment
        .path_variable("XDG_CONFIG_HOME")
        .map(|dir| dir.join("opentofu"));
    let main = [
        home.as_ref().map(|home| home.join(".tofurc")),
        home.as_ref().map(|home| home.join(".terraformrc")),
        xdg.as_ref().map(|dir| dir.join("tofurc")),
    ];
    let mut files: Vec<_> = main
        .into_iter()
        .flatten()
        .find(|path| path.is_file())
        .into_iter()
        .collect();
    let dirs = [home.map(|home| home.join(".terraform.d")), xdg];
    if let Some(dir) = dirs.into_iter().flatten().find(|dir| dir.is_dir()) {
        files.extend(files_in(&dir));
    }
    files
}

/// The additional files of a configuration directory, in name order.
fn files_in(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else {
        return Vec::new();
    };
    let is_config = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        (name.ends_with(".tfrc") || name.ends_with(".tfrc.json")) && path.is_file()
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_config)
        .collect();
    files.sort();
    files
}

fn installation(
    path: &Path,
    block: &Body,
    environment: &Environment,
) -> Result<Installation, SyntaxError> {
    let mut result = Installation::default();
    for item in &block.items {
        for body in item.bodies() {
            if item.name == "dev_overrides" {
                add_overrides(&mut result, path, item, body, environment)?;
            } else {
                result.methods.push(method(item, body, environment)?);
            }
        }
        if item.bodies().next().is_none() {
            let message = format!("\"{}\" must be a block", item.name);
            return Err(SyntaxError::new(item.line, message));
        }
    }
    Ok(result)
}

fn add_overrides(
    installation: &mut Installation,
    path: &Path,
    block: &Item,
    body: &Body,
    environment: &Environment,
) -> Result<(), SyntaxError> {
    if !installation.methods.is_empty() {
        let message = "dev_overrides must come before the installation methods";
        return Err(SyntaxError::new(block.line, message));
    }
    for item in &body.items {
        let spec = SourceSpec::parse(&item.name)
            .map_err(|error| SyntaxError::new(item.line, error.to_string()))?;
        let dir = environment.absolute(item.text()?);
        for source in spec.candidates() {
            installation
                .override_places
                .insert(source.clone(), place(path, item));
            installation.dev_overrides.insert(source, dir.clone());
        }
    }
    Ok(())
}

fn method(item: &Item, body: &Body, environment: &Environment) -> Result<Method, SyntaxError> {
    let argument = |name: &str| match body.named(name).next() {
        Some(argument) => Ok(argument.text()?.to_owned()),
        None => Err(SyntaxError::new(
            item.line,
            format!("{} needs \"{name}\"", item.name),
        )),
    };
    let kind = match item.name.as_str() {
        "filesystem_mirror" => {
            MethodKind::FilesystemMirror(environment.absolute(argument("path")?))
        }
        "network_mirror" => MethodKind::NetworkMirror(argument("url")?),
        "oci_mirror" => MethodKind::OciMirror(argument("repository_template")?),
        "direct" => MethodKind::Direct,
        other => {
            let message = format!("\"{other}\" is not an installation method");
            return Err(SyntaxError::new(item.line, message));
        }
    };
    let include = body.named("include").next().map(patterns).transpose()?;
    let exclude = body
        .named("exclude")
        .next()
        .map(patterns)
        .transpose()?
        .unwrap_or_default();
    let retries = body.named("download_retry_count").next();
    let trust = body.named("trust_all_hashes").next();
    Ok(Method {
        kind,
        retries: retries.map(Item::count).transpose()?,
        trust_all_hashes: trust.map(Item::flag).transpose()?.unwrap_or_default(),
        include,
        exclude,
    })
}

fn patterns(item: &Item) -> Result<Vec<SourcePattern>, SyntaxError> {
    item.texts()?
        .into_iter()
        .map(|text| SourcePattern::parse(text).map_err(|e| SyntaxError::new(item.line, e)))
        .collect()
}

#[cfg(test)]
mod tests;
