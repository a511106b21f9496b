//! Forcing: running what a thunk promises, remembering the outcome and what it depended on.

use std::cell::Cell;

use super::{Eval, call::Next};
use crate::{
    compile::ir::CodeId,
    error::{Doing, ErrorKind, EvalError},
    evaluator::Evaluator,
    heap::Ref,
    stack::grow_stack,
    taint::Taint,
    value::{Attr, Attrs, Batch, Env, Lazy, List, Over, Recipe, State, Thunk, Tracked, Value},
};

impl Evaluator {
    #[inline]
    pub(crate) fn force_thunk(&mut self, thunk: &Thunk) -> Eval {
        match thunk.plain() {
            Some(value) => Ok(value.clone()),
            None => self.force_slow(thunk),
        }
    }

    #[inline(never)]
    fn force_slow(&mut self, thunk: &Thunk) -> Eval {
        let recipe = match thunk.state() {
            State::Pending(_) => return self.force_code(thunk),
            State::Item(_) | State::Lazy(_) => None,
            State::Done(value) => {
                self.accumulator.add(thunk.taint(), &mut self.taints);
                return Ok(value.clone());
            }
            State::Source(source) => {
                let source = *source;
                return self.force_source(source);
            }
            State::Failed(error) => {
                self.accumulator.add(thunk.taint(), &mut self.taints);
                return Err(error.clone());
            }
            State::Tracked(tracked) => {
                if self.holds(tracked, thunk.taint()) {
                    self.accumulator.add(thunk.taint(), &mut self.taints);
                    return tracked.outcome.clone();
                }
                Some(tracked.recipe.clone())
            }
            State::Running => {
                return Err(EvalError::infinite_recursion(thunk.address()));
            }
        };
        let running = unsafe { thunk.replace(State::Running) };
        let recipe = match (recipe, running) {
            (Some(recipe), _) => recipe,
            (None, State::Item(batch)) => Recipe::Item(batch, thunk.index()),
            (None, State::Lazy(lazy)) => Recipe::Lazy(lazy),
            (None, _) => unreachable!("only what is pending has no recipe yet"),
        };
        self.run(thunk, recipe)
    }

    /// Whether what a thunk remembers is still true.
    fn holds(&mut self, tracked: &Tracked, taint: Taint) -> bool {
        let generation = self.generation;
        if tracked.checked_at.get() == generation {
            return true;
        }
        let sources = &self.sources;
        let changed = self
            .taints
            .changed_at(taint, generation, |id| sources.changed_at(id));
        if changed > tracked.evaluated_at {
            return false;
        }
        tracked.checked_at.set(generation);
        true
    }

    /// As [`Self::run`], for what most thunks are: code that is evaluated for the first time.
    fn force_code(&mut self, thunk: &Thunk) -> Eval {
        let code = thunk.code();
        let State::Pending(env) = (unsafe { thunk.replace(State::Running) }) else {
            unreachable!("the caller has looked");
        };
        let saved = self.accumulator.begin();
        let mut outcome = self.nested(|this| this.eval(this.codes[code.0 as usize], &env));
        if let Err(error) = outcome {
            outcome = Err(self.told(error, thunk, code));
        }
        let taint = self.accumulator.end(saved, &mut self.taints);
        thunk.set_taint(taint);
        let state = match &outcome {
            Ok(value) if taint == Taint::NONE => State::Done(value.clone()),
            outcome => {
                self.accumulator.add(taint, &mut self.taints);
                self.outcome_state(thunk, Recipe::Code(code, env), outcome, taint)
            }
        };
        // Nothing here holds a reference into the thunk's state.
        unsafe { thunk.replace(state) };
        outcome
    }

    /// The error, with this thunk as part of the circle if that is what it is about.
    #[cold]
    fn told(&self, error: EvalError, thunk: &Thunk, code: CodeId) -> EvalError {
        if error.kind() != ErrorKind::InfiniteRecursion {
            return error;
        }
        let span = self.codes[code.0 as usize].span;
        error.through(thunk.address(), span, self.files.snippet(span))
    }

    fn run(&mut self, thunk: &Thunk, recipe: Recipe) -> Eval {
        let saved = self.accumulator.begin();
        let outcome = grow_stack(|| self.cook(&recipe));
        let outcome = outcome.map_err(|error| error.past(thunk.address()));
        let taint = self.accumulator.end(saved, &mut self.taints);
        self.accumulator.add(taint, &mut self.taints);
        thunk.set_taint(taint);
        let state = self.outcome_state(thunk, recipe, &outcome, taint);
        // Nothing here holds a reference into the thunk's state.
        unsafe { thunk.replace(state) };
        outcome
    }

    /// What a thunk remembers of an evaluation.
    fn outcome_state(&self, thunk: &Thunk, recipe: Recipe, outcome: &Eval, taint: Taint) -> State {
        match outcome {
            Err(error) if error.kind().is_passing() => match recipe {
                Recipe::Code(code, env) => {
                    thunk.set_code(code);
                    State::Pending(env)
                }
                Recipe::Item(batch, index) => {
                    thunk.set_index(index);
                    State::Item(batch)
                }
                Recipe::Lazy(lazy) => State::Lazy(lazy),
            },
            outcome => self.remember(recipe, outcome, taint),
        }
    }

    fn cook(&mut self, recipe: &Recipe) -> Eval {
        self.enter()?;
        let outcome = match recipe {
            Recipe::Code(code, env) => {
                let node = self.codes[code.0 as usize];
                self.eval(node, env)
            }
            Recipe::Item(batch, index) => self.cook_item(batch, *index),
            Recipe::Lazy(lazy) => self.cook_lazy(lazy),
        };
        self.leave();
        outcome
    }

    /// Runs a step of a recursion over data, on enough stack, within the limit of depth.
    #[inline]
    pub(crate) fn nested<R>(&mut self, step: impl FnOnce(&mut Self) -> Eval<R>) -> Eval<R> {
        self.enter()?;
        let outcome = grow_stack(|| step(self));
        self.leave();
        outcome
    }

    #[inline]
    pub(crate) fn enter(&mut self) -> Eval<()> {
        if self.depth >= self.options.max_depth {
            return Err(self.too_deep());
        }
        self.depth += 1;
        Ok(())
    }

    #[inline]
    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Counts a call, to be taken back by whoever waits for its value.
    #[inline]
    pub(crate) fn count_call(&mut self) -> Eval<()> {
        self.calls += 1;
        if self.calls <= self.options.max_call_depth {
            return Ok(());
        }
        Err(self.too_many_calls())
    }

    #[cold]
    fn too_many_calls(&mut self) -> EvalError {
        let message = "stack overflow; max-call-depth exceeded";
        let hint = format!(
            "{} calls are inside each other; --eval-max-depth allows more",
            self.options.max_call_depth
        );
        EvalError::new(ErrorKind::Limit, message).hint(hint)
    }

    #[cold]
    fn too_deep(&self) -> EvalError {
        let message = format!(
            "stack overflow: more than {} evaluations wait for each other",
            self.options.max_depth
        );
        EvalError::new(ErrorKind::Limit, message)
    }

    fn cook_item(&mut self, batch: &Batch, index: u32) -> Eval {
        let function = self.force(&batch.function)?;
        let next = match &batch.over {
            Over::List(list) => {
                self.apply_step(&function, std::slice::from_ref(&list[index as usize]))?
            }
            Over::Numbers => self.apply_step(&function, &[Value::Int(i64::from(index))])?,
            Over::Attrs(attrs) => {
                let attr = &attrs[index as usize];
                let name = Value::String(self.symbols.name(attr.name).clone());
                self.apply_step(&function, &[name, attr.value.clone()])?
            }
        };
        match next {
            Next::Value(value) => Ok(value),
            // Depth was counted, and stack made sure of, for the thunk.
            Next::Body(lambda, env) => {
                let outcome = self.eval(&lambda.body, &env);
                outcome.map_err(|error| error.frame(lambda.span, Doing::Call(lambda.name)))
            }
        }
    }

    fn cook_lazy(&mut self, lazy: &Lazy) -> Eval {
        match lazy {
            Lazy::Apply(function, arg) => {
                let function = self.force(function)?;
                self.apply(&function, std::slice::from_ref(arg))
            }
            Lazy::Apply2(function, a, b) => {
                let function = self.force(function)?;
                self.apply(&function, &[a.clone(), b.clone()])
            }
            Lazy::Mark(marks, value) => {
                self.add_taint(*marks);
                let value = self.force(value)?;
                Ok(mark_inside(*marks, value))
            }
            Lazy::Native(function, value) => function(self, value),
        }
    }

    fn remember(&self, recipe: Recipe, outcome: &Eval, taint: Taint) -> State {
        match outcome {
            outcome if taint != Taint::NONE && !self.taints.sources(taint).is_empty() => {
                let generation = self.generation;
                State::Tracked(Ref::new(Tracked {
                    recipe,
                    outcome: outcome.clone(),
                    evaluated_at: generation,
                    checked_at: Cell::new(generation),
                }))
            }
            Ok(value) => State::Done(value.clone()),
            Err(error) => State::Failed(error.clone()),
        }
    }

    /// Forces a value and everything inside it.
    pub fn force_deep(&mut self, value: &Value) -> Eval {
        let mut seen = crate::hash::FastSet::default();
        self.force_deep_seen(value, &mut seen)
    }

    fn force_deep_seen(&mut self, value: &Value, seen: &mut crate::hash::FastSet<usize>) -> Eval {
        let value = self.force(value)?;
        match &value {
            Value::List(list) if seen.insert(list.address()) => {
                for item in list.iter() {
                    self.nested(|this| this.force_deep_seen(item, seen))?;
                }
            }
            Value::Attrs(attrs) if seen.insert(attrs.address()) => {
                for attr in attrs.iter() {
                    self.nested(|this| this.force_deep_seen(&attr.value, seen))
                        .map_err(|error| {
                            error.frame(
                                crate::position::Span::at(attr.pos),
                                crate::error::Doing::Attribute(attr.name),
                            )
                        })?;
                }
            }
            _ => {}
        }
        Ok(value)
    }
}

/// What is inside a marked value is marked when it is forced.
pub(crate) fn mark_inside(marks: Taint, value: Value) -> Value {
    match value {
        Value::List(list) => {
            let items = list.iter().map(|item| lazy_mark(marks, item)).collect();
            Value::List(List::from_vec(items))
        }
        Value::Attrs(attrs) => {
            let mut builder = Attrs::builder(attrs.len());
            for attr in attrs.iter() {
                builder.push(Attr {
                    value: lazy_mark(marks, &attr.value),
                    ..attr.clone()
                });
            }
            Value::Attrs(Attrs(builder.finish(attrs.fallback().cloned())))
        }
        other => other,
    }
}

pub(crate) fn lazy_mark(marks: Taint, value: &Value) -> Value {
    thunk(Lazy::Mark(marks, value.clone()))
}

fn thunk(lazy: Lazy) -> Value {
    Value::Thunk(Thunk::new(State::Lazy(Ref::new(lazy))))
}

/// A value to be computed by a call, later.
pub(crate) fn lazy_apply(function: &Value, arg: Value) -> Value {
    thunk(Lazy::Apply(function.clone(), arg))
}

/// A value to be computed by a call with two arguments, later.
pub(crate) fn lazy_apply2(function: &Value, a: Value, b: Value) -> Value {
    thunk(Lazy::Apply2(function.clone(), a, b))
}

/// A value to be computed by a built-in, later.
pub(crate) fn lazy_native(function: fn(&mut Evaluator, &Value) -> Eval, value: Value) -> Value {
    thunk(Lazy::Native(function, value))
}

/// What to keep of a variable for later: the thunk, or its value where nothing is lost by that.
#[inline]
pub(crate) fn keep(value: &Value) -> Value {
    if let Value::Thunk(thunk) = value
        && let Some(plain) = thunk.plain()
    {
        return plain.clone();
    }
    value.clone()
}

/// A value that waits for all of a taint.
pub(crate) fn lazy_unknown(awaited: Taint) -> Value {
    let suspend = |evaluator: &mut Evaluator, awaited: &Value| {
        let Value::Int(awaited) = awaited else {
            unreachable!("what is awaited is told by number");
        };
        let awaited = Taint(*awaited as u32);
        evaluator.add_taint(awaited);
        Err(EvalError::suspended(awaited))
    };
    lazy_native(suspend, Value::Int(i64::from(awaited.0)))
}

/// The frame `depth` frames out.
#[inline]
pub(crate) fn outer(env: &Env, depth: u32) -> &Env {
    let mut env = env;
    for _ in 0..depth {
        match env.head() {
            Some(parent) => env = &parent.0,
            None => unreachable!("resolved variables are in frames that exist"),
        }
    }
    env
}
