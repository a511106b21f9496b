//! The patch that leads from one value to another.

use nixops4_proto::state::{PatchOp, PatchOpKind};
use serde_json::Value as Json;

use super::pointer;

/// An operation without `from`.
pub(super) fn op(op: PatchOpKind, path: impl Into<String>, value: Option<Json>) -> PatchOp {
    PatchOp {
        op,
        path: path.into(),
        from: None,
        value,
    }
}

/// Adds (or replaces an attribute).
pub(in crate::state) fn add(path: impl Into<String>, value: impl Into<Json>) -> PatchOp {
    op(PatchOpKind::Add, path, Some(value.into()))
}

/// Removes.
pub(in crate::state) fn remove(path: impl Into<String>) -> PatchOp {
    op(PatchOpKind::Remove, path, None)
}

/// Moves what is at `from`.
pub(in crate::state) fn move_to(from: String, to: String) -> PatchOp {
    PatchOp {
        from: Some(from),
        ..op(PatchOpKind::Move, to, None)
    }
}

/// What leads from `old`, which is at `pointer`, to `new`: leaf by leaf, or all of it where that is
/// shorter.
pub(super) fn diff(pointer: &str, old: &Json, new: Json) -> Vec<PatchOp> {
    let mut ops = Vec::new();
    let mut path = pointer.to_owned();
    step(&mut path, old, &new, PatchOpKind::Add, &mut ops);
    let whole = add(pointer, new);
    match written_len(&ops) > written_len(std::slice::from_ref(&whole)) {
        true => vec![whole],
        false => ops,
    }
}

fn written_len(ops: &[PatchOp]) -> usize {
    let mut counter = Counter(0);
    // Counting cannot fail, and a map of strings can always be written.
    let _ = serde_json::to_writer(&mut counter, ops);
    counter.0
}

struct Counter(usize);

impl std::io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `set` is how a value at `path` is set: in an attribute set by `add`, which does not mind whether
/// it is there, in a list by `replace`.
fn step(path: &mut String, old: &Json, new: &Json, set: PatchOpKind, ops: &mut Vec<PatchOp>) {
    if old == new {
        return;
    }
    let len = path.len();
    match (old, new) {
        (Json::Object(old), Json::Object(new)) => {
            for name in old.keys().filter(|name| !new.contains_key(*name)) {
                pointer::push(path, name);
                ops.push(remove(path.as_str()));
                path.truncate(len);
            }
            for (name, value) in new {
                pointer::push(path, name);
                match old.get(name) {
                    Some(old) => step(path, old, value, PatchOpKind::Add, ops),
                    None => ops.push(add(path.as_str(), value.clone())),
                }
                path.truncate(len);
            }
        }
        (Json::Array(old), Json::Array(new)) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                pointer::push(path, &index.to_string());
                step(path, old, new, PatchOpKind::Replace, ops);
                path.truncate(len);
            }
        }
        _ => ops.push(op(set, path.as_str(), Some(new.clone()))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(old: Json, new: Json, expected: Json) {
        let patch = serde_json::to_value(diff("/r", &old, new.clone())).expect("json");
        assert_eq!(patch, expected);
        let (document, patch) = (json!({ "r": old }).to_string(), patch.to_string());
        let mut document = super::super::node::Node::Text(&document);
        let patch = serde_json::from_str(&patch).expect("a patch");
        super::super::patch::apply(&mut document, patch).expect("applies");
        assert_eq!(document.to_json(), json!({ "r": new }));
    }

    #[test]
    fn only_the_leaves_that_differ_are_written() {
        let long = "x".repeat(200);
        check(
            json!({ "keep": long, "drop": 1, "in": { "l": [1, 2], "grow": [1] } }),
            json!({ "keep": long, "new": null, "in": { "l": [1, 3], "grow": [1, 2] } }),
            json!([
                { "op": "remove", "path": "/r/drop" },
                { "op": "add", "path": "/r/in/grow", "value": [1, 2] },
                { "op": "replace", "path": "/r/in/l/1", "value": 3 },
                { "op": "add", "path": "/r/new", "value": null },
            ]),
        );
        check(json!({ "a": long }), json!({ "a": long }), json!([]));
    }

    #[test]
    fn everything_is_written_where_that_is_shorter() {
        check(
            json!({ "a": 1, "b": 2, "c": 3 }),
            json!({ "a": 2, "b": 3, "c": 4 }),
            json!([{ "op": "add", "path": "/r", "value": { "a": 2, "b": 3, "c": 4 } }]),
        );
    }
}
