//! Running code: [`code`] walks it, [`force`] runs thunks, [`call`] functions; the rest is what
//! operators and strings mean.

mod attrs;
mod call;
mod code;
mod coerce;
mod compare;
mod force;
mod import;
mod operators;

pub(crate) use attrs::attrs_value;
pub(crate) use code::scope_env;
pub(crate) use coerce::{Coercion, StringBuilder};
pub(crate) use force::{lazy_apply2, lazy_mark, lazy_native, lazy_unknown, mark_inside};
pub(crate) use operators::Arithmetic;

use crate::{error::EvalError, evaluator::Evaluator, value::Value};

/// The outcome of an evaluation.
pub(crate) type Eval<T = Value> = Result<T, EvalError>;

impl Evaluator {
    /// Forces two values, both even if the first suspends.
    pub(crate) fn force_both(&mut self, a: &Value, b: &Value) -> Eval<(Value, Value)> {
        let a = self.force(a);
        if let Err(error) = &a
            && !error.is_suspended()
        {
            return Err(error.clone());
        }
        let b = self.force(b);
        self.both(a, b)
    }

    /// Forces something that can be called.
    pub(crate) fn function_of(&mut self, value: &Value) -> Eval {
        let value = self.force(value)?;
        match &value {
            function if function.is_function() => Ok(value),
            Value::Attrs(attrs) if attrs.get(crate::symbol::known::FUNCTOR).is_some() => Ok(value),
            other => Err(self.expected("a function", other)),
        }
    }

    /// Calls a predicate.
    pub(crate) fn test(&mut self, predicate: &Value, item: &Value) -> Eval<bool> {
        let result = self.apply(predicate, std::slice::from_ref(item))?;
        match result {
            Value::Bool(bool) => Ok(bool),
            other => Err(self.expected("a Boolean", &other)),
        }
    }

    /// The text, unless what is being evaluated depends on something sensitive.
    pub(crate) fn unless_sensitive(&self, text: &str) -> String {
        match self.is_sensitive_here() {
            true => crate::print::HIDDEN.into(),
            false => text.to_owned(),
        }
    }

    /// An error whose message may have been made of what is being evaluated, fit to be shown.
    #[cold]
    pub(crate) fn showable(&self, error: EvalError) -> EvalError {
        match self.is_sensitive_here() {
            true => error.without_values(),
            false => error,
        }
    }

    fn is_sensitive_here(&self) -> bool {
        self.accumulator
            .any(|taint| self.taints.marks(taint).is_sensitive())
    }
}
