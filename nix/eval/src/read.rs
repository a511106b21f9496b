//! Small values read out of evaluated ones: paths, references, settings.

use nixops4_lang::{ErrorKind, EvalError, Evaluator, Span, Value};
use nixops4_proto::evaluator::{Position, StateChoice};
use nixops4_proto::path::{AttrPath, MemberPath, Step};

/// A list of strings.
pub fn strings(evaluator: &mut Evaluator, value: &Value) -> Result<Vec<String>, EvalError> {
    let list = evaluator.list_of(value)?;
    list.iter().map(|item| evaluator.string_of(item)).collect()
}

/// A string, or `None` for null.
pub fn optional_string(
    evaluator: &mut Evaluator,
    value: &Value,
) -> Result<Option<String>, EvalError> {
    match evaluator.force(value)? {
        Value::Null => Ok(None),
        value => evaluator.string_of(&value).map(Some),
    }
}

/// The string attribute `name` of `value`.
pub fn field(evaluator: &mut Evaluator, value: &Value, name: &str) -> Result<String, EvalError> {
    let field = evaluator.select(value, name)?;
    evaluator.string_of(&field)
}

/// The string attribute `name` of `value`, `None` where it is null or missing.
pub fn optional_field(
    evaluator: &mut Evaluator,
    value: &Value,
    name: &str,
) -> Result<Option<String>, EvalError> {
    match evaluator.select_opt(value, name)? {
        Some(field) => optional_string(evaluator, &field),
        None => Ok(None),
    }
}

/// A number of things, one at least.
pub fn count(evaluator: &mut Evaluator, value: &Value) -> Result<u32, EvalError> {
    match evaluator.force(value)? {
        Value::Int(count) => u32::try_from(count)
            .ok()
            .filter(|count| *count > 0)
            .ok_or_else(|| invalid(format!("{count} is out of range"))),
        _ => Err(invalid("a whole number is needed".to_owned())),
    }
}

/// A number, whole or not.
pub fn number(evaluator: &mut Evaluator, value: &Value) -> Result<f64, EvalError> {
    match evaluator.force(value)? {
        Value::Int(number) => Ok(number as f64),
        Value::Float(number) => Ok(number),
        _ => Err(invalid("a number is needed".to_owned())),
    }
}

/// A member's path, written as a list of names, as text, or as `{ base, rest }` with a path and
/// names below it.
pub fn member_path(evaluator: &mut Evaluator, value: &Value) -> Result<MemberPath, EvalError> {
    match evaluator.force(value)? {
        Value::List(list) => {
            let names: Result<Vec<String>, EvalError> =
                list.iter().map(|item| evaluator.string_of(item)).collect();
            Ok(MemberPath::from_names(names?))
        }
        value @ Value::Attrs(_) => {
            let base = evaluator.select(&value, "base")?;
            let base = member_path(evaluator, &base)?;
            let rest = evaluator.select(&value, "rest")?;
            let rest = strings(evaluator, &rest)?;
            Ok(rest.into_iter().fold(base, |path, name| path.child(name)))
        }
        value => {
            let text = evaluator.string_of(&value)?;
            text.parse().map_err(|error| invalid(format!("{error}")))
        }
    }
}

/// A list of members' paths.
pub fn member_paths(
    evaluator: &mut Evaluator,
    value: &Value,
) -> Result<Vec<MemberPath>, EvalError> {
    let list = evaluator.list_of(value)?;
    list.iter()
        .map(|item| member_path(evaluator, item))
        .collect()
}

/// A path into inputs: a list of names and indexes, or text such as `tags.Name` or `rule[0].port`.
pub fn attr_path(evaluator: &mut Evaluator, value: &Value) -> Result<AttrPath, EvalError> {
    match evaluator.force(value)? {
        Value::List(list) => {
            let steps: Result<Vec<Step>, EvalError> =
                list.iter().map(|item| step(evaluator, item)).collect();
            Ok(AttrPath(steps?))
        }
        value => {
            let text = evaluator.string_of(&value)?;
            parse_attr_path(&text).map_err(invalid)
        }
    }
}

fn step(evaluator: &mut Evaluator, value: &Value) -> Result<Step, EvalError> {
    match evaluator.force(value)? {
        Value::Int(index) => match u64::try_from(index) {
            Ok(index) => Ok(Step::Index(index)),
            Err(_) => Err(invalid(format!("the index {index} is negative"))),
        },
        value => evaluator.string_of(&value).map(Step::Name),
    }
}

/// Parses `a."b c"[0].d`.
pub fn parse_attr_path(text: &str) -> Result<AttrPath, String> {
    let bad = |why: &str| format!("`{text}` is not an attribute path: {why}");
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']').ok_or_else(|| bad("`]` is missing"))?;
            let index = index
                .trim()
                .parse()
                .map_err(|_| bad("an index must be a number"))?;
            steps.push(Step::Index(index));
            rest = after;
        } else if let Some(after) = rest.strip_prefix('"') {
            let (name, after) = after
                .split_once('"')
                .ok_or_else(|| bad("a quote is not closed"))?;
            steps.push(Step::Name(name.to_owned()));
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end == 0 {
                return Err(bad("a name is empty"));
            }
            steps.push(Step::Name(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        if rest.is_empty() {
            return Ok(AttrPath(steps));
        }
        rest = match rest.strip_prefix('.') {
            Some(after) => after,
            None if rest.starts_with('[') => rest,
            None => return Err(bad("names are separated by dots")),
        };
    }
}

/// The state handler a component names.
pub fn state_choice(evaluator: &mut Evaluator, value: &Value) -> Result<StateChoice, EvalError> {
    if evaluator.select_opt(value, "inherited")?.is_some() {
        return Ok(StateChoice::Inherit);
    }
    let handler = evaluator.select(value, "handler")?;
    match evaluator.force(&handler)? {
        Value::Null => Ok(StateChoice::Stateless),
        value => member_path(evaluator, &value).map(StateChoice::Member),
    }
}

/// The first of some places, `{ set, name }`, whose position is known.
pub fn first_place(evaluator: &mut Evaluator, places: &Value) -> Result<Option<Span>, EvalError> {
    for place in evaluator.list_of(places)?.iter() {
        let name = evaluator.select(place, "name")?;
        let name = evaluator.string_of(&name)?;
        let set = evaluator.select(place, "set")?;
        if let Some(span) = attr_span(evaluator, &set, &name)? {
            return Ok(Some(span));
        }
    }
    Ok(None)
}

/// The same in words.
pub fn first_position(
    evaluator: &mut Evaluator,
    places: &Value,
) -> Result<Option<Position>, EvalError> {
    let place = first_place(evaluator, places)?;
    Ok(place.and_then(|span| in_words(evaluator, span)))
}

/// Where an attribute was written.
pub fn attr_position(
    evaluator: &mut Evaluator,
    set: &Value,
    name: &str,
) -> Result<Option<Position>, EvalError> {
    let span = attr_span(evaluator, set, name)?;
    Ok(span.and_then(|span| in_words(evaluator, span)))
}

fn attr_span(
    evaluator: &mut Evaluator,
    set: &Value,
    name: &str,
) -> Result<Option<Span>, EvalError> {
    let attrs = evaluator.attrs_of(set)?;
    let symbol = evaluator.symbol(name);
    let start = attrs.get(symbol).map(|attr| attr.pos);
    Ok(start.filter(|start| start.is_known()).map(|start| Span {
        start,
        len: name.len() as u32,
    }))
}

fn in_words(evaluator: &Evaluator, span: Span) -> Option<Position> {
    evaluator
        .locate(span)
        .map(|at| crate::error::from_location(&at))
}

fn invalid(message: String) -> EvalError {
    EvalError::new(ErrorKind::Value, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attribute_paths_are_read_as_they_print() {
        for text in ["a", "tags.Name", "rule[0].port", "a[1][2]", "\"a b\".c"] {
            assert_eq!(parse_attr_path(text).expect(text).to_string(), text);
        }
        for text in ["", "a.", ".a", "a[", "a[x]", "\"a", "a..b", "\"a\"b"] {
            assert!(parse_attr_path(text).is_err(), "{text}");
        }
    }
}
