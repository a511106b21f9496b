//! Planning for providers that cannot plan: by the difference between the inputs that were last
//! applied and those that are wanted now. Pure; asks no one.
//!
//! | difference | action |
//! |---|---|
//! | no object | create |
//! | tainted, or the caller forces it | replace, without paths |
//! | none | nothing |
//! | in an input that [`Rules::replaces`] names | replace, with the leaves that differ |
//! | in any other input | update |
//!
//! An unknown leaf differs from everything, since nothing can be promised about it. Not set and
//! `null` are the same. Ephemeral leaves are never stored and so never compared.

use std::collections::BTreeMap;

use super::{Action, PlanRequest, PlannedChange, ResourceState};
use crate::value::{Kind, Marks, Value};
use crate::{AttrPath, Step};

/// What has to be known of a resource type to plan for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Inputs whose change makes another object necessary.
    pub replaces: Vec<AttrPath>,
    /// The outputs by name, or `None` where the type does not fix their names.
    pub outputs: Option<BTreeMap<String, OutputRules>>,
    /// Whether the object is applied every time, for it has no state to compare with.
    pub always: bool,
}

/// What has to be known of one output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutputRules {
    /// Never shown.
    pub sensitive: bool,
    /// An update in place keeps its value.
    pub stable: bool,
}

/// Plans the making or changing of an object.
pub fn plan(rules: &Rules, request: &PlanRequest<'_>) -> PlannedChange {
    let outputs = |action| default_outputs(rules, action, request.prior);
    let Some(prior) = request.prior else {
        return change(Action::Create, outputs(Action::Create));
    };
    if prior.tainted || request.force_replace {
        return change(Action::Replace, outputs(Action::Replace));
    }
    let wanted = effective_inputs(request);
    let changed = changed_leaves(&prior.inputs, &wanted);
    if changed.is_empty() && !rules.always {
        return change(Action::NoOp, outputs(Action::NoOp));
    }
    let replace_paths: Vec<_> = changed
        .into_iter()
        .filter(|leaf| rules.replaces.iter().any(|path| touches(leaf, path)))
        .collect();
    match replace_paths.is_empty() {
        true => change(Action::Update, outputs(Action::Update)),
        false => PlannedChange {
            replace_paths,
            ..change(Action::Replace, outputs(Action::Replace))
        },
    }
}

/// Plans the deletion of an object.
pub fn plan_delete(_: &ResourceState) -> PlannedChange {
    change(Action::Delete, Value::null())
}

/// The inputs that are to be acted upon: those that are wanted, but with the prior value wherever
/// the user wants changes ignored.
pub fn effective_inputs(request: &PlanRequest<'_>) -> Value {
    let Some(prior) = request.prior else {
        return request.inputs.clone();
    };
    if request.ignore_all_changes {
        return prior.inputs.clone();
    }
    let mut inputs = request.inputs.clone();
    for path in request.ignore_changes {
        put(&mut inputs, &path.0, prior.inputs.get(path));
    }
    inputs
}

fn change(action: Action, outputs: Value) -> PlannedChange {
    PlannedChange {
        action,
        outputs,
        replace_paths: Vec::new(),
        provider_data: Vec::new(),
        deferred: None,
    }
}

fn unknown_output(rules: OutputRules) -> Value {
    match rules.sensitive {
        true => Value::unknown().sensitive(),
        false => Value::unknown(),
    }
}

/// The outputs as they will be, for all that is known of the type.
pub fn default_outputs(rules: &Rules, action: Action, prior: Option<&ResourceState>) -> Value {
    let prior = prior.map(|prior| &prior.outputs);
    if let (Action::NoOp, Some(prior)) = (action, prior) {
        return prior.clone();
    }
    let Some(outputs) = &rules.outputs else {
        return Value::unknown();
    };
    Value::attrs(outputs.iter().map(|(name, output)| {
        let stays = output.stable && action == Action::Update;
        let kept = prior.filter(|_| stays).and_then(Value::as_attrs);
        let kept = kept.and_then(|prior| prior.get(name));
        let value = kept.cloned().unwrap_or_else(|| unknown_output(*output));
        (name, value)
    }))
}

/// Whether one lies inside the other.
fn touches(a: &AttrPath, b: &AttrPath) -> bool {
    a.is_within(b) || b.is_within(a)
}

/// Puts `value` at `path`; `None` takes away what is there.
fn put(target: &mut Value, path: &[Step], value: Option<&Value>) {
    let Some((step, rest)) = path.split_first() else {
        *target = value.cloned().unwrap_or_default();
        return;
    };
    match (&mut target.kind, step) {
        (Kind::Attrs(attrs), Step::Name(name)) => match (rest.is_empty(), value) {
            (true, None) => {
                attrs.remove(name);
            }
            (false, None) => {
                if let Some(inner) = attrs.get_mut(name) {
                    put(inner, rest, None);
                }
            }
            (_, Some(_)) => put(
                attrs
                    .entry(name.clone())
                    .or_insert_with(|| Kind::Attrs(BTreeMap::new()).into()),
                rest,
                value,
            ),
        },
        (Kind::List(elements), Step::Index(index)) => {
            let element = usize::try_from(*index)
                .ok()
                .and_then(|index| elements.get_mut(index));
            // An element that was not there cannot be kept as it was without moving the others.
            if let Some(element) = element.filter(|_| value.is_some() || !rest.is_empty()) {
                put(element, rest, value);
            }
        }
        _ => {}
    }
}

/// The leaves in which two values differ, as paths; the outermost where kind or length differ.
pub fn changed_leaves(prior: &Value, wanted: &Value) -> Vec<AttrPath> {
    let mut changed = Vec::new();
    compare(
        &mut AttrPath::root(),
        prior,
        wanted,
        wanted.marks,
        &mut changed,
    );
    changed
}

fn compare(
    path: &mut AttrPath,
    prior: &Value,
    wanted: &Value,
    outer: Marks,
    changed: &mut Vec<AttrPath>,
) {
    let marks = outer.union(wanted.marks);
    if marks.ephemeral {
        return;
    }
    let mut inner = |step: Step, prior: &Value, wanted: &Value| {
        path.0.push(step);
        compare(path, prior, wanted, marks, changed);
        path.0.pop();
    };
    match (&prior.kind, &wanted.kind) {
        (Kind::Attrs(prior), Kind::Attrs(wanted)) => {
            let null = Value::null();
            let gone = prior.keys().filter(|name| !wanted.contains_key(*name));
            for name in wanted.keys().chain(gone) {
                inner(
                    name.as_str().into(),
                    prior.get(name).unwrap_or(&null),
                    wanted.get(name).unwrap_or(&null),
                );
            }
        }
        (Kind::List(prior), Kind::List(wanted)) if prior.len() == wanted.len() => {
            for (i, (prior, wanted)) in prior.iter().zip(wanted).enumerate() {
                inner(i.into(), prior, wanted);
            }
        }
        (Kind::Unknown, _) | (_, Kind::Unknown) => changed.push(path.clone()),
        (prior, wanted) if prior == wanted => {}
        _ => changed.push(path.clone()),
    }
}

#[cfg(test)]
mod tests;
