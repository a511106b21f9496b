//! How evaluators are to evaluate: from what was typed to the request that tells them.

use std::ffi::OsString;
use std::path::{Path, absolute};

use nixops4_proto::evaluator::{Configure, SearchEntry};

use crate::args::{EvaluationArgs, EvaluatorChoice};
use crate::command_error::CommandError;
use crate::ui::print::errln;

/// Reads what was typed; relative paths are relative to the current directory.
pub fn settings(args: &EvaluationArgs) -> Result<Configure, CommandError> {
    let mut settings = Configure {
        max_depth: Some(args.eval_max_depth),
        max_memory: args.eval_max_memory,
        store: args
            .store
            .clone()
            .or_else(|| std::env::var("NIXOPS4_STORE").ok()),
        search_path: args
            .include
            .iter()
            .map(|entry| search_entry(entry))
            .collect::<Result<_, _>>()?,
        ..Configure::default()
    };
    for option in args.option.chunks_exact(2) {
        set(&mut settings, &option[0], &option[1])?;
    }
    Ok(settings)
}

/// The arguments of the evaluator's program: which of its engines is to evaluate.
pub fn arguments(args: &EvaluationArgs) -> Vec<OsString> {
    match args.evaluator {
        EvaluatorChoice::Native => Vec::new(),
        EvaluatorChoice::Libnix => ["--evaluator", "libnix"].map(OsString::from).into(),
    }
}

/// `name=path`, or a path for all names.
fn search_entry(text: &str) -> Result<SearchEntry, CommandError> {
    let (prefix, path) = text.split_once('=').unwrap_or(("", text));
    let path = absolute(Path::new(path))
        .map_err(|error| CommandError::user(format!("-I {text}: {error}")))?;
    Ok(SearchEntry {
        prefix: prefix.to_owned(),
        path,
    })
}

fn set(settings: &mut Configure, name: &str, value: &str) -> Result<(), CommandError> {
    match name {
        "abort-on-warn" => settings.abort_on_warn = flag(name, value)?,
        "trace-verbose" => settings.trace_verbose = flag(name, value)?,
        "pure-eval" => settings.pure = flag(name, value)?,
        "max-call-depth" => {
            let depth = value.parse().map_err(|_| {
                CommandError::user(format!(
                    "the setting '{name}' must be a number, not '{value}'"
                ))
            })?;
            settings.max_depth = Some(depth);
        }
        // Nix warns and goes on as well.
        _ => errln!("warning: unknown setting '{name}'"),
    }
    Ok(())
}

fn flag(name: &str, value: &str) -> Result<bool, CommandError> {
    match value {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(CommandError::user(format!(
            "the setting '{name}' is true or false, not '{value}'"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_those_of_nix() {
        let args = EvaluationArgs {
            evaluator: EvaluatorChoice::Libnix,
            eval_max_memory: Some(1 << 20),
            eval_max_depth: 5,
            store: Some("none".into()),
            include: vec!["/a".into(), "b=/c".into()],
            option: ["abort-on-warn", "true", "max-call-depth", "7"]
                .map(String::from)
                .into(),
        };
        assert_eq!(arguments(&args), ["--evaluator", "libnix"]);
        let settings = settings(&args).expect("settings");
        assert_eq!(settings.store.as_deref(), Some("none"));
        assert!(settings.abort_on_warn && !settings.pure);
        assert_eq!(settings.max_depth, Some(7));
        let entries = settings.search_path.iter();
        let entries: Vec<_> = entries
            .map(|e| (e.prefix.as_str(), e.path.as_path()))
            .collect();
        assert_eq!(entries, [("", Path::new("/a")), ("b", Path::new("/c"))]);
        assert!(flag("pure-eval", "perhaps").is_err());
    }
}
