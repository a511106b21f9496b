//! Derivations: what to run to make store objects, and the names those will have.

mod aterm;
mod modulo;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use modulo::ModuloHash;

use super::hash::{Algorithm, Hash};
use super::store_path::{
    Method, StoreDir, StorePath, StorePathError, output_path_name, placeholder,
};

/// What is known of an output before it is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Named by the hash of its derivation.
    InputAddressed(StorePath),
    /// Named by the hash of its content, which is given.
    Fixed {
        /// How the hash is taken.
        method: Method,
        /// The hash.
        hash: Hash,
    },
    /// Named by the hash of its content, once it is built.
    Floating {
        /// How the hash will be taken.
        method: Method,
        /// By which algorithm.
        algorithm: Algorithm,
    },
    /// Input-addressed, but the name waits for that of a floating input.
    Deferred,
}

impl Output {
    /// Its store path, where that is known already.
    pub fn path(
        &self,
        store: &StoreDir,
        derivation: &str,
        output: &str,
    ) -> Result<Option<StorePath>, StorePathError> {
        match self {
            Self::InputAddressed(path) => Ok(Some(path.clone())),
            Self::Fixed { method, hash } => {
                let name = output_path_name(derivation, output);
                store
                    .fixed(&name, *method, hash, &BTreeSet::new())
                    .map(Some)
            }
            Self::Floating { .. } | Self::Deferred => Ok(None),
        }
    }
}

/// A derivation. Everything a builder sees is bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Derivation {
    /// Its outputs by their names.
    pub outputs: BTreeMap<String, Output>,
    /// The derivations it needs built, with the names of the outputs it uses.
    pub input_derivations: BTreeMap<StorePath, BTreeSet<String>>,
    /// The store objects it needs as they are.
    pub input_sources: BTreeSet<StorePath>,
    /// The kind of machine that can build it.
    pub platform: Vec<u8>,
    /// The program that builds it.
    pub builder: Vec<u8>,
    /// That program's arguments.
    pub arguments: Vec<Vec<u8>>,
    /// That program's environment.
    pub environment: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Derivation {
    /// The store path of the derivation itself.
    pub fn path(&self, store: &StoreDir, name: &str) -> Result<StorePath, StorePathError> {
        let references = self
            .input_derivations
            .keys()
            .chain(&self.input_sources)
            .cloned()
            .collect();
        let text = self.to_aterm(store, name)?;
        store.text(&format!("{name}.drv"), &text, &references)
    }

    /// Gives fixed and floating outputs their place in the environment: a path, or what stands
    /// for it.
    pub fn fill_content_addressed(
        &mut self,
        store: &StoreDir,
        name: &str,
    ) -> Result<(), StorePathError> {
        for (output, kind) in &self.outputs {
            let value = match kind.path(store, name, output)? {
                Some(path) => store.print(&path),
                None => placeholder(output),
            };
            self.environment
                .insert(output.as_bytes().to_vec(), value.into_bytes());
        }
        Ok(())
    }

    /// Makes `outputs` input-addressed: computes their paths from the inputs' hashes, or leaves
    /// them deferred where an input's own path is not known yet.
    pub fn fill_input_addressed<'a>(
        &mut self,
        store: &StoreDir,
        name: &str,
        outputs: &[String],
        inputs: impl Fn(&StorePath) -> Option<&'a ModuloHash>,
    ) -> Result<(), DerivationError> {
        for output in outputs {
            self.environment
                .insert(output.as_bytes().to_vec(), Vec::new());
            self.outputs.insert(output.clone(), Output::Deferred);
        }
        let modulo = modulo::hash(self, store, name, true, inputs)?;
        if modulo.deferred {
            return Ok(());
        }
        for output in outputs {
            let hash = modulo
                .output(output)
                .ok_or_else(|| DerivationError::NoOutput {
                    derivation: name.into(),
                    output: output.clone(),
                })?;
            let path = store.output(output, hash, name)?;
            let text = store.print(&path).into_bytes();
            self.environment.insert(output.as_bytes().to_vec(), text);
            self.outputs
                .insert(output.clone(), Output::InputAddressed(path));
        }
        Ok(())
    }

    /// The hash that stands for this derivation in those that use it.
    pub fn modulo_hash<'a>(
        &self,
        store: &StoreDir,
        name: &str,
        inputs: impl Fn(&StorePath) -> Option<&'a ModuloHash>,
    ) -> Result<ModuloHash, DerivationError> {
        modulo::hash(self, store, name, false, inputs)
    }
}

/// Why a derivation's paths cannot be computed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DerivationError {
    /// A name breaks the store's rules.
    #[error(transparent)]
    Path(#[from] StorePathError),
    /// An input is not known.
    #[error("derivation '{0}' is not known to this evaluation")]
    UnknownInput(StorePath),
    /// An input has no such output.
    #[error("derivation '{derivation}' does not have output '{output}'")]
    NoOutput {
        /// The derivation.
        derivation: String,
        /// The output asked for.
        output: String,
    },
}
