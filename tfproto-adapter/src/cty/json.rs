//! JSON, the encoding of values in state files and of raw state in requests.

use serde_json::{Map, Value as Json};
use std::str::FromStr as _;
use std::sync::Arc;

use super::{CodecError, MAX_DEPTH, Object, ObjectType, Step, Type, Value, nfc};

/// Decodes JSON text of the given type.
pub fn decode(ty: &Type, text: &[u8]) -> Result<Value, CodecError> {
    let json: Json = serde_json::from_slice(text)
        .map_err(|e| CodecError::new(format!("malformed JSON: {e}")))?;
    from_json(ty, json)
}

/// Encodes a wholly known value as compact JSON text, attributes and keys sorted.
pub fn encode(ty: &Type, value: &Value) -> Result<Vec<u8>, CodecError> {
    serde_json::to_vec(&to_json(ty, value)?).map_err(|e| CodecError::new(e.to_string()))
}

/// Converts parsed JSON to a value of the given type.
///
/// As lenient as Terraform: primitive types convert into each other where the text allows it, and
/// attributes that are missing are null. Attributes that the type does not have are an error.
pub fn from_json(ty: &Type, json: Json) -> Result<Value, CodecError> {
    read(ty, json, MAX_DEPTH)
}

fn read(ty: &Type, json: Json, depth: usize) -> Result<Value, CodecError> {
    let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
    match (ty, json) {
        (_, Json::Null) => Ok(Value::Null),
        (Type::Dynamic, Json::Object(wrapper)) => read_dynamic(wrapper, depth),
        (Type::String, Json::String(text)) => Ok(Value::string(text)),
        (Type::String, Json::Number(number)) => Ok(Value::string(number.as_str())),
        (Type::String, Json::Bool(truth)) => Ok(Value::string(truth.to_string())),
        (Type::Number, Json::Number(number)) => read_number(number.as_str()),
        (Type::Number, Json::String(text)) => read_number(&text),
        (Type::Bool, Json::Bool(truth)) => Ok(Value::Bool(truth)),
        (Type::Bool, Json::String(text)) if text == "true" => Ok(Value::Bool(true)),
        (Type::Bool, Json::String(text)) if text == "false" => Ok(Value::Bool(false)),
        (Type::List(element), Json::Array(items)) => {
            read_all(items, depth, |_| element).map(Value::List)
        }
        (Type::Set(element), Json::Array(items)) => {
            read_all(items, depth, |_| element).map(Value::set)
        }
        (Type::Tuple(types), Json::Array(items)) if types.len() == items.len() => {
            read_all(items, depth, |index| &types[index]).map(Value::Tuple)
        }
        (Type::Map(element), Json::Object(entries)) => {
            let entry = |(key, json): (String, Json)| {
                let value = read(element, json, depth)
                    .map_err(|e| e.within(Step::Key(Arc::from(key.as_str()))))?;
                Ok((nfc(&key).into_owned(), value))
            };
            Ok(Value::Map(
                entries
                    .into_iter()
                    .map(entry)
                    .collect::<Result<_, CodecError>>()?,
            ))
        }
        (Type::Object(object), Json::Object(entries)) => read_object(object, entries, depth),
        (ty, json) => Err(CodecError::new(format!(
            "expected {ty}, found {}",
            describe(&json)
        ))),
    }
}

fn too_deep() -> CodecError {
    CodecError::new(format!(
        "the value is nested more than {MAX_DEPTH} levels deep"
    ))
}

fn read_number(text: &str) -> Result<Value, CodecError> {
    text.parse()
        .map(Value::Number)
        .map_err(|e| CodecError::new(format!("expected a number: {e}")))
}

fn read_all<'t>(
    items: Vec<Json>,
    depth: usize,
    ty: impl Fn(usize) -> &'t Type,
) -> Result<Vec<Value>, CodecError> {
    let one = |(index, json)| {
        read(ty(index), json, depth).map_err(|e: CodecError| e.within(Step::Index(index)))
    };
    items.into_iter().enumerate().map(one).collect()
}

fn read_object(
    object: &ObjectType,
    entries: Map<String, Json>,
    depth: usize,
) -> Result<Value, CodecError> {
    let mut values = vec![Value::Null; object.len()];
    for (name, json) in entries {
        let Some(position) = object.names().position(&nfc(&name)) else {
            return Err(CodecError::new(format!("unexpected attribute {name:?}")));
        };
        values[position] = read(object.type_at(position), json, depth)
            .map_err(|e| e.within(Step::Attribute(object.names().at(position).clone())))?;
    }
    Object::from_values(object.names(), values)
        .map(Value::Object)
        .ok_or_else(|| CodecError::new("the object has too few attributes"))
}

fn read_dynamic(mut wrapper: Map<String, Json>, depth: usize) -> Result<Value, CodecError> {
    match (
        wrapper.remove("type"),
        wrapper.remove("value"),
        wrapper.is_empty(),
    ) {
        (Some(ty), Some(json), true) => {
            let ty: Type = serde_json::from_value(ty)
                .map_err(|e| CodecError::new(format!("invalid type constraint: {e}")))?;
            Ok(Value::dynamic(ty.clone(), read(&ty, json, depth)?))
        }
        _ => Err(CodecError::new(
            "expected an object of \"type\" and \"value\"",
        )),
    }
}

fn describe(json: &Json) -> String {
    match json {
        Json::Null => "null".to_owned(),
        Json::Bool(truth) => truth.to_string(),
        Json::Number(_) => "a number".to_owned(),
        Json::String(_) => "a string".to_owned(),
        Json::Array(items) => format!("an array of {}", items.len()),
        Json::Object(_) => "an object".to_owned(),
    }
}

/// Converts a wholly known value to JSON.
pub fn to_json(ty: &Type, value: &Value) -> Result<Json, CodecError> {
    match (ty, value) {
        (_, Value::Null) => Ok(Json::Null),
        (_, Value::Unknown(_)) => Err(CodecError::new("an unknown value has no JSON form")),
        (Type::Dynamic, Value::Dynamic(dynamic)) => {
            let ty = Json::from_str(&dynamic.ty.to_json());
            let ty = ty.map_err(|e| CodecError::new(e.to_string()))?;
            let value = to_json(&dynamic.ty, &dynamic.value)?;
            // A null of any type is plain null, so that its type is lost: as in Terraform.
            match value {
                Json::Null => Ok(Json::Null),
                value => Ok(Json::Object(
                    [("type".into(), ty), ("value".into(), value)]
                        .into_iter()
                        .collect(),
                )),
            }
        }
        (_, Value::Dynamic(dynamic)) if dynamic.ty == *ty => to_json(ty, &dynamic.value),
        (Type::String, Value::String(text)) => Ok(Json::String(text.clone())),
        (Type::Bool, Value::Bool(truth)) => Ok(Json::Bool(*truth)),
        (Type::Number, Value::Number(number)) => serde_json::Number::from_str(&number.to_string())
            .map(Json::Number)
            .map_err(|_| CodecError::new("an infinite number has no JSON form")),
        (Type::List(element), Value::List(elements)) => write_all(elements, |_| element),
        (Type::Set(element), Value::Set(elements)) => write_all(elements.as_slice(), |_| element),
        (Type::Tuple(types), Value::Tuple(elements)) if types.len() == elements.len() => {
            write_all(elements, |index| &types[index])
        }
        (Type::Map(element), Value::Map(map)) => {
            let entry = |(key, value): (&String, &Value)| {
                let json = to_json(element, value)
                    .map_err(|e| e.within(Step::Key(Arc::from(key.as_str()))))?;
                Ok((key.clone(), json))
            };
            Ok(Json::Object(
                map.iter().map(entry).collect::<Result<_, CodecError>>()?,
            ))
        }
        (Type::Object(ty), Value::Object(object)) if ty.names() == object.names() => {
            let entry = |(position, (name, value)): (usize, (&Arc<str>, &Value))| {
                let json = to_json(ty.type_at(position), value)
                    .map_err(|e| e.within(Step::Attribute(name.clone())))?;
                Ok((name.to_string(), json))
            };
            let entries = object.iter().enumerate().map(entry);
            Ok(Json::Object(entries.collect::<Result<_, CodecError>>()?))
        }
        (ty, value) => Err(CodecError::new(format!("expected {ty}, found {value}"))),
    }
}

fn write_all<'t>(elements: &[Value], ty: impl Fn(usize) -> &'t Type) -> Result<Json, CodecError> {
    let one = |(index, value)| {
        to_json(ty(index), value).map_err(|e: CodecError| e.within(Step::Index(index)))
    };
    elements
        .iter()
        .enumerate()
        .map(one)
        .collect::<Result<_, _>>()
        .map(Json::Array)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cty::testing;
    use proptest::prelude::*;

    fn read(ty: &Type, text: &str) -> Result<Value, String> {
        decode(ty, text.as_bytes()).map_err(|e| e.to_string())
    }

    fn write(ty: &Type, value: &Value) -> String {
        String::from_utf8(encode(ty, value).unwrap()).unwrap()
    }

    #[test]
    fn numbers_keep_every_digit() {
        for text in [
            "12345678901234567890123.456",
            "0.1",
            "-7",
            "9007199254740993",
        ] {
            assert_eq!(
                write(&Type::Number, &read(&Type::Number, text).unwrap()),
                text
            );
        }
        assert_eq!(
            write(&Type::Number, &read(&Type::Number, "1.50e2").unwrap()),
            "150"
        );
    }

    #[test]
    fn primitives_convert_as_in_terraform() {
        assert_eq!(read(&Type::String, "12.50"), Ok(Value::string("12.50")));
        assert_eq!(read(&Type::String, "true"), Ok(Value::string("true")));
        assert_eq!(read(&Type::Number, "\"1.5\""), read(&Type::Number, "1.5"));
        assert_eq!(read(&Type::Bool, "\"false\""), Ok(Value::Bool(false)));
        assert_eq!(
            read(&Type::Bool, "\"yes\""),
            Err("expected bool, found a string".into())
        );
        assert_eq!(
            read(&Type::Bool, "1"),
            Err("expected bool, found a number".into())
        );
    }

    #[test]
    fn missing_attributes_are_null_and_extra_ones_an_error() {
        let ty = Type::object([("a", Type::String), ("b", Type::set(Type::Number))]);
        let value = read(&ty, r#"{"b":[2,1,2]}"#).unwrap();
        assert_eq!(write(&ty, &value), r#"{"a":null,"b":[1,2]}"#);
        let list = Type::list(ty);
        assert_eq!(
            read(&list, r#"[{},{"z":1}]"#),
            Err("[1]: unexpected attribute \"z\"".into())
        );
        assert_eq!(
            read(&Type::tuple([Type::Bool]), "[]"),
            Err("expected tuple([bool]), found an array of 0".into())
        );
    }

    #[test]
    fn dynamic_values_are_wrapped() {
        let text = r#"{"type":["list","string"],"value":["x"]}"#;
        let value = read(&Type::Dynamic, text).unwrap();
        assert_eq!(write(&Type::Dynamic, &value), text);
        assert_eq!(read(&Type::Dynamic, "null"), Ok(Value::Null));
        let bad = Err("expected an object of \"type\" and \"value\"".to_owned());
        assert_eq!(read(&Type::Dynamic, r#"{"value":1}"#), bad);
        assert_eq!(
            read(&Type::Dynamic, r#"{"type":"number","value":1,"x":1}"#),
            bad
        );
    }

    #[test]
    fn unknown_and_infinite_values_have_no_json_form() {
        let ty = Type::object([("a", Type::list(Type::Number))]);
        let list = |value| Value::object([("a", Value::List(vec![value]))]);
        assert_eq!(
            encode(&ty, &list(Value::UNKNOWN)).unwrap_err().to_string(),
            "a[0]: an unknown value has no JSON form"
        );
        assert_eq!(
            encode(&ty, &list(Value::Number(crate::cty::Number::INFINITY)))
                .unwrap_err()
                .to_string(),
            "a[0]: an infinite number has no JSON form"
        );
        assert!(
            read(&ty, "{")
                .unwrap_err()
                .starts_with("malformed JSON: EOF")
        );
    }

    proptest! {
        #[test]
        fn known_values_round_trip((ty, value) in testing::typed_value(false)) {
            let read = decode(&ty, &encode(&ty, &value).unwrap()).unwrap();
            let again = decode(&ty, &encode(&ty, &read).unwrap()).unwrap();
            prop_assert_eq!(&again, &read);
            // The type of a dynamic null is lost the first time.
            if !ty.contains_dynamic() {
                prop_assert_eq!(read, value);
            }
        }
    }
}
