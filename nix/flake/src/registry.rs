//! Registries: what short names such as `nixpkgs` stand for.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    error::FlakeError,
    fetch::Sources,
    json::{JsonAttrs, to_attrs},
    reference::{FlakeRef, Input},
};

/// How many entries may lead to each other.
const LONGEST_CHAIN: usize = 100;

/// Which registries to look in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// Those that say the same on every machine: for the inputs of flakes.
    Limited,
    /// None.
    No,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is for.
    pub from: Input,
    /// What that stands for.
    pub to: FlakeRef,
    /// Whether it is for just that, not for other branches too.
    pub exact: bool,
}

/// All registries.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    /// What the command line says.
    pub flags: Vec<Entry>,
    /// The user's file.
    pub user: Option<PathBuf>,
    /// The machine's file.
    pub system: Option<PathBuf>,
    /// The one for everybody: a file or a URL.
    pub global: Option<String>,
    /// The user's, the machine's and everybody's, once read.
    pub(crate) read: Option<[Vec<Entry>; 3]>,
}

#[derive(Deserialize)]
struct File {
    version: u64,
    #[serde(default)]
    flakes: Vec<FileEntry>,
}

#[derive(Deserialize)]
struct FileEntry {
    from: JsonAttrs,
    to: JsonAttrs,
    #[serde(default)]
    exact: bool,
}

fn parse(text: &str) -> Result<Vec<Entry>, FlakeError> {
    let file: File =
        serde_json::from_str(text).map_err(|error| FlakeError::other(error.to_string()))?;
    if file.version != 2 {
        let message = format!("it has version {}, which is not known here", file.version);
        return Err(FlakeError::other(message));
    }
    let entry = |entry: FileEntry| {
        Ok(Entry {
            from: Input::from_attrs(to_attrs(entry.from))?,
            to: FlakeRef::from_attrs(to_attrs(entry.to))?,
            exact: entry.exact,
        })
    };
    file.flakes.into_iter().map(entry).collect()
}

impl Sources {
    /// Takes entries that come before all others.
    pub fn set_flag_registry(&mut self, entries: Vec<Entry>) {
        self.registries.flags = entries;
    }

    /// What a reference stands for.
    pub fn resolve(&mut self, reference: &FlakeRef, which: Which) -> Result<FlakeRef, FlakeError> {
        let mut resolved = reference.clone();
        if which == Which::No {
            return Ok(resolved);
        }
        for _ in 0..LONGEST_CHAIN {
            // Only short names stand in the registry for everybody, so that it need not be had
            // for anything else.
            match self.look_up(&resolved.input, which)? {
                Some(next) => {
                    let dir = match next.dir.is_empty() {
                        true => resolved.dir,
                        false => next.dir,
                    };
                    resolved = FlakeRef {
                        input: next.input,
                        dir,
                    };
                }
                None if resolved.input.is_indirect() => {
                    let message = format!(
                        "cannot find flake '{}' in the flake registries",
                        resolved.input
                    );
                    return Err(FlakeError::other(message));
                }
                None => return Ok(resolved),
            }
        }
        let message = format!("cycle detected in flake registry for '{}'", reference.input);
        Err(FlakeError::other(message))
    }

    fn look_up(&mut self, input: &Input, which: Which) -> Result<Option<FlakeRef>, FlakeError> {
        if let Some(found) = find(&self.registries.flags, input) {
            return Ok(Some(found));
        }
        if self.registries.read.is_none() {
            let user = self.read_registry(self.registries.user.clone());
            let system = self.read_registry(self.registries.system.clone());
            self.registries.read = Some([user, system, Vec::new()]);
        }
        if which == Which::All
            && let Some([user, system, _]) = &self.registries.read
            && let Some(found) = find(user, input).or_else(|| find(system, input))
        {
            return Ok(Some(found));
        }
        if !input.is_indirect() {
            return Ok(None);
        }
        let global = self.global_registry()?;
        Ok(find(&global, input))
    }

    fn read_registry(&mut self, path: Option<PathBuf>) -> Vec<Entry> {
        let Some(path) = path.filter(|path| path.exists()) else {
            return Vec::new();
        };
        match read_file(&path) {
            Ok(entries) => entries,
            Err(error) => {
                let shown = path.display();
                self.warn(format!("cannot read flake registry '{shown}': {error}"));
                Vec::new()
            }
        }
    }

    fn global_registry(&mut self) -> Result<Vec<Entry>, FlakeError> {
        let Some(place) = self.registries.global.clone() else {
            return Ok(Vec::new());
        };
        if let Some([_, _, global]) = &self.registries.read
            && !global.is_empty()
        {
            return Ok(global.clone());
        }
        let doing = |error: FlakeError| error.doing("while reading the global flake registry");
        let entries = match place.starts_with('/') {
            true => read_file(Path::new(&place)),
            false => self.ask(&place, &[]).and_then(|text| parse(&text)),
        };
        let entries = entries.map_err(doing)?;
        if let Some([_, _, global]) = &mut self.registries.read {
            global.clone_from(&entries);
        }
        Ok(entries)
    }
}

fn read_file(path: &Path) -> Result<Vec<Entry>, FlakeError> {
    let text = fs::read_to_string(path).map_err(FlakeError::io("cannot read", path))?;
    parse(&text)
}

fn find(entries: &[Entry], input: &Input) -> Option<FlakeRef> {
    entries.iter().find_map(|entry| {
        if entry.exact {
            return (entry.from == *input).then(|| entry.to.clone());
        }
        let mut plain = input.clone();
        plain.attrs.remove("ref");
        plain.attrs.remove("rev");
        if entry.from != *input && entry.from != plain {
            return None;
        }
        let own = |name: &str| {
            let said = input.text(name).filter(|_| entry.from.text(name).is_none());
            said.map(str::to_owned)
        };
        let (reference, rev) = (own("ref"), own("rev"));
        Some(FlakeRef {
            input: entry
                .to
                .input
                .with_overrides(rev.as_deref(), reference.as_deref()),
            dir: entry.to.dir.clone(),
        })
    })
}
