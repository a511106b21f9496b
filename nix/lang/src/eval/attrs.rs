//! Selecting attributes, and asking for them.

use super::{
    Eval,
    code::at_hand,
    force::{lazy_apply, lazy_native},
};
use crate::{
    compile::ir::{HasAttr, Name, Node, Select},
    error::{Doing, ErrorKind, EvalError},
    evaluator::Evaluator,
    position::{Pos, Span},
    suggest::did_you_mean,
    symbol::{Symbol, known},
    value::{Attrs, Env, Value},
};

impl Evaluator {
    fn name(&mut self, name: &'static Name, env: &Env) -> Eval<(Symbol, Span)> {
        match name {
            Name::Static(symbol, span, _) => Ok((*symbol, *span)),
            Name::Dynamic(node) => Ok((self.dynamic_name(node, env)?, node.span)),
        }
    }

    fn dynamic_name(&mut self, node: &'static Node, env: &Env) -> Eval<Symbol> {
        match self.eval(node, env)? {
            Value::String(text) if text.context().is_none() => Ok(self.symbols.intern_str(&text)),
            other => {
                let text = self
                    .plain_string(&other)
                    .map_err(|error| error.at(node.span))?;
                Ok(self.symbols.intern_str(&text))
            }
        }
    }

    /// The attribute of that name, not forced; an open set has every name.
    #[inline]
    pub(crate) fn attr(&mut self, attrs: &Attrs, name: Symbol) -> Option<Value> {
        match attrs.get(name) {
            Some(attr) => Some(attr.value.clone()),
            None => self.fallback_attr(attrs, name),
        }
    }

    fn fallback_attr(&mut self, attrs: &Attrs, name: Symbol) -> Option<Value> {
        let fallback = attrs.fallback()?;
        if let Some(value) = fallback.memo.borrow().get(&name) {
            return Some(value.clone());
        }
        let text = Value::String(self.symbols.name(name).clone());
        let value = lazy_apply(&fallback.function, text);
        fallback.memo.borrow_mut().insert(name, value.clone());
        Some(value)
    }

    /// The attribute's value, forced.
    pub(crate) fn select_forced(&mut self, attrs: &Attrs, name: Symbol) -> Eval {
        match self.attr(attrs, name) {
            Some(value) => self.force(&value),
            None => Err(self.missing_attribute(attrs, name)),
        }
    }

    /// `None` where something is missing and there is a default.
    pub(super) fn eval_select(
        &mut self,
        select: &'static Select,
        env: &Env,
    ) -> Eval<Option<Value>> {
        let mut held;
        let mut value = match at_hand(&select.base, env) {
            Some(value) => value,
            None => {
                held = self.eval(&select.base, env)?;
                &held
            }
        };
        let last = select.path.len() - 1;
        for (index, step) in select.path.iter().enumerate() {
            let (name, span) = self.name(step, env)?;
            let Value::Attrs(attrs) = value else {
                if select.default.is_some() {
                    return Ok(None);
                }
                return Err(self.expected("a set", value).at(select.base.span));
            };
            let found = match step {
                Name::Static(_, _, hint) => attrs.get_near(name, hint),
                Name::Dynamic(_) => attrs.get(name),
            };
            let found = match found {
                Some(attr) => self.force(&attr.value).map_err(|error| (error, attr.pos)),
                None => match self.fallback_attr(attrs, name) {
                    Some(value) => self.force(&value).map_err(|error| (error, Pos::NONE)),
                    None if select.default.is_some() => return Ok(None),
                    None => return Err(self.missing_attribute(attrs, name).at(span)),
                },
            };
            match found {
                Ok(found) if index == last => return Ok(Some(found)),
                Ok(found) => {
                    held = found;
                    value = &held;
                }
                Err((error, pos)) => return Err(attribute_frame(error, name, pos, span)),
            }
        }
        unreachable!("a selection has at least one name")
    }

    pub(super) fn eval_has_attr(&mut self, has: &'static HasAttr, env: &Env) -> Eval {
        let mut value = self.eval(&has.base, env)?;
        let last = has.path.len() - 1;
        for (index, name) in has.path.iter().enumerate() {
            let (name, _) = self.name(name, env)?;
            let Value::Attrs(attrs) = &value else {
                return Ok(Value::Bool(false));
            };
            let Some(found) = self.attr(attrs, name) else {
                return Ok(Value::Bool(false));
            };
            if index < last {
                value = self.force(&found)?;
            }
        }
        Ok(Value::Bool(true))
    }

    #[cold]
    pub(crate) fn missing_attribute(&self, attrs: &Attrs, name: Symbol) -> EvalError {
        let text = self.symbols.text(name);
        let error = EvalError::new(
            ErrorKind::MissingAttribute,
            format!("attribute '{text}' missing"),
        );
        let names = attrs.iter().map(|attr| self.symbols.text(attr.name));
        self.showable(match did_you_mean(&text, names) {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }

    /// `{ file; line; column; }`, or null where the position is not known.
    pub(crate) fn position_value(&mut self, pos: Pos) -> Value {
        let Some(at) = self.files.locate(Span::at(pos)) else {
            return Value::Null;
        };
        // A text that stands in no file has no position that code could use.
        let crate::position::Origin::File(path) = at.origin else {
            return Value::Null;
        };
        let file = path.display().to_string();
        // Nix counts lines and columns when they are asked for.
        let exact = self.options.exact_laziness;
        let number = |number: u32| match Value::Int(i64::from(number)) {
            number if exact => lazy_native(|_, number| Ok(number.clone()), number),
            number => number,
        };
        let fields = [
            (known::FILE, Value::string(file)),
            (known::LINE, number(at.line)),
            (known::COLUMN, number(at.column)),
        ];
        attrs_value(fields)
    }
}

/// A set of these attributes, without positions.
pub(crate) fn attrs_value<const N: usize>(fields: [(Symbol, Value); N]) -> Value {
    let attr = |(name, value)| crate::value::Attr {
        name,
        pos: Pos::NONE,
        value,
    };
    Value::Attrs(Attrs::from_vec(fields.into_iter().map(attr).collect()))
}

#[cold]
fn attribute_frame(error: EvalError, name: Symbol, pos: Pos, used: Span) -> EvalError {
    let span = if pos.is_known() { Span::at(pos) } else { used };
    error.at(used).frame(span, Doing::Attribute(name))
}
