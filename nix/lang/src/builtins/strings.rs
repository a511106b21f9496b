//! Strings.

use super::{Builtin, Table};
use crate::{
    error::{ErrorKind, EvalError},
    eval::{Coercion, Eval, StringBuilder},
    evaluator::Evaluator,
    hash::FastMap,
    value::{Str, Value},
};

pub(super) const TABLE: &Table = &[
    Builtin::new("substring", 3, 0, substring),
    Builtin::new("stringLength", 1, 1, string_length),
    Builtin::new("concatStringsSep", 2, 0, concat_strings_sep),
    Builtin::new("replaceStrings", 3, 0, replace_strings),
    Builtin::new("baseNameOf", 1, 1, base_name_of),
    Builtin::new("dirOf", 1, 1, dir_of),
];

fn substring(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let start = evaluator.int_of(&args[0])?;
    let Ok(start) = usize::try_from(start) else {
        let message = "negative start position in 'substring'";
        return Err(EvalError::new(ErrorKind::Value, message));
    };
    let len = evaluator.int_of(&args[1])?;
    let text = evaluator.coerce(&args[2], Coercion::INTERPOLATION)?;
    let bytes = text.as_bytes();
    let start = start.min(bytes.len());
    // A negative length means up to the end.
    let len = usize::try_from(len)
        .unwrap_or(usize::MAX)
        .min(bytes.len() - start);
    if len == bytes.len() {
        return Ok(Value::String(text));
    }
    let part = &bytes[start..start + len];
    Ok(Value::String(Str::with_shared_context(
        part,
        text.context().cloned(),
    )))
}

fn string_length(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let text = evaluator.coerce(&args[0], Coercion::INTERPOLATION)?;
    Ok(Value::Int(
        i64::try_from(text.as_bytes().len()).unwrap_or(i64::MAX),
    ))
}

fn concat_strings_sep(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let separator = evaluator.str_of(&args[0])?;
    let list = evaluator.list_of(&args[1])?;
    let mut builder = StringBuilder::default();
    if let Some(context) = separator.context() {
        builder.push_context(context);
    }
    let mut awaiting: Option<EvalError> = None;
    for (index, item) in list.iter().enumerate() {
        if index > 0 {
            builder.push_bytes(separator.as_bytes());
        }
        if let Err(error) = evaluator.coerce_into(item, Coercion::INTERPOLATION, &mut builder) {
            let suspended = error.is_suspended();
            awaiting = Some(match awaiting {
                Some(earlier) => evaluator.join_errors(earlier, error),
                None => error,
            });
            if !suspended {
                break;
            }
        }
    }
    match awaiting {
        Some(error) => Err(error),
        None => evaluator.string_value(builder),
    }
}

fn replace_strings(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let (from, to) = (evaluator.list_of(&args[0])?, evaluator.list_of(&args[1])?);
    if from.len() != to.len() {
        let message = "'from' and 'to' arguments passed to builtins.replaceStrings have \
                       different lengths";
        return Err(EvalError::new(ErrorKind::Value, message));
    }
    let mut patterns = Vec::with_capacity(from.len());
    for item in from.iter() {
        patterns.push(evaluator.str_of(item)?);
    }
    let text = evaluator.str_of(&args[2])?;
    let bytes = text.as_bytes();
    let mut replacements: FastMap<usize, Str> = FastMap::default();
    let mut builder = StringBuilder::default();
    if let Some(context) = text.context() {
        builder.push_context(context);
    }
    let mut at = 0;
    while at <= bytes.len() {
        let rest = &bytes[at..];
        let found = patterns
            .iter()
            .position(|pattern| rest.starts_with(pattern.as_bytes()));
        let mut taken = 0;
        if let Some(found) = found {
            let replacement = match replacements.get(&found) {
                Some(replacement) => replacement.clone(),
                None => evaluator.str_of(&to[found])?,
            };
            builder.push_str(&replacement);
            replacements.insert(found, replacement);
            taken = patterns[found].as_bytes().len();
        }
        if taken == 0 {
            // Nothing was taken: neither a match, nor a match of something.
            builder.push_bytes(&rest[..rest.len().min(1)]);
            taken = 1;
        }
        at += taken;
    }
    evaluator.string_value(builder)
}

fn base_name_of(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let text = evaluator.coerce(&args[0], Coercion::PATH_PART)?;
    let bytes = text.as_bytes();
    let bytes = match bytes {
        [start @ .., b'/'] if !start.is_empty() => start,
        all => all,
    };
    let start = bytes
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    Ok(Value::String(Str::with_shared_context(
        &bytes[start..],
        text.context().cloned(),
    )))
}

fn dir_of(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let value = evaluator.force(&args[0])?;
    let text = evaluator.coerce(&value, Coercion::PATH_PART)?;
    let bytes = text.as_bytes();
    let parent = match bytes.iter().rposition(|byte| *byte == b'/') {
        None => b".",
        Some(0) => &b"/"[..],
        Some(slash) => &bytes[..slash],
    };
    if matches!(value, Value::Path(_)) {
        return Ok(Value::Path(Str::new(parent)));
    }
    Ok(Value::String(Str::with_shared_context(
        parent,
        text.context().cloned(),
    )))
}
