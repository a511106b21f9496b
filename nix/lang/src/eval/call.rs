//! Calling functions.

use super::{Eval, force::keep};
use crate::{
    compile::ir::{Expr, Lambda, Pattern},
    error::{Doing, ErrorKind, EvalError},
    evaluator::Evaluator,
    heap::{Ref, SliceBuilder},
    stack::grow_stack,
    suggest::did_you_mean,
    symbol::{Symbol, known},
    value::{Attrs, Closure, Env, Parent, Partial, Slot, Thunk, Value},
};

/// Arguments of a call: seldom more than three, which then need no memory of their own.
pub(super) enum Few {
    One([Value; 1]),
    Two([Value; 2]),
    Three([Value; 3]),
    More(Vec<Value>),
}

impl Few {
    /// The values for the numbers below `len`, made in order.
    #[inline]
    pub(super) fn new(len: usize, mut value: impl FnMut(usize) -> Value) -> Few {
        match len {
            1 => Few::One([value(0)]),
            2 => Few::Two([value(0), value(1)]),
            3 => Few::Three([value(0), value(1), value(2)]),
            _ => Few::More((0..len).map(value).collect()),
        }
    }
}

impl std::ops::Deref for Few {
    type Target = [Value];

    #[inline]
    fn deref(&self) -> &[Value] {
        match self {
            Few::One(values) => values,
            Few::Two(values) => values,
            Few::Three(values) => values,
            Few::More(values) => values,
        }
    }
}

/// What a call leads to.
pub(crate) enum Next {
    Value(Value),
    /// The body of a function, in its frame.
    Body(&'static Lambda, Env),
}

impl Evaluator {
    /// Calls a forced function.
    pub(crate) fn apply(&mut self, function: &Value, args: &[Value]) -> Eval {
        match self.apply_step(function, args)? {
            Next::Value(value) => Ok(value),
            Next::Body(lambda, env) => self.run_body(lambda, &env),
        }
    }

    fn run_body(&mut self, lambda: &'static Lambda, env: &Env) -> Eval {
        self.enter()?;
        let calls = self.calls;
        let outcome = match self.count_call() {
            Ok(()) => grow_stack(|| self.eval(&lambda.body, env)),
            Err(error) => Err(error),
        };
        self.calls = calls;
        self.leave();
        match outcome {
            Ok(value) => Ok(value),
            Err(error) => Err(error.frame(lambda.span, Doing::Call(lambda.name))),
        }
    }

    /// Calls a forced function, leaving the body of the last call to the caller.
    pub(crate) fn apply_step(&mut self, function: &Value, args: &[Value]) -> Eval<Next> {
        let mut held;
        let (mut function, mut args) = (function, args);
        loop {
            let outcome = match function {
                Value::Lambda(closure) => self.apply_lambda(closure, args)?,
                Value::Builtin(builtin) => {
                    let arity = builtin.arity;
                    if args.len() < arity {
                        return Ok(Next::Value(partial(function, args)));
                    }
                    let outcome = builtin.run(self, &args[..arity]);
                    (
                        outcome
                            .map(Next::Value)
                            .map_err(|e| e.frame_builtin(builtin.name))?,
                        arity,
                    )
                }
                Value::Partial(partial) => {
                    let given = &partial.args;
                    let all = Few::new(given.len() + args.len(), |index| {
                        given
                            .get(index)
                            .unwrap_or_else(|| &args[index - given.len()])
                            .clone()
                    });
                    return self.apply_step(&partial.function, &all);
                }
                Value::Attrs(attrs) if attrs.get(known::FUNCTOR).is_some() => {
                    let functor = self.select_forced(attrs, known::FUNCTOR)?;
                    let own = std::slice::from_ref(function);
                    // As deep as Nix goes, which is without end where it gives itself.
                    return self.nested(|this| {
                        let own = this.apply(&functor, own)?;
                        this.apply_step(&own, args)
                    });
                }
                other => return Err(self.not_a_function(other)),
            };
            let (next, used) = outcome;
            args = &args[used..];
            if args.is_empty() {
                return Ok(next);
            }
            held = match next {
                Next::Value(value) => value,
                Next::Body(lambda, env) => self.run_body(lambda, &env)?,
            };
            function = &held;
        }
    }

    #[cold]
    fn not_a_function(&mut self, value: &Value) -> EvalError {
        let shown = self.describe(value);
        let message = format!("attempt to call something which is not a function but {shown}");
        EvalError::type_error(message)
    }

    /// Gives what the call leads to and how many arguments it took.
    fn apply_lambda(&mut self, closure: &Ref<Closure>, args: &[Value]) -> Eval<(Next, usize)> {
        let lambda = closure.lambda;
        let arity = lambda.arity();
        if args.len() < arity {
            let function = Value::Lambda(closure.clone());
            return Ok((Next::Value(partial(&function, args)), args.len()));
        }
        let plain = &args[..lambda.plain as usize];
        let parent = Some(Parent(closure.env.clone()));
        let env = match &lambda.pattern {
            None => {
                let mut builder = SliceBuilder::new(plain.len());
                plain
                    .iter()
                    .for_each(|arg| builder.push(Slot::new(keep(arg))));
                builder.finish(parent)
            }
            Some(pattern) => {
                self.match_pattern(lambda, pattern, plain, &args[arity - 1], parent)?
            }
        };
        Ok((Next::Body(lambda, env), arity))
    }

    fn match_pattern(
        &mut self,
        lambda: &'static Lambda,
        pattern: &'static Pattern,
        plain: &[Value],
        arg: &Value,
        parent: Option<Parent>,
    ) -> Eval<Env> {
        let attrs = match self.force(arg)? {
            Value::Attrs(attrs) => attrs,
            other => {
                return Err(self.expected("a set", &other).at(lambda.span));
            }
        };
        let size = plain.len() + pattern.formals.len() + usize::from(pattern.bind.is_some());
        let mut builder = SliceBuilder::new(size);
        plain
            .iter()
            .for_each(|arg| builder.push(Slot::new(keep(arg))));
        let mut matched = 0;
        let mut defaults = false;
        for formal in &pattern.formals {
            let value = match attrs.get(formal.name) {
                Some(attr) => {
                    matched += 1;
                    keep(&attr.value)
                }
                None if formal.default.is_some() => {
                    defaults = true;
                    Value::Null
                }
                None => match attrs
                    .is_open()
                    .then(|| self.attr(&attrs, formal.name))
                    .flatten()
                {
                    Some(value) => value,
                    None => return Err(self.missing_argument(lambda, formal.name)),
                },
            };
            builder.push(Slot::new(value));
        }
        if matched < attrs.len() && !pattern.ellipsis {
            return Err(self.unexpected_argument(lambda, pattern, &attrs));
        }
        if pattern.bind.is_some() {
            builder.push(Slot::new(keep(arg)));
        }
        let env = builder.finish(parent);
        if defaults {
            fill_defaults(self, pattern, &attrs, plain.len(), &env);
        }
        Ok(env)
    }

    fn function_name(&self, lambda: &Lambda) -> String {
        match lambda.name {
            Some(name) => format!("function '{}'", self.symbols.text(name)),
            None => "function 'anonymous lambda'".into(),
        }
    }

    #[cold]
    fn missing_argument(&self, lambda: &Lambda, name: Symbol) -> EvalError {
        let function = self.function_name(lambda);
        let name = self.symbols.text(name);
        let message = format!("{function} called without required argument '{name}'");
        EvalError::new(ErrorKind::Arguments, message).at(lambda.span)
    }

    #[cold]
    fn unexpected_argument(&self, lambda: &Lambda, pattern: &Pattern, attrs: &Attrs) -> EvalError {
        let known = |name| {
            pattern
                .formals
                .binary_search_by_key(&name, |f| f.name)
                .is_ok()
        };
        let sorted = self.sorted_attrs(attrs);
        let unknown = sorted
            .iter()
            .find(|attr| !known(attr.name))
            .map(|attr| attr.name);
        let name = unknown.map_or_else(Default::default, |name| self.symbols.text(name));
        let message = format!(
            "{} called with unexpected argument '{name}'",
            self.function_name(lambda)
        );
        let error = EvalError::new(ErrorKind::Arguments, message).at(lambda.span);
        let formals = pattern
            .formals
            .iter()
            .map(|formal| self.symbols.text(formal.name));
        self.showable(match did_you_mean(&name, formals) {
            Some(hint) => error.hint(hint),
            None => error,
        })
    }
}

fn fill_defaults(
    evaluator: &mut Evaluator,
    pattern: &'static Pattern,
    attrs: &Attrs,
    first: usize,
    env: &Env,
) {
    for (slot, formal) in env[first..].iter().zip(&pattern.formals) {
        let Some(default) = &formal.default else {
            continue;
        };
        if attrs.get(formal.name).is_some() {
            continue;
        }
        let value = match &default.expr {
            // A variable of this frame may not be filled yet.
            Expr::Local(_) => Value::Thunk(Thunk::pending(default.code, env.clone())),
            _ => evaluator.delay(default, env),
        };
        // The frame is new: nobody holds a reference into it.
        unsafe { slot.set(value) };
    }
}

fn partial(function: &Value, args: &[Value]) -> Value {
    let args = args.iter().map(keep).collect();
    Value::Partial(Ref::new(Partial {
        function: function.clone(),
        args,
    }))
}

impl EvalError {
    #[cold]
    fn frame_builtin(self, name: &'static str) -> EvalError {
        self.frame(crate::position::Span::NONE, Doing::Builtin(name))
    }
}
