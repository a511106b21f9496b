//! The hash of a derivation "modulo" its fixed outputs: it does not change with how a fixed
//! output is fetched, so neither do the paths of what uses it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::{Derivation, DerivationError, Output};
use crate::pure::hash::{Algorithm, Format, Hash};
use crate::pure::store_path::{StoreDir, StorePath, StorePathError};

/// What stands for a derivation in the hashes of those that use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuloHash {
    /// The hashes of its outputs.
    pub hashes: OutputHashes,
    /// Whether some input's path is not known before it is built.
    pub deferred: bool,
}

/// Hashes of outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputHashes {
    /// All outputs share the derivation's.
    Shared(Hash),
    /// Fixed outputs have their own.
    Each(BTreeMap<String, Hash>),
}

impl ModuloHash {
    /// The hash of one output.
    pub fn output(&self, name: &str) -> Option<&Hash> {
        match &self.hashes {
            OutputHashes::Shared(hash) => Some(hash),
            OutputHashes::Each(hashes) => hashes.get(name),
        }
    }
}

/// Hashes a derivation; `mask` leaves out the paths of its own outputs, which are about to be
/// computed from the result.
pub(super) fn hash<'a>(
    derivation: &Derivation,
    store: &StoreDir,
    name: &str,
    mask: bool,
    inputs: impl Fn(&StorePath) -> Option<&'a ModuloHash>,
) -> Result<ModuloHash, DerivationError> {
    if let Some(hashes) = fixed_hashes(derivation, store, name)? {
        return Ok(ModuloHash {
            hashes: OutputHashes::Each(hashes),
            deferred: false,
        });
    }
    let floating = |output: &Output| matches!(output, Output::Floating { .. });
    let deferred = |output: &Output| !mask && matches!(output, Output::Deferred);
    let mut unknown = derivation
        .outputs
        .values()
        .any(|output| floating(output) || deferred(output));
    let mut by_hash: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, outputs) in &derivation.input_derivations {
        let input = inputs(path).ok_or_else(|| DerivationError::UnknownInput(path.clone()))?;
        unknown |= input.deferred;
        for output in outputs {
            let hash = input
                .output(output)
                .ok_or_else(|| DerivationError::NoOutput {
                    derivation: store.print(path),
                    output: output.clone(),
                })?;
            by_hash
                .entry(hash.format(Format::Base16))
                .or_default()
                .insert(output.clone());
        }
    }
    let text = derivation.masked_aterm(store, name, mask, &by_hash)?;
    let hash = Algorithm::Sha256.hash(&text);
    Ok(ModuloHash {
        hashes: OutputHashes::Shared(hash),
        deferred: unknown,
    })
}

fn fixed_hashes(
    derivation: &Derivation,
    store: &StoreDir,
    name: &str,
) -> Result<Option<BTreeMap<String, Hash>>, StorePathError> {
    let mut hashes = BTreeMap::new();
    for (output, kind) in &derivation.outputs {
        let (Output::Fixed { method, hash }, Some(path)) = (kind, kind.path(store, name, output)?)
        else {
            return Ok(None);
        };
        let content = hash.format_with_algorithm(Format::Base16);
        let text = format!(
            "fixed:out:{}{content}:{}",
            method.prefix(),
            store.print(&path)
        );
        hashes.insert(output.clone(), Algorithm::Sha256.hash(text.as_bytes()));
    }
    Ok((!hashes.is_empty()).then_some(hashes))
}
