//! [`FakeEvaluator`]: an evaluator in memory, over deployments in a small text notation.
//!
//! ```text
//! vpc    = thing name="vpc" size=1                  # a resource of the provider `#fake`
//! subnet = thing name="s" vpc=@vpc:id note="in ${vpc:id}"
//! zones  = data lookup key="zones"
//! web.*  = thing name="${name}" !each=zones:value   # members named by a list of texts
//! net    = composite !state=st                      # others are made as their members name them
//! db     = thing name="db" !if=vpc:id               # whether it is a resource depends on that
//! provider aws region="eu"                          # `#aws`; `!provider=aws` uses it
//! ```
//!
//! A value is JSON, in which texts may hold `${MEMBER:PATH}`, or `@MEMBER:PATH`. Options of a
//! resource: `!cbd !prevent !after=M !formerly=M !import=ID !ignore=A.B !ignore-all !trigger=M:A
//! !state=M !stateless !provider=P !throw=TEXT`.

mod parse;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use nixops4_core::evaluate::{Evaluate, EvaluateError, WalkSender};
use nixops4_core::value::{Kind, Provenance, RefTable, Value};
use nixops4_core::{AttrPath, MemberPath, OutputRef};
use nixops4_proto::evaluator::{
    Component, ComponentKind, Composite, Configure, DescribeOperation, Eval, EvalError,
    ListOperations, ListProviders, Load, Locate, OperationDescription, OperationHead,
    OperationsListed, Position, ProviderInstance, ProviderProgram, ProviderSettings,
    ProvidersListed, Resource, ResourceOutputs, StateChoice, Subject, Walk, WalkItem,
};

use parse::{Declared, Deployment, Expr};

/// The provider instance that resources have unless they name another.
pub const DEFAULT_PROVIDER: &str = "#fake";

/// An evaluator of a deployment in the notation that the module describes.
#[derive(Debug)]
pub struct FakeEvaluator {
    deployment: Deployment,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    outputs: BTreeMap<MemberPath, Value>,
    asked: Vec<String>,
    dead: bool,
}

impl FakeEvaluator {
    /// The evaluator of this text.
    ///
    /// # Panics
    /// On a text that is not in the notation: it is part of a test.
    pub fn new(text: &str) -> Self {
        Self {
            deployment: parse::deployment(text),
            inner: Mutex::default(),
        }
    }

    /// Every question about components so far: `walk web`, `walk* ` (with members), `provider #aws`.
    pub fn asked(&self) -> Vec<String> {
        self.inner().asked.clone()
    }

    /// From now on it is dead.
    pub fn die(&self) {
        self.inner().dead = true;
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn alive(&self) -> Result<MutexGuard<'_, Inner>, EvaluateError> {
        let inner = self.inner();
        match inner.dead {
            true => Err(EvaluateError::Protocol("the fake evaluator is dead".into())),
            false => Ok(inner),
        }
    }
}

/// Why something has no value.
enum Missing {
    Unknown(BTreeSet<OutputRef>),
    Error(Box<EvalError>),
}

fn error(kind: &str, message: String) -> EvalError {
    EvalError {
        kind: kind.into(),
        message,
        position: None,
        trace: Vec::new(),
        hints: Vec::new(),
    }
}

fn boxed(kind: &str, message: String) -> Box<EvalError> {
    Box::new(error(kind, message))
}

/// What the evaluator looks at while it answers one question.
struct View<'a> {
    deployment: &'a Deployment,
    outputs: &'a BTreeMap<MemberPath, Value>,
}

/// A component, looked up.
enum Found<'a> {
    Resource(&'a Declared),
    Composite(Vec<String>, BTreeSet<OutputRef>),
}

impl View<'_> {
    /// A component; `name` in its values stands for the last name of its path.
    fn find(&self, path: &MemberPath) -> Result<Found<'_>, Missing> {
        if let Some(declared) = self.deployment.resources.get(path) {
            return Ok(Found::Resource(declared));
        }
        if let Some((parent, name)) = path.parent().zip(path.name())
            && let Some(each) = self.deployment.each.get(&parent)
        {
            let (names, _) = self.names(each)?;
            if names.iter().any(|n| n == name) {
                return Ok(Found::Resource(each));
            }
        } else if let Some(each) = self.deployment.each.get(path) {
            let (names, from) = self.names(each)?;
            return Ok(Found::Composite(names, from));
        } else if let Some(members) = self.deployment.composites.get(path) {
            return Ok(Found::Composite(
                members.iter().cloned().collect(),
                BTreeSet::new(),
            ));
        }
        let text = format!("attribute `{path}` missing");
        Err(Missing::Error(boxed("missingAttribute", text)))
    }

    /// The names of the members that an output lists.
    fn names(&self, each: &Declared) -> Result<(Vec<String>, BTreeSet<OutputRef>), Missing> {
        let Some(output) = &each.each else {
            return Ok((Vec::new(), BTreeSet::new()));
        };
        let value = self.output(output)?;
        let from = value.all_provenance().iter().cloned().collect();
        let elements = value.as_list().unwrap_or_default();
        let mut names: Vec<_> = elements
            .iter()
            .filter_map(|element| element.as_str().map(str::to_owned))
            .collect();
        names.sort();
        Ok((names, from))
    }

    /// An output, known as a whole.
    fn output(&self, output: &OutputRef) -> Result<Value, Missing> {
        let value = self.reference(output)?;
        match value.is_wholly_known() {
            true => Ok(value),
            false => Err(Missing::Unknown(BTreeSet::from([output.clone()]))),
        }
    }

    /// An output, perhaps unknown, with itself as provenance.
    fn reference(&self, output: &OutputRef) -> Result<Value, Missing> {
        if let Err(Missing::Unknown(from)) = self.find(&output.member) {
            let mut value = Value::unknown();
            value.provenance = from.into_iter().collect();
            return Ok(value);
        }
        self.find(&output.member)?;
        let from: Provenance = [output.clone()].into_iter().collect();
        let unknown = || {
            let mut value = Value::unknown();
            value.provenance = from.clone();
            value
        };
        let Some(outputs) = self.outputs.get(&output.member) else {
            return Ok(unknown());
        };
        let mut value = outputs;
        for step in &output.path.0 {
            if value.is_unknown() {
                return Ok(unknown());
            }
            let path = AttrPath(vec![step.clone()]);
            value = value.get(&path).ok_or_else(|| {
                let text = format!("attribute `{output}` missing");
                Missing::Error(boxed("missingAttribute", text))
            })?;
        }
        let mut value = value.clone();
        value.provenance.extend(&from);
        Ok(value)
    }

    fn value(&self, expr: &Expr, name: &str) -> Result<Value, Missing> {
        Ok(match expr {
            Expr::Json(value) => value.clone(),
            Expr::Name => name.into(),
            Expr::Ref(output) => self.reference(output)?,
            Expr::List(elements) => {
                let elements: Result<Vec<_>, _> =
                    elements.iter().map(|e| self.value(e, name)).collect();
                Value::list(elements?)
            }
            Expr::Attrs(attrs) => {
                let attrs: Result<Vec<_>, _> = attrs
                    .iter()
                    .map(|(key, e)| Ok((key.clone(), self.value(e, name)?)))
                    .collect();
                Value::attrs(attrs?)
            }
            Expr::Text(parts) => self.text(parts, name)?,
        })
    }

    fn text(&self, parts: &[Expr], name: &str) -> Result<Value, Missing> {
        let mut text = String::new();
        let mut whole = Value::from("");
        let mut known = true;
        for part in parts {
            let value = self.value(part, name)?;
            known &= !value.is_unknown();
            whole.provenance.extend(&value.provenance);
            whole.marks = whole.marks.union(value.marks);
            match &value.kind {
                Kind::String(part) => text.push_str(part),
                _ => text.push_str(&value.to_plain_json().to_string()),
            }
        }
        whole.kind = match known {
            true => Kind::String(text.as_str().into()),
            false => Kind::Unknown,
        };
        Ok(whole)
    }

    fn attrs(&self, attrs: &[(String, Expr)], name: &str) -> Result<Value, Missing> {
        let attrs: Result<Vec<_>, _> = attrs
            .iter()
            .map(|(key, expr)| Ok((key.clone(), self.value(expr, name)?)))
            .collect();
        Ok(Value::attrs(attrs?))
    }

    fn component(&self, path: &MemberPath, inputs: bool) -> (Component, Vec<String>) {
        let mut refs = Refs::default();
        let mut names = Vec::new();
        let kind = match self.find(path).and_then(|found| self.on_condition(found)) {
            Err(Missing::Error(error)) => ComponentKind::Failed { error: *error },
            Err(Missing::Unknown(from)) => {
                let what = match self.deployment.each.contains_key(path) {
                    true => "members",
                    false => "kind",
                };
                ComponentKind::Unknown {
                    what: what.into(),
                    from: refs.add(&from),
                }
            }
            Ok(Found::Composite(members, from)) => {
                names.clone_from(&members);
                ComponentKind::Composite(Composite {
                    members,
                    from: refs.add(&from),
                    state: self
                        .deployment
                        .states
                        .get(path)
                        .cloned()
                        .unwrap_or_default(),
                })
            }
            Ok(Found::Resource(declared)) => {
                ComponentKind::Resource(Box::new(self.resource(path, declared, inputs, &mut refs)))
            }
        };
        let component = Component {
            path: path.clone(),
            kind,
            refs: refs.table,
            position: self.position(path),
        };
        (component, names)
    }

    fn on_condition<'a>(&self, found: Found<'a>) -> Result<Found<'a>, Missing> {
        if let Found::Resource(Declared {
            condition: Some(output),
            ..
        }) = &found
        {
            self.output(output)?;
        }
        Ok(found)
    }

    fn resource(
        &self,
        path: &MemberPath,
        declared: &Declared,
        inputs: bool,
        refs: &mut Refs,
    ) -> Resource {
        let mut resource = declared.resource.clone();
        let conditions: BTreeSet<_> = declared.condition.iter().cloned().collect();
        resource.from = refs.add(&conditions);
        if !inputs {
            return resource;
        }
        if let Some(text) = &declared.throw {
            resource.inputs_error = Some(error("throw", text.clone()));
            return resource;
        }
        match self.attrs(&declared.inputs, path.name().unwrap_or_default()) {
            Ok(value) => resource.inputs = Some(refs.tree(&value)),
            Err(Missing::Error(error)) => resource.inputs_error = Some(*error),
            Err(Missing::Unknown(from)) => {
                let mut value = Value::unknown();
                value.provenance = from.into_iter().collect();
                resource.inputs = Some(refs.tree(&value));
            }
        }
        resource
    }

    /// Each component has a line of its own.
    fn position(&self, path: &MemberPath) -> Option<Position> {
        let of = |path: &MemberPath| self.deployment.resources.get(path).map(|d| d.line);
        let each = || {
            let parent = path.parent()?;
            self.deployment.each.get(&parent).map(|d| d.line)
        };
        let line = of(path).or_else(each)?;
        Some(Position {
            file: "deployment".into(),
            line,
            column: 1,
            source_line: None,
        })
    }

    fn provider(&self, id: &str) -> ProviderInstance {
        let mut refs = Refs::default();
        let config = self.deployment.providers.get(id);
        let config = config.map(|config| self.attrs(config, ""));
        let config = match config {
            None => Value::attrs::<String>([]),
            Some(Ok(value)) => value,
            Some(Err(_)) => Value::unknown(),
        };
        ProviderInstance {
            id: id.to_owned(),
            program: ProviderProgram::Stdio {
                executable: "fake".into(),
                args: Vec::new(),
            },
            config: refs.tree(&config),
            refs: refs.table,
            settings: ProviderSettings::default(),
            position: None,
        }
    }
}

/// The table of a message, for indexes and trees alike.
#[derive(Default)]
struct Refs {
    table: Vec<OutputRef>,
}

impl Refs {
    fn add(&mut self, outputs: &BTreeSet<OutputRef>) -> Vec<u32> {
        let start = self.table.len() as u32;
        self.table.extend(outputs.iter().cloned());
        (start..self.table.len() as u32).collect()
    }

    /// The tree's table comes first, so it must be added first or stand alone.
    fn tree(&mut self, value: &Value) -> nixops4_proto::tree::Tree {
        let mut refs = RefTable::default();
        let tree = value.to_tree(&mut refs);
        let offset = self.table.len() as u64;
        self.table.extend(refs.into_refs());
        nixops4_proto::tree::Tree(shifted(tree.0, offset))
    }
}

/// A tree whose indexes are higher by `offset`.
fn shifted(json: serde_json::Value, offset: u64) -> serde_json::Value {
    use serde_json::Value as Json;
    match json {
        Json::Array(elements) => elements.into_iter().map(|e| shifted(e, offset)).collect(),
        Json::Object(map) => {
            let special = map.contains_key("$");
            let entries = map.into_iter().map(|(key, value)| match (&*key, value) {
                ("from", Json::Array(from)) if special => {
                    let indexes = from.iter().filter_map(Json::as_u64);
                    (key, indexes.map(|i| i + offset).collect())
                }
                (_, value) => (key, shifted(value, offset)),
            });
            Json::Object(entries.collect())
        }
        other => other,
    }
}

#[async_trait]
impl Evaluate for FakeEvaluator {
    async fn load(&self, _: Load) -> Result<(), EvaluateError> {
        drop(self.alive()?);
        match &self.deployment.error {
            None => Ok(()),
            Some(text) => Err(EvaluateError::Eval(boxed("syntax", text.clone()))),
        }
    }

    async fn walk(&self, walk: Walk, items: WalkSender) -> Result<(), EvaluateError> {
        let mut inner = self.alive()?;
        let star = if walk.recursive { "*" } else { "" };
        for path in &walk.paths {
            inner.asked.push(format!("walk{star} {path}"));
        }
        let view = View {
            deployment: &self.deployment,
            outputs: &inner.outputs,
        };
        let mut told = BTreeSet::new();
        let mut stack: Vec<_> = walk.paths.iter().rev().cloned().collect();
        while let Some(path) = stack.pop() {
            let (component, members) = view.component(&path, walk.inputs);
            if let ComponentKind::Resource(resource) = &component.kind
                && told.insert(resource.provider.clone())
            {
                let _ = items.send(WalkItem::Provider(view.provider(&resource.provider)));
            }
            let _ = items.send(WalkItem::Component(component));
            if walk.recursive {
                stack.extend(members.into_iter().rev().map(|name| path.child(name)));
            }
        }
        Ok(())
    }

    async fn provider(&self, id: &str) -> Result<ProviderInstance, EvaluateError> {
        let mut inner = self.alive()?;
        inner.asked.push(format!("provider {id}"));
        let view = View {
            deployment: &self.deployment,
            outputs: &inner.outputs,
        };
        Ok(view.provider(id))
    }

    async fn set_outputs(&self, outputs: Vec<ResourceOutputs>) -> Result<(), EvaluateError> {
        let mut inner = self.alive()?;
        for ResourceOutputs { member, value } in outputs {
            match value {
                None => {
                    inner.outputs.remove(&member);
                }
                Some(tree) => {
                    let value = Value::from_tree(&tree, &[])
                        .map_err(|error| EvaluateError::Protocol(error.to_string()))?;
                    inner.outputs.insert(member, value);
                }
            }
        }
        Ok(())
    }

    async fn locate(
        &self,
        subject: Subject,
        path: &AttrPath,
    ) -> Result<Option<Position>, EvaluateError> {
        let inner = self.alive()?;
        let view = View {
            deployment: &self.deployment,
            outputs: &inner.outputs,
        };
        let Locate { subject, path } = Locate {
            subject,
            path: path.clone(),
        };
        Ok(match subject {
            Subject::Inputs(member) | Subject::Type(member) => {
                view.position(&member).map(|mut position| {
                    position.source_line = Some(path.to_string());
                    position
                })
            }
            Subject::ProviderConfig(_) | Subject::Operation(_) => None,
        })
    }

    async fn providers(&self, _: ListProviders) -> Result<ProvidersListed, EvaluateError> {
        self.alive().map(|_| Default::default())
    }

    async fn operations(
        &self,
        _: ListOperations,
    ) -> Result<(Vec<OperationHead>, OperationsListed), EvaluateError> {
        self.alive().map(|_| Default::default())
    }

    async fn operation(
        &self,
        ask: DescribeOperation,
    ) -> Result<OperationDescription, EvaluateError> {
        let text = format!("there is no operation `{}`", ask.name);
        Err(EvaluateError::Eval(boxed("missingAttribute", text)))
    }

    async fn configure(&self, _: Configure) -> Result<(), EvaluateError> {
        self.alive().map(|_| ())
    }

    async fn cancel(&self) -> Result<(), EvaluateError> {
        self.alive().map(|_| ())
    }

    async fn eval(
        &self,
        _: Eval,
        _: tokio::sync::mpsc::UnboundedSender<String>,
    ) -> Result<(), EvaluateError> {
        Err(EvaluateError::Protocol(
            "the fake evaluates deployments only".into(),
        ))
    }
}

/// A state choice, for [`parse`].
fn choice(text: &str) -> StateChoice {
    StateChoice::Member(parse::member(text))
}
