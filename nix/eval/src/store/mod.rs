//! The store that evaluation adds to and builds in: none, one in memory, or that of the Nix that is
//! installed.

mod program;

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nixops4_lang::{HostError, MemoryStore, NewObject, ObjectStore};

use program::NixProgram;

/// Where the programs of Nix are, or which other store there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The programs on `PATH`, if they are there.
    #[default]
    Auto,
    /// Nothing is added or built.
    None,
    /// Objects are kept in memory, and nothing is built.
    Memory,
    /// The programs in that folder, or on `PATH`.
    Nix(Option<PathBuf>),
}

impl Choice {
    /// Reads `auto`, `none`, `memory`, `nix` or `nix:FOLDER`.
    pub fn parse(text: &str) -> Result<Choice, String> {
        match text {
            "auto" | "" => Ok(Choice::Auto),
            "none" => Ok(Choice::None),
            "memory" => Ok(Choice::Memory),
            "nix" => Ok(Choice::Nix(None)),
            _ => match text.strip_prefix("nix:") {
                Some(folder) => Ok(Choice::Nix(Some(folder.into()))),
                None => Err(format!(
                    "there is no store `{text}`: it is auto, none, memory, nix or nix:FOLDER"
                )),
            },
        }
    }
}

/// The store of a session. Clones are the same one.
#[derive(Clone)]
pub struct SessionStore(Rc<RefCell<Inner>>);

struct Inner {
    choice: Choice,
    cancel: Arc<AtomicBool>,
    /// Opened when it is first needed.
    opened: Option<Box<dyn ObjectStore>>,
}

impl SessionStore {
    /// A store that is found when it is needed; what it builds ends when `cancel` says so.
    pub fn new(cancel: Arc<AtomicBool>) -> SessionStore {
        SessionStore(Rc::new(RefCell::new(Inner {
            choice: Choice::Auto,
            cancel,
            opened: None,
        })))
    }

    /// Says which store it is to be.
    pub fn choose(&self, choice: Choice) {
        let mut inner = self.0.borrow_mut();
        if inner.choice != choice {
            inner.choice = choice;
            inner.opened = None;
        }
    }

    fn with<T>(
        &self,
        what: impl FnOnce() -> String,
        work: impl FnOnce(&mut dyn ObjectStore) -> Result<T, HostError>,
    ) -> Result<T, HostError> {
        let mut inner = self.0.borrow_mut();
        if inner.opened.is_none() {
            inner.opened = open(&inner.choice, &inner.cancel);
        }
        match &mut inner.opened {
            Some(store) => work(&mut **store),
            None => Err(HostError::Missing {
                what: what(),
                needs: "a store (the programs of Nix on PATH, or --store)",
            }),
        }
    }
}

fn open(choice: &Choice, cancel: &Arc<AtomicBool>) -> Option<Box<dyn ObjectStore>> {
    match choice {
        Choice::None => None,
        Choice::Memory => Some(Box::new(MemoryStore::default())),
        Choice::Nix(folder) => {
            let program = NixProgram::new(folder.clone(), cancel.clone());
            Some(Box::new(program))
        }
        Choice::Auto => {
            let program = NixProgram::new(None, cancel.clone());
            program
                .is_there()
                .then(|| Box::new(program) as Box<dyn ObjectStore>)
        }
    }
}

impl ObjectStore for SessionStore {
    fn has(&mut self, path: &str) -> Result<bool, HostError> {
        self.with(|| format!("to look for '{path}'"), |store| store.has(path))
    }

    fn add(&mut self, objects: &[NewObject]) -> Result<(), HostError> {
        let last = objects.last().map(|object| object.path.clone());
        let what = || format!("to build '{}'", last.unwrap_or_default());
        self.with(what, |store| store.add(objects))
    }

    fn realise(&mut self, derivation: &str, output: &str) -> Result<String, HostError> {
        let what = || format!("to build '{derivation}'");
        self.with(what, |store| store.realise(derivation, output))
    }

    fn locate(&mut self, path: &str) -> Result<PathBuf, HostError> {
        self.with(|| format!("to read '{path}'"), |store| store.locate(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_chosen_by_name() {
        assert_eq!(Choice::parse("none"), Ok(Choice::None));
        assert_eq!(Choice::parse("nix:/a"), Ok(Choice::Nix(Some("/a".into()))));
        assert!(Choice::parse("nexus").is_err());
    }

    #[test]
    fn without_a_store_it_is_said_what_for_there_should_be_one() {
        let mut store = SessionStore::new(Arc::default());
        store.choose(Choice::None);
        let error = store.realise("/nix/store/x.drv", "out").expect_err("none");
        let error = error.to_string();
        assert!(
            error.starts_with("to build '/nix/store/x.drv' needs a store"),
            "{error}"
        );
    }
}
