//! What fetches sources and locks flakes for an evaluation. The language knows the built-ins and
//! what they give; where sources come from, how they are verified and kept, is the host's.

use std::{collections::BTreeMap, path::PathBuf};

use crate::{content::StorePath, host::HostError};

/// One attribute of a source, as flake references and lock files have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceAttr {
    /// A string.
    Text(String),
    /// A number that is not negative.
    Int(u64),
    /// A truth value.
    Bool(bool),
}

impl From<&str> for SourceAttr {
    fn from(text: &str) -> Self {
        SourceAttr::Text(text.to_owned())
    }
}

impl From<String> for SourceAttr {
    fn from(text: String) -> Self {
        SourceAttr::Text(text)
    }
}

impl From<u64> for SourceAttr {
    fn from(number: u64) -> Self {
        SourceAttr::Int(number)
    }
}

impl From<bool> for SourceAttr {
    fn from(flag: bool) -> Self {
        SourceAttr::Bool(flag)
    }
}

/// What says where a source comes from, by name.
pub type SourceAttrs = BTreeMap<String, SourceAttr>;

/// How the caller named a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceName {
    /// As a URL: `github:owner/repo`.
    Url(String),
    /// By attributes: `{ type = "github"; … }`.
    Attrs(SourceAttrs),
}

/// Which rules hold for a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchRules {
    /// Those of `fetchTree`.
    Tree,
    /// Those of `fetchGit`.
    Git,
    /// The attributes are from a lock file: the result must be what they say.
    Locked,
}

/// A tree to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeRequest {
    /// Which.
    pub source: SourceName,
    /// How.
    pub rules: FetchRules,
    /// Refuse what is not pinned by a hash or revision.
    pub pure: bool,
}

/// A file or archive to download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlRequest {
    /// From where.
    pub url: String,
    /// The store object's name.
    pub name: String,
    /// Whether it is an archive to be unpacked.
    pub unpack: bool,
    /// What its hash must be: of the file, or of what was unpacked.
    pub expected: Option<crate::content::Hash>,
}

/// A source that is here now.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Its name in the store.
    pub store_path: StorePath,
    /// Where to read it.
    pub at: PathBuf,
    /// What else is known of it: `rev`, `lastModified`, ….
    pub info: Vec<(String, SourceAttr)>,
    /// The local directory that it is a copy of, for messages.
    pub origin: Option<PathBuf>,
}

/// Where a flake is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlakeName {
    /// A flake reference.
    Reference(String),
    /// A directory that is there already, perhaps inside the store.
    Directory {
        /// As the evaluation names it.
        path: PathBuf,
        /// Where to read it.
        at: PathBuf,
    },
}

/// A flake whose inputs are all pinned.
#[derive(Clone, Debug)]
pub struct LockedFlake {
    /// The nodes as a lock file has them, in JSON. A node may have an attribute `shipped` instead:
    /// the name of a flake that the program brings along.
    pub lock: String,
    /// Sources that are here already, by node: they need not be fetched, or cannot be. With each,
    /// the directory inside it that the flake is in.
    pub here: Vec<(String, Fetched, String)>,
}

/// Fetches, and locks flakes.
pub trait Fetcher {
    /// `builtins.fetchTree`, `builtins.fetchGit`, and the inputs of flakes.
    fn fetch_tree(&mut self, request: &TreeRequest) -> Result<Fetched, HostError>;

    /// `builtins.fetchurl` and `builtins.fetchTarball`.
    fn fetch_url(&mut self, request: &UrlRequest) -> Result<Fetched, HostError>;

    /// `builtins.getFlake`: fetches the flake and pins its inputs, without writing the lock file.
    fn lock_flake(&mut self, flake: &FlakeName, pure: bool) -> Result<LockedFlake, HostError>;

    /// `builtins.parseFlakeRef`.
    fn parse_flake_ref(&mut self, text: &str) -> Result<SourceAttrs, HostError>;

    /// `builtins.flakeRefToString`.
    fn print_flake_ref(&mut self, attrs: &SourceAttrs) -> Result<String, HostError>;
}
