//! The store objects that an evaluation has named: their paths are computed as Nix computes them,
//! their contents remembered here, and nothing is built or written.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    rc::Rc,
};

use crate::{
    builtins::Source,
    error::{ErrorKind, EvalError},
    eval::Eval,
    evaluator::Evaluator,
    fetcher::Fetched,
    hash::{FastMap, FastSet},
    host::HostError,
    pure::{
        derivation::{Derivation, DerivationError, ModuloHash},
        store_path::{StoreDir, StorePath},
    },
    stack::grow_stack,
    value::{Context, ContextElement},
};

/// What an evaluation knows of the store.
pub(crate) struct Store {
    pub(crate) dir: StoreDir,
    derivations: FastMap<StorePath, Rc<Known>>,
    objects: FastMap<StorePath, Object>,
    copied: FastMap<(PathBuf, String), StorePath>,
    /// The local directories that objects are copies of.
    origins: FastMap<StorePath, PathBuf>,
    /// What objects were made of, to make them again for a store that wants them.
    sources: FastMap<StorePath, Rc<Source>>,
    /// What a store has from this evaluation.
    pub(crate) sent: FastSet<StorePath>,
}

/// A derivation and what stands for it in those that use it.
pub(crate) struct Known {
    pub(crate) derivation: Derivation,
    pub(crate) modulo: ModuloHash,
}

/// Where to read a store object that only this evaluation has.
enum Object {
    /// A text made by the evaluation, and what it refers to.
    Text(Rc<[u8]>, BTreeSet<StorePath>),
    /// All of a file or directory outside the store.
    Copy(PathBuf),
}

/// What to read in place of a path in the store.
pub(crate) enum Contents {
    /// These bytes.
    Text(Rc<[u8]>),
    /// What is at that path.
    At(PathBuf),
}

impl Store {
    pub(crate) fn new(dir: &str) -> Store {
        Store {
            dir: StoreDir::new(dir),
            derivations: FastMap::default(),
            objects: FastMap::default(),
            copied: FastMap::default(),
            origins: FastMap::default(),
            sources: FastMap::default(),
            sent: FastSet::default(),
        }
    }

    /// Remembers a derivation.
    pub(crate) fn add_derivation(&mut self, path: StorePath, known: Known) {
        self.derivations.insert(path, Rc::new(known));
    }

    /// Remembers a text.
    pub(crate) fn add_text(
        &mut self,
        path: StorePath,
        text: &[u8],
        references: BTreeSet<StorePath>,
    ) {
        self.objects
            .insert(path, Object::Text(text.into(), references));
    }

    /// Remembers what an object was made of.
    pub(crate) fn add_source(&mut self, path: StorePath, source: Source) {
        self.sources.insert(path, Rc::new(source));
    }

    /// A derivation of this evaluation.
    pub(crate) fn derivation(&self, path: &StorePath) -> Option<Rc<Known>> {
        self.derivations.get(path).cloned()
    }

    /// A text of this evaluation, with what it refers to.
    pub(crate) fn text(&self, path: &StorePath) -> Option<(&[u8], &BTreeSet<StorePath>)> {
        match self.objects.get(path) {
            Some(Object::Text(text, references)) => Some((text, references)),
            _ => None,
        }
    }

    /// What an object was made of.
    pub(crate) fn source(&self, path: &StorePath) -> Option<Rc<Source>> {
        self.sources.get(path).cloned()
    }

    /// Remembers that all of `from` stands in the store as `path`.
    pub(crate) fn add_copy(&mut self, from: &Path, name: &str, path: StorePath) {
        self.objects
            .insert(path.clone(), Object::Copy(from.to_owned()));
        self.copied.insert((from.to_owned(), name.to_owned()), path);
    }

    /// Remembers where to read what was fetched, and what it is a copy of.
    pub(crate) fn add_fetched(&mut self, fetched: &Fetched) {
        let path = &fetched.store_path;
        self.objects
            .insert(path.clone(), Object::Copy(fetched.at.clone()));
        if let Some(origin) = &fetched.origin {
            self.origins.insert(path.clone(), origin.clone());
        }
    }

    /// The local file that a path in the store is a copy of.
    pub(crate) fn origin(&self, path: &Path) -> Option<PathBuf> {
        let (object, inside) = self.dir.split(path.to_str()?).ok()?;
        let origin = self.origins.get(&object)?;
        Some(match inside.trim_start_matches('/') {
            "" => origin.clone(),
            inside => origin.join(inside),
        })
    }

    /// What a file or directory was copied to before.
    pub(crate) fn copy_of(&self, from: &Path, name: &str) -> Option<&StorePath> {
        self.copied.get(&(from.to_owned(), name.to_owned()))
    }

    /// What to read in place of `path`, where this evaluation knows it.
    pub(crate) fn contents(&self, path: &Path) -> Option<Contents> {
        let text = path
            .to_str()
            .filter(|text| text.starts_with(self.dir.as_str()))?;
        let (object, rest) = self.dir.split(text).ok()?;
        match self.objects.get(&object) {
            Some(Object::Text(text, _)) if rest.is_empty() => Some(Contents::Text(text.clone())),
            Some(Object::Copy(from)) => {
                let inside = rest.trim_start_matches('/');
                Some(Contents::At(if inside.is_empty() {
                    from.clone()
                } else {
                    from.join(inside)
                }))
            }
            _ => {
                let known = self.derivations.get(&object).filter(|_| rest.is_empty())?;
                let text = known
                    .derivation
                    .to_aterm(&self.dir, derivation_name(&object))
                    .ok()?;
                Some(Contents::Text(text.into()))
            }
        }
    }
}

impl Evaluator {
    /// What to say of a file that is not there: by the name that the evaluation has for it, and
    /// why it is missing where it is there in the directory that was copied.
    pub(crate) fn missing(&mut self, path: &Path, error: HostError) -> EvalError {
        let HostError::NotFound(_) = error else {
            return error.into();
        };
        let error = EvalError::from(HostError::NotFound(path.to_owned()));
        let Some(origin) = self.store.origin(path) else {
            return error;
        };
        match self.host.file_type(&origin) {
            Ok(Some(_)) => error.hint(format!(
                "'{}' exists, but is not tracked by Git, so the flake does not see it. To make it \
                 visible: git add -N '{}'",
                origin.display(),
                origin.display()
            )),
            _ => error,
        }
    }

    /// The path with its links resolved. Links that stay inside a store object that is read from
    /// elsewhere lead to paths in the store again.
    pub(crate) fn resolve_links(&mut self, path: &Path) -> Eval<PathBuf> {
        let object = path
            .to_str()
            .and_then(|text| self.store.dir.split(text).ok());
        let object = object.map(|(object, _)| PathBuf::from(self.store.dir.print(&object)));
        let Some((object, Contents::At(at))) =
            object.and_then(|object| Some((object.clone(), self.store.contents(&object)?)))
        else {
            return Ok(self.host.resolve_links(path)?);
        };
        let inside = path.strip_prefix(&object).unwrap_or(Path::new(""));
        let target = self.host.resolve_links(&at.join(inside))?;
        let at = self.host.resolve_links(&at)?;
        Ok(match target.strip_prefix(&at) {
            Ok(inside) => object.join(inside),
            Err(_) => target,
        })
    }
}

/// A derivation's own name, of the path of its `.drv` file.
fn derivation_name(path: &StorePath) -> &str {
    path.name().strip_suffix(".drv").unwrap_or(path.name())
}

impl Evaluator {
    /// A derivation named by this evaluation, or one that can be read.
    pub(crate) fn known_derivation(&mut self, path: &StorePath) -> Eval<Rc<Known>> {
        if let Some(known) = self.store.derivations.get(path) {
            return Ok(known.clone());
        }
        let full = self.store.dir.print(path);
        let Ok(text) = self.host.read_file(Path::new(&full)) else {
            let message =
                format!("the derivation '{full}' is needed, and there is no store to read it");
            return Err(EvalError::new(ErrorKind::Host, message));
        };
        let derivation = Derivation::from_aterm(&text, &self.store.dir)
            .map_err(|error| EvalError::new(ErrorKind::Host, format!("'{full}': {error}")))?;
        let modulo = self.modulo_hash(&derivation, derivation_name(path))?;
        self.store
            .add_derivation(path.clone(), Known { derivation, modulo });
        Ok(self.store.derivations[path].clone())
    }

    /// Makes sure that a derivation's inputs are known.
    pub(crate) fn load_inputs(&mut self, derivation: &Derivation) -> Eval<()> {
        for input in derivation.input_derivations.keys() {
            grow_stack(|| self.known_derivation(input))?;
        }
        Ok(())
    }

    /// What stands for `derivation` in those that use it.
    pub(crate) fn modulo_hash(&mut self, derivation: &Derivation, name: &str) -> Eval<ModuloHash> {
        self.load_inputs(derivation)?;
        let store = &self.store;
        Ok(derivation.modulo_hash(&store.dir, name, |input| store.modulo(input))?)
    }

    /// The store paths that a plain text's context names; an output of a derivation is refused.
    pub(crate) fn plain_references(
        &self,
        context: Option<&Rc<Context>>,
        refuse: impl Fn(&str) -> EvalError,
    ) -> Eval<BTreeSet<StorePath>> {
        let mut references = BTreeSet::new();
        for element in context.into_iter().flat_map(|context| context.iter()) {
            match element {
                ContextElement::Opaque(path) => {
                    references.insert(self.store_path(path)?);
                }
                ContextElement::Deep(path) => return Err(refuse(&format!("={path}"))),
                ContextElement::Built { derivation, output } => {
                    return Err(refuse(&format!("!{output}!{derivation}")));
                }
            }
        }
        Ok(references)
    }

    /// Reads a full store path.
    pub(crate) fn store_path(&self, path: &str) -> Eval<StorePath> {
        let parsed = self.store.dir.parse(path);
        parsed.map_err(|error| EvalError::new(ErrorKind::Value, error.to_string()))
    }
}

impl Store {
    /// What stands for a derivation in those that use it, if it is known.
    pub(crate) fn modulo(&self, path: &StorePath) -> Option<&ModuloHash> {
        self.derivations.get(path).map(|known| &known.modulo)
    }
}

impl From<DerivationError> for EvalError {
    fn from(error: DerivationError) -> Self {
        EvalError::new(ErrorKind::Value, error.to_string())
    }
}
