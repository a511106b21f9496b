//! The built-ins that are values, not functions.

use crate::{
    eval::{Eval, lazy_native},
    evaluator::Evaluator,
    value::Value,
};

/// The version of Nix whose language and built-ins are followed.
const NIX_VERSION: &str = "2.34.0";
const LANG_VERSION: i64 = 6;

pub(super) fn values(evaluator: &Evaluator) -> Vec<(&'static str, Value)> {
    vec![
        ("true", Value::Bool(true)),
        ("false", Value::Bool(false)),
        ("null", Value::Null),
        ("nixVersion", Value::string(NIX_VERSION)),
        ("langVersion", Value::Int(LANG_VERSION)),
        ("storeDir", Value::string(&evaluator.options().store_dir)),
        (
            "derivation",
            lazy_native(super::derivations::derivation, Value::Null),
        ),
        ("currentSystem", lazy_native(current_system, Value::Null)),
        ("currentTime", lazy_native(current_time, Value::Null)),
        ("nixPath", lazy_native(nix_path, Value::Null)),
    ]
}

fn current_system(evaluator: &mut Evaluator, _: &Value) -> Eval {
    match evaluator.host().current_system() {
        Some(system) => Ok(Value::string(system)),
        None => Err(unavailable("currentSystem")),
    }
}

fn current_time(evaluator: &mut Evaluator, _: &Value) -> Eval {
    match evaluator
        .host()
        .current_time()
        .filter(|_| !evaluator.options().pure)
    {
        Some(time) => Ok(Value::Int(time)),
        None => Err(unavailable("currentTime")),
    }
}

fn unavailable(name: &str) -> crate::error::EvalError {
    let message = format!("'builtins.{name}' is not available in this evaluation");
    crate::error::EvalError::new(crate::error::ErrorKind::Host, message)
}

fn nix_path(evaluator: &mut Evaluator, _: &Value) -> Eval {
    let mut entries = evaluator.options().search_path.clone();
    // What ships with the program is found, but is no entry that anyone made.
    entries.retain(|(_, path)| !evaluator.embedded.keys().any(|file| file.starts_with(path)));
    let entry = |(prefix, path): (String, std::path::PathBuf)| {
        let fields = [
            ("prefix", Value::string(prefix)),
            ("path", Value::string(path.display().to_string())),
        ];
        evaluator.make_attrs(fields)
    };
    Ok(Value::list(entries.into_iter().map(entry).collect()))
}
