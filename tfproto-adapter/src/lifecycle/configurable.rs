//! From an object as it is to the configuration that describes it.

use crate::cty::Value;
use crate::schema::{Attribute, Block, Field, FieldKind, Nesting, elements};

/// The part of an object that is the user's to set.
///
/// Left out are what only the provider decides, the `id` that the older plugin SDK lets users set
/// but does not mean, what is deprecated, what is never stored, and what is optional and empty:
/// the older SDK cannot tell that from not set.
pub fn configurable(block: &Block, value: &Value) -> Value {
    let Some(object) = value.as_object() else {
        return value.clone();
    };
    let kept: Vec<_> = block
        .zip(object)
        .map(|(field, value)| keep(field, value))
        .collect();
    let mut kept = kept.into_iter();
    block.build(|_| kept.next().unwrap_or(Value::Null))
}

/// Takes away lists and sets of blocks in which there is none: that says nothing.
pub fn without_empty_blocks(block: &Block, value: &Value) -> Value {
    let Some(object) = value.as_object() else {
        return value.clone();
    };
    let kept = block.zip(object).map(|(field, value)| match &field.kind {
        FieldKind::Attribute(_) => value.clone(),
        FieldKind::Block(nested) if is_empty(value) && nested.nesting != Nesting::Group => {
            Value::Null
        }
        FieldKind::Block(nested) => {
            let within = elements(nested.nesting, value).into_iter();
            let within = within.map(|(_, element)| without_empty_blocks(&nested.block, element));
            nested.nesting.rebuild(value, within.collect())
        }
    });
    let kept: Vec<_> = kept.collect();
    let mut kept = kept.into_iter();
    block.build(|_| kept.next().unwrap_or(Value::Null))
}

fn keep(field: &Field, value: &Value) -> Value {
    let (nesting, inner) = match &field.kind {
        FieldKind::Attribute(attribute) => {
            if !is_the_users(&field.name, attribute) || (!attribute.required && is_empty(value)) {
                return Value::Null;
            }
            match &attribute.nested {
                Some(nested) => (nested.nesting, &nested.object),
                None => return value.clone(),
            }
        }
        FieldKind::Block(nested) if is_empty(value) => {
            return match nested.nesting {
                // A list of blocks is there even where it is empty, which says nothing.
                Nesting::Group => configurable(&nested.block, value),
                _ => Value::Null,
            };
        }
        FieldKind::Block(nested) => (nested.nesting, &nested.block),
    };
    let kept: Vec<_> = elements(nesting, value)
        .into_iter()
        .map(|(_, element)| configurable(inner, element))
        .collect();
    match value.is_null() {
        true => Value::Null,
        false => nesting.rebuild(value, kept),
    }
}

fn is_the_users(name: &str, attribute: &Attribute) -> bool {
    let Attribute {
        required,
        optional,
        computed,
        write_only,
        deprecated,
        ..
    } = attribute;
    let of_the_older_sdk = name == "id" && *optional && *computed;
    (*required || *optional && deprecated.is_none()) && !write_only && !of_the_older_sdk
}

fn is_empty(value: &Value) -> bool {
    match value.concrete() {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Object(_) => false,
        other => other.as_elements().is_some_and(<[Value]>::is_empty),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cty::Type;
    use crate::schema::testing::{attr, block, blocks, optional};

    #[test]
    fn what_the_user_may_set_and_has_a_value_is_kept() {
        let of = |change: &dyn Fn(&mut Attribute)| {
            let mut attribute = optional(Type::String);
            change(&mut attribute);
            attribute
        };
        let rule = block([
            attr("port", optional(Type::Number)),
            attr("seen", of(&|a| (a.optional, a.computed) = (false, true))),
        ]);
        let b = block([
            attr("id", of(&|a| a.computed = true)),
            attr("arn", of(&|a| (a.optional, a.computed) = (false, true))),
            attr("name", of(&|a| (a.optional, a.required) = (false, true))),
            attr("note", optional(Type::String)),
            attr("old", of(&|a| a.deprecated = Some("no".to_owned()))),
            attr("zone", of(&|a| a.computed = true)),
            blocks("none", Nesting::List, rule.clone(), 0, 0),
            blocks("rule", Nesting::List, rule, 0, 0),
        ]);
        let text = |text: &str| Value::string(text.to_owned());
        let entry = Value::object([("port", Value::int(80)), ("seen", text("yes"))]);
        let value = Value::object([
            ("arn", text("a")),
            ("id", text("i")),
            ("name", text("")),
            ("none", Value::List(vec![])),
            ("note", text("")),
            ("old", text("o")),
            ("rule", Value::List(vec![entry])),
            ("zone", text("z")),
        ]);
        let kept = Value::object([("port", Value::int(80)), ("seen", Value::Null)]);
        assert_eq!(
            configurable(&b, &value),
            Value::object([
                ("arn", Value::Null),
                ("id", Value::Null),
                ("name", text("")),
                ("none", Value::Null),
                ("note", Value::Null),
                ("old", Value::Null),
                ("rule", Value::List(vec![kept])),
                ("zone", text("z")),
            ])
        );
    }
}
