//! From values to the trees of the protocol: every leaf known or unknown, with what it depended on.

use std::collections::HashMap;

use nixops4_lang::{Attrs, ErrorKind, EvalError, Evaluator, List, Marks, Taint, Value};
use nixops4_proto::path::OutputRef;
use nixops4_proto::tree::{ATTRS, EPHEMERAL, KNOWN, NODE_KEY, SENSITIVE, Tree, UNKNOWN};
use serde_json::{Map, Value as Json, json};

use crate::outputs::Outputs;

/// The outputs that one message refers to, each once.
#[derive(Default)]
pub struct Refs {
    list: Vec<OutputRef>,
    index: HashMap<OutputRef, u32>,
    /// What taints seen before come to.
    memo: HashMap<Taint, Vec<u32>>,
}

impl Refs {
    /// The indexes of what a taint speaks of.
    pub fn of(&mut self, evaluator: &Evaluator, outputs: &Outputs, taint: Taint) -> Vec<u32> {
        if taint == Taint::NONE {
            return Vec::new();
        }
        if let Some(known) = self.memo.get(&taint) {
            return known.clone();
        }
        let indexes: Vec<u32> = outputs
            .refs(evaluator, taint)
            .into_iter()
            .map(|output| self.add(output))
            .collect();
        self.memo.insert(taint, indexes.clone());
        indexes
    }

    /// The index of an output.
    pub fn add(&mut self, output: OutputRef) -> u32 {
        if let Some(index) = self.index.get(&output) {
            return *index;
        }
        let index = self.list.len() as u32;
        self.list.push(output.clone());
        self.index.insert(output, index);
        index
    }

    /// The list for the message.
    pub fn into_list(self) -> Vec<OutputRef> {
        self.list
    }
}

/// Writes values as trees.
pub struct Encoder<'a> {
    /// Evaluates what is not evaluated yet.
    pub evaluator: &'a mut Evaluator,
    /// Knows which sources are whose outputs.
    pub outputs: &'a Outputs,
    /// Collects what the message refers to.
    pub refs: &'a mut Refs,
}

/// What is called for when the stack runs low.
const RED_ZONE: usize = 64 * 1024;
const SEGMENT: usize = 4 * 1024 * 1024;

impl Encoder<'_> {
    /// A value as a tree. Fails with the first error in it; what is unknown is no error.
    pub fn tree(&mut self, value: &Value) -> Result<Tree, EvalError> {
        self.node(value).map(Tree)
    }

    fn node(&mut self, value: &Value) -> Result<Json, EvalError> {
        stacker::maybe_grow(RED_ZONE, SEGMENT, || {
            let (result, taint) = self
                .evaluator
                .with_taint(|evaluator| evaluator.force(value));
            match result {
                Ok(value) => {
                    let (json, inside) = self.known(&value)?;
                    let taint = self.evaluator.taint_union(taint, inside);
                    Ok(self.with_taint(json, taint))
                }
                Err(error) if error.is_suspended() => Ok(self.unknown(&error, taint)),
                Err(error) => Err(error),
            }
        })
    }

    fn unknown(&mut self, error: &EvalError, taint: Taint) -> Json {
        let all = self.evaluator.taint_union(taint, error.awaited());
        let mut node = Map::new();
        node.insert(NODE_KEY.into(), UNKNOWN.into());
        self.add_taint(&mut node, all);
        Json::Object(node)
    }

    fn with_taint(&mut self, json: Json, taint: Taint) -> Json {
        if taint == Taint::NONE {
            return json;
        }
        let mut node = Map::new();
        self.add_taint(&mut node, taint);
        if node.is_empty() {
            return json;
        }
        node.insert(NODE_KEY.into(), KNOWN.into());
        node.insert("value".into(), json);
        Json::Object(node)
    }

    fn add_taint(&mut self, node: &mut Map<String, Json>, taint: Taint) {
        let from = self.refs.of(self.evaluator, self.outputs, taint);
        if !from.is_empty() {
            node.insert("from".into(), from.into());
        }
        let marks = mark_names(self.evaluator.taint_marks(taint));
        if !marks.is_empty() {
            node.insert("marks".into(), marks.into());
        }
    }

    /// A value that is there, and what a conversion inside it depended on.
    fn known(&mut self, value: &Value) -> Result<(Json, Taint), EvalError> {
        let json = match value {
            Value::Null => Json::Null,
            Value::Bool(bool) => Json::Bool(*bool),
            Value::Int(int) => (*int).into(),
            Value::Float(float) => json!(float),
            Value::String(text) | Value::Path(text) => Json::String(text.to_text().into_owned()),
            Value::List(items) => self.list(items)?,
            Value::Attrs(attrs) => return self.attrs(value, attrs),
            other => {
                let message = format!("{} cannot be an input", other.described_type());
                return Err(EvalError::type_error(message));
            }
        };
        Ok((json, Taint::NONE))
    }

    fn list(&mut self, items: &List) -> Result<Json, EvalError> {
        let nodes = items.iter().map(|item| self.node(item));
        Ok(Json::Array(nodes.collect::<Result<_, _>>()?))
    }

    fn attrs(&mut self, value: &Value, attrs: &Attrs) -> Result<(Json, Taint), EvalError> {
        for coercible in ["__toString", "outPath"] {
            if self.has(attrs, coercible) {
                return self.coerced(value);
            }
        }
        if self.has(attrs, "_component") {
            return Err(a_member());
        }
        let mut fields = Map::new();
        let sorted: Vec<_> = self
            .evaluator
            .sorted_attrs(attrs)
            .into_iter()
            .cloned()
            .collect();
        for attr in sorted {
            let name = self.evaluator.symbol_name(attr.name);
            let node = self.node(&attr.value)?;
            fields.insert(name, node);
        }
        let json = match fields.contains_key(NODE_KEY) {
            true => json!({ NODE_KEY: ATTRS, "value": fields }),
            false => Json::Object(fields),
        };
        Ok((json, Taint::NONE))
    }

    fn has(&mut self, attrs: &Attrs, name: &str) -> bool {
        let symbol = self.evaluator.symbol(name);
        attrs.get(symbol).is_some()
    }

    /// A set that stands for a string, such as a package.
    fn coerced(&mut self, value: &Value) -> Result<(Json, Taint), EvalError> {
        let (result, taint) = self
            .evaluator
            .with_taint(|evaluator| evaluator.to_json(value));
        match result {
            Ok(text) => {
                let json = serde_json::from_str(&text).map_err(|error| {
                    EvalError::new(ErrorKind::Value, format!("not a string: {error}"))
                })?;
                Ok((json, taint))
            }
            Err(error) if error.is_suspended() => Ok((self.unknown(&error, taint), Taint::NONE)),
            Err(error) => Err(error),
        }
    }
}

fn a_member() -> EvalError {
    EvalError::type_error("a member cannot be an input")
        .hint("use one of its outputs: members.<name>.outputs.<output>")
}

/// The marks as trees write them.
pub fn mark_names(marks: Marks) -> Vec<&'static str> {
    let all = [(Marks::SENSITIVE, SENSITIVE), (Marks::EPHEMERAL, EPHEMERAL)];
    all.into_iter()
        .filter(|(mark, _)| marks.contains(*mark))
        .map(|(_, name)| name)
        .collect()
}
