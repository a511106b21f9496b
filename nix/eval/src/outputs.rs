//! The outputs of resources: which source stands for which resource, and what is known of it.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use nixops4_lang::{
    AttrPath, Evaluator, ExternalKind, ExternalValue, Marks, PathStep, SourceId, Taint,
};
use nixops4_proto::path::{self, MemberPath, OutputRef};
use nixops4_proto::tree;
use serde_json::Value as Json;

/// The sources made so far, found by resource and back.
#[derive(Default)]
struct Table {
    by_path: HashMap<MemberPath, SourceId>,
    paths: HashMap<SourceId, MemberPath>,
}

/// The outputs of all resources of a deployment.
#[derive(Clone, Default)]
pub struct Outputs(Rc<RefCell<Table>>);

/// The built-in that gives the outputs of a resource, by its path as a list of names.
pub const BUILTIN: &str = "nixops4Outputs";

impl Outputs {
    /// Registers [`BUILTIN`].
    pub fn install(evaluator: &mut Evaluator) -> Outputs {
        let outputs = Outputs::default();
        let own = outputs.clone();
        evaluator.register_builtin(BUILTIN, 1, move |evaluator, args| {
            let mut names = Vec::new();
            for name in evaluator.list_of(&args[0])?.iter() {
                names.push(evaluator.string_of(name)?);
            }
            let source = own.source(evaluator, MemberPath::from_names(names));
            let value = evaluator.external(source);
            evaluator.force(&value)
        });
        outputs
    }

    fn source(&self, evaluator: &mut Evaluator, member: MemberPath) -> SourceId {
        let mut table = self.0.borrow_mut();
        if let Some(source) = table.by_path.get(&member) {
            return *source;
        }
        let source = evaluator.new_source(member.to_string());
        table.by_path.insert(member.clone(), source);
        table.paths.insert(source, member);
        source
    }

    /// Says what the outputs of a resource are, or with `None` that they are pending again.
    pub fn set(
        &self,
        evaluator: &mut Evaluator,
        member: &MemberPath,
        value: Option<&Json>,
    ) -> Result<(), String> {
        let source = self.source(evaluator, member.clone());
        match value {
            Some(value) => {
                let value = external(value)?;
                evaluator.set_external(source, &value);
            }
            None => evaluator.clear_external(source),
        }
        Ok(())
    }

    /// The outputs a taint speaks of, without those that lie inside others of it.
    pub fn refs(&self, evaluator: &Evaluator, taint: Taint) -> Vec<OutputRef> {
        let read = self.read(evaluator, taint).into_iter();
        read.map(|(output, _)| output).collect()
    }

    /// The same, and whether each is known.
    pub fn read(&self, evaluator: &Evaluator, taint: Taint) -> Vec<(OutputRef, bool)> {
        let table = self.0.borrow();
        evaluator
            .taint_sources(taint)
            .filter_map(|(source, path)| {
                let output = OutputRef {
                    member: table.paths.get(&source)?.clone(),
                    path: attr_path(path),
                };
                Some((output, evaluator.is_source_known(source, path)))
            })
            .collect()
    }
}

fn attr_path(path: &AttrPath) -> path::AttrPath {
    path::AttrPath(
        path.0
            .iter()
            .map(|step| match step {
                PathStep::Name(name) => path::Step::Name(name.to_string()),
                PathStep::Index(index) => path::Step::Index(u64::from(*index)),
            })
            .collect(),
    )
}

/// A tree of the protocol as a value for the evaluator.
pub fn external(json: &Json) -> Result<ExternalValue, String> {
    stacker::maybe_grow(64 * 1024, 4 * 1024 * 1024, || match json {
        Json::Null => Ok(ExternalKind::Null.into()),
        Json::Bool(bool) => Ok(ExternalKind::Bool(*bool).into()),
        Json::Number(number) => number_value(number),
        Json::String(text) => Ok(ExternalValue::string(text.clone())),
        Json::Array(items) => {
            let items = items.iter().map(external).collect::<Result<_, _>>()?;
            Ok(ExternalKind::List(items).into())
        }
        Json::Object(fields) => match fields.get(tree::NODE_KEY) {
            Some(node) => special(node, fields),
            None => attrs(fields),
        },
    })
}

fn attrs(fields: &serde_json::Map<String, Json>) -> Result<ExternalValue, String> {
    let mut attrs = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        attrs.push((name.clone(), external(value)?));
    }
    Ok(ExternalValue::attrs(attrs))
}

/// Numbers that Nix has no integer for become floats.
fn number_value(number: &serde_json::Number) -> Result<ExternalValue, String> {
    if let Some(int) = number.as_i64() {
        return Ok(ExternalKind::Int(int).into());
    }
    match number.as_f64() {
        Some(float) => Ok(ExternalKind::Float(float).into()),
        None => Err(format!("the number {number} is out of range")),
    }
}

fn special(node: &Json, fields: &serde_json::Map<String, Json>) -> Result<ExternalValue, String> {
    let marks = marks(fields.get("marks"))?;
    let value = match (node.as_str(), fields.get("value")) {
        (Some(tree::UNKNOWN), _) => ExternalValue::unknown(),
        (Some(tree::KNOWN), Some(value)) => external(value)?,
        (Some(tree::ATTRS), Some(Json::Object(fields))) => attrs(fields)?,
        _ => return Err(format!("{node} is no kind of tree node")),
    };
    Ok(value.marked(marks))
}

fn marks(json: Option<&Json>) -> Result<Marks, String> {
    let mut marks = Marks::NONE;
    for name in json.and_then(Json::as_array).into_iter().flatten() {
        marks = marks.union(match name.as_str() {
            Some(tree::SENSITIVE) => Marks::SENSITIVE,
            Some(tree::EPHEMERAL) => Marks::EPHEMERAL,
            _ => return Err(format!("there is no mark {name}")),
        });
    }
    Ok(marks)
}
