//! Small questions about values that planning asks.

use crate::Step;
use crate::provider::ResourceType;
use crate::value::{Kind, Marks, Value};

/// Marks what is at `path` as sensitive; a step by name also goes into every element of a list, as
/// blocks are written as lists or as single attribute sets.
pub(crate) fn mark_sensitive(value: &mut Value, path: &[Step]) {
    mark(value, path, &|marks| marks.sensitive = true);
}

/// Marks what must not be stored. [`ResourceType::ANY_KEY`] in the path stands for the keys of a map.
pub(crate) fn mark_ephemeral(value: &mut Value, path: &[Step]) {
    mark(value, path, &|marks| marks.ephemeral = true);
}

fn mark(value: &mut Value, path: &[Step], set: &dyn Fn(&mut Marks)) {
    let Some((step, rest)) = path.split_first() else {
        if !value.is_null() {
            set(&mut value.marks);
        }
        return;
    };
    match (&mut value.kind, step) {
        (Kind::Attrs(attrs), Step::Name(name)) => {
            if let Some(inner) = attrs.get_mut(name) {
                mark(inner, rest, set);
            } else if *name == *ResourceType::ANY_KEY {
                attrs.values_mut().for_each(|inner| mark(inner, rest, set));
            }
        }
        (Kind::List(elements), Step::Name(_)) => {
            elements.iter_mut().for_each(|e| mark(e, path, set));
        }
        (Kind::List(elements), Step::Index(index)) => {
            let index = usize::try_from(*index).ok();
            if let Some(inner) = index.and_then(|index| elements.get_mut(index)) {
                mark(inner, rest, set);
            }
        }
        _ => {}
    }
}

/// Whether two values say the same to a provider: marks and provenance apart, what is not set is
/// like what is null, and what is not stored (ephemeral) is not compared.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    if a.marks.ephemeral || b.marks.ephemeral {
        return true;
    }
    match (&a.kind, &b.kind) {
        (Kind::List(a), Kind::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Kind::Attrs(a), Kind::Attrs(b)) => {
            let within = |a: &std::collections::BTreeMap<String, Value>,
                          b: &std::collections::BTreeMap<String, Value>| {
                a.iter().all(|(name, value)| match b.get(name) {
                    Some(other) => same(value, other),
                    None => value.is_null() || value.marks.ephemeral,
                })
            };
            within(a, b)
                && b.iter().all(|(name, value)| {
                    a.contains_key(name) || value.is_null() || value.marks.ephemeral
                })
        }
        (a, b) => a == b,
    }
}

/// Whether `actual` is what `planned` said, with every unknown leaf of it filled in somehow.
/// Gives the first place where it is not.
pub(crate) fn contradiction(planned: &Value, actual: &Value) -> Option<crate::AttrPath> {
    let mut path = crate::AttrPath::root();
    contradicts(planned, actual, &mut path).then_some(path)
}

fn contradicts(planned: &Value, actual: &Value, path: &mut crate::AttrPath) -> bool {
    if planned.marks.ephemeral || actual.marks.ephemeral {
        return false;
    }
    let mut inner = |step: Step, planned: &Value, actual: &Value| {
        path.0.push(step);
        let found = contradicts(planned, actual, path);
        if !found {
            path.0.pop();
        }
        found
    };
    match (&planned.kind, &actual.kind) {
        (Kind::Unknown, _) => false,
        (_, Kind::Unknown) => promises(planned),
        (Kind::Attrs(planned), Kind::Attrs(actual)) => {
            let null = Value::null();
            let more = actual.keys().filter(|name| !planned.contains_key(*name));
            planned.keys().chain(more).any(|name| {
                inner(
                    name.as_str().into(),
                    planned.get(name).unwrap_or(&null),
                    actual.get(name).unwrap_or(&null),
                )
            })
        }
        (Kind::List(planned), Kind::List(actual)) if planned.len() == actual.len() => planned
            .iter()
            .zip(actual)
            .enumerate()
            .any(|(i, (planned, actual))| inner(i.into(), planned, actual)),
        (planned, actual) => planned != actual,
    }
}

/// Whether anything in it is known.
fn promises(planned: &Value) -> bool {
    match &planned.kind {
        Kind::Unknown | Kind::Null => false,
        Kind::Attrs(attrs) => attrs.values().any(promises),
        Kind::List(elements) => elements.is_empty() || elements.iter().any(promises),
        _ => true,
    }
}

/// Whether something that was there has been changed or taken away.
///
/// What was empty and is filled in now, or is empty in another way (`null`, `""`, no elements), is
/// no change that anyone made: providers differ in how they report what is not set.
pub(crate) fn has_drifted(before: &Value, after: &Value) -> bool {
    match (&before.kind, &after.kind) {
        _ if is_empty(before) => false,
        (Kind::Attrs(a), Kind::Attrs(b)) => a.iter().any(|(name, before)| match b.get(name) {
            Some(after) => has_drifted(before, after),
            None => !is_empty(before),
        }),
        (Kind::List(a), Kind::List(b)) => {
            a.len() != b.len() || a.iter().zip(b).any(|(a, b)| has_drifted(a, b))
        }
        (a, b) => a != b,
    }
}

fn is_empty(value: &Value) -> bool {
    match &value.kind {
        Kind::Null => true,
        Kind::String(text) => text.is_empty(),
        Kind::List(elements) => elements.is_empty(),
        Kind::Attrs(attrs) => attrs.values().all(is_empty),
        Kind::Bool(_) | Kind::Number(_) | Kind::Unknown => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_reach_into_lists_and_maps() {
        let inner = || Value::attrs([("key", "k".into()), ("other", "o".into())]);
        let mut value = Value::attrs([
            ("list", Value::list([inner(), inner()])),
            ("map", Value::attrs([("a", inner()), ("b", Value::null())])),
            ("one", inner()),
        ]);
        let path = |names: &[&str]| names.iter().map(|name| (*name).into()).collect::<Vec<_>>();
        mark_ephemeral(&mut value, &path(&["list", "key"]));
        mark_ephemeral(&mut value, &path(&["map", ResourceType::ANY_KEY, "key"]));
        mark_sensitive(&mut value, &path(&["one", "key"]));
        let mut marked = Vec::new();
        value.visit(&mut |path, _, _, marks| {
            if marks.ephemeral || marks.sensitive {
                marked.push(format!("{path} {}", marks.ephemeral));
            }
        });
        assert_eq!(
            marked,
            [
                "list[0].key true",
                "list[1].key true",
                "map.a.key true",
                "one.key false"
            ]
        );
    }

    #[test]
    fn what_was_known_may_not_change_and_what_was_unknown_may() {
        let unknown = Value::unknown;
        let planned = Value::attrs([("id", unknown()), ("name", "a".into()), ("l", unknown())]);
        let fine = Value::attrs([
            ("id", "1".into()),
            ("name", "a".into()),
            ("l", Value::list(["x".into()])),
        ]);
        assert_eq!(contradiction(&planned, &fine), None);
        let other = Value::attrs([("id", "1".into()), ("name", "b".into())]);
        let path = contradiction(&planned, &other).expect("another name");
        assert_eq!(path.to_string(), "name");
        let forgotten = Value::attrs([("id", "1".into()), ("name", unknown())]);
        assert!(contradiction(&planned, &forgotten).is_some());
        let names = Value::attrs([("a", unknown()), ("b", unknown())]);
        assert_eq!(contradiction(&names, &unknown()), None);
    }

    #[test]
    fn what_is_not_set_is_like_null_and_what_is_ephemeral_is_not_compared() {
        let a = Value::attrs([("x", Value::null()), ("y", 1.into())]);
        let b = Value::attrs([("y", Value::from(1))]);
        assert!(same(&a, &b) && same(&b, &a));
        let mut passing = Value::from("secret");
        passing.marks.ephemeral = true;
        let c = Value::attrs([("y", 1.into()), ("z", passing)]);
        assert!(same(&b, &c) && same(&c, &b));
    }
}
