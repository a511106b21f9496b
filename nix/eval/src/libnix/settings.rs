//! How to evaluate: from what was asked to the settings of Nix.

use std::path::Path;
use std::sync::OnceLock;

use nix_bindings_store::store::Store;
use nixops4_proto::evaluator::Configure;

use super::failure;
use crate::error::{self, WireError};

/// The version of Nix.
pub fn version() -> String {
    // SAFETY: gives a constant text that ends with a zero.
    let version = unsafe { std::ffi::CStr::from_ptr(nix_bindings_util_sys::version_get()) };
    version.to_string_lossy().into_owned()
}

/// Settings that reach evaluation states only as configuration.
const VARIABLE: &str = "NIX_CONFIG";

/// Has evaluation states that are made later evaluate as asked.
pub fn apply(ask: &Configure) -> Result<(), WireError> {
    if ask.max_memory.is_some() {
        let mut error = error::plain("evaluator", "libnix cannot limit the memory of evaluation");
        let hint = "leave out --eval-max-memory, or evaluate with --evaluator native";
        error.hints.push(hint.to_owned());
        return Err(error);
    }
    static GIVEN: OnceLock<String> = OnceLock::new();
    let given = GIVEN.get_or_init(|| std::env::var(VARIABLE).unwrap_or_default());
    let mut config = given.clone();
    let mut set = |name: &str, value: &dyn std::fmt::Display| {
        config.push_str(&format!("\n{name} = {value}"));
    };
    if let Some(depth) = ask.max_depth {
        set("max-call-depth", &depth);
    }
    for (name, asked) in [
        ("pure-eval", ask.pure),
        ("trace-verbose", ask.trace_verbose),
        ("abort-on-warn", ask.abort_on_warn),
    ] {
        if asked {
            set(name, &asked);
        }
    }
    // SAFETY: only this thread, on which Nix runs, reads variables; the other one reads requests.
    unsafe { std::env::set_var(VARIABLE, config) };
    Ok(())
}

/// Where names in angle brackets are looked up.
pub fn search_path(ask: &Configure, library: &Path) -> Vec<String> {
    let entries = crate::settings::search_path(ask, library).into_iter();
    let entries = entries.map(|(prefix, path)| match prefix.as_str() {
        "" => path.display().to_string(),
        prefix => format!("{prefix}={}", path.display()),
    });
    entries.collect()
}

/// The store that was asked for. Without one Nix evaluates, but adds nothing and builds nothing.
pub fn store(ask: &Configure) -> Result<Store, WireError> {
    let none = Some("dummy://");
    let url = match ask.store.as_deref().unwrap_or_default() {
        "nix" => None,
        "auto" | "" if is_installed() => None,
        "auto" | "" | "none" | "memory" => none,
        other => {
            let text = format!("with libnix a store is auto, none or nix, and not `{other}`");
            return Err(error::plain("value", text));
        }
    };
    Store::open(url, []).map_err(|error| failure::other("the store of Nix cannot be used", &error))
}

fn is_installed() -> bool {
    let named = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    named("NIX_REMOTE") || named("NIX_STORE_DIR") || Path::new("/nix/store").is_dir()
}
