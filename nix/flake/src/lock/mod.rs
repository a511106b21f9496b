//! Lock files: what the inputs of a flake are pinned to.
//!
//! ```text
//!  flake.nix ──read──► inputs ─┐
//!  flake.lock ──parse──► nodes ─┴─compute──► nodes ──print──► flake.lock
//! ```

mod compute;
mod diff;
mod file;
mod flake_nix;
mod write;

use crate::{error::FlakeError, reference::is_flake_id};

pub use compute::{LockOptions, Locked};
pub(crate) use file::ROOT;
pub use file::{Edge, LockFile, Node, NodeId, Pinned};
pub use flake_nix::{FlakeInput, FlakeInputs};

/// The way to an input: names from the root.
pub type InputPath = Vec<String>;

/// Reads `a/b`.
pub fn parse_input_path(text: &str) -> Result<InputPath, FlakeError> {
    let parts = text.split('/').filter(|part| !part.is_empty());
    let checked = parts.map(|part| match is_flake_id(part) {
        true => Ok(part.to_owned()),
        false => Err(FlakeError::BadReference(format!(
            "invalid flake input attribute path element '{part}'"
        ))),
    });
    checked.collect()
}

/// Writes `a/b`.
pub(crate) fn print_input_path(path: &[String]) -> String {
    path.join("/")
}
