//! Values and paths on the wire.

use nixops4_proto::tfplugin::v6;
use v6::attribute_path::step::Selector;

use crate::cty::{CodecError, Path, Step, Type, Value, json, msgpack};

/// Encodes a value for a request. Null is sent as such: peers cannot read an empty message.
pub fn to_wire(ty: &Type, value: &Value) -> Result<v6::DynamicValue, CodecError> {
    Ok(v6::DynamicValue {
        msgpack: msgpack::encode(ty, value)?,
        json: Vec::new(),
    })
}

/// Decodes a value from an answer; what is absent is null.
pub fn from_wire(ty: &Type, value: Option<&v6::DynamicValue>) -> Result<Value, CodecError> {
    match value {
        Some(v6::DynamicValue { msgpack, .. }) if !msgpack.is_empty() => {
            msgpack::decode(ty, msgpack)
        }
        Some(v6::DynamicValue { json, .. }) if !json.is_empty() => json::decode(ty, json),
        _ => Ok(Value::Null),
    }
}

/// Wraps stored JSON for an upgrade or a move.
pub fn raw_state(json: impl Into<Vec<u8>>) -> v6::RawState {
    v6::RawState {
        json: json.into(),
        flatmap: Default::default(),
    }
}

/// Reads the path of an attribute. Steps that say nothing are skipped; a step that cannot be
/// followed ends the path, since what is before it is still right.
pub fn path_from_wire(path: &v6::AttributePath) -> Path {
    let selectors = path.steps.iter().filter_map(|step| step.selector.as_ref());
    let step = |selector: &Selector| match selector {
        Selector::AttributeName(name) => Some(Step::Attribute(name.as_str().into())),
        Selector::ElementKeyString(key) => Some(Step::Key(key.as_str().into())),
        Selector::ElementKeyInt(index) => usize::try_from(*index).ok().map(Step::Index),
    };
    selectors.map_while(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_sent_as_a_byte_and_understood_in_every_form() {
        let wire = to_wire(&Type::String, &Value::Null).unwrap();
        assert_eq!(wire.msgpack, [0xc0]);
        let empty = v6::DynamicValue::default();
        for value in [Some(&wire), Some(&empty), None] {
            assert_eq!(from_wire(&Type::String, value), Ok(Value::Null));
        }
    }

    #[test]
    fn answers_may_be_json() {
        let wire = v6::DynamicValue {
            msgpack: vec![],
            json: b"[1]".to_vec(),
        };
        let value = from_wire(&Type::list(Type::Number), Some(&wire));
        assert_eq!(value, Ok(Value::List(vec![Value::int(1)])));
    }

    #[test]
    fn paths_end_where_they_make_no_sense() {
        let step = |selector| v6::attribute_path::Step { selector };
        let path = v6::AttributePath {
            steps: vec![
                step(Some(Selector::AttributeName("a".to_owned()))),
                step(None),
                step(Some(Selector::ElementKeyString("k".to_owned()))),
                step(Some(Selector::ElementKeyInt(-1))),
                step(Some(Selector::AttributeName("lost".to_owned()))),
            ],
        };
        assert_eq!(path_from_wire(&path).to_string(), "a[\"k\"]");
    }
}
