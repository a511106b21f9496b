//! Small repairs and checks of the values that providers return.

use crate::cty::{Path, Value};
use crate::schema::{Block, Field, FieldKind, NestedBlock, Nesting, elements};

/// Brings blocks into the shape that configurations have: old providers return null or unknown
/// where there must be a list or a block.
pub fn normalise_blocks(block: &Block, value: Value) -> Value {
    let Value::Object(object) = value else {
        return value;
    };
    let mut values = object.into_values().into_iter();
    block.build(|field| {
        let value = values.next().unwrap_or(Value::Null);
        match &field.kind {
            FieldKind::Block(nested)
                if nested.nesting != Nesting::Map && !nested.ty.contains_dynamic() =>
            {
                normalise(nested, value)
            }
            _ => value,
        }
    })
}

fn normalise(nested: &NestedBlock, value: Value) -> Value {
    match (nested.nesting, value) {
        (Nesting::List | Nesting::Set | Nesting::Group, Value::Null) => nested.absent(),
        (nesting, Value::Unknown(_)) => {
            nesting.rebuild(&Value::Null, vec![unknown_leaves(&nested.block)])
        }
        (_, Value::Null) => Value::Null,
        (nesting, value) => {
            let normal = elements(nesting, &value)
                .into_iter()
                .map(|(_, element)| normalise_blocks(&nested.block, element.clone()))
                .collect();
            nesting.rebuild(&value, normal)
        }
    }
}

/// A block of which every leaf is unknown.
fn unknown_leaves(block: &Block) -> Value {
    block.build(|field| match &field.kind {
        FieldKind::Attribute(_) => Value::UNKNOWN,
        FieldKind::Block(nested) if nested.nesting == Nesting::Map => nested.absent(),
        FieldKind::Block(nested) => nested
            .nesting
            .rebuild(&Value::Null, vec![unknown_leaves(&nested.block)]),
    })
}

/// Replaces what is still unknown by null, and tells where that was.
pub fn unknowns_to_null(value: Value) -> (Value, Vec<Path>) {
    let paths = match value.is_wholly_known() {
        true => return (value, Vec::new()),
        false => value.unknown_paths(),
    };
    let known = value.transform(&mut |_, part| match part {
        Value::Unknown(_) => Value::Null,
        other => other,
    });
    (known, paths)
}

/// The write-only attributes that have a value although they must not.
pub fn set_write_only(block: &Block, value: &Value) -> Vec<Path> {
    let mut found = Vec::new();
    find_write_only(block, value, &Path::root(), &mut found);
    found
}

fn find_write_only(block: &Block, value: &Value, path: &Path, found: &mut Vec<Path>) {
    let Some(object) = value.as_object() else {
        return;
    };
    for (field, value) in block.zip(object) {
        let path = path.child(field.step());
        if is_write_only(field) && !value.is_null() {
            found.push(path);
        } else if let Some((nesting, inner)) = inside(field) {
            for (step, element) in elements(nesting, value) {
                let path = step.map_or_else(|| path.clone(), |step| path.child(step));
                find_write_only(inner, element, &path, found);
            }
        }
    }
}

/// The value without its write-only attributes, as it may be stored.
pub fn without_write_only(block: &Block, value: &Value) -> Value {
    let Some(object) = value.as_object() else {
        return value.clone();
    };
    let mut values = object.values().iter();
    block.build(|field| {
        let value = values.next().unwrap_or(&Value::Null);
        match inside(field) {
            _ if is_write_only(field) => Value::Null,
            Some((nesting, inner)) if !value.is_null() && !value.is_unknown() => {
                let elements = elements(nesting, value).into_iter();
                let kept = elements.map(|(_, element)| without_write_only(inner, element));
                nesting.rebuild(value, kept.collect())
            }
            _ => value.clone(),
        }
    })
}

fn is_write_only(field: &Field) -> bool {
    matches!(&field.kind, FieldKind::Attribute(attribute) if attribute.write_only)
}

fn inside(field: &Field) -> Option<(Nesting, &Block)> {
    match &field.kind {
        FieldKind::Attribute(attribute) => attribute
            .nested
            .as_ref()
            .map(|nested| (nested.nesting, &*nested.object)),
        FieldKind::Block(nested) => Some((nested.nesting, &*nested.block)),
    }
}
