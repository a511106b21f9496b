//! What a value is.

use super::{Builtin, Table};
use crate::{
    error::EvalError,
    eval::{Coercion, Eval},
    evaluator::Evaluator,
    position::Pos,
    value::{Attr, Attrs, Value},
};

macro_rules! type_test {
    ($function:ident, $pattern:pat) => {
        fn $function(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
            Ok(Value::Bool(matches!(evaluator.force(&args[0])?, $pattern)))
        }
    };
}

type_test!(is_null, Value::Null);
type_test!(is_bool, Value::Bool(_));
type_test!(is_int, Value::Int(_));
type_test!(is_float, Value::Float(_));
type_test!(is_string, Value::String(_));
type_test!(is_path, Value::Path(_));
type_test!(is_list, Value::List(_));
type_test!(is_attrs, Value::Attrs(_));
type_test!(
    is_function,
    Value::Lambda(_) | Value::Builtin(_) | Value::Partial(_)
);

pub(super) const TABLE: &Table = &[
    Builtin::new("isNull", 1, 1, is_null),
    Builtin::new("isBool", 1, 1, is_bool),
    Builtin::new("isInt", 1, 1, is_int),
    Builtin::new("isFloat", 1, 1, is_float),
    Builtin::new("isString", 1, 1, is_string),
    Builtin::new("isPath", 1, 1, is_path),
    Builtin::new("isList", 1, 1, is_list),
    Builtin::new("isAttrs", 1, 1, is_attrs),
    Builtin::new("isFunction", 1, 1, is_function),
    Builtin::new("typeOf", 1, 1, type_of),
    Builtin::new("toString", 1, 1, to_string),
    Builtin::new("functionArgs", 1, 1, function_args),
];

fn type_of(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    Ok(Value::string(evaluator.force(&args[0])?.type_name()))
}

fn to_string(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    Ok(Value::String(
        evaluator.coerce(&args[0], Coercion::TO_STRING)?,
    ))
}

fn function_args(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let function = evaluator.force(&args[0])?;
    let (lambda, given) = match &function {
        Value::Lambda(closure) => (closure.lambda, 0),
        Value::Partial(partial) => match &partial.function {
            Value::Lambda(closure) => (closure.lambda, partial.args.len()),
            _ => return Ok(Value::Attrs(Attrs::from_vec(Vec::new()))),
        },
        Value::Builtin(_) => return Ok(Value::Attrs(Attrs::from_vec(Vec::new()))),
        _ => return Err(EvalError::type_error("'functionArgs' requires a function")),
    };
    let pattern = lambda
        .pattern
        .as_ref()
        .filter(|_| given == lambda.plain as usize);
    let formals = pattern.map_or(&[][..], |pattern| &pattern.formals);
    let mut builder = Attrs::builder(formals.len());
    for formal in formals {
        let value = Value::Bool(formal.default.is_some());
        let pos: Pos = formal.pos;
        builder.push(Attr {
            name: formal.name,
            pos,
            value,
        });
    }
    Ok(Value::Attrs(Attrs(builder.finish(None))))
}
