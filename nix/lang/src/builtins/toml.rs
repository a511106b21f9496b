//! TOML: `fromTOML`.

use super::{Builtin, Table};
use crate::{
    error::{ErrorKind, EvalError},
    eval::Eval,
    evaluator::Evaluator,
    pure::toml::{self, Toml},
    value::Value,
};

pub(super) const TABLE: &Table = &[Builtin::new("fromTOML", 1, 1, from_toml)];

fn from_toml(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let text = evaluator.plain_string(&args[0])?;
    let failed = |message: String| EvalError::new(ErrorKind::Value, message);
    let text = std::str::from_utf8(text.as_bytes())
        .map_err(|error| failed(format!("while parsing TOML: {error}")))?;
    let tree = toml::parse(text).map_err(|error| failed(error.to_string()))?;
    Ok(value_of(evaluator, tree))
}

fn value_of(evaluator: &mut Evaluator, tree: Toml) -> Value {
    match tree {
        Toml::Bool(value) => Value::Bool(value),
        Toml::Integer(value) => Value::Int(value),
        Toml::Float(value) => Value::Float(value),
        Toml::String(value) => Value::string(value),
        Toml::Array(items) => Value::list(
            items
                .into_iter()
                .map(|item| value_of(evaluator, item))
                .collect(),
        ),
        Toml::Table(entries) => {
            let fields: Vec<(String, Value)> = entries
                .into_iter()
                .map(|(key, value)| (key, value_of(evaluator, value)))
                .collect();
            evaluator.make_attrs(fields)
        }
    }
}
