//! The proposed new state: what the user wants, completed with what was there before.

use std::borrow::Cow;

use super::same;
use crate::cty::{Object, Type, Value};
use crate::schema::{Attribute, Block, Field, FieldKind, Nested, NestedBlock, Nesting, elements};

/// Merges the state before with what is wanted.
///
/// Where the user says nothing and the provider decides, what was decided before stays; everything
/// else is as the user says. Elements of sets, which have no names, are matched with those that
/// differ only in what the provider decides.
pub fn proposed_state(block: &Block, prior: &Value, config: &Value) -> Value {
    match (prior.is_null(), config.is_null()) {
        (true, true) => Value::Null,
        (true, false) => merge_block(block, &block.empty(), config),
        _ => merge_block(block, prior, config),
    }
}

/// What is known of an object before anything was decided: the user's part, the rest unknown.
pub fn placeholder(block: &Block, config: &Value) -> Value {
    merge_block(block, &Value::UNKNOWN, config)
}

fn merge_block(block: &Block, prior: &Value, config: &Value) -> Value {
    match config.as_object() {
        Some(config) => merge_fields(block, prior, config),
        // A block object that is not known, which is strange, changes nothing.
        None => prior.clone(),
    }
}

fn merge_fields(block: &Block, prior: &Value, config: &Object) -> Value {
    let mut configs = config.values().iter();
    block.build(|field| {
        let config = configs.next().unwrap_or(&Value::Null);
        let prior = prior_of(prior, field);
        match &field.kind {
            FieldKind::Attribute(attribute) => merge_attribute(attribute, &prior, config),
            FieldKind::Block(nested) => merge_blocks(nested, &prior, config),
        }
    })
}

fn prior_of<'a>(prior: &'a Value, field: &Field) -> Cow<'a, Value> {
    match prior.as_object().and_then(|object| object.get(&field.name)) {
        Some(value) => Cow::Borrowed(value),
        None if prior.is_unknown() => Cow::Owned(Value::UNKNOWN),
        None => Cow::Owned(field.absent()),
    }
}

fn merge_attribute(attribute: &Attribute, prior: &Value, config: &Value) -> Value {
    match &attribute.nested {
        Some(nested) if attribute.computed && config.is_null() => {
            // What the user must have written before, the user has now removed.
            let was_written = attribute.optional && has_written_part(nested, prior);
            if was_written {
                config.clone()
            } else {
                prior.clone()
            }
        }
        None if attribute.computed && config.is_null() => prior.clone(),
        Some(nested) => merge_nested(nested, prior, config),
        None => config.clone(),
    }
}

/// Whether a nested attribute that only the user can set has a value.
fn has_written_part(nested: &Nested, value: &Value) -> bool {
    elements(nested.nesting, value)
        .into_iter()
        .any(|(_, element)| {
            let Some(object) = element.as_object() else {
                return false;
            };
            nested
                .object
                .zip(object)
                .any(|(field, value)| match &field.kind {
                    FieldKind::Attribute(attribute) if !value.is_null() => {
                        let inner = attribute.nested.as_ref();
                        !attribute.computed
                            || inner.is_some_and(|nested| has_written_part(nested, value))
                    }
                    _ => false,
                })
        })
}

fn merge_nested(nested: &Nested, prior: &Value, config: &Value) -> Value {
    if config.is_null() || config.is_unknown() {
        return config.clone();
    }
    merge_elements(
        nested.nesting,
        &nested.object,
        prior,
        config,
        &|prior, config| match config.as_object() {
            Some(object) => merge_fields(&nested.object, prior, object),
            None => config.clone(),
        },
    )
}

fn merge_blocks(nested: &NestedBlock, prior: &Value, config: &Value) -> Value {
    let block = &*nested.block;
    if config.is_unknown() || (config.is_null() && nested.nesting != Nesting::Group) {
        return config.clone();
    }
    merge_elements(
        nested.nesting,
        block,
        prior,
        config,
        &|prior, config| match prior.is_null() {
            true => merge_block(block, &block.empty(), config),
            false => merge_block(block, prior, config),
        },
    )
}

/// Pairs the elements of both sides by nesting mode and merges the pairs.
fn merge_elements(
    nesting: Nesting,
    object: &Block,
    prior: &Value,
    config: &Value,
    merge: &dyn Fn(&Value, &Value) -> Value,
) -> Value {
    let unknown = prior.is_unknown();
    let with = |prior: Option<&Value>, config: &Value| match prior {
        Some(prior) => merge(prior, config),
        None if unknown => merge(&Value::UNKNOWN, config),
        None => config.clone(),
    };
    match (nesting, config.concrete()) {
        (Nesting::Single | Nesting::Group, config) => merge(prior.concrete(), config),
        (Nesting::Map, Value::Map(map)) => {
            let priors = prior.as_map();
            let one = |(key, config): (&String, &Value)| {
                (
                    key.clone(),
                    with(priors.and_then(|priors| priors.get(key)), config),
                )
            };
            Value::Map(map.iter().map(one).collect())
        }
        (Nesting::Set, Value::Set(set)) => {
            let mut unused: Vec<&Value> = prior.as_elements().unwrap_or_default().iter().collect();
            let merged = set.iter().map(|config| {
                let found = unused
                    .iter()
                    .position(|prior| is_valid_prior(object, prior, config));
                match found {
                    Some(index) => merge(unused.remove(index), config),
                    None if unknown => merge(&Value::UNKNOWN, config),
                    None => merge(&Value::Null, config),
                }
            });
            Value::set(merged.collect::<Vec<_>>())
        }
        (Nesting::List, Value::List(list)) => {
            let priors = prior.as_elements().unwrap_or_default();
            let one = |(index, config)| with(priors.get(index), config);
            Value::List(list.iter().enumerate().map(one).collect())
        }
        (_, other) => other.clone(),
    }
}

/// Whether an element of a set may be what became of an element that was wanted: whether they
/// differ only in what the provider decides.
fn is_valid_prior(block: &Block, prior: &Value, config: &Value) -> bool {
    if same(prior, config) {
        return true;
    }
    let Some(prior) = prior.as_object() else {
        return true;
    };
    let Some(config) = config.as_object() else {
        return false;
    };
    block
        .zip(prior)
        .zip(config.values())
        .all(|((field, prior), config)| match &field.kind {
            FieldKind::Attribute(Attribute {
                nested: Some(nested),
                ..
            }) => are_valid_priors(nested.nesting, &nested.object, prior, config),
            FieldKind::Attribute(attribute) => {
                // Sets inside cannot be matched by what they differ in.
                let comparable = !matches!(attribute.ty, Type::Set(_));
                same(prior, config) || (comparable && attribute.computed && config.is_null())
            }
            FieldKind::Block(nested) => {
                are_valid_priors(nested.nesting, &nested.block, prior, config)
            }
        })
}

fn are_valid_priors(nesting: Nesting, block: &Block, prior: &Value, config: &Value) -> bool {
    if same(prior, config) {
        return true;
    }
    if nesting == Nesting::Set {
        return false;
    }
    elements(nesting, prior).into_iter().all(|(step, prior)| {
        let config = match &step {
            Some(step) => config.step(step),
            None => Some(config),
        };
        config.is_some_and(|config| is_valid_prior(block, prior, config))
    })
}
