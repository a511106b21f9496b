//! What operators do with values that are known.

use super::{Coercion, Eval, StringBuilder};
use crate::{
    compile::ir::{BinaryOp, Node},
    error::{ErrorKind, EvalError},
    evaluator::Evaluator,
    position::Span,
    value::{Env, List, Str, Value},
};

#[expect(
    clippy::cast_precision_loss,
    reason = "mixed arithmetic is done in floats, as in Nix"
)]
fn float(int: i64) -> f64 {
    int as f64
}

#[cold]
fn overflow(doing: &str, a: i64, symbol: &str, b: i64) -> EvalError {
    let message = format!("integer overflow in {doing} {a} {symbol} {b}");
    EvalError::new(ErrorKind::Arithmetic, message)
}

#[cold]
pub(crate) fn division_by_zero() -> EvalError {
    EvalError::new(ErrorKind::Arithmetic, "division by zero")
}

/// An arithmetic operator.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
}

impl Arithmetic {
    fn ints(self, a: i64, b: i64) -> Eval {
        let (result, doing, symbol) = match self {
            Arithmetic::Add => (a.checked_add(b), "adding", "+"),
            Arithmetic::Sub => (a.checked_sub(b), "subtracting", "-"),
            Arithmetic::Mul => (a.checked_mul(b), "multiplying", "*"),
            Arithmetic::Div if b == 0 => return Err(division_by_zero()),
            Arithmetic::Div => (a.checked_div(b), "dividing", "/"),
        };
        result
            .map(Value::Int)
            .ok_or_else(|| overflow(doing, a, symbol, b))
    }

    fn floats(self, a: f64, b: f64) -> Eval {
        Ok(Value::Float(match self {
            Arithmetic::Add => a + b,
            Arithmetic::Sub => a - b,
            Arithmetic::Mul => a * b,
            Arithmetic::Div if b == 0.0 => return Err(division_by_zero()),
            Arithmetic::Div => a / b,
        }))
    }
}

impl Evaluator {
    pub(super) fn operate(&mut self, op: BinaryOp, left: &Value, right: &Value) -> Eval {
        match op {
            BinaryOp::Add => self.add(left, right),
            BinaryOp::Sub => self.arithmetic(Arithmetic::Sub, left, right),
            BinaryOp::Mul => self.arithmetic(Arithmetic::Mul, left, right),
            BinaryOp::Div => self.arithmetic(Arithmetic::Div, left, right),
            BinaryOp::Equal => Ok(Value::Bool(self.equal(left, right)?)),
            BinaryOp::NotEqual => Ok(Value::Bool(!self.equal(left, right)?)),
            BinaryOp::Less => Ok(Value::Bool(self.less(left, right)?)),
            BinaryOp::Greater => Ok(Value::Bool(self.less(right, left)?)),
            // As in Nix: `a <= b` is `!(b < a)`, also for what has no order.
            BinaryOp::LessEqual => Ok(Value::Bool(!self.less(right, left)?)),
            BinaryOp::GreaterEqual => Ok(Value::Bool(!self.less(left, right)?)),
            BinaryOp::Concat => self.concat(left, right),
            BinaryOp::Update => match (left, right) {
                (Value::Attrs(a), Value::Attrs(b)) => Ok(Value::Attrs(a.update(b))),
                (Value::Attrs(_), other) | (other, _) => Err(self.expected("a set", other)),
            },
            BinaryOp::And | BinaryOp::Or | BinaryOp::Implies => {
                unreachable!("resolved to code of their own")
            }
        }
    }

    pub(crate) fn arithmetic(&mut self, op: Arithmetic, a: &Value, b: &Value) -> Eval {
        match (a, b) {
            (Value::Int(a), Value::Int(b)) => op.ints(*a, *b),
            (Value::Float(a), Value::Float(b)) => op.floats(*a, *b),
            (Value::Int(a), Value::Float(b)) => op.floats(float(*a), *b),
            (Value::Float(a), Value::Int(b)) => op.floats(*a, float(*b)),
            (Value::Int(_) | Value::Float(_), other) | (other, _) => {
                let expected = if matches!(a, Value::Float(_)) || matches!(b, Value::Float(_)) {
                    "a float"
                } else {
                    "an integer"
                };
                Err(self.expected(expected, other))
            }
        }
    }

    /// `+`: the left operand says whether numbers, paths or strings are added.
    fn add(&mut self, left: &Value, right: &Value) -> Eval {
        match (left, right) {
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
                self.arithmetic(Arithmetic::Add, left, right)
            }
            (Value::Int(_), other) => Err(cannot_add(other, "an integer")),
            (Value::Float(_), other) => Err(cannot_add(other, "a float")),
            (Value::Path(path), _) => self.add_to_path(path, right),
            (Value::String(a), Value::String(b))
                if b.as_bytes().is_empty() && b.context().is_none() =>
            {
                Ok(Value::String(a.clone()))
            }
            _ => {
                let copy = matches!(left, Value::String(_));
                let coercion = Coercion { more: false, copy };
                let mut builder = StringBuilder::default();
                self.coerce_into(left, coercion, &mut builder)?;
                self.coerce_into(right, coercion, &mut builder)?;
                self.string_value(builder)
            }
        }
    }

    fn add_to_path(&mut self, path: &Str, right: &Value) -> Eval {
        let end = self.coerce(right, Coercion::PATH_PART)?;
        if end.context().is_some() {
            let message = "a string that refers to a store path cannot be appended to a path";
            return Err(EvalError::new(ErrorKind::Value, message));
        }
        let joined = format!("{}{}", path.to_text(), end.to_text());
        Ok(Value::Path(Str::new(crate::path::normalise(&joined))))
    }

    pub(crate) fn concat(&mut self, left: &Value, right: &Value) -> Eval {
        match (left, right) {
            (Value::List(a), Value::List(b)) if b.is_empty() => Ok(Value::List(a.clone())),
            (Value::List(a), Value::List(b)) if a.is_empty() => Ok(Value::List(b.clone())),
            (Value::List(a), Value::List(b)) => {
                self.check_room((a.len() + b.len()) * std::mem::size_of::<Value>())?;
                let mut builder = List::builder(a.len() + b.len());
                a.iter()
                    .chain(b.iter())
                    .for_each(|item| builder.push(item.clone()));
                Ok(Value::List(List(builder.finish(()))))
            }
            (Value::List(_), other) | (other, _) => Err(self.expected("a list", other)),
        }
    }

    pub(super) fn eval_negate(&mut self, operand: &'static Node, env: &Env, span: Span) -> Eval {
        match self.eval(operand, env)? {
            // As Nix has it, `-x` is `0 - x`: there is no negative zero.
            Value::Float(float) => Ok(Value::Float(0.0 - float)),
            value => {
                let negated = self.arithmetic(Arithmetic::Sub, &Value::Int(0), &value);
                negated.map_err(|error| error.at(span))
            }
        }
    }
}

#[cold]
fn cannot_add(value: &Value, to: &str) -> EvalError {
    EvalError::type_error(format!("cannot add {} to {to}", value.described_type()))
}
