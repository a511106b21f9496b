//! Numbers.

use super::{Builtin, Table};
use crate::{
    error::{ErrorKind, EvalError},
    eval::{Arithmetic, Eval},
    evaluator::Evaluator,
    value::Value,
};

pub(super) const TABLE: &Table = &[
    Builtin::new("add", 2, 3, |e, args| arithmetic(e, args, Arithmetic::Add)),
    Builtin::new("sub", 2, 3, |e, args| arithmetic(e, args, Arithmetic::Sub)),
    Builtin::new("mul", 2, 3, |e, args| arithmetic(e, args, Arithmetic::Mul)),
    Builtin::new("div", 2, 3, |e, args| arithmetic(e, args, Arithmetic::Div)),
    Builtin::new("lessThan", 2, 3, less_than),
    Builtin::new("bitAnd", 2, 3, |e, args| bits(e, args, |a, b| a & b)),
    Builtin::new("bitOr", 2, 3, |e, args| bits(e, args, |a, b| a | b)),
    Builtin::new("bitXor", 2, 3, |e, args| bits(e, args, |a, b| a ^ b)),
    Builtin::new("ceil", 1, 1, |e, args| round(e, args, "ceil", f64::ceil)),
    Builtin::new("floor", 1, 1, |e, args| round(e, args, "floor", f64::floor)),
];

fn arithmetic(evaluator: &mut Evaluator, args: &[Value], op: Arithmetic) -> Eval {
    let (a, b) = evaluator.force_both(&args[0], &args[1])?;
    evaluator.arithmetic(op, &a, &b)
}

fn less_than(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let (a, b) = evaluator.force_both(&args[0], &args[1])?;
    Ok(Value::Bool(evaluator.less(&a, &b)?))
}

fn bits(evaluator: &mut Evaluator, args: &[Value], op: fn(i64, i64) -> i64) -> Eval {
    Ok(Value::Int(op(
        evaluator.int_of(&args[0])?,
        evaluator.int_of(&args[1])?,
    )))
}

fn round(evaluator: &mut Evaluator, args: &[Value], name: &str, op: fn(f64) -> f64) -> Eval {
    let float = match evaluator.force(&args[0])? {
        Value::Int(int) => return Ok(Value::Int(int)),
        Value::Float(float) => op(float),
        other => return Err(evaluator.expected("a float", &other)),
    };
    // Both bounds are exact as floats; the upper one is the first that does not fit.
    #[expect(clippy::cast_precision_loss, reason = "a power of two is exact")]
    let (least, beyond) = (i64::MIN as f64, -(i64::MIN as f64));
    if float >= least && float < beyond {
        #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
        return Ok(Value::Int(float as i64));
    }
    let shown = crate::pure::number::float_general(float);
    let message = format!("NixFloat argument {shown} is not in the range of integers, in '{name}'");
    Err(EvalError::new(ErrorKind::Arithmetic, message))
}
