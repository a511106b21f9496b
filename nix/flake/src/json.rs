//! Attributes of sources as JSON, as lock files and registries have them.

use std::collections::BTreeMap;

use nixops4_lang::{SourceAttr, SourceAttrs};
use serde::{Deserialize, Serialize};

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum JsonAttr {
    Bool(bool),
    Int(u64),
    Text(String),
}

/// Attributes in the order of their names.
pub(crate) type JsonAttrs = BTreeMap<String, JsonAttr>;

pub(crate) fn from_attrs(attrs: &SourceAttrs) -> JsonAttrs {
    let value = |attr: &SourceAttr| match attr {
        SourceAttr::Text(text) => JsonAttr::Text(text.clone()),
        SourceAttr::Int(number) => JsonAttr::Int(*number),
        SourceAttr::Bool(flag) => JsonAttr::Bool(*flag),
    };
    attrs
        .iter()
        .map(|(name, attr)| (name.clone(), value(attr)))
        .collect()
}

pub(crate) fn to_attrs(attrs: JsonAttrs) -> SourceAttrs {
    let value = |attr| match attr {
        JsonAttr::Text(text) => SourceAttr::Text(text),
        JsonAttr::Int(number) => SourceAttr::Int(number),
        JsonAttr::Bool(flag) => SourceAttr::Bool(flag),
    };
    attrs
        .into_iter()
        .map(|(name, attr)| (name, value(attr)))
        .collect()
}

/// Attributes on one line, for messages.
pub(crate) fn print_attrs(attrs: &SourceAttrs) -> String {
    serde_json::to_string(&from_attrs(attrs)).unwrap_or_default()
}
