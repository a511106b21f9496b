//! What the evaluator asks: the language's [`Fetcher`] on top of [`Sources`].

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use nixops4_lang::{
    FetchRules, Fetched, Fetcher, FlakeName, HostError, LockedFlake, SourceAttr, SourceAttrs,
    SourceName, TreeRequest, UrlRequest,
    content::{Algorithm, Format, Hash, Method, StoreDir},
};

use crate::{
    error::FlakeError,
    fetch::{Sources, Tree},
    lock::{LockOptions, Locked},
    reference::{FlakeRef, Input, ParseOptions, fix_git_url, input_from_url, parse},
    registry::Which,
    shipped::shipped_flake,
    time,
    url::Url,
};

impl Sources {
    /// What the evaluator gets to know of a tree. `fallback`: a revision of zeros where there is
    /// none. `changed`: the flake is not quite at its revision any more.
    fn fetched(
        &mut self,
        tree: &Tree,
        fallback: bool,
        changed: bool,
    ) -> Result<Fetched, FlakeError> {
        let store_path = self.store_path(tree.input.name(), &tree.hash)?;
        let full = StoreDir::new(&self.settings.store_dir).print(&store_path);
        self.served.insert(full, tree.at.clone());
        Ok(Fetched {
            store_path,
            at: tree.at.clone(),
            info: info(&tree.input, fallback, changed),
            origin: tree.origin.clone(),
        })
    }

    /// Where to read a path in the store that was handed out here.
    pub(crate) fn stored(&self, path: &Path) -> Option<PathBuf> {
        let (object, inside) = self.in_store(path)?;
        let at = self.served.get(&object)?;
        Some(match inside.as_str() {
            "" => at.clone(),
            inside => at.join(inside),
        })
    }

    /// Splits a path in the store into an object and what is inside it.
    fn in_store(&self, path: &Path) -> Option<(String, String)> {
        let dir = StoreDir::new(&self.settings.store_dir);
        let (object, inside) = dir.split(path.to_str()?).ok()?;
        Some((
            dir.print(&object),
            inside.trim_start_matches('/').to_owned(),
        ))
    }

    /// The flake at a reference, locked as `options` say.
    pub fn locked_flake(
        &mut self,
        reference: &FlakeRef,
        options: &LockOptions,
    ) -> Result<LockedFlake, FlakeError> {
        let which = match options.use_registries {
            true => Which::All,
            false => Which::No,
        };
        let resolved = self.resolve(reference, which)?;
        let root = self.flake(&resolved, Which::No, &[])?;
        let shown = reference.to_string();
        let doing = |error: FlakeError| {
            error.doing(format!("while updating the lock file of flake '{shown}'"))
        };
        let mut locked = self.lock(root, options).map_err(doing)?;
        let changed = locked.is_changed && !options.write;
        if options.write
            && self
                .write_lock(&resolved, &locked, options)
                .map_err(doing)?
        {
            // The lock file is part of the flake, so that is another one now.
            locked.root = self.flake(&resolved, Which::No, &[])?;
            locked
                .places
                .insert(crate::lock::ROOT, locked.root.place.clone());
        } else if changed {
            self.write_lock(&resolved, &locked, options)
                .map_err(doing)?;
        }
        self.for_call(locked, changed)
    }

    fn for_call(&mut self, mut locked: Locked, changed: bool) -> Result<LockedFlake, FlakeError> {
        for node in &mut locked.lock.nodes {
            if let Some(pinned) = &node.pinned {
                node.shipped = shipped_flake(&pinned.original).map(str::to_owned);
            }
        }
        let (lock, names) = locked.lock.print_for_call();
        let mut here = Vec::new();
        for (id, place) in &locked.places {
            let Some(name) = names.get(id) else {
                continue;
            };
            let changed = changed && *id == crate::lock::ROOT;
            let fetched = self.fetched(&place.tree, false, changed)?;
            here.push((name.clone(), fetched, place.dir.clone()));
        }
        Ok(LockedFlake { lock, here })
    }

    fn tree_input(&mut self, request: &TreeRequest) -> Result<Input, FlakeError> {
        let mut attrs = match (&request.source, request.rules) {
            (SourceName::Attrs(attrs), _) => attrs.clone(),
            (SourceName::Url(url), FetchRules::Git) => {
                SourceAttrs::from([("url".to_owned(), fix_git_url(url)?.to_string().into())])
            }
            (SourceName::Url(url), _) => return input_from_url(&Url::parse(url)?, true),
        };
        let is_git = attrs.get("type") == Some(&SourceAttr::from("git"));
        match request.rules {
            FetchRules::Git => {
                attrs.insert("type".into(), "git".into());
                let submodules = attrs.get("submodules") == Some(&SourceAttr::Bool(true));
                if !submodules {
                    attrs.entry("exportIgnore".into()).or_insert(true.into());
                }
            }
            FetchRules::Tree if is_git => {
                attrs.entry("shallow".into()).or_insert(true.into());
            }
            FetchRules::Tree | FetchRules::Locked => {}
        }
        Input::from_attrs(attrs)
    }

    fn tree(&mut self, request: &TreeRequest) -> Result<Fetched, FlakeError> {
        let mut input = self.tree_input(request)?;
        if !request.pure && input.is_indirect() {
            let reference = FlakeRef {
                input,
                dir: String::new(),
            };
            input = self.resolve(&reference, Which::Limited)?.input;
        }
        if request.pure && !input.is_locked() && input.nar_hash().is_none() {
            let what = match request.rules {
                FetchRules::Git => "fetchGit",
                _ => "fetchTree",
            };
            return Err(FlakeError::other(format!(
                "in pure evaluation mode, '{what}' doesn't fetch unlocked input '{input}'"
            )));
        }
        let tree = self.fetch(&input, request.rules == FetchRules::Locked)?;
        self.fetched(&tree, request.rules == FetchRules::Git, false)
    }

    fn url(&mut self, request: &UrlRequest) -> Result<Fetched, FlakeError> {
        match request.unpack {
            true => self.archive(request),
            false => self.file(request),
        }
    }

    fn archive(&mut self, request: &UrlRequest) -> Result<Fetched, FlakeError> {
        let mut input = Input {
            attrs: SourceAttrs::new(),
        };
        input.set("type", "tarball");
        input.set("url", pseudo_url(&request.url));
        input.set("name", request.name.as_str());
        if let Some(hash) = &request.expected {
            input.set("narHash", hash.format(Format::Sri));
        }
        let tree = self.fetch(&Input::from_attrs(input.attrs)?, request.expected.is_some())?;
        self.fetched(&tree, false, false)
    }

    /// A file is named by the hash of its bytes, but kept by that of its archive.
    fn file(&mut self, request: &UrlRequest) -> Result<Fetched, FlakeError> {
        let failed =
            |error: nixops4_lang::content::StorePathError| FlakeError::other(error.to_string());
        let dir = StoreDir::new(&self.settings.store_dir);
        let key = |hash: &Hash| format!("flat {}", hash.format(Format::Sri));
        if let Some(expected) = &request.expected
            && let Some((tree, _)) = self.cache.fact::<String>(&key(expected))
            && let Ok(tree) = Hash::parse_any(&tree, None)
            && let Some(at) = self.cache.tree(&tree)
        {
            let path = dir
                .fixed(&request.name, Method::Flat, expected, &Default::default())
                .map_err(failed)?;
            return Ok(Fetched {
                store_path: path,
                at,
                info: Vec::new(),
                origin: None,
            });
        }
        let mut input = Input {
            attrs: SourceAttrs::new(),
        };
        input.set("type", "file");
        input.set("url", request.url.as_str());
        let tree = self.fetch(&Input::from_attrs(input.attrs)?, false)?;
        let bytes = std::fs::read(&tree.at).map_err(FlakeError::io("cannot read", &tree.at))?;
        let hash = Algorithm::Sha256.hash(&bytes);
        if let Some(expected) = request
            .expected
            .as_ref()
            .filter(|expected| **expected != hash)
        {
            return Err(FlakeError::other(format!(
                "hash mismatch in file downloaded from '{}':\n  specified: {}\n  got:       {}",
                request.url,
                expected.format_with_algorithm(Format::Nix32),
                hash.format_with_algorithm(Format::Nix32)
            )));
        }
        self.cache
            .set_fact(&key(&hash), &tree.hash.format(Format::Sri))?;
        let path = dir
            .fixed(&request.name, Method::Flat, &hash, &Default::default())
            .map_err(failed)?;
        Ok(Fetched {
            store_path: path,
            at: tree.at,
            info: Vec::new(),
            origin: None,
        })
    }

    fn named_flake(&mut self, flake: &FlakeName, pure: bool) -> Result<LockedFlake, FlakeError> {
        let reference = match flake {
            FlakeName::Reference(text) => parse(text, ParseOptions::PLAIN)?,
            FlakeName::Directory { path, .. } => self.directory(path)?,
        };
        let is_reference = matches!(flake, FlakeName::Reference(_));
        if pure && is_reference && !reference.input.is_locked() {
            return Err(FlakeError::other(format!(
                "cannot call 'getFlake' on unlocked flake reference '{reference}'"
            )));
        }
        let options = LockOptions {
            may_update: false,
            write: false,
            use_registries: !pure,
            allow_unlocked: !pure,
            ..LockOptions::default()
        };
        self.locked_flake(&reference, &options)
    }

    /// The reference of a directory: inside the store, of the object that it is in.
    fn directory(&self, path: &Path) -> Result<FlakeRef, FlakeError> {
        let (path, dir) = match self.in_store(path) {
            Some(found) => found,
            None => (path.to_string_lossy().into_owned(), String::new()),
        };
        let mut input = Input {
            attrs: SourceAttrs::new(),
        };
        input.set("type", "path");
        input.set("path", path);
        Ok(FlakeRef {
            input: Input::from_attrs(input.attrs)?,
            dir,
        })
    }
}

/// `channel:x` is short for where that channel is.
fn pseudo_url(url: &str) -> String {
    match url.strip_prefix("channel:") {
        Some(name) => format!("https://channels.nixos.org/{name}/nixexprs.tar.xz"),
        None => url.to_owned(),
    }
}

/// The attributes of a source beside its path.
fn info(input: &Input, fallback: bool, changed: bool) -> Vec<(String, SourceAttr)> {
    const ZERO: &str = crate::reference::NULL_REVISION;
    let mut info: Vec<(String, SourceAttr)> = Vec::new();
    let mut add = |name: &str, value: SourceAttr| info.push((name.to_owned(), value));
    if let Some(hash) = input.text("narHash") {
        add("narHash", hash.into());
    }
    if input.kind() == "git" {
        add("submodules", input.flag("submodules").into());
    }
    if !changed {
        let rev = input.text("rev").or(fallback.then_some(ZERO));
        if let Some(rev) = rev {
            add("rev", rev.into());
            add("shortRev", rev.get(..7).unwrap_or(rev).into());
        }
        if let Some(count) = input.int("revCount").or(fallback.then_some(0)) {
            add("revCount", count.into());
        }
    }
    for name in ["dirtyRev", "dirtyShortRev"] {
        if let Some(rev) = input.text(name) {
            add(name, rev.into());
        }
    }
    if let Some(seconds) = input.int("lastModified") {
        add("lastModified", seconds.into());
        add("lastModifiedDate", time::compact(seconds).into());
    }
    info
}

impl Fetcher for Sources {
    fn fetch_tree(&mut self, request: &TreeRequest) -> Result<Fetched, HostError> {
        Ok(self.tree(request)?)
    }

    fn fetch_url(&mut self, request: &UrlRequest) -> Result<Fetched, HostError> {
        Ok(self.url(request)?)
    }

    fn lock_flake(&mut self, flake: &FlakeName, pure: bool) -> Result<LockedFlake, HostError> {
        Ok(self.named_flake(flake, pure)?)
    }

    fn parse_flake_ref(&mut self, text: &str) -> Result<SourceAttrs, HostError> {
        Ok(parse(text, ParseOptions::PLAIN)?.to_attrs())
    }

    fn print_flake_ref(&mut self, attrs: &SourceAttrs) -> Result<String, HostError> {
        Ok(FlakeRef::from_attrs(attrs.clone())?.to_string())
    }
}

/// Paths that were handed out, by their names in the store.
pub(crate) type Served = HashMap<String, PathBuf>;
