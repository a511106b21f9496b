//! The merge rules, one predicate each, as the reference states them; no merging is done here.

use crate::cty::{Object, Type, Value};
use crate::schema::{Attribute, Block, FieldKind, Nested, NestedBlock, Nesting};

type Broken = Option<String>;

/// The first rule that a merged object breaks.
pub fn broken(block: &Block, prior: &Value, config: &Value, merged: &Value) -> Broken {
    if config.is_null() || config.is_unknown() {
        return expect(
            merged == prior,
            "a block object that is not known takes the prior",
        );
    }
    broken_fields(block, prior, config, merged)
}

fn expect(holds: bool, rule: &str) -> Broken {
    (!holds).then(|| rule.to_owned())
}

fn get<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    object
        .as_object()
        .and_then(|object: &Object| object.get(name))
}

fn broken_fields(block: &Block, prior: &Value, config: &Value, merged: &Value) -> Broken {
    block.fields().iter().find_map(|field| {
        let absent = field.absent();
        let prior = get(prior, &field.name).unwrap_or(&absent);
        let (Some(config), Some(merged)) = (get(config, &field.name), get(merged, &field.name))
        else {
            return Some(format!("{} is missing", field.name));
        };
        let broken = match &field.kind {
            FieldKind::Attribute(attribute) => broken_attribute(attribute, prior, config, merged),
            FieldKind::Block(nested) => broken_blocks(nested, prior, config, merged),
        };
        broken.map(|rule| format!("{}: {rule}", field.name))
    })
}

fn broken_attribute(
    attribute: &Attribute,
    prior: &Value,
    config: &Value,
    merged: &Value,
) -> Broken {
    if attribute.computed && config.is_null() {
        let removed = attribute.optional
            && attribute
                .nested
                .as_ref()
                .is_some_and(|nested| any_written(nested, prior));
        return match removed {
            true => expect(merged.is_null(), "what the user removed is null"),
            false => expect(merged == prior, "what the provider decides stays"),
        };
    }
    match &attribute.nested {
        Some(_) if config.is_null() || config.is_unknown() => expect(
            merged == config,
            "a nested attribute that is not known is as configured",
        ),
        Some(nested) => broken_elements(
            nested.nesting,
            &nested.object,
            prior,
            config,
            merged,
            &|p, c, m| match c.is_null() || c.is_unknown() {
                true => expect(m == c, "an element that is not known is as configured"),
                false => broken_fields(&nested.object, p, c, m),
            },
        ),
        None => expect(merged == config, "what the user decides is as configured"),
    }
}

fn any_written(nested: &Nested, prior: &Value) -> bool {
    all_elements(prior, nested.nesting)
        .into_iter()
        .any(|element| {
            nested.object.fields().iter().any(|field| {
                let FieldKind::Attribute(attribute) = &field.kind else {
                    return false;
                };
                match get(element, &field.name) {
                    None => false,
                    Some(value) if value.is_null() => false,
                    Some(value) => {
                        !attribute.computed
                            || attribute
                                .nested
                                .as_ref()
                                .is_some_and(|inner| any_written(inner, value))
                    }
                }
            })
        })
}

fn all_elements(value: &Value, nesting: Nesting) -> Vec<&Value> {
    match (nesting, value) {
        (_, Value::Null | Value::Unknown(_)) => Vec::new(),
        (Nesting::Single | Nesting::Group, value) => vec![value],
        (_, value) => value.children().collect(),
    }
}

fn broken_blocks(nested: &NestedBlock, prior: &Value, config: &Value, merged: &Value) -> Broken {
    if config.is_unknown() {
        return expect(
            merged == config,
            "blocks of unknown number are as configured",
        );
    }
    if nested.nesting == Nesting::Single && config.is_null() {
        return expect(merged.is_null(), "a block that is not written is null");
    }
    let empty = nested.block.empty();
    broken_elements(
        nested.nesting,
        &nested.block,
        prior,
        config,
        merged,
        &|p, c, m| broken(&nested.block, if p.is_null() { &empty } else { p }, c, m),
    )
}

type Check<'a> = &'a dyn Fn(&Value, &Value, &Value) -> Broken;

fn broken_elements(
    nesting: Nesting,
    block: &Block,
    prior: &Value,
    config: &Value,
    merged: &Value,
    check: Check<'_>,
) -> Broken {
    match (nesting, config, merged) {
        (Nesting::Single | Nesting::Group, config, merged) => check(prior, config, merged),
        (Nesting::List, Value::List(configs), Value::List(mergeds)) => {
            let priors = prior.as_elements().unwrap_or_default();
            expect(
                configs.len() == mergeds.len(),
                "a list is as long as configured",
            )
            .or_else(|| {
                configs
                    .iter()
                    .zip(mergeds)
                    .enumerate()
                    .find_map(|(index, (config, merged))| match priors.get(index) {
                        Some(prior) => check(prior, config, merged),
                        None => expect(config == merged, "a new element is as configured"),
                    })
            })
        }
        (Nesting::Map, Value::Map(configs), Value::Map(mergeds)) => {
            let keys = configs.keys().eq(mergeds.keys());
            expect(keys, "a map has the keys that are configured").or_else(|| {
                configs
                    .iter()
                    .zip(mergeds.values())
                    .find_map(|((key, config), merged)| {
                        match prior.as_map().and_then(|prior| prior.get(key)) {
                            Some(prior) => check(prior, config, merged),
                            None => expect(config == merged, "a new element is as configured"),
                        }
                    })
            })
        }
        (Nesting::Set, Value::Set(configs), Value::Set(mergeds)) => {
            let priors: Vec<&Value> = prior.as_elements().unwrap_or_default().iter().collect();
            let made = assign(
                block,
                &priors,
                configs.as_slice(),
                mergeds.as_slice(),
                check,
            );
            expect(
                made,
                "each element of a set is a configured one, completed by a prior one",
            )
        }
        _ => Some("the merged value has another shape than the configuration".to_owned()),
    }
}

/// Takes the configured elements in order, each with the first prior element left that differs
/// only in what the provider decides, and looks for the outcome among the merged ones.
fn assign(
    block: &Block,
    priors: &[&Value],
    configs: &[Value],
    merged: &[Value],
    check: Check<'_>,
) -> bool {
    let mut left = priors.to_vec();
    let mut outcomes = vec![false; merged.len()];
    for config in configs {
        let prior = left
            .iter()
            .position(|prior| may_have_become(block, prior, config));
        let prior = prior
            .map(|index| left.remove(index))
            .unwrap_or(&Value::Null);
        let fits = merged
            .iter()
            .position(|merged| check(prior, config, merged).is_none());
        match fits {
            Some(index) => outcomes[index] = true,
            None => return false,
        }
        // Several elements may fit where parts are unknown.
        for (index, merged) in merged.iter().enumerate() {
            outcomes[index] |= check(prior, config, merged).is_none();
        }
    }
    outcomes.into_iter().all(|found| found)
}

fn may_have_become(block: &Block, prior: &Value, config: &Value) -> bool {
    if prior == config {
        return true;
    }
    block.fields().iter().all(|field| {
        let (Some(before), Some(wanted)) = (get(prior, &field.name), get(config, &field.name))
        else {
            return prior.is_null();
        };
        if before == wanted {
            return true;
        }
        match &field.kind {
            FieldKind::Attribute(Attribute {
                nested: Some(nested),
                ..
            }) => inside_may_have_become(nested.nesting, &nested.object, before, wanted),
            FieldKind::Attribute(attribute) => {
                attribute.computed && wanted.is_null() && !matches!(attribute.ty, Type::Set(_))
            }
            FieldKind::Block(nested) => {
                inside_may_have_become(nested.nesting, &nested.block, before, wanted)
            }
        }
    })
}

fn inside_may_have_become(nesting: Nesting, block: &Block, before: &Value, wanted: &Value) -> bool {
    match (nesting, before, wanted) {
        (Nesting::Set, ..) => false,
        (_, Value::Null, _) => true,
        (_, _, Value::Null | Value::Unknown(_)) => nesting_is_empty(nesting, before),
        (Nesting::Single | Nesting::Group, before, wanted) => {
            may_have_become(block, before, wanted)
        }
        (Nesting::List, Value::List(before), Value::List(wanted)) => {
            before.len() <= wanted.len()
                && before
                    .iter()
                    .zip(wanted)
                    .all(|(b, w)| may_have_become(block, b, w))
        }
        (Nesting::Map, Value::Map(before), Value::Map(wanted)) => before.iter().all(|(key, b)| {
            wanted
                .get(key)
                .is_some_and(|w| may_have_become(block, b, w))
        }),
        _ => false,
    }
}

fn nesting_is_empty(nesting: Nesting, value: &Value) -> bool {
    !matches!(nesting, Nesting::Single | Nesting::Group) && value.children().next().is_none()
}
