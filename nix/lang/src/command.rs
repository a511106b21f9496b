//! What `nix-instantiate` does around an expression: functions are called with the arguments that
//! were given, selection paths are walked, and the result is printed in one of several forms.

use crate::{
    compile::ir::Lambda,
    error::{ErrorKind, EvalError},
    eval::{Coercion, Eval, StringBuilder},
    evaluator::Evaluator,
    position::Span,
    suggest::did_you_mean,
    symbol::{Symbol, known},
    value::{Attr, Attrs, Value},
};

/// Why a function with missing arguments cannot be called.
const NEEDS_ARGUMENTS: &str = "Nix attempted to evaluate a function as a top level expression; in \
    this case it must have its arguments supplied either by default values, or passed explicitly \
    with '--arg' or '--argstr'.";

impl Evaluator {
    /// Calls a function that takes named arguments with those it takes of `args`, which is a set;
    /// any other value stays what it is.
    pub fn auto_call(&mut self, value: &Value, args: &Attrs) -> Result<Value, EvalError> {
        let value = self.force(value)?;
        if let Value::Attrs(attrs) = &value
            && attrs.get(known::FUNCTOR).is_some()
        {
            let functor = self.select_forced(attrs, known::FUNCTOR)?;
            let function = self.apply(&functor, std::slice::from_ref(&value))?;
            return self.nested(|this| this.auto_call(&function, args));
        }
        let Some(lambda) = takes_named_arguments(&value) else {
            return Ok(value);
        };
        let arg = self.named_arguments(lambda, args)?;
        self.apply(&value, &[Value::Attrs(arg)])
    }

    fn named_arguments(&self, lambda: &'static Lambda, args: &Attrs) -> Eval<Attrs> {
        let Some(pattern) = lambda.pattern.as_ref().filter(|pattern| !pattern.ellipsis) else {
            return Ok(args.clone());
        };
        let mut taken: Vec<Attr> = Vec::new();
        let mut missing: Vec<_> = Vec::new();
        for formal in &pattern.formals {
            match args.get(formal.name) {
                Some(attr) => taken.push(attr.clone()),
                None if formal.default.is_some() => {}
                None => missing.push(formal),
            }
        }
        let name = |symbol: Symbol| self.symbols.text(symbol).into_owned();
        match missing.iter().min_by_key(|formal| name(formal.name)) {
            None => Ok(Attrs::from_vec(taken)),
            Some(formal) => {
                let message = format!(
                    "cannot evaluate a function that has an argument without a value ('{}')",
                    name(formal.name)
                );
                Err(EvalError::new(ErrorKind::Arguments, message)
                    .at(Span::at(formal.pos))
                    .hint(NEEDS_ARGUMENTS))
            }
        }
    }

    /// Walks `a.b."c d".0` into a value, calling functions on the way.
    pub fn select_path(
        &mut self,
        value: &Value,
        path: &str,
        args: &Attrs,
    ) -> Result<Value, EvalError> {
        let mut value = value.clone();
        for step in selection_steps(path)? {
            value = self.auto_call(&value, args)?;
            value = match step.parse::<u32>() {
                Ok(index) => self.select_index(&value, index as usize, path)?,
                Err(_) => self.select_name(&value, &step, path)?,
            };
        }
        Ok(value)
    }

    fn select_index(&mut self, value: &Value, index: usize, path: &str) -> Eval {
        let Value::List(list) = value else {
            return Err(wrong_selection(path, "a list", value));
        };
        list.get(index).cloned().ok_or_else(|| {
            invalid(format!(
                "list index {index} in selection path '{path}' is out of range"
            ))
        })
    }

    fn select_name(&mut self, value: &Value, step: &str, path: &str) -> Eval {
        let Value::Attrs(attrs) = value else {
            return Err(wrong_selection(path, "a set", value));
        };
        if step.is_empty() {
            return Err(invalid(format!(
                "empty attribute name in selection path '{path}'"
            )));
        }
        let symbol = self.symbol(step);
        if let Some(value) = self.attr(attrs, symbol) {
            return Ok(value);
        }
        let message = format!("attribute '{step}' in selection path '{path}' not found");
        let error = EvalError::new(ErrorKind::MissingAttribute, message);
        let names = attrs.iter().map(|attr| self.symbols.text(attr.name));
        Err(match did_you_mean(step, names) {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }

    /// A value as JSON, paths copied to the store. Where not `strict`, what has not been evaluated
    /// is an error.
    pub fn print_json(&mut self, value: &Value, strict: bool) -> Result<String, EvalError> {
        let value = self.force(value)?;
        if !strict {
            self.check_evaluated(&value)?;
        }
        let mut out = StringBuilder::default();
        self.json_into(&value, true, &mut out)?;
        Ok(out.finish()?.to_text().into_owned())
    }

    /// A value as XML; see `toXML`. Where not `strict`, what has not been evaluated stays so.
    pub fn print_xml(
        &mut self,
        value: &Value,
        strict: bool,
        locations: bool,
    ) -> Result<String, EvalError> {
        let text = self.xml_of(value, strict, locations)?;
        Ok(text.to_text().into_owned())
    }

    /// A value that can be a string, as that string.
    pub fn print_raw(&mut self, value: &Value) -> Result<String, EvalError> {
        let text = self.coerce(value, Coercion::INTERPOLATION)?;
        Ok(text.to_text().into_owned())
    }

    fn check_evaluated(&mut self, value: &Value) -> Eval<()> {
        let Some(value) = self.at_hand(value) else {
            return Err(EvalError::type_error("cannot convert a thunk to JSON")
                .hint("--strict evaluates everything inside the result first"));
        };
        match &value {
            Value::List(list) => list
                .iter()
                .try_for_each(|item| self.nested(|this| this.check_evaluated(item))),
            Value::Attrs(attrs) if attrs.get(known::TO_STRING).is_some() => Ok(()),
            Value::Attrs(attrs) => {
                let path = attrs.get(known::OUT_PATH);
                let inside = path.map_or(&attrs[..], std::slice::from_ref);
                inside
                    .iter()
                    .try_for_each(|attr| self.nested(|this| this.check_evaluated(&attr.value)))
            }
            _ => Ok(()),
        }
    }
}

/// The function behind a value, if its next argument is a set with names.
fn takes_named_arguments(value: &Value) -> Option<&'static Lambda> {
    let (lambda, given) = match value {
        Value::Lambda(closure) => (closure.lambda, 0),
        Value::Partial(partial) => match &partial.function {
            Value::Lambda(closure) => (closure.lambda, partial.args.len()),
            _ => return None,
        },
        _ => return None,
    };
    let named = lambda.pattern.is_some() && given == lambda.plain as usize;
    named.then_some(lambda)
}

/// The names of a selection path.
fn selection_steps(path: &str) -> Eval<Vec<String>> {
    let mut steps = Vec::new();
    let mut step = String::new();
    let mut chars = path.chars();
    while let Some(char) = chars.next() {
        match char {
            '.' => steps.push(std::mem::take(&mut step)),
            '"' => loop {
                match chars.next() {
                    Some('"') => break,
                    Some(char) => step.push(char),
                    None => {
                        return Err(invalid(format!(
                            "missing closing quote in selection path '{path}'"
                        )));
                    }
                }
            },
            char => step.push(char),
        }
    }
    if !step.is_empty() {
        steps.push(step);
    }
    Ok(steps)
}

fn wrong_selection(path: &str, expected: &str, found: &Value) -> EvalError {
    EvalError::type_error(format!(
        "the expression selected by the selection path '{path}' should be {expected} but is {}",
        found.described_type()
    ))
}

fn invalid(message: String) -> EvalError {
    EvalError::new(ErrorKind::Value, message)
}
