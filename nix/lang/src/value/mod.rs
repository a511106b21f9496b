//! Values: what an expression comes to, and the cells that hold it before and after.

mod attrs;
mod string;
mod thunk;

use std::{fmt, ops::Deref};

pub(crate) use attrs::Hint;
pub use attrs::{Attr, Attrs, Fallback};
pub use string::{Context, ContextElement, Str};
pub use thunk::Thunk;
pub(crate) use thunk::{Batch, Env, Lazy, Over, Parent, Recipe, Slot, State, Tracked};

use crate::{
    builtins::Builtin,
    compile::ir::Lambda,
    heap::{Ref, Slice, SliceBuilder, increment},
};

/// A value, or (as [`Value::Thunk`]) the promise of one.
///
/// What [`Evaluator::force`](crate::Evaluator::force) returns is never a thunk.
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// A string, with its context.
    String(Str),
    /// An absolute, normalised path.
    Path(Str),
    /// A list; elements may be thunks.
    List(List),
    /// An attribute set; values may be thunks.
    Attrs(Attrs),
    /// A function written in Nix.
    Lambda(Ref<Closure>),
    /// A built-in function.
    Builtin(&'static Builtin),
    /// A function that has some, but not all of its arguments.
    Partial(Ref<Partial>),
    /// Not evaluated, or evaluated in a way that must be remembered with the value.
    Thunk(Thunk),
}

impl Clone for Value {
    /// As derived, but without a branch per kind: copying values is a good part of evaluation.
    #[inline]
    fn clone(&self) -> Value {
        let count = match self {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Builtin(_) => {
                None
            }
            Value::String(text) | Value::Path(text) => Some(text.0.count()),
            Value::List(list) => Some(list.0.count()),
            Value::Attrs(attrs) => Some(attrs.0.count()),
            Value::Lambda(closure) => Some(closure.count()),
            Value::Partial(partial) => Some(partial.count()),
            Value::Thunk(thunk) => Some(thunk.0.count()),
        };
        if let Some(count) = count {
            increment(count);
        }
        // The reference that the copy holds has just been counted.
        unsafe { std::ptr::read(self) }
    }
}

impl Value {
    /// A string without context.
    pub fn string(text: impl AsRef<[u8]>) -> Value {
        Value::String(Str::new(text.as_ref()))
    }

    /// A list of these elements.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(List::from_vec(items))
    }

    /// What `builtins.typeOf` says, or "thunk".
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::String(_) => "string",
            Value::Path(_) => "path",
            Value::List(_) => "list",
            Value::Attrs(_) => "set",
            Value::Lambda(_) | Value::Builtin(_) | Value::Partial(_) => "lambda",
            Value::Thunk(_) => "thunk",
        }
    }

    /// The type with its article, as error messages say it.
    pub fn described_type(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a Boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a float",
            Value::String(text) if text.context().is_some() => "a string with context",
            Value::String(_) => "a string",
            Value::Path(_) => "a path",
            Value::List(_) => "a list",
            Value::Attrs(_) => "a set",
            Value::Lambda(_) => "a function",
            Value::Builtin(_) => "a built-in function",
            Value::Partial(partial) if matches!(partial.function, Value::Builtin(_)) => {
                "a partially applied built-in function"
            }
            Value::Partial(_) => "a function",
            Value::Thunk(_) => "a thunk",
        }
    }

    /// Whether this can be called without looking for a `__functor`.
    pub fn is_function(&self) -> bool {
        matches!(
            self,
            Value::Lambda(_) | Value::Builtin(_) | Value::Partial(_)
        )
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Float(x) => write!(f, "{x}"),
            Value::String(s) => write!(f, "{:?}", s.to_text()),
            Value::Path(p) => f.write_str(&p.to_text()),
            Value::List(list) => f.debug_list().entries(list.iter()).finish(),
            Value::Attrs(attrs) => write!(f, "{{ {} attributes }}", attrs.len()),
            other => write!(f, "<{}>", other.described_type()),
        }
    }
}

/// An immutable list.
#[derive(Clone)]
pub struct List(pub(crate) Slice<(), Value>);

impl List {
    /// A list of these elements.
    pub fn from_vec(items: Vec<Value>) -> List {
        List(Slice::from_vec((), items))
    }

    /// Fills a list of known length in place.
    pub(crate) fn builder(capacity: usize) -> SliceBuilder<(), Value> {
        SliceBuilder::new(capacity)
    }

    /// The address that tells one list from another.
    pub(crate) fn address(&self) -> usize {
        self.0.address()
    }
}

impl Deref for List {
    type Target = [Value];

    #[inline]
    fn deref(&self) -> &[Value] {
        &self.0
    }
}

/// A function written in Nix, with the variables around it.
pub struct Closure {
    pub(crate) lambda: &'static Lambda,
    pub(crate) env: Env,
}

/// A function waiting for more arguments.
pub struct Partial {
    /// A lambda or a built-in of more parameters than there are arguments yet.
    pub(crate) function: Value,
    pub(crate) args: Vec<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::EvalError, position::Pos, symbol::Symbol};
    use std::mem::size_of;

    #[test]
    fn values_and_thunks_are_small() {
        assert_eq!(size_of::<Value>(), 16);
        assert_eq!(size_of::<Option<Value>>(), 16);
        assert_eq!(size_of::<Result<Value, EvalError>>(), 16);
        assert_eq!(size_of::<Attr>(), 24);
        assert_eq!(size_of::<State>(), 16);
    }

    fn attrs(names: &[u32], value: i64) -> Attrs {
        let attr = |name| Attr {
            name: Symbol(name),
            pos: Pos::NONE,
            value: Value::Int(value),
        };
        Attrs::from_vec(names.iter().copied().map(attr).collect())
    }

    fn listed(attrs: &Attrs) -> Vec<(u32, i64)> {
        let int = |value: &Value| if let Value::Int(i) = value { *i } else { 0 };
        attrs
            .iter()
            .map(|attr| (attr.name.0, int(&attr.value)))
            .collect()
    }

    #[test]
    fn update_prefers_the_right() {
        let both = attrs(&[5, 1, 3], 1).update(&attrs(&[3, 4], 2));
        assert_eq!(listed(&both), [(1, 1), (3, 2), (4, 2), (5, 1)]);
    }

    #[test]
    fn names_are_found_in_small_and_large_sets() {
        let names: Vec<u32> = (0..40).map(|n| n * 2).collect();
        let large = attrs(&names, 7);
        assert!(names.iter().all(|name| large.get(Symbol(*name)).is_some()));
        assert!(large.get(Symbol(13)).is_none());
        assert!(attrs(&[1, 2], 0).get(Symbol(3)).is_none());
    }
}
