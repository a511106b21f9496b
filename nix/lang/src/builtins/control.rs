//! Order of evaluation, errors and traces.

use super::{Builtin, Table};
use crate::{
    error::{Doing, ErrorKind, EvalError},
    eval::{Coercion, Eval, attrs_value},
    evaluator::Evaluator,
    position::Span,
    symbol::known,
    value::Value,
};

pub(super) const TABLE: &Table = &[
    Builtin::new("seq", 2, 1, seq),
    Builtin::new("deepSeq", 2, 0, deep_seq),
    Builtin::new("tryEval", 1, 0, try_eval),
    Builtin::new("throw", 1, 0, throw),
    Builtin::new("abort", 1, 0, abort),
    Builtin::new("trace", 2, 0, trace),
    Builtin::new("traceVerbose", 2, 0, trace_verbose),
    Builtin::new("warn", 2, 0, warn),
    Builtin::new("addErrorContext", 2, 0, add_error_context),
    Builtin::new("break", 1, 0, |evaluator, args| evaluator.force(&args[0])),
];

fn seq(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    evaluator.force(&args[0])?;
    evaluator.force(&args[1])
}

fn deep_seq(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    evaluator.force_deep(&args[0])?;
    evaluator.force(&args[1])
}

fn try_eval(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let (success, value) = match evaluator.force(&args[0]) {
        Ok(_) => (true, args[0].clone()),
        Err(error) if error.kind().is_caught() => (false, Value::Bool(false)),
        Err(error) => return Err(error),
    };
    Ok(attrs_value([
        (known::SUCCESS, Value::Bool(success)),
        (known::VALUE, value),
    ]))
}

fn message_of(evaluator: &mut Evaluator, value: &Value) -> Eval<String> {
    let text = evaluator.coerce(value, Coercion::INTERPOLATION)?;
    Ok(evaluator.unless_sensitive(&text.to_text()))
}

fn throw(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let message = message_of(evaluator, &args[0])?;
    Err(EvalError::new(ErrorKind::Throw, message))
}

fn abort(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let message = message_of(evaluator, &args[0])?;
    let message = format!("evaluation aborted with the following error message: '{message}'");
    Err(EvalError::new(ErrorKind::Abort, message))
}

fn say(evaluator: &mut Evaluator, value: &Value, prefix: &str) -> Eval<()> {
    let value = evaluator.force(value)?;
    let text = match &value {
        Value::String(text) => text.to_text().into_owned(),
        other => evaluator.show_briefly(other),
    };
    let text = evaluator.unless_sensitive(&text);
    evaluator.host().trace(&format!("{prefix}: {text}"));
    Ok(())
}

fn trace(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    say(evaluator, &args[0], "trace")?;
    evaluator.force(&args[1])
}

fn trace_verbose(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    if evaluator.options().trace_verbose {
        say(evaluator, &args[0], "trace")?;
    }
    evaluator.force(&args[1])
}

fn warn(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let message = evaluator.str_of(&args[0])?;
    let message = evaluator.unless_sensitive(&message.to_text());
    evaluator
        .host()
        .trace(&format!("evaluation warning: {message}"));
    if evaluator.options().abort_on_warn {
        let message = "aborting to reveal the stack trace of a warning, as abort-on-warn is set";
        return Err(EvalError::new(ErrorKind::Abort, message));
    }
    evaluator.force(&args[1])
}

fn add_error_context(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let error = match evaluator.force(&args[1]) {
        Err(error) if !error.is_suspended() => error,
        other => return other,
    };
    // Where the note itself fails, that is the error.
    let note = evaluator.coerce(&args[0], Coercion::PATH_PART)?;
    let note = evaluator.unless_sensitive(&note.to_text());
    Err(error.frame(Span::NONE, Doing::Note(note.into())))
}
