//! Between a provider's values and the outputs that core remembers.
//!
//! Outputs have no types. All but those of dynamic attributes follow from the schema; these are
//! noted beside the outputs.

use std::collections::BTreeMap;

use nixops4_core::value::{Kind, Marks, Number, Value as Output};
use nixops4_core::{AttrPath, Step as OutputStep};
use serde_json::{Map, Value as Json, json};

use crate::cty::{CodecError, Object, Path, Step, Type, Value};
use crate::schema::{Block, elements};

/// The types that were chosen for the values of dynamic attributes.
pub(super) type DynamicTypes = BTreeMap<AttrPath, Type>;

/// Converts a value to outputs; secrets are marked by the schema and by `marks`.
///
/// Fails for what no state can hold: an infinite number.
pub(super) fn to_outputs(
    block: &Block,
    value: &Value,
    marks: &[(Path, Marks)],
) -> Result<(Output, DynamicTypes), CodecError> {
    let mut writer = Writer {
        path: AttrPath::root(),
        types: DynamicTypes::new(),
    };
    let mut output = writer.write(&block.object_type(), value)?;
    mark_secrets(block, value, &mut output);
    for (path, marks) in marks {
        mark_at(&mut output, &path.0, *marks);
    }
    Ok((output, writer.types))
}

/// Converts a value that no schema describes.
pub(super) fn to_output(ty: &Type, value: &Value) -> Result<Output, CodecError> {
    let mut writer = Writer {
        path: AttrPath::root(),
        types: DynamicTypes::new(),
    };
    writer.write(ty, value)
}

struct Writer {
    path: AttrPath,
    types: DynamicTypes,
}

impl Writer {
    fn write(&mut self, ty: &Type, value: &Value) -> Result<Output, CodecError> {
        Ok(match (ty, value) {
            (_, Value::Null) => Output::null(),
            (_, Value::Unknown(_)) => Output::unknown(),
            (_, Value::Bool(truth)) => (*truth).into(),
            (_, Value::String(text)) => text.as_str().into(),
            (_, Value::Number(number)) => match number.as_i64() {
                Some(int) => int.into(),
                None => {
                    let number = Number::parse(&number.to_string())
                        .ok_or_else(|| CodecError::new("a number that cannot be stored"))?;
                    Kind::Number(number).into()
                }
            },
            (Type::Dynamic, Value::Dynamic(dynamic)) => {
                self.types.insert(self.path.clone(), dynamic.ty.clone());
                self.write(&dynamic.ty, &dynamic.value)?
            }
            (Type::Object(ty), Value::Object(object)) => {
                let entry =
                    |((name, value), (_, ty)): ((&std::sync::Arc<str>, &Value), (_, &Type))| {
                        let step = Step::Attribute(name.clone());
                        Ok((name.to_string(), self.within(&**name, step, ty, value)?))
                    };
                let entries = object.iter().zip(ty.iter()).map(entry);
                Kind::Attrs(entries.collect::<Result<_, CodecError>>()?).into()
            }
            (Type::Map(ty), Value::Map(map)) => {
                let entry = |(key, value): (&String, &Value)| {
                    let step = Step::Key(key.as_str().into());
                    Ok((key.clone(), self.within(key.as_str(), step, ty, value)?))
                };
                Kind::Attrs(map.iter().map(entry).collect::<Result<_, CodecError>>()?).into()
            }
            (ty, value) => {
                let elements = value.as_elements().unwrap_or_default();
                let one = |(index, value)| {
                    self.within(index, Step::Index(index), element_type(ty, index), value)
                };
                let elements = elements.iter().enumerate().map(one);
                Kind::List(elements.collect::<Result<_, CodecError>>()?).into()
            }
        })
    }

    fn within(
        &mut self,
        step: impl Into<OutputStep>,
        place: Step,
        ty: &Type,
        value: &Value,
    ) -> Result<Output, CodecError> {
        self.path.0.push(step.into());
        let result = self.write(ty, value);
        self.path.0.pop();
        result.map_err(|error| error.within(place))
    }
}

fn element_type(ty: &Type, index: usize) -> &Type {
    match ty {
        Type::List(element) | Type::Set(element) => element,
        Type::Tuple(types) => types.get(index).unwrap_or(&Type::Dynamic),
        _ => &Type::Dynamic,
    }
}

/// Marks what the schema calls secret.
fn mark_secrets(block: &Block, value: &Value, output: &mut Output) {
    let (Some(object), Kind::Attrs(attrs)) = (value.as_object(), &mut output.kind) else {
        return;
    };
    for ((field, value), output) in block.zip(object).zip(attrs.values_mut()) {
        let secret = field
            .attribute()
            .is_some_and(|attribute| attribute.sensitive);
        output.marks.sensitive |= secret && !value.is_null();
        let Some((nesting, inner)) = field.nested() else {
            continue;
        };
        for (step, value) in elements(nesting, value) {
            let part = match (&step, &mut output.kind) {
                (None, _) => Some(&mut *output),
                (Some(Step::Index(index)), Kind::List(list)) => list.get_mut(*index),
                (Some(Step::Key(key)), Kind::Attrs(attrs)) => attrs.get_mut(&**key),
                _ => None,
            };
            if let Some(part) = part {
                mark_secrets(inner, value, part);
            }
        }
    }
}

/// Marks the part at a path, or the deepest part on the way to it that there is.
fn mark_at(output: &mut Output, path: &[Step], marks: Marks) {
    if let Some((step, rest)) = path.split_first() {
        let part = match (step, &mut output.kind) {
            (Step::Attribute(name) | Step::Key(name), Kind::Attrs(attrs)) => attrs.get_mut(&**name),
            (Step::Index(index), Kind::List(list)) => list.get_mut(*index),
            _ => None,
        };
        if let Some(part) = part {
            return mark_at(part, rest, marks);
        }
    }
    output.marks = output.marks.union(marks);
}

/// Converts outputs back; `None` if they are not exactly of that type.
pub(super) fn from_outputs(ty: &Type, output: &Output, types: &DynamicTypes) -> Option<Value> {
    read(ty, output, &mut AttrPath::root(), types)
}

fn read(ty: &Type, output: &Output, path: &mut AttrPath, types: &DynamicTypes) -> Option<Value> {
    // Also null may have brought a type.
    if let (Type::Dynamic, Some(ty)) = (ty, types.get(path).filter(|ty| **ty != Type::Dynamic)) {
        return Some(Value::dynamic(ty.clone(), read(ty, output, path, types)?));
    }
    let mut within = |step: OutputStep, ty: &Type, output: &Output| {
        path.0.push(step);
        let value = read(ty, output, path, types);
        path.0.pop();
        value
    };
    Some(match (ty, &output.kind) {
        (_, Kind::Null) => Value::Null,
        (Type::Bool, Kind::Bool(truth)) => Value::Bool(*truth),
        (Type::String, Kind::String(text)) => Value::string(&**text),
        (Type::Number, Kind::Number(number)) => match number.as_i64() {
            Some(int) => Value::int(int),
            None => Value::Number(number.to_string().parse().ok()?),
        },
        (Type::Object(object), Kind::Attrs(attrs)) => {
            // Both are sorted by name.
            let same = attrs.len() == object.len()
                && attrs
                    .keys()
                    .zip(object.names().iter())
                    .all(|(key, name)| key.as_str() == &**name);
            let values = attrs
                .iter()
                .zip(object.iter())
                .filter(|_| same)
                .map(|((name, output), (_, ty))| within(name.as_str().into(), ty, output));
            Value::Object(Object::from_values(
                object.names(),
                values.collect::<Option<_>>()?,
            )?)
        }
        (Type::Map(ty), Kind::Attrs(attrs)) => {
            let entries = attrs
                .iter()
                .map(|(key, output)| Some((key.clone(), within(key.as_str().into(), ty, output)?)));
            Value::Map(entries.collect::<Option<_>>()?)
        }
        (Type::List(_) | Type::Set(_) | Type::Tuple(_), Kind::List(list)) => {
            let values = list
                .iter()
                .enumerate()
                .map(|(index, output)| within(index.into(), element_type(ty, index), output));
            let values: Vec<Value> = values.collect::<Option<_>>()?;
            match ty {
                Type::Set(_) => Value::set(values),
                Type::Tuple(types) if types.len() == values.len() => Value::Tuple(values),
                Type::Tuple(_) => return None,
                _ => Value::List(values),
            }
        }
        _ => return None,
    })
}

/// Outputs as Terraform's state has them: dynamic values with their types.
pub(super) fn to_raw_json(output: &Output, types: &DynamicTypes) -> Json {
    raw(output, &mut AttrPath::root(), types)
}

fn raw(output: &Output, path: &mut AttrPath, types: &DynamicTypes) -> Json {
    let mut within = |step: OutputStep, output: &Output| {
        path.0.push(step);
        let json = raw(output, path, types);
        path.0.pop();
        json
    };
    let plain = match &output.kind {
        Kind::List(list) => list
            .iter()
            .enumerate()
            .map(|(index, output)| within(index.into(), output))
            .collect(),
        Kind::Attrs(attrs) => {
            let entries = attrs
                .iter()
                .map(|(name, output)| (name.clone(), within(name.as_str().into(), output)));
            Json::Object(entries.collect::<Map<_, _>>())
        }
        _ => output.to_plain_json(),
    };
    match types.get(path) {
        Some(ty) => json!({ "value": plain, "type": ty }),
        None => plain,
    }
}

/// Removes from raw state what the type does not have (any more).
pub(super) fn strip_unknown(ty: &Type, json: &mut Json) {
    match (ty, json) {
        (Type::Object(object), Json::Object(map)) => {
            map.retain(|name, _| object.get(name).is_some());
            for (name, json) in map {
                if let Some(ty) = object.get(name) {
                    strip_unknown(ty, json);
                }
            }
        }
        (Type::Map(ty), Json::Object(map)) => {
            map.values_mut().for_each(|json| strip_unknown(ty, json))
        }
        (Type::List(ty) | Type::Set(ty), Json::Array(list)) => {
            list.iter_mut().for_each(|json| strip_unknown(ty, json));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
