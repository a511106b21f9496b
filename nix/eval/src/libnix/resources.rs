//! Resources: settings and inputs.

use std::collections::BTreeSet;

use nix_bindings_expr::value::Value;
use nixops4_lang::Marks;
use nixops4_proto::evaluator::{EvalError, Lifecycle, Mode, Resource, StateChoice};
use nixops4_proto::path::{AttrPath, MemberPath, OutputRef, Step};
use nixops4_proto::tree::Tree;
use serde::Deserialize;
use serde_json::Value as Json;

use super::Libnix;
use super::components::{PathForm, Unseen, find, part, state_of};
use super::failure::Failure;
use super::interpreter::Nix;
use super::outputs::Log;
use super::providers::instance_id;
use super::tree::{Node, indexes};
use crate::error::{self, WireError};
use crate::read::parse_attr_path;
use crate::tree::Refs;

/// What one instantiation tells of a resource.
pub(super) struct Described {
    pub provider: String,
    head: Head,
    state: StateChoice,
    settings: Settings,
    identity: Option<Node>,
    /// What was looked at for all of the above.
    settled: Log,
    /// The inputs, if they were asked for, and all that was looked at when they were there.
    inputs: Option<(Result<Node, WireError>, Log)>,
}

#[derive(Deserialize)]
struct Head {
    #[serde(rename = "type")]
    type_name: String,
    mode: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    formerly: Vec<PathForm>,
    depends_on: Vec<PathForm>,
    require_state: bool,
    import_id: Option<String>,
    outputs_skeleton: Option<Vec<String>>,
    lifecycle: LifecycleForm,
    triggers: Vec<Trigger>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LifecycleForm {
    create_before_destroy: bool,
    prevent_destroy: bool,
    ignore_changes: IgnoreForm,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum IgnoreForm {
    Some(Vec<AttrForm>),
    All(#[allow(dead_code, reason = "the only word there is")] String),
}

/// A path into inputs.
#[derive(Deserialize)]
#[serde(untagged)]
enum AttrForm {
    Steps(Vec<Step>),
    Text(String),
}

/// A member, or a value to be evaluated.
#[derive(Deserialize)]
struct Trigger {
    member: Option<PathForm>,
}

/// Describes a resource as far as one instantiation goes.
pub(super) fn describe(
    nix: &mut Nix,
    component: &Value,
    with_inputs: bool,
) -> Result<Described, Unseen> {
    let resource = nix.select(component, "resource");
    let resource = part(nix, "type", resource)?;
    let head = nix.ask("head", &[], &resource);
    let head = part(nix, "type", head)?;
    let provider = nix
        .select(&resource, "instance")
        .and_then(|instance| instance_id(nix, &instance));
    let provider = part(nix, "provider", provider)?;
    let state = state_of(nix, component);
    let state = part(nix, "kind", state)?;
    let settings = nix.ask("settings", &[], &resource);
    let settings = part(nix, "type", settings)?;
    let identity = identity(nix, &resource);
    let identity = part(nix, "type", identity)?;
    let settled = nix.shared.log();
    let inputs = with_inputs.then(|| {
        let node = inputs(nix, &resource);
        (node, nix.shared.log())
    });
    Ok(Described {
        provider,
        head,
        state,
        settings,
        identity,
        settled,
        inputs,
    })
}

fn identity(nix: &mut Nix, resource: &Value) -> Result<Option<Node>, Failure> {
    let identity = nix.select(resource, "importIdentity")?;
    match nix.node(&identity)? {
        Node::Leaf(Json::Null) => Ok(None),
        node if node.is_known() => Ok(Some(node)),
        node => Err(Failure::Waits(node.awaited())),
    }
}

fn inputs(nix: &mut Nix, resource: &Value) -> Result<Node, WireError> {
    match nix.select(resource, "inputs") {
        Ok(inputs) => nix.node(&inputs),
        Err(Failure::Waits(outputs)) => Ok(Node::Unknown(outputs)),
        Err(failure) => Err(failure.into_wire()),
    }
}

impl Libnix {
    /// Makes a resource of what was described, but for its provider.
    pub(super) fn settle(
        &mut self,
        path: &MemberPath,
        described: Described,
        refs: &mut Refs,
    ) -> Result<Resource, Unseen> {
        let wrong = |failure: Failure| Unseen {
            what: "type",
            failure,
            log: Box::new(described.settled.clone()),
        };
        let settings = described.settings;
        let lifecycle = settings.lifecycle;
        let mut resource = Resource {
            type_name: described.head.type_name,
            mode: match described.head.mode.as_str() {
                "data" => Mode::Data,
                "ephemeral" => Mode::Ephemeral,
                _ => Mode::Managed,
            },
            from: indexes(described.settled.seen(), refs),
            outputs_skeleton: settings.outputs_skeleton,
            state: described.state,
            require_state: settings.require_state,
            lifecycle: Lifecycle {
                create_before_destroy: lifecycle.create_before_destroy,
                prevent_destroy: lifecycle.prevent_destroy,
                ignore_all_changes: matches!(lifecycle.ignore_changes, IgnoreForm::All(_)),
                ignore_changes: lifecycle.ignore_changes.paths().map_err(wrong)?,
                ..Lifecycle::default()
            },
            formerly: paths(settings.formerly).map_err(wrong)?,
            depends_on: paths(settings.depends_on).map_err(wrong)?,
            import_id: settings.import_id,
            import_identity: described
                .identity
                .map(|node| node.finish(&described.settled, refs)),
            ..Resource::default()
        };
        for (index, trigger) in settings.triggers.into_iter().enumerate() {
            let outputs = match trigger.member {
                Some(member) => member.path().map(|member| vec![whole(member)]),
                None => self.trigger(path, index),
            };
            let outputs = outputs.map_err(wrong)?;
            resource.lifecycle.replace_triggered_by.extend(outputs);
        }
        match described.inputs {
            None => {}
            Some((Ok(node), log)) => match self.inputs_one_by_one(path, &node, &log, refs) {
                Some(tree) => resource.inputs = Some(tree),
                None => resource.inputs = Some(node.finish(&log, refs)),
            },
            Some((Err(error), _)) => resource.inputs_error = Some(*error),
        }
        Ok(resource)
    }

    /// Where something was marked, which of the inputs it was: each is evaluated by itself. Secrets
    /// are rare, and a resource all of whose inputs are hidden cannot be reviewed.
    fn inputs_one_by_one(
        &mut self,
        path: &MemberPath,
        whole: &Node,
        log: &Log,
        refs: &mut Refs,
    ) -> Option<Tree> {
        let Node::Attrs(nodes) = whole else {
            return None;
        };
        if log.marks == Marks::NONE || nodes.len() < 2 {
            return None;
        }
        // The set itself, for its names.
        let (shape, shape_log) = self.fresh(|nix, root| {
            let component = find(nix, root, path)?;
            let resource = nix.select(&component, "resource")?;
            let inputs = nix.select(&resource, "inputs")?;
            nix.names(&inputs)
        });
        let names = shape.ok()?;
        if names.iter().ne(nodes.keys()) || shape_log.marks != Marks::NONE {
            return None;
        }
        let mut fields = serde_json::Map::new();
        for name in names {
            let (node, log) = self.fresh(|nix, root| {
                let component = find(nix, root, path)?;
                let resource = nix.select(&component, "resource")?;
                let inputs = nix.select(&resource, "inputs")?;
                match nix.select(&inputs, &name) {
                    Ok(value) => Ok(nix.node(&value)?),
                    Err(Failure::Waits(outputs)) => Ok(Node::Unknown(outputs)),
                    Err(failure) => Err(failure),
                }
            });
            fields.insert(name, node.ok()?.finish(&log, refs).0);
        }
        Some(Node::finished(fields, &shape_log, refs))
    }

    /// The outputs that a value depends on, any change of which replaces the resource; or, of a text
    /// that depends on none, the member that it names.
    fn trigger(&mut self, path: &MemberPath, index: usize) -> Result<Vec<OutputRef>, Failure> {
        let (value, log) = self.fresh(|nix, root| {
            let component = find(nix, root, path)?;
            let resource = nix.select(&component, "resource")?;
            let lifecycle = nix.select(&resource, "lifecycle")?;
            let triggers = nix.select(&lifecycle, "replaceTriggeredBy")?;
            let triggers = nix.elements(&triggers)?;
            let Some(trigger) = triggers.get(index) else {
                return Err(error::protocol("a trigger is gone").into());
            };
            match nix.select(trigger, "value") {
                Ok(value) => Ok(nix.node(&value)?),
                Err(Failure::Waits(outputs)) => Ok(Node::Unknown(outputs)),
                Err(failure) => Err(failure),
            }
        });
        let value = value?;
        let outputs: BTreeSet<OutputRef> = log.seen().chain(&log.waits).cloned().collect();
        if outputs.is_empty()
            && let Node::Leaf(Json::String(text)) = value
        {
            return PathForm::Text(text)
                .path()
                .map(|member| vec![whole(member)]);
        }
        // A set is read on the way to what is in it.
        let inside = |output: &OutputRef| {
            outputs.iter().any(|other| {
                other.member == output.member
                    && other.path.0.len() > output.path.0.len()
                    && other.path.0.starts_with(&output.path.0)
            })
        };
        Ok(outputs
            .iter()
            .filter(|output| !inside(output))
            .cloned()
            .collect())
    }
}

fn whole(member: MemberPath) -> OutputRef {
    OutputRef {
        member,
        path: AttrPath::root(),
    }
}

fn paths(forms: Vec<PathForm>) -> Result<Vec<MemberPath>, Failure> {
    forms.into_iter().map(PathForm::path).collect()
}

impl IgnoreForm {
    fn paths(self) -> Result<Vec<AttrPath>, Failure> {
        let IgnoreForm::Some(forms) = self else {
            return Ok(Vec::new());
        };
        let paths = forms.into_iter().map(|form| match form {
            AttrForm::Steps(steps) => Ok(AttrPath(steps)),
            AttrForm::Text(text) => parse_attr_path(&text)
                .map_err(|message| Failure::from(error::plain("value", message))),
        });
        paths.collect()
    }
}

/// An error of inputs, where it is one.
pub(super) fn tree_or_error(
    node: Result<Node, WireError>,
    log: &Log,
    refs: &mut Refs,
) -> (Option<Tree>, Option<EvalError>) {
    match node {
        Ok(node) => (Some(node.finish(log, refs)), None),
        Err(error) => (None, Some(*error)),
    }
}
