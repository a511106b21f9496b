//! The store objects that an evaluation has named: their paths are computed as Nix computes them,
//! their contents remembered here, and nothing is built or written.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    rc::Rc,
};

use crate::{
    error::{ErrorKind, EvalError},
    eval::Eval,
    evaluator::Evaluator,
    hash::FastMap,
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
}

/// A derivation and what stands for it in those that use it.
pub(crate) struct Known {
    pub(crate) derivation: Derivation,
    pub(crate) modulo: ModuloHash,
}

/// Where to read a store object that only this evaluation has.
enum Object {
    /// A text made by the evaluation.
    Text(Rc<[u8]>),
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
        }
    }

    /// Remembers a derivation.
    pub(crate) fn add_derivation(&mut self, path: StorePath, known: Known) {
        self.derivations.insert(path, Rc::new(known));
    }

    /// Remembers a text.
    pub(crate) fn add_text(&mut self, path: StorePath, text: &[u8]) {
        self.objects.insert(path, Object::Text(text.into()));
    }

    /// Remembers that all of `from` stands in the store as `path`.
    pub(crate) fn add_copy(&mut self, from: &Path, name: &str, path: StorePath) {
        self.objects
            .insert(path.clone(), Object::Copy(from.to_owned()));
        self.copied.insert((from.to_owned(), name.to_owned()), path);
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
            Some(Object::Text(text)) if rest.is_empty() => Some(Contents::Text(text.clone())),
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
