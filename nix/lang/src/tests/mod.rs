//! Behaviour, by expression and result.

mod builtins;
mod errors;
mod foreign;
mod hostile;
mod incremental;
mod language;
mod provenance;
mod store;

use std::path::Path;

use crate::{EvalError, Evaluator, MemoryHost, Options};

fn evaluator() -> Evaluator {
    with_files(&[])
}

fn with_files(files: &[(&str, &str)]) -> Evaluator {
    let host = MemoryHost::new(files.iter().copied());
    Evaluator::new(Box::new(host), Options::default())
}

/// What an expression comes to, printed, or its error.
fn outcome(evaluator: &mut Evaluator, text: &str) -> Result<String, EvalError> {
    let value = evaluator.eval_str(text, "test", Path::new("/dir"))?;
    evaluator.print(&value, true)
}

fn shown(text: &str) -> String {
    match outcome(&mut evaluator(), text) {
        Ok(shown) => shown,
        Err(error) => format!("error: {error}"),
    }
}

/// Checks many expressions against what they print.
fn check(cases: &[(&str, &str)]) {
    let wrong: Vec<String> = cases
        .iter()
        .map(|(text, expected)| (text, expected, shown(text)))
        .filter(|(_, expected, shown)| *expected != shown)
        .map(|(text, expected, shown)| format!("{text}\n  expected {expected}\n  got      {shown}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
