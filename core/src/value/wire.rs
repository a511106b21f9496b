//! [`Value`] to and from the tree encoding of [`nixops4_proto::tree`] and plain JSON.

use std::collections::HashMap;

use nixops4_proto::tree::{ATTRS, EPHEMERAL, KNOWN, NODE_KEY, SENSITIVE, Tree, UNKNOWN};
use serde_json::{Map, Value as Json, json};

use super::{Kind, Marks, Number, Provenance, Value};
use crate::OutputRef;

/// A received tree is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed value: {0}")]
pub struct WireError(pub String);

/// Collects the outputs that trees of one message refer to.
#[derive(Default)]
pub struct RefTable {
    refs: Vec<OutputRef>,
    index: HashMap<OutputRef, u32>,
}

impl RefTable {
    /// The list for the message, once all its trees are encoded.
    pub fn into_refs(self) -> Vec<OutputRef> {
        self.refs
    }

    fn add(&mut self, output: &OutputRef) -> u32 {
        if let Some(index) = self.index.get(output) {
            return *index;
        }
        let index = self.refs.len() as u32;
        self.refs.push(output.clone());
        self.index.insert(output.clone(), index);
        index
    }
}

impl Value {
    /// Reads a tree; `refs` is the table of its message.
    pub fn from_tree(tree: &Tree, refs: &[OutputRef]) -> Result<Self, WireError> {
        from_json(&tree.0, Some(refs))
    }

    /// Reads plain JSON, in which `$` means nothing special.
    pub fn from_plain_json(json: &Json) -> Result<Self, WireError> {
        from_json(json, None)
    }

    /// Writes a tree, adding what it refers to, to `refs`.
    pub fn to_tree(&self, refs: &mut RefTable) -> Tree {
        Tree(to_json(self, refs))
    }

    /// As plain JSON, without provenance and marks; unknown leaves become `null`.
    pub fn to_plain_json(&self) -> Json {
        match &self.kind {
            Kind::Null | Kind::Unknown => Json::Null,
            Kind::Bool(value) => Json::Bool(*value),
            Kind::Number(number) => Json::Number(number.to_json()),
            Kind::String(text) => Json::String(text.to_string()),
            Kind::List(elements) => elements.iter().map(Self::to_plain_json).collect(),
            Kind::Attrs(attrs) => Json::Object(
                attrs
                    .iter()
                    .map(|(k, v)| (k.clone(), v.to_plain_json()))
                    .collect(),
            ),
        }
    }
}

/// `refs` is `None` for plain JSON.
fn from_json(json: &Json, refs: Option<&[OutputRef]>) -> Result<Value, WireError> {
    let kind = match json {
        Json::Null => Kind::Null,
        Json::Bool(value) => Kind::Bool(*value),
        Json::Number(number) => Kind::Number(
            Number::from_json(number)
                .ok_or_else(|| WireError(format!("the number {number} is out of range")))?,
        ),
        Json::String(text) => Kind::String(text.as_str().into()),
        Json::Array(elements) => Kind::List(
            elements
                .iter()
                .map(|e| from_json(e, refs))
                .collect::<Result<_, _>>()?,
        ),
        Json::Object(map) => match refs.filter(|_| map.contains_key(NODE_KEY)) {
            Some(refs) => return special(map, refs),
            None => attrs(map, refs)?,
        },
    };
    Ok(kind.into())
}

fn attrs(map: &Map<String, Json>, refs: Option<&[OutputRef]>) -> Result<Kind, WireError> {
    let entries = map
        .iter()
        .map(|(k, v)| Ok((k.clone(), from_json(v, refs)?)));
    entries.collect::<Result<_, WireError>>().map(Kind::Attrs)
}

fn special(map: &Map<String, Json>, refs: &[OutputRef]) -> Result<Value, WireError> {
    let missing = || {
        WireError(format!(
            "a node without value: {}",
            Json::Object(map.clone())
        ))
    };
    let inner = map.get("value");
    let mut value = match map[NODE_KEY].as_str() {
        Some(UNKNOWN) => Value::unknown(),
        Some(KNOWN) => from_json(inner.ok_or_else(missing)?, Some(refs))?,
        Some(ATTRS) => {
            let inner = inner.and_then(Json::as_object).ok_or_else(missing)?;
            attrs(inner, Some(refs))?.into()
        }
        _ => {
            return Err(WireError(format!(
                "a node of unknown kind {}",
                map[NODE_KEY]
            )));
        }
    };
    let more = map
        .get("from")
        .map_or(Ok(Provenance::default()), |from| provenance(from, refs))?;
    value.provenance.extend(&more);
    for mark in map
        .get("marks")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
    {
        match mark.as_str() {
            Some(SENSITIVE) => value.marks.sensitive = true,
            Some(EPHEMERAL) => value.marks.ephemeral = true,
            _ => return Err(WireError(format!("unknown mark {mark}"))),
        }
    }
    Ok(value)
}

fn provenance(from: &Json, refs: &[OutputRef]) -> Result<Provenance, WireError> {
    let indexes = from
        .as_array()
        .ok_or_else(|| WireError("`from` is no list".into()))?;
    let lookup = |index: &Json| {
        let position = index.as_u64().and_then(|index| usize::try_from(index).ok());
        position
            .and_then(|index| refs.get(index))
            .cloned()
            .ok_or_else(|| WireError(format!("no output has the index {index}")))
    };
    indexes.iter().map(lookup).collect()
}

fn to_json(value: &Value, refs: &mut RefTable) -> Json {
    let inner = match &value.kind {
        Kind::Unknown => None,
        Kind::List(elements) => Some(elements.iter().map(|e| to_json(e, refs)).collect()),
        Kind::Attrs(attrs) => {
            let map: Map<_, _> = attrs
                .iter()
                .map(|(k, v)| (k.clone(), to_json(v, refs)))
                .collect();
            Some(match map.contains_key(NODE_KEY) {
                true => json!({ NODE_KEY: ATTRS, "value": map }),
                false => Json::Object(map),
            })
        }
        _ => Some(value.to_plain_json()),
    };
    let mut node = Map::new();
    match inner {
        Some(json) if value.provenance.is_empty() && value.marks.is_empty() => return json,
        Some(json) => {
            node.insert(NODE_KEY.into(), KNOWN.into());
            node.insert("value".into(), json);
        }
        None => {
            node.insert(NODE_KEY.into(), UNKNOWN.into());
        }
    }
    let from: Vec<_> = value
        .provenance
        .iter()
        .map(|output| refs.add(output))
        .collect();
    if !from.is_empty() {
        node.insert("from".into(), from.into());
    }
    let Marks {
        sensitive,
        ephemeral,
    } = value.marks;
    let marks: Vec<_> = [(sensitive, SENSITIVE), (ephemeral, EPHEMERAL)]
        .into_iter()
        .filter_map(|(set, name)| set.then_some(name))
        .collect();
    if !marks.is_empty() {
        node.insert("marks".into(), marks.into());
    }
    Json::Object(node)
}
