//! What of a value is stored: plain JSON, and beside it the positions of the leaves with marks.

use nixops4_proto::state::Marked;

use crate::value::{Kind, Marks, Value};
use crate::{AttrPath, Step};

/// A value as it comes back after it was stored: without provenance; unknown and ephemeral nodes
/// are null; a mark stands only at the outermost node that has it.
pub(in crate::state) fn storable(value: &Value) -> Value {
    strip(value, Marks::default(), false, 0)
}

/// A provider's configuration as it is stored: as [`storable`], but secrets are left out too, and
/// what is left out is unknown, so that nobody takes it for not set.
pub(in crate::state) fn redacted(value: &Value) -> Value {
    strip(value, Marks::default(), true, 0)
}

/// Deepest nesting that is stored; what is deeper is left out. No more than what can be read.
const MAX_DEPTH: usize = 256;

fn strip(value: &Value, outer: Marks, config: bool, depth: usize) -> Value {
    let all = outer.union(value.marks);
    let kind = match &value.kind {
        _ if all.ephemeral || config && all.sensitive => left_out(config),
        Kind::Unknown => left_out(config),
        Kind::List(_) | Kind::Attrs(_) if depth >= MAX_DEPTH => left_out(config),
        Kind::List(elements) => Kind::List(
            elements
                .iter()
                .map(|element| strip(element, all, config, depth + 1))
                .collect(),
        ),
        Kind::Attrs(attrs) => {
            let attrs = attrs.iter();
            Kind::Attrs(
                attrs
                    .map(|(name, v)| (name.clone(), strip(v, all, config, depth + 1)))
                    .collect(),
            )
        }
        scalar => scalar.clone(),
    };
    let marks = Marks {
        sensitive: value.marks.sensitive && !outer.sensitive,
        ephemeral: value.marks.ephemeral && !outer.ephemeral,
    };
    Value {
        marks,
        ..kind.into()
    }
}

fn left_out(config: bool) -> Kind {
    if config { Kind::Unknown } else { Kind::Null }
}

/// The positions of the marks in a storable value: sensitive, ephemeral.
pub(super) fn positions(value: &Value) -> (Vec<AttrPath>, Vec<AttrPath>) {
    let mut found = (Vec::new(), Vec::new());
    collect(value, &mut AttrPath::root(), &mut found);
    found
}

fn collect(value: &Value, path: &mut AttrPath, found: &mut (Vec<AttrPath>, Vec<AttrPath>)) {
    if value.marks.sensitive {
        found.0.push(path.clone());
    }
    if value.marks.ephemeral {
        found.1.push(path.clone());
    }
    let mut inner = |step: Step, value: &Value| {
        path.0.push(step);
        collect(value, path, found);
        path.0.pop();
    };
    match &value.kind {
        Kind::List(elements) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(i, value)| inner(i.into(), value));
        }
        Kind::Attrs(attrs) => {
            attrs
                .iter()
                .for_each(|(name, value)| inner(name.as_str().into(), value));
        }
        _ => {}
    }
}

/// The positions in both values of an object: sensitive, ephemeral.
pub(super) fn positions_of_both(inputs: &Value, outputs: &Value) -> (Marked, Marked) {
    let (sensitive_inputs, ephemeral_inputs) = positions(inputs);
    let (sensitive_outputs, ephemeral_outputs) = positions(outputs);
    (
        Marked {
            inputs: sensitive_inputs,
            outputs: sensitive_outputs,
        },
        Marked {
            inputs: ephemeral_inputs,
            outputs: ephemeral_outputs,
        },
    )
}

/// Puts marks at positions.
pub(super) fn put(value: &mut Value, sensitive: &[AttrPath], ephemeral: &[AttrPath]) {
    for path in sensitive {
        mark(value, &path.0, &|marks| marks.sensitive = true);
    }
    for path in ephemeral {
        mark(value, &path.0, &|marks| marks.ephemeral = true);
    }
}

/// Marks the node at `steps`, or where that is no longer there (another program changed the value)
/// the innermost around it: too much is marked rather than too little.
fn mark(value: &mut Value, steps: &[Step], set: &impl Fn(&mut Marks)) {
    let inner = match (steps.split_first(), &mut value.kind) {
        (Some((Step::Name(name), rest)), Kind::Attrs(attrs)) => {
            attrs.get_mut(name).map(|inner| (inner, rest))
        }
        (Some((Step::Index(index), rest)), Kind::List(elements)) => {
            let index = usize::try_from(*index).ok();
            index
                .and_then(|index| elements.get_mut(index))
                .map(|inner| (inner, rest))
        }
        _ => None,
    };
    match inner {
        Some((inner, rest)) => mark(inner, rest, set),
        None => set(&mut value.marks),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn marks_come_back_and_nothing_ephemeral_is_stored() {
        let mut token = Value::from("t");
        token.marks.ephemeral = true;
        let value = Value::attrs([
            ("password", Value::from("p").sensitive()),
            (
                "all",
                Value::attrs([("inner", Value::from("x").sensitive())]).sensitive(),
            ),
            ("token", token),
            ("later", Value::unknown()),
        ]);
        let stored = storable(&value);
        let json = stored.to_plain_json();
        assert_eq!(
            json,
            json!({ "password": "p", "all": { "inner": "x" }, "token": null, "later": null })
        );
        let (sensitive, ephemeral) = positions(&stored);
        assert_eq!(json!(sensitive), json!([["all"], ["password"]]));
        let mut back = Value::from_plain_json(&json).expect("a value");
        put(&mut back, &sensitive, &ephemeral);
        assert_eq!(back, stored);
    }

    #[test]
    fn a_mark_whose_leaf_is_gone_covers_what_was_around_it() {
        let path = AttrPath::root().child("a").child(3);
        let mut value = Value::attrs([("a", Value::list([1.into()]))]);
        put(&mut value, &[path], &[]);
        assert!(value.as_attrs().expect("attrs")["a"].marks.sensitive);
    }

    #[test]
    fn what_is_stored_can_be_read_however_deep_it_was() {
        let deep = (0..1000).fold(Value::null(), |inner, _| Value::list([inner]));
        let text = storable(&deep).to_plain_json().to_string();
        assert!(super::super::text::parse::<serde_json::Value>(&text).is_ok());
        assert_eq!(text.matches('[').count(), MAX_DEPTH);
    }

    #[test]
    fn secrets_of_a_configuration_become_unknown() {
        let value = Value::attrs([
            ("region", "eu".into()),
            ("key", Value::from("k").sensitive()),
        ]);
        let attrs = redacted(&value);
        let attrs = attrs.as_attrs().expect("attrs");
        assert_eq!(attrs["region"].as_str(), Some("eu"));
        assert!(attrs["key"].is_unknown() && attrs["key"].marks.sensitive);
    }
}
