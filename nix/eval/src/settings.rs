//! How to evaluate: from what was asked and the environment to the evaluator's options.

use std::path::{Path, PathBuf};

use nixops4_lang::Options;
use nixops4_proto::evaluator::Configure;

use crate::library;

/// Nix's own limit, which programs written for it stay within.
const MAX_CALL_DEPTH: u32 = 10_000;

/// The options that a request comes to.
pub fn options(ask: &Configure) -> Options {
    let memory = ask
        .max_memory
        .map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    Options {
        search_path: search_path(ask, Path::new(library::ROOT)),
        max_call_depth: ask.max_depth.unwrap_or(MAX_CALL_DEPTH),
        max_memory: memory,
        pure: ask.pure,
        trace_verbose: ask.trace_verbose,
        abort_on_warn: ask.abort_on_warn || abort_on_warn(),
        store_dir: store_dir(),
        ..Options::default()
    }
}

/// The store's folder, which a variable of Nix's says.
fn store_dir() -> String {
    let folder = std::env::var("NIX_STORE_DIR").ok();
    let folder = folder.filter(|folder| folder.starts_with('/'));
    folder.unwrap_or_else(|| Options::default().store_dir)
}

/// Whether the variable of Nix's that says so is set.
fn abort_on_warn() -> bool {
    let value = std::env::var("NIX_ABORT_ON_WARN");
    value.is_ok_and(|value| matches!(value.as_str(), "1" | "yes" | "true"))
}

/// What was asked for, `NIX_PATH`, and `<nixops4/lib>` for the shipped library, which is in `library`.
pub fn search_path(ask: &Configure, library: &Path) -> Vec<(String, PathBuf)> {
    let asked = ask.search_path.iter();
    let asked = asked.map(|entry| (entry.prefix.clone(), entry.path.clone()));
    let variable = std::env::var("NIX_PATH").unwrap_or_default();
    let entries = variable
        .split(':')
        .filter(|entry| !entry.is_empty())
        .map(|entry| entry.split_once('=').unwrap_or(("", entry)))
        .map(|(prefix, path)| (prefix.to_owned(), PathBuf::from(path)));
    let own = ("nixops4".to_owned(), library.to_owned());
    asked.chain(entries).chain(std::iter::once(own)).collect()
}
