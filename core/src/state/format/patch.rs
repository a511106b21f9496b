//! Applies JSON Patches (RFC 6902).
//!
//! Of our own rather than from a crate because the document is a [`Node`]: the fold of a long log
//! is most of the time it takes to start.

use std::borrow::Cow;

use nixops4_proto::state::PatchOpKind;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::node::Node;
use super::pointer;
use crate::value::Number;

/// An operation, as [`PatchOp`](nixops4_proto::state::PatchOp), in the text that it was read from.
#[derive(Debug, Deserialize)]
pub(in crate::state) struct TextOp<'a> {
    pub op: PatchOpKind,
    #[serde(borrow)]
    pub path: Cow<'a, str>,
    #[serde(borrow, default)]
    pub from: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub value: Option<&'a RawValue>,
}

/// Reads a value that is there, `null` included.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Applies all operations of a patch. After an error the document may be changed in part.
pub(super) fn apply<'a>(document: &mut Node<'a>, patch: Vec<TextOp<'a>>) -> Result<(), String> {
    patch.into_iter().try_for_each(|op| {
        let path = op.path.clone();
        apply_one(document, op).map_err(|reason| format!("at `{path}`: {reason}"))
    })
}

fn apply_one<'a>(document: &mut Node<'a>, op: TextOp<'a>) -> Result<(), String> {
    let path = parse(&op.path)?;
    let value = || {
        op.value
            .map(Node::from)
            .ok_or_else(|| "`value` is missing".to_owned())
    };
    let from = || parse(op.from.as_deref().ok_or("`from` is missing")?);
    match op.op {
        PatchOpKind::Add => add(document, &path, value()?),
        PatchOpKind::Remove => remove(document, &path).map(drop),
        PatchOpKind::Replace => {
            *get_mut(document, &path)? = value()?;
            Ok(())
        }
        PatchOpKind::Move => {
            let from = from()?;
            if path.len() > from.len() && path.starts_with(&from) {
                return Err("a value cannot be moved into itself".into());
            }
            let value = remove(document, &from)?;
            add(document, &path, value)
        }
        PatchOpKind::Copy => {
            let value = get_mut(document, &from()?)?.clone();
            add(document, &path, value)
        }
        PatchOpKind::Test => {
            match equal(&get_mut(document, &path)?.to_json(), &value()?.to_json()) {
                true => Ok(()),
                false => Err("the value is not the expected one".into()),
            }
        }
    }
}

fn parse(pointer: &str) -> Result<Vec<String>, String> {
    pointer::names(pointer).ok_or_else(|| "this is no JSON Pointer".to_owned())
}

fn add<'a>(document: &mut Node<'a>, path: &[String], value: Node<'a>) -> Result<(), String> {
    let Some((name, parent)) = path.split_last() else {
        *document = value;
        return Ok(());
    };
    match get_mut(document, parent)?.open() {
        Node::Object(map) => {
            map.insert(name.clone(), value);
        }
        Node::List(list) if name == "-" => list.push(value),
        Node::List(list) => {
            let index = index(name, list.len() + 1)?;
            list.insert(index, value);
        }
        Node::Text(_) => return Err("what is to contain it is a scalar".into()),
    }
    Ok(())
}

fn remove<'a>(document: &mut Node<'a>, path: &[String]) -> Result<Node<'a>, String> {
    let Some((name, parent)) = path.split_last() else {
        return Ok(std::mem::take(document));
    };
    match get_mut(document, parent)?.open() {
        Node::Object(map) => map.remove(name).ok_or_else(missing),
        Node::List(list) => {
            let index = index(name, list.len())?;
            Ok(list.remove(index))
        }
        Node::Text(_) => Err(missing()),
    }
}

fn get_mut<'n, 'a>(
    document: &'n mut Node<'a>,
    path: &[String],
) -> Result<&'n mut Node<'a>, String> {
    path.iter()
        .try_fold(document, |value, name| match value.open() {
            Node::Object(map) => map.get_mut(name).ok_or_else(missing),
            Node::List(list) => {
                let index = index(name, list.len())?;
                list.get_mut(index).ok_or_else(missing)
            }
            Node::Text(_) => Err(missing()),
        })
}

fn missing() -> String {
    "there is nothing there".into()
}

/// The index in `name`, which must be below `end`.
fn index(name: &str, end: usize) -> Result<usize, String> {
    let canonical =
        name == "0" || !name.starts_with('0') && name.bytes().all(|b| b.is_ascii_digit());
    let index = name.parse().ok().filter(|_| canonical);
    index.filter(|index| *index < end).ok_or_else(missing)
}

/// Equality in which numbers are compared by value.
fn equal(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => {
            a == b || Number::from_json(a).is_some_and(|a| Some(a) == Number::from_json(b))
        }
        (Json::Array(a), Json::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(document: Json, patch: Json) -> Result<Json, String> {
        let (document, patch) = (document.to_string(), patch.to_string());
        let mut document = Node::Text(&document);
        let patch = serde_json::from_str(&patch).map_err(|error| error.to_string())?;
        apply(&mut document, patch)?;
        Ok(document.to_json())
    }

    #[test]
    fn every_operation_does_what_it_says() {
        let cases = [
            (
                json!({"a": 1}),
                json!({"op": "add", "path": "/b", "value": null}),
                json!({"a": 1, "b": null}),
            ),
            (
                json!({"a": 1}),
                json!({"op": "add", "path": "/a", "value": 2}),
                json!({"a": 2}),
            ),
            (
                json!({"a": 1}),
                json!({"op": "add", "path": "", "value": []}),
                json!([]),
            ),
            (
                json!([1, 3]),
                json!({"op": "add", "path": "/1", "value": 2}),
                json!([1, 2, 3]),
            ),
            (
                json!([1]),
                json!({"op": "add", "path": "/1", "value": 2}),
                json!([1, 2]),
            ),
            (
                json!([1]),
                json!({"op": "add", "path": "/-", "value": 2}),
                json!([1, 2]),
            ),
            (
                json!([1, 2]),
                json!({"op": "remove", "path": "/0"}),
                json!([2]),
            ),
            (
                json!({"a/b": {"~": 1}}),
                json!({"op": "remove", "path": "/a~1b/~0"}),
                json!({"a/b": {}}),
            ),
            (
                json!({"": 1}),
                json!({"op": "replace", "path": "/", "value": 2}),
                json!({"": 2}),
            ),
            (
                json!({"a": 1}),
                json!({"op": "move", "from": "/a", "path": "/b"}),
                json!({"b": 1}),
            ),
            (
                json!([1, 2, 3]),
                json!({"op": "move", "from": "/0", "path": "/2"}),
                json!([2, 3, 1]),
            ),
            (
                json!({"a": [1]}),
                json!({"op": "copy", "from": "/a", "path": "/b"}),
                json!({"a": [1], "b": [1]}),
            ),
            (
                json!({"a": 1.0}),
                json!({"op": "test", "path": "/a", "value": 1}),
                json!({"a": 1.0}),
            ),
        ];
        for (document, op, expected) in cases {
            assert_eq!(patched(document, json!([op.clone()])), Ok(expected), "{op}");
        }
    }

    #[test]
    fn what_cannot_be_done_is_an_error() {
        let document = json!({"a": {"b": 1}, "l": [1]});
        for op in [
            json!({"op": "remove", "path": "/x"}),
            json!({"op": "remove", "path": "/l/-"}),
            json!({"op": "replace", "path": "/x", "value": 1}),
            json!({"op": "add", "path": "/x/y", "value": 1}),
            json!({"op": "add", "path": "/l/2", "value": 1}),
            json!({"op": "add", "path": "/l/00", "value": 1}),
            json!({"op": "add", "path": "/l/+0", "value": 1}),
            json!({"op": "add", "path": "/a"}),
            json!({"op": "add", "path": "a", "value": 1}),
            json!({"op": "move", "from": "/a", "path": "/a/b/c"}),
            json!({"op": "move", "path": "/a"}),
            json!({"op": "test", "path": "/a", "value": {"b": 2}}),
        ] {
            assert!(
                patched(document.clone(), json!([op.clone()])).is_err(),
                "{op}"
            );
        }
    }
}
