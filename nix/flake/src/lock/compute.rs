//! From a flake's inputs and its lock file to a lock file that fits: what is pinned and has not
//! changed stays, all else is fetched and pinned.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::PathBuf,
    rc::Rc,
};

use nixops4_lang::Location;

use super::{
    Edge, FlakeInput, FlakeInputs, InputPath, LockFile, Node, NodeId, Pinned,
    file::ROOT,
    flake_nix::{self, FlakeText},
    print_input_path,
};
use crate::{
    error::FlakeError,
    fetch::{Sources, Tree},
    reference::FlakeRef,
    registry::Which,
    shipped::shipped_flake,
};

/// What may be done to lock files, and what is wanted of them.
#[derive(Clone, Debug)]
pub struct LockOptions {
    /// Inputs to pin anew.
    pub update: Vec<InputPath>,
    /// Inputs to take from elsewhere.
    pub overrides: Vec<(InputPath, FlakeRef)>,
    /// Pin everything anew.
    pub recreate: bool,
    /// Whether the lock file may be changed.
    pub may_update: bool,
    /// Whether it is written.
    pub write: bool,
    /// Whether short names may be looked up.
    pub use_registries: bool,
    /// Whether inputs that are not pinned may be fetched.
    pub allow_unlocked: bool,
}

impl Default for LockOptions {
    fn default() -> LockOptions {
        LockOptions {
            update: Vec::new(),
            overrides: Vec::new(),
            recreate: false,
            may_update: true,
            write: true,
            use_registries: true,
            allow_unlocked: true,
        }
    }
}

/// A flake that was fetched and read.
#[derive(Clone, Debug)]
pub(crate) struct Flake {
    pub(crate) locked: FlakeRef,
    pub(crate) place: Place,
    pub(crate) text: FlakeText,
}

/// Where a flake is: a tree, and a directory in it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) tree: Rc<Tree>,
    pub(crate) dir: String,
}

impl Place {
    fn path(&self) -> PathBuf {
        match self.dir.as_str() {
            "" => self.tree.at.clone(),
            dir => self.tree.at.join(dir),
        }
    }

    /// The place of `relative`, seen from here.
    fn relative(&self, relative: &str, dir: &str) -> Result<Place, FlakeError> {
        let mut parts: Vec<&str> = self
            .dir
            .split('/')
            .filter(|part| !part.is_empty())
            .collect();
        for part in relative.split('/').chain(dir.split('/')) {
            match part {
                "" | "." => {}
                ".." if parts.pop().is_some() => {}
                ".." => {
                    return Err(FlakeError::other(format!(
                        "the relative path '{relative}' leads out of its source tree"
                    )));
                }
                part => parts.push(part),
            }
        }
        Ok(Place {
            tree: self.tree.clone(),
            dir: parts.join("/"),
        })
    }

    /// The lock file here.
    pub(crate) fn lock_file(&self, sources: &mut Sources) -> Result<LockFile, FlakeError> {
        let path = self.path().join("flake.lock");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(LockFile::default());
            }
            Err(error) => {
                return Err(FlakeError::io("cannot read", self.shown("flake.lock"))(
                    error,
                ));
            }
        };
        let (lock, warnings) = LockFile::parse(&text, &self.shown("flake.lock"))?;
        for warning in warnings {
            sources.warn(warning);
        }
        Ok(lock)
    }

    /// A file here, as the user knows it.
    fn shown(&self, name: &str) -> PathBuf {
        let root = self.tree.origin.as_ref().unwrap_or(&self.tree.at);
        root.join(&self.dir).join(name)
    }
}

/// A lock file that fits its flake.
#[derive(Debug)]
pub struct Locked {
    pub(crate) lock: LockFile,
    pub(crate) root: Flake,
    /// Where the nodes are that were fetched on the way.
    pub(crate) places: HashMap<NodeId, Place>,
    /// Whether the lock file on disk says something else.
    pub(crate) is_changed: bool,
}

impl Sources {
    /// Fetches a flake and reads it.
    pub(crate) fn flake(
        &mut self,
        reference: &FlakeRef,
        which: Which,
        prefix: &[String],
    ) -> Result<Flake, FlakeError> {
        let resolved = self.resolve(reference, which)?;
        let tree = self.fetch(&resolved.input, is_pinned(&resolved))?;
        let mut flake = read_at(&resolved, tree, prefix)?;
        let own = flake.text.self_attrs.clone();
        if own.is_empty() {
            return Ok(flake);
        }
        // The flake says how it wants to be fetched.
        let mut wanted = resolved.clone();
        for (name, value) in own {
            if !["submodules", "lfs"].contains(&name.as_str()) {
                let message = format!("flake 'self' attribute '{name}' is not supported");
                return Err(FlakeError::BadFlake(message));
            }
            wanted.input.attrs.insert(name, value);
        }
        if wanted != resolved {
            wanted.input.attrs.remove("narHash");
            let tree = self.fetch(&wanted.input, false)?;
            flake = read_at(&wanted, tree, prefix)?;
        }
        Ok(flake)
    }

    /// Pins the inputs of a flake.
    pub(crate) fn lock(
        &mut self,
        root: Flake,
        options: &LockOptions,
    ) -> Result<Locked, FlakeError> {
        let old = root.place.lock_file(self)?;
        let mut work = Work {
            which: match options.use_registries {
                true => Which::Limited,
                false => Which::No,
            },
            sources: self,
            options,
            lock: LockFile::default(),
            places: HashMap::from([(ROOT, root.place.clone())]),
            overrides: BTreeMap::new(),
            typed: BTreeSet::new(),
            overrides_used: BTreeSet::new(),
            updates_used: BTreeSet::new(),
            follows_places: HashMap::new(),
            parents: Vec::new(),
        };
        for (path, reference) in &options.overrides {
            work.typed.insert(path.clone());
            let target = Override {
                input: FlakeInput::at(reference.clone()),
                place: root.place.clone(),
                parent: Some(Vec::new()),
            };
            work.overrides.insert(path.clone(), target);
        }
        let before = (!options.recreate).then(|| (Rc::new(old.clone()), ROOT));
        work.node(&root.text.inputs, &At::root(&root.place, before))?;
        work.warn_of_unused();
        let (lock, places, follows_places) = (work.lock, work.places, work.follows_places);
        lock.check()
            .map_err(|(path, error)| error.at(follows_places.get(&path)))?;
        Ok(Locked {
            is_changed: lock.print() != old.print(),
            lock,
            root,
            places,
        })
    }
}

fn is_pinned(reference: &FlakeRef) -> bool {
    reference.input.nar_hash().is_some() && reference.input.int("lastModified").is_some()
}

fn read_at(reference: &FlakeRef, tree: Tree, prefix: &[String]) -> Result<Flake, FlakeError> {
    let locked = FlakeRef {
        input: tree.input.clone(),
        dir: reference.dir.clone(),
    };
    let tree = Rc::new(tree);
    let dir = reference.dir.clone();
    read_place(locked, Place { tree, dir }, prefix)
}

fn read_place(locked: FlakeRef, place: Place, prefix: &[String]) -> Result<Flake, FlakeError> {
    let shown = match &place.tree.origin {
        Some(_) => place.shown("").display().to_string(),
        None => locked.to_string(),
    };
    let shown = shown.trim_end_matches('/').to_owned();
    let path = place.path().join("flake.nix");
    let text = flake_nix::read(&path, &shown, prefix).map_err(|error| {
        let original = place.shown("flake.nix");
        match !path.exists() && place.tree.origin.is_some() && original.exists() {
            true => FlakeError::BadFlake(format!(
                "'{}' exists, but is not tracked by Git. To make it visible: git -C {} add -N \
                 flake.nix",
                original.display(),
                place.shown("").display().to_string().trim_end_matches('/')
            )),
            false => error,
        }
    })?;
    Ok(Flake {
        locked,
        place,
        text,
    })
}

/// What an input is instead, because a flake above it or the command line says so.
#[derive(Clone)]
struct Override {
    input: FlakeInput,
    /// Where relative paths start.
    place: Place,
    parent: Option<InputPath>,
}

/// A node of an older lock file.
type Old = (Rc<LockFile>, NodeId);

/// A node whose inputs are pinned now.
struct At<'a> {
    id: NodeId,
    /// The way to it.
    path: InputPath,
    /// Where its pins can be taken from.
    old: Option<Old>,
    /// What the old lock file's ways start with.
    follows_prefix: InputPath,
    /// Where relative paths start.
    place: &'a Place,
    /// Whether the inputs are those of the old lock file.
    trusted: bool,
}

impl<'a> At<'a> {
    fn root(place: &'a Place, old: Option<Old>) -> At<'a> {
        At {
            id: ROOT,
            path: Vec::new(),
            old,
            follows_prefix: Vec::new(),
            place,
            trusted: false,
        }
    }
}

struct Work<'a> {
    sources: &'a mut Sources,
    options: &'a LockOptions,
    which: Which,
    lock: LockFile,
    places: HashMap<NodeId, Place>,
    overrides: BTreeMap<InputPath, Override>,
    /// The overrides from the command line.
    typed: BTreeSet<InputPath>,
    overrides_used: BTreeSet<InputPath>,
    updates_used: BTreeSet<InputPath>,
    /// Where it was written that an input follows another.
    follows_places: HashMap<InputPath, Location>,
    /// The flakes that are being locked, to notice circles.
    parents: Vec<FlakeRef>,
}

/// An input, with what overrides it taken into account.
struct Wanted<'a> {
    name: &'a str,
    path: InputPath,
    input: FlakeInput,
    reference: FlakeRef,
    /// What stands in `flake.nix`.
    original: FlakeRef,
    place: Place,
    parent: Option<InputPath>,
    is_typed: bool,
}

impl Work<'_> {
    fn node(&mut self, inputs: &FlakeInputs, at: &At<'_>) -> Result<(), FlakeError> {
        for (name, input) in inputs {
            let path = below(&at.path, name);
            self.add_overrides(input, &path, at);
        }
        self.warn_of_overrides_without_input(inputs, at);
        for (name, input) in inputs {
            let path = below(&at.path, name);
            // An override stands somewhere else.
            let over = self.overrides.get(&path);
            let place = over.map_or(&input.place, |over| &over.input.place).clone();
            self.input(name, input, at).map_err(|error| {
                let path = print_input_path(&path);
                let error = error.doing(format!("while updating the flake input '{path}'"));
                error.at(place.as_ref())
            })?;
        }
        Ok(())
    }

    fn add_overrides(&mut self, input: &FlakeInput, path: &[String], at: &At<'_>) {
        for (name, inner) in &input.overrides {
            let path = below(path, name);
            if inner.reference.is_some() || inner.follows.is_some() {
                let target = Override {
                    input: inner.clone(),
                    place: at.place.clone(),
                    parent: Some(at.path.clone()),
                };
                // What is said further up holds.
                self.overrides.entry(path.clone()).or_insert(target);
            }
            self.add_overrides(inner, &path, at);
        }
    }

    fn warn_of_overrides_without_input(&mut self, inputs: &FlakeInputs, at: &At<'_>) {
        let shown = print_input_path(&at.path);
        for path in self.overrides.keys() {
            if let Some((name, above)) = path.split_last()
                && above == at.path
                && !inputs.contains_key(name)
                && !self.typed.contains(path)
            {
                self.sources.warn(format!(
                    "input '{shown}' has an override for a non-existent input '{name}'"
                ));
            }
        }
    }

    fn warn_of_unused(&mut self) {
        for (path, reference) in &self.options.overrides {
            if !self.overrides_used.contains(path) {
                let path = print_input_path(path);
                self.sources.warn(format!(
                    "the flag '--override-input {path} {reference}' does not match any input"
                ));
            }
        }
        for path in &self.options.update {
            if !self.updates_used.contains(path) {
                let path = print_input_path(path);
                self.sources
                    .warn(format!("'{path}' does not match any input of this flake"));
            }
        }
    }

    fn input(&mut self, name: &str, said: &FlakeInput, at: &At<'_>) -> Result<(), FlakeError> {
        let path = below(&at.path, name);
        let over = self.overrides.get(&path).cloned();
        let mut input = said.clone();
        if let Some(over) = &over {
            self.overrides_used.insert(path.clone());
            input = over.input.clone();
            // Whether it is a flake, its user knows.
            input.is_flake = said.is_flake;
        }
        self.updates_used.insert(path.clone());
        if let Some(follows) = input.follows {
            if let Some(place) = input.place {
                self.follows_places.insert(path, place);
            }
            let edge = Edge::Follows(follows);
            self.lock.nodes[at.id].inputs.insert(name.to_owned(), edge);
            return Ok(());
        }
        let reference = input
            .reference
            .clone()
            .unwrap_or_else(|| FlakeRef::indirect(name));
        let is_typed = self.typed.contains(&path);
        // An override that was typed is kept when the lock file is used next: for that, the lock
        // file has to say that it is for what `flake.nix` says.
        let original = said.reference.clone().filter(|_| is_typed);
        let (place, over_parent) = match over {
            Some(over) => (over.place, over.parent),
            None => (at.place.clone(), Some(at.path.clone())),
        };
        let wanted = Wanted {
            name,
            path,
            original: original.unwrap_or_else(|| reference.clone()),
            parent: over_parent.filter(|_| reference.input.relative().is_some()),
            input,
            reference,
            place,
            is_typed,
        };
        match self.old_pin(&wanted, at) {
            Some(old) => self.keep(&wanted, at, old),
            None => self.pin(&wanted, at),
        }
    }

    /// The old node of an input, if it still is what is wanted.
    fn old_pin(&self, wanted: &Wanted<'_>, at: &At<'_>) -> Option<Old> {
        let (lock, id) = at.old.as_ref()?;
        if wanted.is_typed || self.options.update.contains(&wanted.path) {
            return None;
        }
        let Some(Edge::Node(id)) = lock.nodes[*id].inputs.get(wanted.name) else {
            return None;
        };
        let pinned = lock.nodes[*id].pinned.as_ref()?;
        let same = pinned.original.canonical() == wanted.reference.canonical()
            && pinned.parent == wanted.parent;
        same.then(|| (lock.clone(), *id))
    }

    fn add_node(&mut self, name: &str, at: &At<'_>, node: Node) -> NodeId {
        let id = self.lock.nodes.len();
        self.lock.nodes.push(node);
        let edge = Edge::Node(id);
        self.lock.nodes[at.id].inputs.insert(name.to_owned(), edge);
        id
    }

    /// Takes over a node. Its flake is only fetched if its inputs may have changed.
    fn keep(&mut self, wanted: &Wanted<'_>, at: &At<'_>, old: Old) -> Result<(), FlakeError> {
        let old_node = old.0.nodes[old.1].clone();
        let Some(pinned) = old_node.pinned.clone() else {
            return Ok(());
        };
        let node = Node {
            pinned: Some(pinned.clone()),
            ..Node::default()
        };
        let id = self.add_node(wanted.name, at, node);
        let update_below =
            |path: &InputPath| path.len() > wanted.path.len() && path.starts_with(&wanted.path);
        let is_shipped = shipped_flake(&pinned.original).is_some();
        let mut must_fetch = self.options.update.iter().any(update_below);
        let mut inputs = FlakeInputs::new();
        for (name, edge) in &old_node.inputs {
            let input = match edge {
                Edge::Node(id) => {
                    let pinned = old.0.nodes[*id].pinned.as_ref();
                    FlakeInput {
                        is_flake: pinned.is_none_or(|pinned| pinned.is_flake),
                        reference: pinned.map(|pinned| pinned.original.clone()),
                        follows: None,
                        overrides: FlakeInputs::new(),
                        place: None,
                    }
                }
                Edge::Follows(follows) => {
                    // Somebody made it follow. If that is no longer so, the flake has to be asked.
                    let path = below(&wanted.path, name);
                    must_fetch |= !at.trusted && !self.overrides.contains_key(&path);
                    FlakeInput {
                        is_flake: true,
                        reference: None,
                        follows: Some(at.follows_prefix.iter().chain(follows).cloned().collect()),
                        overrides: FlakeInputs::new(),
                        place: None,
                    }
                }
            };
            inputs.insert(name.clone(), input);
        }
        let mut place = at.place.clone();
        let mut trusted = true;
        if must_fetch && pinned.is_flake && !is_shipped {
            let flake = self.fetch_flake(wanted, &pinned.locked, true)?;
            inputs = flake.text.inputs;
            place = flake.place.clone();
            self.places.insert(id, flake.place);
            trusted = false;
        }
        self.node(
            &inputs,
            &At {
                id,
                path: wanted.path.clone(),
                old: Some(old),
                follows_prefix: at.follows_prefix.clone(),
                place: &place,
                trusted,
            },
        )
    }

    fn fetch_flake(
        &mut self,
        wanted: &Wanted<'_>,
        reference: &FlakeRef,
        pinned: bool,
    ) -> Result<Flake, FlakeError> {
        if let Some(relative) = reference.input.relative() {
            let place = wanted.place.relative(relative, &reference.dir)?;
            return read_place(reference.clone(), place, &wanted.path);
        }
        if pinned {
            let tree = self.sources.fetch(&reference.input, true)?;
            return read_at(reference, tree, &wanted.path);
        }
        let which = match wanted.is_typed && self.which != Which::No {
            true => Which::All,
            false => self.which,
        };
        self.sources.flake(reference, which, &wanted.path)
    }

    /// Fetches an input and pins it to what was found.
    fn pin(&mut self, wanted: &Wanted<'_>, at: &At<'_>) -> Result<(), FlakeError> {
        if let Some(name) = shipped_flake(&wanted.reference) {
            let node = Node {
                shipped: Some(name.to_owned()),
                ..Node::default()
            };
            self.add_node(wanted.name, at, node);
            return Ok(());
        }
        let is_free =
            wanted.reference.input.is_locked() || wanted.reference.input.relative().is_some();
        if !self.options.allow_unlocked && !is_free {
            let path = print_input_path(&wanted.path);
            let message = format!("cannot update unlocked flake input '{path}' in pure mode");
            return Err(FlakeError::other(message));
        }
        let node = |locked: FlakeRef| Node {
            pinned: Some(Pinned {
                locked,
                original: wanted.original.clone(),
                is_flake: wanted.input.is_flake,
                parent: wanted.parent.clone(),
            }),
            ..Node::default()
        };
        if !wanted.input.is_flake {
            let (locked, place) = self.fetch_tree(wanted)?;
            let id = self.add_node(wanted.name, at, node(locked));
            self.places.insert(id, place);
            return Ok(());
        }
        let flake = self.fetch_flake(wanted, &wanted.reference, false)?;
        let id = self.add_node(wanted.name, at, node(flake.locked));
        if self.parents.contains(&wanted.reference) {
            let message = format!("found circular import of flake '{}'", wanted.reference);
            return Err(FlakeError::other(message));
        }
        let lock = flake.place.lock_file(self.sources)?;
        self.parents.push(wanted.reference.clone());
        self.places.insert(id, flake.place.clone());
        let result = self.node(
            &flake.text.inputs,
            &At {
                id,
                path: wanted.path.clone(),
                old: Some((Rc::new(lock), ROOT)),
                follows_prefix: wanted.path.clone(),
                place: &flake.place,
                trusted: false,
            },
        );
        self.parents.pop();
        result
    }

    /// A tree that is no flake.
    fn fetch_tree(&mut self, wanted: &Wanted<'_>) -> Result<(FlakeRef, Place), FlakeError> {
        let reference = &wanted.reference;
        if let Some(relative) = reference.input.relative() {
            let place = wanted.place.relative(relative, &reference.dir)?;
            if !place.path().exists() {
                let message = format!("'{}' does not exist", place.shown("").display());
                return Err(FlakeError::other(message));
            }
            return Ok((reference.clone(), place));
        }
        let resolved = self.sources.resolve(reference, self.which)?;
        let tree = self.sources.fetch(&resolved.input, is_pinned(&resolved))?;
        let locked = FlakeRef {
            input: tree.input.clone(),
            dir: resolved.dir.clone(),
        };
        let place = Place {
            tree: Rc::new(tree),
            dir: resolved.dir,
        };
        Ok((locked, place))
    }
}

fn below(path: &[String], name: &str) -> InputPath {
    path.iter().cloned().chain([name.to_owned()]).collect()
}
