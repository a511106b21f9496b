//! Fetching: from an input to a tree in the cache, verified against what the input pins.
//!
//! ```text
//! input ──► here already? ──► its kind's fetcher ──► tree aside ──hash──► cache ──► check ──► Tree
//! ```

pub(crate) mod download;
mod forge;
mod git_commit;
mod git_remote;
mod git_tree;
mod path;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use nixops4_lang::content::{Format, Hash, Method, StoreDir, StorePath};

use crate::{
    cache::Cache, error::FlakeError, fetcher::Served, http::Http, reference::Input,
    registry::Registries, safe_dir::Limits,
};

/// Takes a warning.
pub type Warn = Box<dyn FnMut(&str)>;

/// A source tree that is here.
#[derive(Clone, Debug)]
pub struct Tree {
    /// What it is, with everything that was learned: `rev`, `narHash`, ….
    pub input: Input,
    /// Where it is.
    pub at: PathBuf,
    /// The hash of its archive.
    pub hash: Hash,
    /// The local directory that it is a copy of.
    pub origin: Option<PathBuf>,
}

/// What the fetcher of one kind gives: the input with what it learned, and the tree in the cache.
struct Found {
    input: Input,
    at: PathBuf,
    hash: Hash,
    origin: Option<PathBuf>,
}

/// How to fetch.
#[derive(Clone, Debug)]
pub struct FetchSettings {
    /// The store's directory.
    pub store_dir: String,
    /// How long what a server said holds.
    pub fresh: Duration,
    /// How much may be unpacked.
    pub limits: Limits,
    /// Tokens for forges, by host or `host/owner/repo`.
    pub access_tokens: HashMap<String, String>,
    /// Whether to warn of uncommitted changes.
    pub warn_dirty: bool,
}

impl Default for FetchSettings {
    fn default() -> FetchSettings {
        FetchSettings {
            store_dir: "/nix/store".into(),
            fresh: Duration::from_secs(60 * 60),
            limits: Limits::default(),
            access_tokens: HashMap::new(),
            warn_dirty: true,
        }
    }
}

/// Everything that fetching needs.
pub struct Sources {
    pub(crate) settings: FetchSettings,
    pub(crate) cache: Cache,
    pub(crate) registries: Registries,
    http: Box<dyn Http>,
    warn: Warn,
    /// What was fetched: within one evaluation a source is always the same.
    memo: HashMap<String, Tree>,
    /// What the evaluator was given, by its name in the store.
    pub(crate) served: Served,
    warned: std::collections::HashSet<String>,
}

impl Sources {
    /// Fetches with these means.
    pub fn new(
        settings: FetchSettings,
        cache: Cache,
        registries: Registries,
        http: Box<dyn Http>,
        warn: Warn,
    ) -> Sources {
        Sources {
            settings,
            cache,
            registries,
            http,
            warn,
            memo: HashMap::new(),
            served: Served::new(),
            warned: Default::default(),
        }
    }

    /// Says a warning, once.
    pub(crate) fn warn(&mut self, message: impl Into<String>) {
        let message = message.into();
        if self.warned.insert(message.clone()) {
            (self.warn)(&message);
        }
    }

    /// Forgets what was fetched from a local directory, because it was written to.
    pub(crate) fn forget_local(&mut self) {
        self.memo.retain(|_, tree| tree.origin.is_none());
    }

    /// The tree of an input. `pinned`: the input is from a lock file, and all it says must hold.
    pub fn fetch(&mut self, input: &Input, pinned: bool) -> Result<Tree, FlakeError> {
        let key = format!("{pinned} {}", crate::json::print_attrs(&input.attrs));
        if let Some(tree) = self.memo.get(&key) {
            return Ok(tree.clone());
        }
        let tree = self
            .fetch_new(input, pinned)
            .map_err(|error| error.doing(format!("while fetching the input '{input}'")))?;
        self.memo.insert(key, tree.clone());
        Ok(tree)
    }

    fn fetch_new(&mut self, input: &Input, pinned: bool) -> Result<Tree, FlakeError> {
        if pinned
            && let Some(hash) = input.nar_hash()
            && let Some(at) = self.find(&hash, input.name())
        {
            let mut input = input.clone();
            input.normalise_hash();
            return Ok(Tree {
                input,
                at,
                hash,
                origin: None,
            });
        }
        let mut found = match input.kind() {
            "path" => self.fetch_path(input)?,
            "git" => self.fetch_git(input)?,
            "tarball" => self.fetch_tarball(input)?,
            "file" => self.fetch_file(input)?,
            "github" | "gitlab" | "sourcehut" => self.fetch_forge(input)?,
            "indirect" => {
                let message = format!("indirect input '{input}' cannot be fetched directly");
                return Err(FlakeError::other(message));
            }
            other => {
                let message = format!("inputs of the type '{other}' cannot be fetched");
                return Err(FlakeError::other(message));
            }
        };
        found.input.set("narHash", found.hash.format(Format::Sri));
        let checked = check(input, pinned, found.input)?;
        Ok(Tree {
            input: checked,
            at: found.at,
            hash: found.hash,
            origin: found.origin,
        })
    }

    /// A tree that is here by its hash: in the cache, or in a store on this machine.
    pub(crate) fn find(&self, hash: &Hash, name: &str) -> Option<PathBuf> {
        self.cache.tree(hash).or_else(|| {
            let path = self.store_path(name, hash).ok()?;
            let path = PathBuf::from(StoreDir::new(&self.settings.store_dir).print(&path));
            path.exists().then_some(path)
        })
    }

    /// The name of a tree in the store.
    pub(crate) fn store_path(&self, name: &str, hash: &Hash) -> Result<StorePath, FlakeError> {
        StoreDir::new(&self.settings.store_dir)
            .fixed(name, Method::Recursive, hash, &Default::default())
            .map_err(|error| FlakeError::other(error.to_string()))
    }
}

/// Holds what was fetched against what was asked for.
fn check(asked: &Input, pinned: bool, mut found: Input) -> Result<Input, FlakeError> {
    let mut asked = asked.clone();
    asked.normalise_hash();
    if let (Some(expected), Some(got)) = (asked.text("narHash"), found.text("narHash"))
        && expected != got
    {
        return Err(FlakeError::HashMismatch {
            input: asked.to_string(),
            expected: expected.to_owned(),
            found: got.to_owned(),
        });
    }
    if pinned {
        for (name, value) in &asked.attrs {
            if found.attrs.get(name).is_some_and(|other| other != value) {
                return Err(FlakeError::other(format!(
                    "mismatch in field '{name}' of input '{}', got '{}'",
                    crate::json::print_attrs(&asked.attrs),
                    crate::json::print_attrs(&found.attrs)
                )));
            }
        }
        // A lock file's entry stands as it is.
        found.attrs = asked.attrs;
    } else if let Some(rev) = asked.text("rev")
        && found.text("rev") != Some(rev)
    {
        let message = format!("'rev' attribute mismatch in input '{found}', expected {rev}");
        return Err(FlakeError::other(message));
    }
    Ok(found)
}

/// A path as text, for attributes.
fn in_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
