//! Walking code. Calls in tail position take no native stack.

use super::{
    Eval,
    call::{Few, Next},
    force::{keep, outer},
};
use crate::{
    compile::ir::{
        AttrsCode, BinaryOp, Binding, Call, Expr, FieldValue, FromWith, Let, Name, Node, Select,
    },
    error::{Doing, ErrorKind, EvalError},
    evaluator::Evaluator,
    heap::{Ref, SliceBuilder},
    position::Span,
    stack::grow_stack,
    symbol::Symbol,
    value::{Attr, Attrs, Closure, Env, List, Parent, Slot, Str, Thunk, Value},
};

/// A frame of no variables inside nothing.
pub(crate) fn empty_env() -> Env {
    SliceBuilder::new(0).finish(None)
}

/// A frame with these variables.
pub(crate) fn frame(parent: &Env, values: impl ExactSizeIterator<Item = Value>) -> Env {
    let mut builder = SliceBuilder::new(values.len());
    values.for_each(|value| builder.push(Slot::new(value)));
    builder.finish(Some(Parent(parent.clone())))
}

/// A frame with a set's attributes as variables, and their names.
pub(crate) fn scope_env(attrs: &Attrs) -> (Vec<Symbol>, Env) {
    let names = attrs.iter().map(|attr| attr.name).collect();
    let values: Vec<Value> = attrs.iter().map(|attr| attr.value.clone()).collect();
    (names, frame(&empty_env(), values.into_iter()))
}

/// A variable or constant whose value is there already.
#[inline]
pub(super) fn at_hand<'a>(node: &'static Node, env: &'a Env) -> Option<&'a Value> {
    let value = match &node.expr {
        Expr::Const(value) => return Some(value),
        Expr::Local(slot) => env[*slot as usize].get(),
        Expr::Outer { depth, slot } => outer(env, *depth)[*slot as usize].get(),
        _ => return None,
    };
    match value {
        Value::Thunk(thunk) => thunk.plain(),
        value => Some(value),
    }
}

/// Arithmetic on integers at hand costs less to do than to put off.
#[inline]
fn cheap_arithmetic(op: BinaryOp, nodes: &'static [Node; 2], env: &Env) -> Option<Value> {
    match (at_hand(&nodes[0], env)?, at_hand(&nodes[1], env)?) {
        (Value::Int(a), Value::Int(b)) => on_ints(op, *a, *b),
        _ => None,
    }
}

/// What needs no error and no allocation.
#[inline]
fn on_ints(op: BinaryOp, a: i64, b: i64) -> Option<Value> {
    match op {
        BinaryOp::Add => a.checked_add(b).map(Value::Int),
        BinaryOp::Sub => a.checked_sub(b).map(Value::Int),
        BinaryOp::Mul => a.checked_mul(b).map(Value::Int),
        BinaryOp::Equal => Some(Value::Bool(a == b)),
        BinaryOp::NotEqual => Some(Value::Bool(a != b)),
        BinaryOp::Less => Some(Value::Bool(a < b)),
        BinaryOp::LessEqual => Some(Value::Bool(a <= b)),
        BinaryOp::Greater => Some(Value::Bool(a > b)),
        BinaryOp::GreaterEqual => Some(Value::Bool(a >= b)),
        _ => None,
    }
}

/// An attribute of a set at hand costs less to look up than to put off.
///
/// Not so a function: two thunks of one function are different to `==`, one function is not.
#[inline]
fn cheap_select(select: &'static Select, env: &Env) -> Option<Value> {
    let [Name::Static(name, _, hint)] = &*select.path else {
        return None;
    };
    let Value::Attrs(attrs) = at_hand(&select.base, env)? else {
        return None;
    };
    let value = keep(&attrs.get_near(*name, hint)?.value);
    (!value.is_function()).then_some(value)
}

impl Evaluator {
    /// Evaluates code in a frame.
    #[inline]
    pub(crate) fn eval(&mut self, node: &'static Node, env: &Env) -> Eval {
        match &node.expr {
            Expr::Const(value) => Ok(value.clone()),
            Expr::Global(value) => self.force(value),
            Expr::Local(slot) => self.variable(env, *slot, node.span),
            Expr::Outer { depth, slot } => self.variable(outer(env, *depth), *slot, node.span),
            _ => grow_stack(|| self.eval_deep(node, env)),
        }
    }

    #[inline]
    fn variable(&mut self, env: &Env, slot: u32, span: Span) -> Eval {
        match env[slot as usize].get() {
            Value::Thunk(thunk) => self.force_thunk(thunk).map_err(|error| error.at(span)),
            other => Ok(other.clone()),
        }
    }

    /// A value for code that may never be needed.
    #[inline]
    pub(crate) fn delay(&mut self, node: &'static Node, env: &Env) -> Value {
        match &node.expr {
            Expr::Const(value) | Expr::Global(value) => value.clone(),
            Expr::Local(slot) => keep(env[*slot as usize].get()),
            Expr::Outer { depth, slot } => keep(outer(env, *depth)[*slot as usize].get()),
            Expr::Lambda(lambda) => Value::Lambda(Ref::new(Closure {
                lambda,
                env: env.clone(),
            })),
            Expr::Binary(op, nodes) => match cheap_arithmetic(*op, nodes, env) {
                Some(value) => value,
                None => Value::Thunk(Thunk::pending(node.code, env.clone())),
            },
            Expr::Select(select) => match cheap_select(select, env) {
                Some(value) => value,
                None => Value::Thunk(Thunk::pending(node.code, env.clone())),
            },
            _ => Value::Thunk(Thunk::pending(node.code, env.clone())),
        }
    }

    /// A value for a slot of a frame that is being filled.
    fn delay_slot(&mut self, binding: &'static Binding, env: &Env) -> Value {
        if binding.forward {
            return Value::Thunk(Thunk::pending(binding.node.code, env.clone()));
        }
        self.delay(&binding.node, env)
    }

    fn eval_deep(&mut self, node: &'static Node, env: &Env) -> Eval {
        let mut called = None;
        let calls = self.calls;
        let mut outcome = self.eval_loop(node, env, &mut called);
        if let Some((span, name)) = called {
            self.calls = calls;
            self.leave();
            if let Err(error) = &mut outcome {
                error.add_frame(span, Doing::Call(name));
            }
        }
        // Where it was made, for it is returned on one way only: a copy of what has just been written
        // in parts would wait for the parts.
        outcome
    }

    fn eval_loop(
        &mut self,
        node: &'static Node,
        env: &Env,
        called: &mut Option<(Span, Option<Symbol>)>,
    ) -> Eval {
        let (mut node, mut env) = (node, env);
        // Keeps the frame of the function that was called last.
        let mut frame: Env;
        loop {
            self.step()?;
            match &node.expr {
                Expr::Const(value) => return Ok(value.clone()),
                Expr::Local(_) | Expr::Outer { .. } => return self.eval(node, env),
                Expr::Call(call) => match self.eval_call(call, env, node.span)? {
                    Next::Value(value) => return Ok(value),
                    Next::Body(lambda, next) => {
                        if called.is_none() {
                            self.enter()?;
                        }
                        *called = Some((node.span, lambda.name));
                        self.count_call()?;
                        frame = next;
                        env = &frame;
                        node = &lambda.body;
                    }
                },
                Expr::Later(inner) => node = inner,
                Expr::If(nodes) => {
                    node = if self.condition(&nodes[0], env)? {
                        &nodes[1]
                    } else {
                        &nodes[2]
                    };
                }
                Expr::Let(code) => {
                    frame = self.let_frame(code, env);
                    env = &frame;
                    node = &code.body;
                }
                Expr::With(nodes) => {
                    let scope = self.delay(&nodes[0], env);
                    frame = self::frame(env, std::iter::once(scope));
                    env = &frame;
                    node = &nodes[1];
                }
                Expr::Assert(nodes) => {
                    if !self.condition(&nodes[0], env)? {
                        return Err(self.assertion_failed(&nodes[0]));
                    }
                    node = &nodes[1];
                }
                Expr::Select(select) => match self.eval_select(select, env)? {
                    Some(value) => return Ok(value),
                    None => match &select.default {
                        Some(default) => node = default,
                        None => unreachable!("without a default a missing attribute is an error"),
                    },
                },
                _ => return self.eval_other(node, env),
            }
        }
    }

    /// What has no tail position.
    #[inline(never)]
    fn eval_other(&mut self, node: &'static Node, env: &Env) -> Eval {
        match &node.expr {
            Expr::Attrs(code) => self.eval_attrs(code, env),
            Expr::Lambda(lambda) => Ok(Value::Lambda(Ref::new(Closure {
                lambda,
                env: env.clone(),
            }))),
            Expr::List(items) => Ok(self.eval_list(items, env)),
            Expr::Binary(op, nodes) => self.eval_binary(*op, nodes, env, node.span),
            Expr::Template(parts) => self.eval_template(parts, env),
            Expr::HasAttr(has) => self.eval_has_attr(has, env),
            Expr::FromWith(from) => self.eval_from_with(from, env, node.span),
            Expr::And(nodes) => Ok(Value::Bool(
                self.condition(&nodes[0], env)? && self.condition(&nodes[1], env)?,
            )),
            Expr::Or(nodes) => Ok(Value::Bool(
                self.condition(&nodes[0], env)? || self.condition(&nodes[1], env)?,
            )),
            Expr::Implies(nodes) => Ok(Value::Bool(
                !self.condition(&nodes[0], env)? || self.condition(&nodes[1], env)?,
            )),
            Expr::Not(operand) => Ok(Value::Bool(!self.condition(operand, env)?)),
            Expr::Negate(operand) => self.eval_negate(operand, env, node.span),
            Expr::PathTemplate(parts) => self.eval_path_template(parts, env),
            Expr::SearchPath(path) => self.find_file(path, node.span),
            Expr::CurrentPosition => Ok(self.position_value(node.span.start)),
            _ => self.eval(node, env),
        }
    }

    pub(crate) fn condition(&mut self, node: &'static Node, env: &Env) -> Eval<bool> {
        let value = self.eval(node, env)?;
        if let Value::Bool(bool) = value {
            // Nothing to drop, which the compiler would look for.
            std::mem::forget(value);
            return Ok(bool);
        }
        Err(self.expected("a Boolean", &value).at(node.span))
    }

    #[cold]
    fn assertion_failed(&self, condition: &Node) -> EvalError {
        let text = self.files.snippet(condition.span);
        let message = format!("assertion '{text}' failed");
        EvalError::new(ErrorKind::Assert, message).at(condition.span)
    }

    fn eval_list(&mut self, items: &'static [Node], env: &Env) -> Value {
        let mut builder = List::builder(items.len());
        for item in items {
            builder.push(self.delay(item, env));
        }
        Value::List(List(builder.finish(())))
    }

    fn eval_call(&mut self, call: &'static Call, env: &Env, span: Span) -> Eval<Next> {
        let held;
        let function = match at_hand(&call.function, env) {
            Some(function) => function,
            None => {
                held = self.eval(&call.function, env)?;
                &held
            }
        };
        match function {
            Value::Lambda(closure) => {
                let lambda = closure.lambda;
                if lambda.pattern.is_none() && lambda.plain as usize == call.args.len() {
                    let mut builder = SliceBuilder::new(call.args.len());
                    for arg in &call.args {
                        builder.push(Slot::new(self.delay(arg, env)));
                    }
                    let frame = builder.finish(Some(Parent(closure.env.clone())));
                    return Ok(Next::Body(lambda, frame));
                }
            }
            Value::Builtin(builtin) if builtin.arity == call.args.len() => {
                let strict = builtin.strict;
                let arg = |evaluator: &mut Self, index: usize| -> Eval {
                    let node = &call.args[index];
                    if strict & (1 << index) != 0 {
                        evaluator.eval(node, env)
                    } else {
                        Ok(evaluator.delay(node, env))
                    }
                };
                let outcome = match call.args.len() {
                    1 => {
                        let args = [arg(self, 0)?];
                        builtin.run(self, &args)
                    }
                    2 => {
                        let args = [arg(self, 0)?, arg(self, 1)?];
                        builtin.run(self, &args)
                    }
                    _ => {
                        let args = (0..call.args.len()).map(|index| arg(self, index));
                        let args = args.collect::<Eval<Vec<_>>>()?;
                        builtin.run(self, &args)
                    }
                };
                return match outcome {
                    Ok(value) => Ok(Next::Value(value)),
                    Err(error) => Err(error.at(span).frame(span, Doing::Builtin(builtin.name))),
                };
            }
            _ => {}
        }
        let args = Few::new(call.args.len(), |index| self.delay(&call.args[index], env));
        self.apply_step(function, &args)
            .map_err(|error| error.at(span))
    }

    fn let_frame(&mut self, code: &'static Let, env: &Env) -> Env {
        self.recursive_frame(&code.slots, env)
    }

    fn recursive_frame(&mut self, slots: &'static [Binding], env: &Env) -> Env {
        let frame = frame(env, slots.iter().map(|_| Value::Null));
        for (slot, binding) in frame.iter().zip(slots) {
            let value = self.delay_slot(binding, &frame);
            // The frame is new: nobody holds a reference into it.
            unsafe { slot.set(value) };
        }
        frame
    }

    fn eval_attrs(&mut self, code: &'static AttrsCode, env: &Env) -> Eval {
        let recursive = matches!(
            code.fields.first().map(|f| &f.value),
            Some(FieldValue::Slot(_))
        );
        let own_frame;
        let (inside, dynamic_env) = if code.slots.is_empty() {
            (env, env)
        } else if recursive {
            own_frame = self.recursive_frame(&code.slots, env);
            (&own_frame, &own_frame)
        } else {
            let values: Vec<Value> = code
                .slots
                .iter()
                .map(|binding| self.delay(&binding.node, env))
                .collect();
            own_frame = frame(env, values.into_iter());
            (&own_frame, env)
        };
        let mut builder = Attrs::builder(code.fields.len());
        for field in &code.fields {
            let value = match &field.value {
                FieldValue::Slot(slot) => inside[*slot as usize].get().clone(),
                FieldValue::Outside(node) => self.delay(node, env),
                FieldValue::Inside(node) => self.delay(node, inside),
            };
            builder.push(Attr {
                name: field.name,
                pos: field.pos,
                value,
            });
        }
        let mut attrs = Attrs(builder.finish(None));
        if let Some(slot) = code.overrides {
            attrs = self.override_attrs(code, inside, attrs, slot)?;
        }
        if code.dynamic.is_empty() {
            return Ok(Value::Attrs(attrs));
        }
        self.add_dynamic(code, dynamic_env, attrs)
    }

    /// `rec { __overrides = …; }`: the overriding values are seen inside the set too.
    fn override_attrs(
        &mut self,
        code: &'static AttrsCode,
        frame: &Env,
        attrs: Attrs,
        slot: u32,
    ) -> Eval<Attrs> {
        let overrides = self.attrs_of(&frame[slot as usize].get().clone())?;
        for field in &code.fields {
            if let (FieldValue::Slot(slot), Some(attr)) = (&field.value, overrides.get(field.name))
            {
                // Forcing `__overrides` is over, and the frame is not known to anyone outside the
                // thunks it holds, none of which runs now.
                unsafe { frame[*slot as usize].set(attr.value.clone()) };
            }
        }
        Ok(attrs.update(&overrides))
    }

    fn add_dynamic(&mut self, code: &'static AttrsCode, env: &Env, attrs: Attrs) -> Eval {
        let mut items = attrs.to_vec();
        for dynamic in &code.dynamic {
            let name = match self.eval(&dynamic.name, env)? {
                Value::Null => continue,
                name => self
                    .plain_string(&name)
                    .map_err(|error| error.at(dynamic.name.span))?,
            };
            let name = self.symbols.intern_str(&name);
            if let Some(earlier) = items.iter().find(|item| item.name == name) {
                return Err(self.dynamic_duplicate(name, earlier, dynamic.name.span));
            }
            let value = self.delay(&dynamic.value, env);
            items.push(Attr {
                name,
                pos: dynamic.pos,
                value,
            });
        }
        Ok(Value::Attrs(Attrs::from_vec(items)))
    }

    #[cold]
    fn dynamic_duplicate(&self, name: Symbol, earlier: &Attr, span: Span) -> EvalError {
        let place = match self.locate(Span::at(earlier.pos)) {
            Some(at) => format!(" at {}:{}:{}", at.origin, at.line, at.column),
            None => String::new(),
        };
        let message = format!(
            "dynamic attribute '{}' already defined{place}",
            self.symbols.text(name)
        );
        self.showable(EvalError::new(ErrorKind::Value, message).at(span))
    }

    fn eval_from_with(&mut self, from: &'static FromWith, env: &Env, span: Span) -> Eval {
        for depth in &from.depths {
            let scope = outer(env, *depth)[0].get();
            let attrs = self.attrs_of(scope).map_err(|error| {
                error
                    .at(span)
                    .frame(span, Doing::Note("evaluating the set of a 'with'".into()))
            })?;
            if let Some(value) = self.attr(&attrs, from.name) {
                return self.force(&value);
            }
        }
        let text = self.symbols.text(from.name);
        let message = format!("undefined variable '{text}'");
        Err(EvalError::new(ErrorKind::UndefinedVariable, message).at(span))
    }

    fn eval_binary(
        &mut self,
        op: BinaryOp,
        nodes: &'static [Node; 2],
        env: &Env,
        span: Span,
    ) -> Eval {
        let (held_left, held_right);
        let left = match at_hand(&nodes[0], env) {
            Some(value) => value,
            None => match self.eval(&nodes[0], env) {
                Ok(value) => {
                    held_left = value;
                    &held_left
                }
                Err(error) if error.is_suspended() => {
                    // The other operand is evaluated only to learn what else is awaited.
                    let right = self.eval(&nodes[1], env);
                    return self.both(Err(error), right).map(|(left, _)| left);
                }
                Err(error) => return Err(error),
            },
        };
        let right = match at_hand(&nodes[1], env) {
            Some(value) => value,
            None => {
                held_right = self.eval(&nodes[1], env)?;
                &held_right
            }
        };
        if let (Value::Int(a), Value::Int(b)) = (left, right)
            && let Some(value) = on_ints(op, *a, *b)
        {
            return Ok(value);
        }
        self.operate(op, left, right)
            .map_err(|error| error.at(span))
    }

    /// Both values, or the error that matters; of two suspensions, what both wait for.
    pub(crate) fn both(&mut self, left: Eval, right: Eval) -> Eval<(Value, Value)> {
        match (left, right) {
            (Ok(left), Ok(right)) => Ok((left, right)),
            (Err(left), Err(right)) => Err(self.join_errors(left, right)),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        }
    }

    /// A suspension wins over a failure: what fails now may not when it is over.
    pub(crate) fn join_errors(&mut self, first: EvalError, second: EvalError) -> EvalError {
        match (first.is_suspended(), second.is_suspended()) {
            (true, true) => {
                let awaited = self.taints.union(first.awaited(), second.awaited());
                EvalError::suspended(awaited)
            }
            (false, true) => second,
            _ => first,
        }
    }

    /// The template's string; all parts are evaluated even if one suspends.
    fn eval_template(&mut self, parts: &'static [Node], env: &Env) -> Eval {
        let mut builder = super::StringBuilder::default();
        let mut failed: Option<EvalError> = None;
        for part in parts {
            let appended = match &part.expr {
                Expr::Const(Value::String(text)) => {
                    builder.push_str(text);
                    continue;
                }
                _ => self.eval(part, env).and_then(|value| {
                    let coercion = super::Coercion::INTERPOLATION;
                    self.coerce_into(&value, coercion, &mut builder)
                }),
            };
            if let Err(error) = appended {
                let error = error.at(part.span);
                let suspended = error.is_suspended();
                failed = Some(match failed {
                    Some(earlier) => self.join_errors(earlier, error),
                    None => error,
                });
                if !suspended {
                    break;
                }
            }
        }
        match failed {
            Some(error) => Err(error),
            None => self.string_value(builder),
        }
    }

    fn eval_path_template(&mut self, parts: &'static [Node], env: &Env) -> Eval {
        let mut text = super::StringBuilder::default();
        for part in parts {
            let value = self.eval(part, env)?;
            let coercion = super::Coercion::PATH_PART;
            self.coerce_into(&value, coercion, &mut text)
                .map_err(|error| error.at(part.span))?;
        }
        let text = text.finish()?;
        if text.context().is_some() {
            let message = "a string that refers to a store path cannot be appended to a path";
            return Err(EvalError::new(ErrorKind::Value, message));
        }
        let path = crate::path::normalise(&text.to_text());
        Ok(Value::Path(Str::new(path)))
    }
}
