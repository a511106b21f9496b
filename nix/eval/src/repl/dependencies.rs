//! Which outputs a value depends on, leaf by leaf.

use std::collections::{HashMap, HashSet};
use std::iter::Peekable;
use std::slice;

use nixops4_lang::{Attrs, ErrorKind, EvalError, Evaluator, Input, Taint, Value};
use nixops4_proto::evaluator::{Dependencies, DependentLeaf, ListDependencies, ReadOutput};
use nixops4_proto::path::{AttrPath, OutputRef, Step};

use super::{expression, no_expression};
use crate::error::{self, WireError};
use crate::outputs::Outputs;
use crate::read;
use crate::session::Session;

/// How many leaves are listed. Nobody reads more.
const MOST_LEAVES: usize = 1_000;

/// How deep leaves are looked for.
const MOST_STEPS: usize = 200;

impl Session {
    /// Lists what an expression or a leaf of a member depends on.
    pub fn dependencies(&mut self, ask: &ListDependencies) -> Result<Dependencies, WireError> {
        let (value, taint) = match self.leaf_named(&ask.text) {
            Some((members, path)) => {
                let pick = |evaluator: &mut Evaluator| pick(evaluator, members, &path);
                self.evaluator.with_taint(pick)
            }
            None => match self.read_typed(&ask.text)? {
                Input::Expression(value) => (Ok(value), Taint::NONE),
                _ => return Err(no_expression()),
            },
        };
        let mut walk = Walk {
            evaluator: &mut self.evaluator,
            outputs: &self.outputs,
            show_trace: self.scope.show_trace,
            index: HashMap::new(),
            around: HashSet::new(),
            found: Dependencies::default(),
        };
        let path = AttrPath::root();
        let walked = match value {
            Ok(value) => walk.value(&value, &path, taint),
            Err(error) => walk.failed(error, &path, taint),
        };
        let found = walk.found;
        walked.map_err(|error| self.input_error(&error))?;
        Ok(found)
    }

    /// The members of the root and a path from there, if a text is one.
    pub(super) fn leaf_named(&self, text: &str) -> Option<(Value, AttrPath)> {
        let text = text.trim();
        let path = read::parse_attr_path(text).ok()?;
        let (Step::Name(first), rest) = path.0.split_first()? else {
            return None;
        };
        // A quoted name alone is a string.
        if !is_path(text) || (text.starts_with('"') && rest.is_empty()) {
            return None;
        }
        let is_variable = self.scope.variables.contains_key(first)
            || self.evaluator.global_names().any(|name| name == *first);
        let members = self.scope.members.clone().filter(|_| !is_variable)?;
        Some((members, path))
    }
}

/// Whether a text is names, quoted where they must be, with dots between them, and indexes.
fn is_path(text: &str) -> bool {
    let outside = text.split('"').step_by(2);
    outside.flat_map(str::bytes).all(|byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'\'' | b'.' | b'[' | b']')
    })
}

type Steps<'a> = Peekable<slice::Iter<'a, Step>>;

/// The value at a path: names of members as far as there are such, and then what is inside.
pub(super) fn pick(
    evaluator: &mut Evaluator,
    members: Value,
    path: &AttrPath,
) -> Result<Value, EvalError> {
    let mut steps = path.0.iter().peekable();
    let mut value = member(evaluator, members, &mut steps)?;
    for step in steps {
        value = match step {
            Step::Name(name) => evaluator.select(&value, name)?,
            Step::Index(index) => {
                let list = evaluator.list_of(&value)?;
                let item = usize::try_from(*index).ok().and_then(|at| list.get(at));
                item.cloned().ok_or_else(|| {
                    let message = format!("there are {} elements and no [{index}]", list.len());
                    EvalError::new(ErrorKind::Value, message)
                })?
            }
        };
    }
    Ok(value)
}

/// Takes the names of members off the front of a path.
fn member(
    evaluator: &mut Evaluator,
    members: Value,
    steps: &mut Steps<'_>,
) -> Result<Value, EvalError> {
    let mut members = Some(members);
    let mut value = Value::Null;
    let mut is_first = true;
    while let Some(set) = members.take() {
        let Some(Step::Name(name)) = steps.peek() else {
            break;
        };
        value = match evaluator.select_opt(&set, name)? {
            Some(member) => member,
            // To say what there is instead.
            None if is_first => evaluator.select(&set, name)?,
            None => break,
        };
        is_first = false;
        steps.next();
        if steps.peek().is_some() {
            members = evaluator.select_opt(&value, "members")?;
        }
    }
    Ok(value)
}

struct Walk<'a> {
    evaluator: &'a mut Evaluator,
    outputs: &'a Outputs,
    show_trace: bool,
    index: HashMap<OutputRef, u32>,
    /// The sets and lists that the walk is inside of.
    around: HashSet<usize>,
    found: Dependencies,
}

impl Walk<'_> {
    /// Lists a value's leaves; what is around it depended on `around`.
    fn value(&mut self, value: &Value, path: &AttrPath, around: Taint) -> Result<(), EvalError> {
        if self.found.leaves.len() >= MOST_LEAVES || path.0.len() > MOST_STEPS {
            self.found.more = true;
            return Ok(());
        }
        let (forced, taint) = self
            .evaluator
            .with_taint(|evaluator| evaluator.force(value));
        let taint = self.evaluator.taint_union(around, taint);
        match forced {
            Err(error) => self.failed(error, path, taint),
            Ok(Value::List(list)) if !list.is_empty() => {
                let address = list.as_ptr() as usize;
                if !self.around.insert(address) {
                    return Ok(());
                }
                for (index, item) in list.iter().enumerate() {
                    self.value(item, &path.child(index), taint)?;
                }
                self.around.remove(&address);
                Ok(())
            }
            Ok(Value::Attrs(attrs)) if !attrs.is_empty() => self.attrs(&attrs, path, taint),
            Ok(_) => {
                self.leaf(path, taint, false, None);
                Ok(())
            }
        }
    }

    fn attrs(&mut self, attrs: &Attrs, path: &AttrPath, taint: Taint) -> Result<(), EvalError> {
        let value = Value::Attrs(attrs.clone());
        if ["__toString", "outPath"]
            .iter()
            .any(|name| self.has(attrs, name))
        {
            let (text, inside) = self
                .evaluator
                .with_taint(|evaluator| evaluator.to_json(&value));
            let taint = self.evaluator.taint_union(taint, inside);
            return match text {
                Ok(_) => {
                    self.leaf(path, taint, false, None);
                    Ok(())
                }
                Err(error) => self.failed(error, path, taint),
            };
        }
        let address = attrs.as_ptr() as usize;
        if !self.around.insert(address) {
            return Ok(());
        }
        let names = match self.has(attrs, "_component") {
            true => self.parts(&value)?,
            false => {
                let sorted = self.evaluator.sorted_attrs(attrs).into_iter();
                sorted
                    .map(|attr| self.evaluator.symbol_name(attr.name))
                    .collect()
            }
        };
        for name in names {
            let inside = self.evaluator.select(&value, &name)?;
            self.value(&inside, &path.child(name.as_str()), taint)?;
        }
        self.around.remove(&address);
        Ok(())
    }

    /// What a member counts with: what the user has written of it.
    fn parts(&mut self, member: &Value) -> Result<Vec<String>, EvalError> {
        let (is_resource, _) = self.evaluator.with_taint(|evaluator| {
            let component = evaluator.select(member, "_component")?;
            let is_resource = evaluator.select(&component, "isResource")?;
            evaluator.bool_of(&is_resource)
        });
        let part = match is_resource {
            Ok(true) => "inputs",
            Ok(false) => "members",
            // As long as that is not known, so are the inputs.
            Err(error) if error.is_suspended() => "inputs",
            Err(error) => return Err(error),
        };
        Ok(vec![part.to_owned()])
    }

    fn has(&mut self, attrs: &Attrs, name: &str) -> bool {
        let symbol = self.evaluator.symbol(name);
        attrs.get(symbol).is_some()
    }

    /// A leaf without a value. Where it is the whole value, or evaluation is ended from outside, that
    /// is the answer.
    fn failed(&mut self, error: EvalError, path: &AttrPath, taint: Taint) -> Result<(), EvalError> {
        if error.is_suspended() {
            let taint = self.evaluator.taint_union(taint, error.awaited());
            self.leaf(path, taint, true, None);
            return Ok(());
        }
        let ends = matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::Limit);
        if ends || path.0.is_empty() {
            return Err(error);
        }
        let error = *error::describe(self.evaluator, &error, self.show_trace);
        self.leaf(path, taint, false, Some(error));
        Ok(())
    }

    fn leaf(
        &mut self,
        path: &AttrPath,
        taint: Taint,
        unknown: bool,
        error: Option<nixops4_proto::evaluator::EvalError>,
    ) {
        let mut read = self.outputs.read(self.evaluator, taint);
        read.sort_by(|(a, _), (b, _)| (&a.member, &a.path).cmp(&(&b.member, &b.path)));
        let from = read
            .into_iter()
            .map(|(output, known)| self.output(output, known))
            .collect();
        self.found.leaves.push(DependentLeaf {
            path: path.clone(),
            from,
            unknown,
            sensitive: self.evaluator.taint_marks(taint).is_sensitive(),
            error,
        });
    }

    fn output(&mut self, output: OutputRef, known: bool) -> u32 {
        if let Some(index) = self.index.get(&output) {
            return *index;
        }
        let index = self.found.outputs.len() as u32;
        self.index.insert(output.clone(), index);
        self.found.outputs.push(ReadOutput {
            expression: expression(&output),
            output,
            known,
        });
        index
    }
}
