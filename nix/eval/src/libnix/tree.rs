//! From values of Nix to the trees of the protocol.
//!
//! Nix does not say what a value depended on. So every leaf is said to depend on everything that was
//! read while the whole was evaluated, which is known only at the end.

use std::collections::{BTreeMap, BTreeSet};

use nix_bindings_expr::value::{Value, ValueType};
use nixops4_proto::path::OutputRef;
use nixops4_proto::tree::{ATTRS, KNOWN, NODE_KEY, Tree, UNKNOWN};
use serde_json::{Map, Value as Json, json};

use super::failure::Failure;
use super::interpreter::Nix;
use super::outputs::Log;
use crate::error::{self, WireError};
use crate::tree::{Refs, mark_names};

/// What is left to Nix when values are nested deeply.
const RESERVE: usize = 4 * 1024 * 1024;

/// A tree before it is known what it depends on.
pub enum Node {
    Leaf(Json),
    List(Vec<Node>),
    Attrs(BTreeMap<String, Node>),
    Unknown(BTreeSet<OutputRef>),
}

impl Nix {
    /// A value as a tree. Fails with the first error in it; what is unknown is no error.
    pub fn node(&mut self, value: &Value) -> Result<Node, WireError> {
        match self.enough_stack().and_then(|()| self.known(value)) {
            Ok(node) => Ok(node),
            Err(Failure::Waits(outputs)) => Ok(Node::Unknown(outputs)),
            Err(Failure::Error(error) | Failure::NoMember(error)) => Err(error),
        }
    }

    /// Ends what goes too deep. There is no going on on another stack: the collector of Nix knows of
    /// none but the thread's own.
    pub fn enough_stack(&self) -> Result<(), Failure> {
        match stacker::remaining_stack() {
            Some(rest) if rest < RESERVE => {
                Err(error::plain("limit", "this value is nested too deeply").into())
            }
            _ => Ok(()),
        }
    }

    fn known(&mut self, value: &Value) -> Result<Node, Failure> {
        let kind = match self.type_of(value)? {
            ValueType::AttrSet => return self.attrs(value),
            ValueType::List => {
                // Elements are not evaluated here: one that waits hides no other.
                let count = self.state.require_list_size(value);
                let count = self.checked(count)?;
                let mut nodes = Vec::with_capacity(count as usize);
                for index in 0..count {
                    let item = self.state.require_list_select_idx_strict(value, index);
                    nodes.push(match self.checked(item) {
                        Ok(Some(item)) => self.node(&item)?,
                        Ok(None) => break,
                        Err(Failure::Waits(outputs)) => Node::Unknown(outputs),
                        Err(error) => return Err(error),
                    });
                }
                return Ok(Node::List(nodes));
            }
            ValueType::Path => {
                let show = self.eval("toString", "/".as_ref())?;
                let text = self.call(&show, std::slice::from_ref(value))?;
                return Ok(Node::Leaf(self.string_of(&text)?.into()));
            }
            ValueType::Function => "a function",
            ValueType::External | ValueType::Unknown => "such a value",
            _ => return Ok(Node::Leaf(self.ask("list", &[], value)?)),
        };
        Err(error::plain("type", format!("{kind} cannot be an input")).into())
    }

    fn attrs(&mut self, value: &Value) -> Result<Node, Failure> {
        let names = self.names(value)?;
        let has = |name: &str| names.iter().any(|own| own == name);
        if has("__toString") || has("outPath") {
            // A set that stands for a string, such as a package.
            return Ok(Node::Leaf(self.ask("list", &[], value)?));
        }
        if has("_component") {
            let mut error = error::plain("type", "a member cannot be an input");
            let hint = "use one of its outputs: members.<name>.outputs.<output>";
            error.hints.push(hint.to_owned());
            return Err(error.into());
        }
        let mut nodes = BTreeMap::new();
        for name in names {
            let node = match self.select(value, &name) {
                Ok(field) => self.node(&field)?,
                Err(Failure::Waits(outputs)) => Node::Unknown(outputs),
                Err(error) => return Err(error),
            };
            nodes.insert(name, node);
        }
        Ok(Node::Attrs(nodes))
    }
}

impl Node {
    /// Whether nothing in it is unknown.
    pub fn is_known(&self) -> bool {
        match self {
            Node::Leaf(_) => true,
            Node::List(nodes) => nodes.iter().all(Node::is_known),
            Node::Attrs(nodes) => nodes.values().all(Node::is_known),
            Node::Unknown(_) => false,
        }
    }

    /// The outputs that it waits for.
    pub fn awaited(&self) -> BTreeSet<OutputRef> {
        match self {
            Node::Leaf(_) => BTreeSet::new(),
            Node::List(nodes) => nodes.iter().flat_map(Node::awaited).collect(),
            Node::Attrs(nodes) => nodes.values().flat_map(Node::awaited).collect(),
            Node::Unknown(outputs) => outputs.clone(),
        }
    }

    /// The tree, all of it depending on what `log` has.
    pub fn finish(self, log: &Log, refs: &mut Refs) -> Tree {
        let all = Dependence::of(log, refs);
        Tree(self.json(&all, refs))
    }

    /// The tree of a set whose fields are trees already; its names depend on what `log` has.
    pub fn finished(fields: Map<String, Json>, log: &Log, refs: &mut Refs) -> Tree {
        Tree(Dependence::of(log, refs).around(set(fields)))
    }

    fn json(self, all: &Dependence, refs: &mut Refs) -> Json {
        match self {
            Node::Leaf(json) => all.around(json),
            Node::List(nodes) => {
                let nodes = nodes.into_iter().map(|node| node.json(all, refs));
                let nodes = Json::Array(nodes.collect());
                all.around(nodes)
            }
            Node::Attrs(nodes) => {
                let fields: Map<String, Json> = nodes
                    .into_iter()
                    .map(|(name, node)| (name, node.json(all, refs)))
                    .collect();
                // The names may depend on outputs as the leaves do.
                all.around(set(fields))
            }
            Node::Unknown(outputs) => {
                let mut from: BTreeSet<u32> = all.from.iter().copied().collect();
                from.extend(outputs.into_iter().map(|output| refs.add(output)));
                let mut node = Map::new();
                node.insert(NODE_KEY.into(), UNKNOWN.into());
                node.insert("from".into(), from.into_iter().collect());
                all.add_marks(&mut node);
                Json::Object(node)
            }
        }
    }
}

fn set(fields: Map<String, Json>) -> Json {
    match fields.contains_key(NODE_KEY) {
        true => json!({ NODE_KEY: ATTRS, "value": fields }),
        false => Json::Object(fields),
    }
}

/// What all of a tree depends on.
struct Dependence {
    from: Vec<u32>,
    marks: Vec<&'static str>,
}

impl Dependence {
    fn of(log: &Log, refs: &mut Refs) -> Dependence {
        Dependence {
            from: indexes(log.seen(), refs),
            marks: mark_names(log.marks),
        }
    }

    fn around(&self, json: Json) -> Json {
        if self.from.is_empty() && self.marks.is_empty() {
            return json;
        }
        let mut node = Map::new();
        node.insert(NODE_KEY.into(), KNOWN.into());
        if !self.from.is_empty() {
            node.insert("from".into(), self.from.clone().into());
        }
        self.add_marks(&mut node);
        node.insert("value".into(), json);
        Json::Object(node)
    }

    fn add_marks(&self, node: &mut Map<String, Json>) {
        if !self.marks.is_empty() {
            node.insert("marks".into(), self.marks.clone().into());
        }
    }
}

/// The indexes of some outputs.
pub fn indexes<'a>(outputs: impl Iterator<Item = &'a OutputRef>, refs: &mut Refs) -> Vec<u32> {
    let indexes: BTreeSet<u32> = outputs.map(|output| refs.add(output.clone())).collect();
    indexes.into_iter().collect()
}
