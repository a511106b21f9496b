//! Changes of inputs that the user does not want acted upon.

use crate::cty::{Path, Step, Value};
use crate::schema::Block;

/// Which changes are not acted upon.
#[derive(Clone, Copy, Debug)]
pub enum Ignored<'a> {
    /// None is.
    All,
    /// Those at these places.
    At(&'a [Path]),
}

/// Takes what was there before in place of what is wanted, where changes are ignored.
///
/// Places that do not exist on both sides are passed over.
pub fn ignore_changes(block: &Block, prior: &Value, config: Value, ignored: Ignored<'_>) -> Value {
    match ignored {
        Ignored::All => without_decided(block, prior, true),
        Ignored::At(paths) => paths.iter().fold(config, |config, path| {
            revert(&config, prior, &path.0).unwrap_or(config)
        }),
    }
}

/// A state as its user could have written it: without what only the provider decides.
fn without_decided(block: &Block, value: &Value, root: bool) -> Value {
    let Some(object) = value.as_object() else {
        return value.clone();
    };
    let mut values = object.values().iter();
    block.build(|field| {
        let value = values.next().unwrap_or(&Value::Null);
        if let Some(attribute) = field.attribute() {
            // Old providers declare an identifier as if it could be set.
            let is_id = root && attribute.computed && &*field.name == "id";
            if (attribute.computed && !attribute.optional) || is_id {
                return Value::Null;
            }
        }
        let Some((nesting, inner)) = field.nested() else {
            return value.clone();
        };
        if value.is_null() || value.is_unknown() {
            return value.clone();
        }
        let elements = crate::schema::elements(nesting, value);
        let kept = elements
            .into_iter()
            .map(|(_, element)| without_decided(inner, element, false));
        nesting.rebuild(value, kept.collect())
    })
}

/// `config` with the part at a path as in `prior`; `None` if the path does not apply.
fn revert(config: &Value, prior: &Value, path: &[Step]) -> Option<Value> {
    let Some((step, rest)) = path.split_first() else {
        return Some(prior.clone());
    };
    match (config, prior, step) {
        (Value::Unknown(_), ..) => None,
        (Value::Object(object), _, Step::Attribute(name) | Step::Key(name)) => {
            let changed = revert(object.get(name)?, prior.step(step)?, rest)?;
            let mut object = object.clone();
            *object.get_mut(name)? = changed;
            Some(Value::Object(object))
        }
        (Value::Map(_), _, Step::Attribute(key) | Step::Key(key))
        | (Value::Null, Value::Map(_), Step::Attribute(key) | Step::Key(key)) => {
            revert_key(config, prior, key, rest)
        }
        (Value::List(elements), _, Step::Index(index)) => {
            let changed = revert(elements.get(*index)?, prior.step(step)?, rest)?;
            let mut elements = elements.clone();
            *elements.get_mut(*index)? = changed;
            Some(Value::List(elements))
        }
        _ => None,
    }
}

/// Reverts one key of a map, which may be missing on either side.
fn revert_key(config: &Value, prior: &Value, key: &str, rest: &[Step]) -> Option<Value> {
    let mut map = config.as_map().cloned().unwrap_or_default();
    let before = prior.as_map().and_then(|prior| prior.get(key));
    match (before, rest.is_empty()) {
        (Some(before), true) => map.insert(key.to_owned(), before.clone()),
        (None, true) => map.remove(key),
        (before, false) => map.insert(key.to_owned(), revert(map.get(key)?, before?, rest)?),
    };
    match map.is_empty() && config.is_null() {
        true => Some(Value::Null),
        false => Some(Value::Map(map)),
    }
}
