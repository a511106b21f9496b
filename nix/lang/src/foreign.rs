//! Functions that the host offers: called like any other, with what their arguments depended on and
//! are marked with on the result.
//!
//! An argument that waits for sources makes the result wait for them too, unless the parameter
//! takes what is unknown: then the function is called, and whatever it leaves unknown waits for all
//! that its arguments waited for.

use crate::{
    builtins::Builtin,
    error::{Doing, ErrorKind, EvalError},
    eval::{Coercion, Eval, StringBuilder, lazy_mark, lazy_unknown, mark_inside},
    evaluator::Evaluator,
    external::{ExternalKind, ExternalValue},
    position::{Pos, Span},
    symbol::known,
    taint::{Marks, Taint},
    value::{Attr, Attrs, List, Str, Value},
};

/// What a function of the host's takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// One argument each, in order.
    pub parameters: Vec<Parameter>,
    /// What each element of a list as the last argument is.
    pub variadic: Option<Parameter>,
}

/// One parameter of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, for messages.
    pub name: String,
    /// What it is for; may be empty.
    pub description: String,
    /// Whether the function can be called with what is not known yet.
    pub allow_unknown: bool,
}

/// Why a function of the host's gave nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ForeignError {
    /// What went wrong.
    pub message: String,
    /// What may help.
    pub hints: Vec<String>,
    /// The argument to blame, from 0; those of a variadic parameter count on.
    pub argument: Option<usize>,
}

impl ForeignError {
    /// The same without what may repeat an argument.
    fn without_words(self, function: &str) -> Self {
        let message = format!(
            "the function `{function}' failed; what it says is not shown, for it got something sensitive"
        );
        ForeignError {
            message,
            hints: Vec::new(),
            ..self
        }
    }
}

/// Offers functions. `owner` means something to the host only.
pub trait ForeignFunctions {
    /// What a function takes.
    fn describe(&mut self, owner: &str, name: &str) -> Result<Signature, ForeignError>;

    /// Calls a function, which is pure: the same arguments lead to the same.
    fn call(
        &mut self,
        owner: &str,
        name: &str,
        arguments: Vec<ExternalValue>,
    ) -> Result<ExternalValue, ForeignError>;
}

/// A function with its description.
struct Foreign {
    owner: String,
    name: String,
    signature: Signature,
}

impl Evaluator {
    /// A function of the host's, as a value. One without parameters is what it returns.
    ///
    /// # Errors
    /// Where the host has no such function.
    pub fn foreign_function(&mut self, owner: &str, name: &str) -> Result<Value, EvalError> {
        let key = (owner.to_owned(), name.to_owned());
        let function = match self.foreign.get(&key) {
            Some(function) => *function,
            None => {
                let function = self.describe_foreign(owner, name)?;
                self.foreign.insert(key, function);
                function
            }
        };
        match function.arity {
            0 => function.run(self, &[]),
            _ => Ok(Value::Builtin(function)),
        }
    }

    fn describe_foreign(&mut self, owner: &str, name: &str) -> Eval<&'static Builtin> {
        let described = self.functions(name)?.describe(owner, name);
        let signature = described.map_err(plain_error)?;
        let arity = signature.parameters.len() + usize::from(signature.variadic.is_some());
        let foreign = Foreign {
            owner: owner.to_owned(),
            name: name.to_owned(),
            signature,
        };
        // There are as many as a text names, and they are kept as long as the evaluator.
        let function = Builtin::embedded(name, arity, move |evaluator, args| {
            evaluator.call_foreign(&foreign, args)
        });
        Ok(Box::leak(Box::new(function)))
    }

    fn functions(&mut self, name: &str) -> Eval<&mut dyn ForeignFunctions> {
        let missing = || {
            let message =
                format!("the function `{name}' needs a provider, and none can be asked here");
            EvalError::new(ErrorKind::Host, message)
        };
        self.host.functions().ok_or_else(missing)
    }

    fn call_foreign(&mut self, foreign: &Foreign, args: &[Value]) -> Eval {
        let (collected, taint) = self.with_taint(|evaluator| evaluator.arguments(foreign, args));
        self.add_taint(taint);
        let (arguments, places, awaited) = collected?;
        let called = self
            .functions(&foreign.name)?
            .call(&foreign.owner, &foreign.name, arguments);
        match called {
            Ok(result) => {
                let value = self.foreign_value(&result, awaited);
                Ok(match taint {
                    Taint::NONE => value,
                    taint => mark_inside(taint, value),
                })
            }
            Err(error) => {
                let blamed = error.argument;
                let place = blamed.and_then(|index| places.get(index)).copied();
                let parameter = blamed.and_then(|index| foreign.signature.parameter(index));
                let secret = self.taint_marks(taint).is_sensitive();
                let error = match secret {
                    true => error.without_words(&foreign.name),
                    false => error,
                };
                let mut failure = plain_error(error).at(place.unwrap_or(Span::NONE));
                if let Some(parameter) = parameter.filter(|p| !p.description.is_empty()) {
                    let hint = format!("`{}' is: {}", parameter.name, parameter.description);
                    failure = failure.hint(hint);
                }
                Err(failure)
            }
        }
    }

    /// The arguments, where each is written, and what the unknown parts of them wait for.
    fn arguments(
        &mut self,
        foreign: &Foreign,
        args: &[Value],
    ) -> Eval<(Vec<ExternalValue>, Vec<Span>, Taint)> {
        let Signature {
            parameters,
            variadic,
        } = &foreign.signature;
        let (single, rest) = args.split_at(parameters.len());
        let mut all: Vec<(&Parameter, Value)> =
            parameters.iter().zip(single.iter().cloned()).collect();
        let mut waiting = Waiting::default();
        if let (Some(parameter), [rest]) = (variadic, rest) {
            match self.list_of(rest) {
                Ok(list) => all.extend(list.iter().map(|value| (parameter, value.clone()))),
                Err(error) => waiting.add(self, error, false)?,
            }
        }
        let mut arguments = Vec::with_capacity(all.len());
        let mut places = Vec::with_capacity(all.len());
        for (parameter, value) in all {
            places.push(self.place_of(&value));
            let mut inside = Waiting::default();
            let argument = self.argument(&value, &mut inside).map_err(|error| {
                let note = format!("while evaluating the argument `{}'", parameter.name);
                error.frame(Span::NONE, Doing::Note(note.into()))
            })?;
            if let Some(error) = inside.0 {
                waiting.add(self, error, parameter.allow_unknown)?;
            }
            arguments.push(argument);
        }
        match waiting {
            Waiting(None, awaited) => Ok((arguments, places, awaited)),
            Waiting(Some(error), awaited) => Err(match awaited {
                Taint::NONE => error,
                awaited => self.join_errors(error, EvalError::suspended(awaited)),
            }),
        }
    }

    /// Where a value is written, as far as that is to be told before it is evaluated.
    fn place_of(&self, value: &Value) -> Span {
        match value {
            Value::Thunk(thunk) => thunk
                .pending_code()
                .and_then(|code| self.codes.get(code.0 as usize))
                .map_or(Span::NONE, |node| node.span),
            _ => Span::NONE,
        }
    }

    /// An argument, all of it evaluated.
    fn argument(&mut self, value: &Value, waiting: &mut Waiting) -> Eval<ExternalValue> {
        let value = match self.force(value) {
            Ok(value) => value,
            Err(error) => {
                waiting.add(self, error, false)?;
                return Ok(ExternalValue::unknown());
            }
        };
        let kind = match &value {
            Value::Null => ExternalKind::Null,
            Value::Bool(bool) => ExternalKind::Bool(*bool),
            Value::Int(int) => ExternalKind::Int(*int),
            Value::Float(float) => ExternalKind::Float(*float),
            Value::String(text) | Value::Path(text) => {
                ExternalKind::String(text.to_text().into_owned())
            }
            Value::List(list) => {
                let mut items = Vec::with_capacity(list.len());
                for item in list.iter() {
                    items.push(self.nested(|this| this.argument(item, waiting))?);
                }
                ExternalKind::List(items)
            }
            Value::Attrs(attrs) => return self.argument_attrs(&value, attrs, waiting),
            other => {
                let message = format!(
                    "{} cannot be an argument of a provider's function",
                    other.described_type()
                );
                return Err(EvalError::type_error(message));
            }
        };
        Ok(kind.into())
    }

    fn argument_attrs(
        &mut self,
        value: &Value,
        attrs: &Attrs,
        waiting: &mut Waiting,
    ) -> Eval<ExternalValue> {
        let stands_for_text = [known::TO_STRING, known::OUT_PATH];
        if stands_for_text
            .iter()
            .any(|name| attrs.get(*name).is_some())
        {
            let mut text = StringBuilder::default();
            let coercion = Coercion {
                more: false,
                copy: false,
            };
            return match self.coerce_into(value, coercion, &mut text) {
                Ok(()) => Ok(ExternalValue::string(text.finish()?.to_text())),
                Err(error) => {
                    waiting.add(self, error, false)?;
                    Ok(ExternalValue::unknown())
                }
            };
        }
        let mut fields = Vec::with_capacity(attrs.len());
        for attr in attrs.iter() {
            let field = self.nested(|this| this.argument(&attr.value, waiting));
            let field = field
                .map_err(|error| error.frame(Span::at(attr.pos), Doing::Attribute(attr.name)))?;
            fields.push((self.symbol_name(attr.name), field));
        }
        Ok(ExternalValue::attrs(fields))
    }

    /// A value that is of no source; what is unknown in it waits for `awaited`.
    fn foreign_value(&mut self, value: &ExternalValue, awaited: Taint) -> Value {
        let plain = match &value.kind {
            ExternalKind::Unknown => lazy_unknown(awaited),
            ExternalKind::Null => Value::Null,
            ExternalKind::Bool(bool) => Value::Bool(*bool),
            ExternalKind::Int(int) => Value::Int(*int),
            ExternalKind::Float(float) => Value::Float(*float),
            ExternalKind::String(text) => Value::String(Str::new(text)),
            ExternalKind::List(items) => {
                let items = items.iter().map(|item| self.foreign_value(item, awaited));
                Value::List(List::from_vec(items.collect()))
            }
            ExternalKind::Attrs(fields) => {
                let fields = fields.iter().map(|(name, field)| Attr {
                    value: self.foreign_value(field, awaited),
                    name: self.symbols.intern(name.as_bytes()),
                    pos: Pos::NONE,
                });
                Value::Attrs(Attrs::from_vec(fields.collect()))
            }
        };
        match value.marks {
            Marks::NONE => plain,
            marks => lazy_mark(self.taints.intern(Vec::new(), marks), &plain),
        }
    }
}

impl Signature {
    fn parameter(&self, argument: usize) -> Option<&Parameter> {
        self.parameters.get(argument).or(self.variadic.as_ref())
    }
}

/// What arguments wait for: what no call can be made without, and the rest.
#[derive(Default)]
struct Waiting(Option<EvalError>, Taint);

impl Waiting {
    /// Notes a suspension; gives back any other error.
    fn add(&mut self, evaluator: &mut Evaluator, error: EvalError, allowed: bool) -> Eval<()> {
        if !error.is_suspended() {
            return Err(error);
        }
        if allowed {
            self.1 = evaluator.taint_union(self.1, error.awaited());
            return Ok(());
        }
        self.0 = Some(match self.0.take() {
            Some(earlier) => evaluator.join_errors(earlier, error),
            None => error,
        });
        Ok(())
    }
}

fn plain_error(error: ForeignError) -> EvalError {
    let failure = EvalError::new(ErrorKind::Host, error.message);
    error
        .hints
        .into_iter()
        .fold(failure, |failure, hint| failure.hint(hint))
}
