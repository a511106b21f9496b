//! Equality and order.

use std::cmp::Ordering;

use super::Eval;
use crate::{
    error::EvalError,
    evaluator::Evaluator,
    symbol::known,
    value::{Attrs, Value},
};

/// Whether two values inside lists or sets are the very same, and so need no looking into.
fn identical(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Thunk(a), Value::Thunk(b)) => a.ptr_eq(b),
        (Value::Lambda(a), Value::Lambda(b)) => a.ptr_eq(b),
        (Value::Partial(a), Value::Partial(b)) => a.ptr_eq(b),
        (Value::Attrs(a), Value::Attrs(b)) => a.0.ptr_eq(&b.0),
        (Value::List(a), Value::List(b)) => a.0.ptr_eq(&b.0),
        (Value::String(a), Value::String(b)) => a == b,
        _ => false,
    }
}

/// An integer against a float, exactly: Nix converts the integer.
#[expect(clippy::cast_precision_loss, reason = "the language says so")]
fn float(int: i64) -> f64 {
    int as f64
}

impl Evaluator {
    /// Whether two values inside something are equal.
    pub(crate) fn equal_inside(&mut self, a: &Value, b: &Value) -> Eval<bool> {
        if identical(a, b) {
            return Ok(true);
        }
        let (a, b) = (self.force(a), self.force(b));
        let (a, b) = self.both(a, b)?;
        self.nested(|this| this.equal(&a, &b))
    }

    /// Whether two forced values are equal.
    pub(crate) fn equal(&mut self, a: &Value, b: &Value) -> Eval<bool> {
        Ok(match (a, b) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Int(a), Value::Float(b)) => float(*a) == *b,
            (Value::Float(a), Value::Int(b)) => *a == float(*b),
            (Value::String(a), Value::String(b)) | (Value::Path(a), Value::Path(b)) => a == b,
            (Value::List(a), Value::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    if !self.equal_inside(a, b)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Attrs(a), Value::Attrs(b)) => return self.equal_attrs(a, b),
            _ => false,
        })
    }

    fn equal_attrs(&mut self, a: &Attrs, b: &Attrs) -> Eval<bool> {
        if self.is_derivation(a)?
            && self.is_derivation(b)?
            && let (Some(a), Some(b)) = (a.get(known::OUT_PATH), b.get(known::OUT_PATH))
        {
            return self.equal_inside(&a.value, &b.value);
        }
        if a.len() != b.len() || a.iter().zip(b.iter()).any(|(a, b)| a.name != b.name) {
            return Ok(false);
        }
        for (a, b) in a.iter().zip(b.iter()) {
            if !self.equal_inside(&a.value, &b.value)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a set says it is a derivation.
    pub fn is_derivation(&mut self, attrs: &Attrs) -> Eval<bool> {
        let Some(kind) = attrs.get(known::TYPE) else {
            return Ok(false);
        };
        let kind = self.force(&kind.value)?;
        Ok(matches!(kind, Value::String(text) if text.as_bytes() == b"derivation"))
    }

    /// The order of two forced values, where they have one; not-a-number has none.
    pub(crate) fn compare(&mut self, a: &Value, b: &Value) -> Eval<Option<Ordering>> {
        Ok(match (a, b) {
            (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
            (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
            (Value::Int(a), Value::Float(b)) => float(*a).partial_cmp(b),
            (Value::Float(a), Value::Int(b)) => a.partial_cmp(&float(*b)),
            (Value::String(a), Value::String(b)) | (Value::Path(a), Value::Path(b)) => {
                Some(a.as_bytes().cmp(b.as_bytes()))
            }
            (Value::List(a), Value::List(b)) => {
                for (a, b) in a.iter().zip(b.iter()) {
                    if self.equal_inside(a, b)? {
                        continue;
                    }
                    let (a, b) = (self.force(a), self.force(b));
                    let (a, b) = self.both(a, b)?;
                    return self.nested(|this| this.compare(&a, &b));
                }
                Some(a.len().cmp(&b.len()))
            }
            (a, b) => return Err(self.incomparable(a, b)),
        })
    }

    #[cold]
    fn incomparable(&mut self, a: &Value, b: &Value) -> EvalError {
        let (first, second) = (a.described_type(), b.described_type());
        let values = if a.type_name() == b.type_name() {
            "values of that type are incomparable".to_owned()
        } else {
            let (a, b) = (self.show_briefly(a), self.show_briefly(b));
            format!("values are {a} and {b}")
        };
        EvalError::type_error(format!("cannot compare {first} with {second}; {values}"))
    }

    pub(crate) fn less(&mut self, a: &Value, b: &Value) -> Eval<bool> {
        Ok(self.compare(a, b)? == Some(Ordering::Less))
    }
}
