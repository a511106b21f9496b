//! Checks inputs against what a provider describes, before it is asked. Pure.

use std::collections::BTreeMap;

use nixops4_proto::native::{InputSpec, ValueType};

use crate::AttrPath;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::suggest::did_you_mean;
use crate::value::{Kind, Value};

/// What may be in an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    /// By name.
    pub(super) specs: &'a BTreeMap<String, InputSpec>,
    /// Whether there may be others.
    pub(super) open: bool,
    /// What each is called: `input`.
    pub(super) noun: &'a str,
}

/// Everything that is wrong; paths go into `value`. Unknown leaves are never wrong.
pub(super) fn check(fields: Fields<'_>, value: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    check_object(fields, &AttrPath::root(), value, &mut diagnostics);
    diagnostics
}

fn check_object(fields: Fields<'_>, path: &AttrPath, value: &Value, found: &mut Diagnostics) {
    let none = BTreeMap::new();
    let attrs = match &value.kind {
        Kind::Unknown => return,
        Kind::Null => &none,
        Kind::Attrs(attrs) => attrs,
        _ => return found.push(mismatch("an attribute set", value).at(path.clone())),
    };
    for (name, value) in attrs {
        match fields.specs.get(name) {
            Some(spec) => check_value(&spec.value_type, &path.child(name.as_str()), value, found),
            None if fields.open => {}
            None => {
                let text = format!("there is no {} `{name}`", fields.noun);
                let mut diagnostic = Diagnostic::error(text).at(path.child(name.as_str()));
                diagnostic.hints = Vec::from_iter(did_you_mean(name, fields.specs.keys()));
                found.push(diagnostic);
            }
        }
    }
    for (name, spec) in fields.specs {
        if spec.required && attrs.get(name).is_none_or(Value::is_null) {
            let text = format!("the {} `{name}` has to be set", fields.noun);
            found.push(Diagnostic::error(text).at(path.child(name.as_str())));
        }
    }
}

/// What is wrong with an argument of a function, which is at `path`.
pub(super) fn check_argument(
    value_type: &ValueType,
    path: &AttrPath,
    value: &Value,
    found: &mut Diagnostics,
) {
    check_value(value_type, path, value, found);
}

fn check_value(value_type: &ValueType, path: &AttrPath, value: &Value, found: &mut Diagnostics) {
    match (value_type, &value.kind) {
        (_, Kind::Unknown | Kind::Null)
        | (ValueType::Any, _)
        | (ValueType::Bool, Kind::Bool(_))
        | (ValueType::Number, Kind::Number(_))
        | (ValueType::String, Kind::String(_)) => {}
        (ValueType::Integer, Kind::Number(number)) if !number.to_string().contains('.') => {}
        (ValueType::List(inner), Kind::List(elements)) => {
            for (i, element) in elements.iter().enumerate() {
                check_element(inner, &path.child(i), element, found);
            }
        }
        (ValueType::Map(inner), Kind::Attrs(attrs)) => {
            for (name, value) in attrs {
                check_value(inner, &path.child(name.as_str()), value, found);
            }
        }
        (ValueType::Object(specs), Kind::Attrs(_)) => {
            let fields = Fields {
                specs,
                open: false,
                noun: "field",
            };
            check_object(fields, path, value, found);
        }
        (ValueType::OneOf(types), _) => check_any(types, path, value, found),
        _ => found.push(mismatch(&describe_type(value_type), value).at(path.clone())),
    }
}

/// An element of a list, where "not set" has no meaning.
fn check_element(inner: &ValueType, path: &AttrPath, element: &Value, found: &mut Diagnostics) {
    match element.is_null() && *inner != ValueType::Any {
        true => found.push(mismatch(&describe_type(inner), element).at(path.clone())),
        false => check_value(inner, path, element, found),
    }
}

/// If no type fits, says what is wrong with the only one of the right kind, or names them all.
fn check_any(types: &[ValueType], path: &AttrPath, value: &Value, found: &mut Diagnostics) {
    let mut inside = Vec::new();
    for value_type in types {
        let mut wrong = Diagnostics::default();
        check_value(value_type, path, value, &mut wrong);
        if wrong.0.is_empty() {
            return;
        }
        if wrong.0.iter().all(|d| d.path.as_ref() != Some(path)) {
            inside.push(wrong);
        }
    }
    match inside.pop() {
        Some(wrong) if inside.is_empty() => found.extend(wrong),
        _ => {
            let expected = describe_type(&ValueType::OneOf(types.to_vec()));
            found.push(mismatch(&expected, value).at(path.clone()));
        }
    }
}

fn mismatch(expected: &str, value: &Value) -> Diagnostic {
    Diagnostic::error(format!(
        "this has to be {expected}, but it is {}",
        describe_kind(&value.kind)
    ))
}

fn describe_kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool(_) => "a Boolean",
        Kind::Number(number) if number.to_string().contains('.') => "a number with a fraction",
        Kind::Number(_) => "a number",
        Kind::String(_) => "a string",
        Kind::List(_) => "a list",
        Kind::Attrs(_) => "an attribute set",
        Kind::Unknown => "not known yet",
    }
}

fn describe_type(value_type: &ValueType) -> String {
    match value_type {
        ValueType::Any => "any value".to_owned(),
        ValueType::Bool => "a Boolean".to_owned(),
        ValueType::Integer => "a whole number".to_owned(),
        ValueType::Number => "a number".to_owned(),
        ValueType::String => "a string".to_owned(),
        ValueType::List(_) => "a list".to_owned(),
        ValueType::Map(_) | ValueType::Object(_) => "an attribute set".to_owned(),
        ValueType::OneOf(types) => types
            .iter()
            .map(describe_type)
            .collect::<Vec<_>>()
            .join(" or "),
    }
}

#[cfg(test)]
mod tests {
    use nixops4_proto::tree::Tree;
    use serde_json::{Value as Json, json};

    use super::*;

    /// One line per diagnostic: path, message, hints.
    fn found(value: Json) -> Vec<String> {
        let specs: BTreeMap<String, InputSpec> = serde_json::from_value(json!({
            "name": { "type": "string", "required": true },
            "size": { "type": "integer" },
            "tags": { "type": { "map": "string" } },
            "anything": {},
            "args": { "type": { "list": { "oneOf": ["string", "number"] } } },
            "disks": { "type": { "list": { "object": {
                "path": { "type": "string", "required": true },
                "readOnly": { "type": "bool" },
            } } } },
            "net": { "type": { "oneOf": ["string", { "object": { "mtu": { "type": "integer" } } }] } },
        }))
        .expect("specs");
        let fields = Fields {
            specs: &specs,
            open: false,
            noun: "input",
        };
        let value = Value::from_tree(&Tree(value), &[]).expect("value");
        let line = |d: &Diagnostic| {
            let path = d.path.clone().unwrap_or_default();
            format!("{path}: {} {}", d.summary, d.hints.join(","))
                .trim_end()
                .to_owned()
        };
        check(fields, &value).0.iter().map(line).collect()
    }

    #[test]
    fn what_fits_is_not_complained_about() {
        let fits = json!({
            "name": "a", "size": 3.0, "tags": { "a": "b", "c": null }, "anything": [null, {}],
            "args": ["a", 1.5], "disks": [{ "path": "p", "readOnly": null }], "net": { "mtu": 1 },
        });
        assert_eq!(found(fits), [""; 0]);
        let unknown = json!({ "$": "unknown" });
        assert_eq!(
            found(json!({ "name": unknown, "disks": [unknown, { "path": unknown }] })),
            [""; 0]
        );
        assert_eq!(found(unknown), [""; 0]);
    }

    #[test]
    fn names_that_do_not_exist_or_are_missing_are_told_with_the_nearest() {
        assert_eq!(
            found(json!({ "nmae": "a", "disks": [{ "pth": "x" }] })),
            [
                "disks[0].pth: there is no field `pth` did you mean `path`?",
                "disks[0].path: the field `path` has to be set",
                "nmae: there is no input `nmae` did you mean `name`?",
                "name: the input `name` has to be set",
            ]
        );
    }

    #[test]
    fn wrong_types_are_told_where_they_are() {
        assert_eq!(
            found(json!({
                "name": 1, "size": 1.5, "tags": { "a": [] }, "args": ["a", {}, null],
                "disks": [{ "path": "p", "readOnly": "yes" }], "net": { "mtu": "big" },
            })),
            [
                "args[1]: this has to be a string or a number, but it is an attribute set",
                "args[2]: this has to be a string or a number, but it is null",
                "disks[0].readOnly: this has to be a Boolean, but it is a string",
                "name: this has to be a string, but it is a number",
                "net.mtu: this has to be a whole number, but it is a string",
                "size: this has to be a whole number, but it is a number with a fraction",
                "tags.a: this has to be a string, but it is a list",
            ]
        );
        assert_eq!(
            found(json!([1])),
            [": this has to be an attribute set, but it is a list"]
        );
    }
}
