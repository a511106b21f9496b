//! What NixOps4 adds to the language: marks, and attribute sets open to any name.

use super::{Builtin, Table};
use crate::{
    error::{ErrorKind, EvalError},
    eval::{Eval, lazy_mark},
    evaluator::Evaluator,
    hash::FastMap,
    heap::Ref,
    taint::Marks,
    value::{Attrs, Fallback, Value},
};

pub(super) const TABLE: &Table = &[
    Builtin::new("mark", 2, 0, mark),
    Builtin::new("openAttrs", 2, 0, open_attrs),
];

/// `__mark "sensitive" value`: the value, marked as deep as it is looked into.
fn mark(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let name = evaluator.string_of(&args[0])?;
    let marks = match name.as_str() {
        "sensitive" => Marks::SENSITIVE,
        "ephemeral" => Marks::EPHEMERAL,
        _ => {
            let message = format!("there is no mark '{name}', only 'sensitive' and 'ephemeral'");
            return Err(EvalError::new(ErrorKind::Value, message));
        }
    };
    let marks = evaluator.taints.intern(Vec::new(), marks);
    evaluator.force(&lazy_mark(marks, &args[1]))
}

/// `__openAttrs fallback attrs`: `attrs`, where any other name is `fallback name`.
fn open_attrs(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let attrs = evaluator.attrs_of(&args[1])?;
    let fallback = Fallback {
        function: args[0].clone(),
        memo: std::cell::RefCell::new(FastMap::default()),
    };
    let mut builder = Attrs::builder(attrs.len());
    attrs.iter().for_each(|attr| builder.push(attr.clone()));
    Ok(Value::Attrs(Attrs(
        builder.finish(Some(Ref::new(fallback))),
    )))
}
