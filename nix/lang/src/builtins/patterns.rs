//! Regular expressions.

use std::sync::atomic::Ordering;

use super::{Builtin, Table};
use crate::{
    error::{ErrorKind, EvalError},
    eval::Eval,
    evaluator::Evaluator,
    pure::regex::{Match, Stopped},
    value::{Str, Value},
};

pub(super) const TABLE: &Table = &[
    Builtin::new("match", 2, 1, whole_match),
    Builtin::new("split", 2, 1, split),
];

/// The groups of a match, `null` where one took no part.
fn groups(hit: &Match, text: &[u8]) -> Value {
    let group = |range: &Option<std::ops::Range<usize>>| match range {
        Some(range) => Value::string(&text[range.clone()]),
        None => Value::Null,
    };
    Value::list(hit.groups.iter().map(group).collect())
}

impl Evaluator {
    /// The arguments of both built-ins: a compiled pattern and a text.
    fn pattern_and_text(
        &mut self,
        args: &[Value],
    ) -> Eval<(std::sync::Arc<crate::pure::regex::Regex>, Str)> {
        let (pattern, text) = self.force_both(&args[0], &args[1])?;
        let pattern = self.plain_string(&pattern)?;
        let regex = self.regexes.get(pattern.as_bytes());
        let regex = regex.map_err(|error| EvalError::new(ErrorKind::Value, error.to_string()))?;
        Ok((regex, self.str_of(&text)?))
    }
}

fn whole_match(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let (regex, text) = evaluator.pattern_and_text(args)?;
    let flag = evaluator.cancel_flag();
    let hit = regex.match_whole(text.as_bytes(), &|| flag.load(Ordering::Relaxed));
    let hit = hit.map_err(|Stopped| EvalError::cancelled())?;
    Ok(hit.map_or(Value::Null, |hit| groups(&hit, text.as_bytes())))
}

fn split(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let (regex, text) = evaluator.pattern_and_text(args)?;
    let flag = evaluator.cancel_flag();
    let hits = regex.find_all(text.as_bytes(), &|| flag.load(Ordering::Relaxed));
    let hits = hits.map_err(|Stopped| EvalError::cancelled())?;
    if hits.is_empty() {
        // The only way for the context to survive.
        return Ok(Value::list(vec![Value::String(text)]));
    }
    let mut parts = Vec::with_capacity(2 * hits.len() + 1);
    let mut from = 0;
    for hit in hits {
        parts.push(Value::string(&text.as_bytes()[from..hit.range.start]));
        parts.push(groups(&hit, text.as_bytes()));
        from = hit.range.end;
    }
    parts.push(Value::string(&text.as_bytes()[from..]));
    Ok(Value::list(parts))
}
