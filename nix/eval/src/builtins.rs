//! Built-in functions that the shipped library uses, beside those of the language.

use nixops4_lang::{ErrorKind, EvalError, Evaluator, Value};

use crate::read;

/// Makes them visible.
pub fn install(evaluator: &mut Evaluator) {
    evaluator.register_builtin("isKnown", 1, is_known);
    evaluator.register_builtin("isSensitive", 1, is_sensitive);
    evaluator.register_builtin("throwMessage", 1, throw_message);
}

/// Whether a value's outermost form can be had now, or waits for outputs.
fn is_known(evaluator: &mut Evaluator, args: &[Value]) -> Result<Value, EvalError> {
    let suspended = matches!(evaluator.force(&args[0]), Err(error) if error.is_suspended());
    Ok(Value::Bool(!suspended))
}

/// Whether a value's outermost form is sensitive. Asking does not make the answer so.
fn is_sensitive(evaluator: &mut Evaluator, args: &[Value]) -> Result<Value, EvalError> {
    let (_, taint) = evaluator.with_taint(|evaluator| evaluator.force(&args[0]).map(|_| ()));
    Ok(Value::Bool(evaluator.taint_marks(taint).is_sensitive()))
}

/// `throw` for `{ message, hints, places }`, with places `{ set, name }`: the first whose position
/// is known becomes the place of the error.
///
/// Messages leave out what is sensitive themselves, with the help of `isSensitive`. They are shown
/// although what led to them was sensitive: which definitions conflict is decided by comparing them.
fn throw_message(evaluator: &mut Evaluator, args: &[Value]) -> Result<Value, EvalError> {
    let (error, _) = evaluator.with_taint(|evaluator| {
        let message = evaluator.select(&args[0], "message")?;
        let mut error = EvalError::new(ErrorKind::Throw, evaluator.string_of(&message)?);
        let hints = evaluator.select(&args[0], "hints")?;
        for hint in read::strings(evaluator, &hints)? {
            error = error.hint(hint);
        }
        let places = evaluator.select(&args[0], "places")?;
        let place = read::first_place(evaluator, &places)?;
        Ok(match place {
            Some(span) => error.at(span),
            None => error,
        })
    });
    Err(error.unwrap_or_else(|failure| failure))
}
