//! Values as text and JSON, with secrets left out.

use crate::ui::print::outln;
use nixops4_core::value::{Kind, Marks, Value};
use serde_json::Value as Json;

/// What stands where a secret would.
pub const SECRET: &str = "(sensitive)";

/// A scalar (or an empty container) as it would stand in Nix.
pub fn scalar(value: &Value) -> String {
    match &value.kind {
        Kind::Null => "null".to_owned(),
        Kind::Bool(value) => value.to_string(),
        Kind::Number(number) => number.to_string(),
        Kind::String(text) => format!("{text:?}"),
        Kind::List(_) => "[ ]".to_owned(),
        Kind::Attrs(_) => "{ }".to_owned(),
        Kind::Unknown => "known after apply".to_owned(),
    }
}

/// The same, unless it is a secret.
pub fn scalar_or_secret(value: &Value, marks: Marks) -> String {
    match marks.sensitive {
        true => SECRET.to_owned(),
        false => scalar(value),
    }
}

/// As JSON; secrets only if asked for.
pub fn to_json(value: &Value, show_sensitive: bool) -> Json {
    if value.marks.sensitive && !show_sensitive {
        return SECRET.into();
    }
    match &value.kind {
        Kind::List(elements) => elements
            .iter()
            .map(|e| to_json(e, show_sensitive))
            .collect(),
        Kind::Attrs(attrs) => Json::Object(
            attrs
                .iter()
                .map(|(k, v)| (k.clone(), to_json(v, show_sensitive)))
                .collect(),
        ),
        _ => value.to_plain_json(),
    }
}

/// Prints JSON for people and programs alike.
pub fn print_json(json: &Json) {
    outln!("{json:#}");
}
