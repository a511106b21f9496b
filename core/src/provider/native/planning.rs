//! Plans for programs: what they plan themselves in core's words, and what the default plan has to
//! know of their types.

use std::collections::BTreeMap;

use nixops4_proto::native::{
    InputSpec, OptionalOperation, PlanAction, Planned, ResourceTypeSpec, ValueType,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::convert::mark_outputs;
use crate::AttrPath;
use crate::provider::default_plan::{self, OutputRules, Rules, effective_inputs};
use crate::provider::{Action, ApplyKind, ApplyRequest, PlanRequest, PlannedChange};
use crate::value::{Value, WireError};

/// [`PlannedChange::provider_data`], as JSON; empty where there is nothing to say.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct PlanData {
    /// Inputs whose changes an update does not act upon.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ignore_changes: Vec<AttrPath>,
    /// An update acts upon no change of inputs.
    pub(super) ignore_all_changes: bool,
    /// What the provider wants back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) private: Option<Json>,
}

impl PlanData {
    fn to_bytes(&self) -> Vec<u8> {
        match *self == Self::default() {
            true => Vec::new(),
            // Paths and JSON values can always be written.
            false => serde_json::to_vec(self).unwrap_or_default(),
        }
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_default()
    }
}

/// Whether an object is to be made, whatever there is.
pub(super) fn is_fresh(request: &PlanRequest<'_>) -> bool {
    request.force_replace || request.prior.is_none_or(|prior| prior.tainted)
}

/// The inputs that an apply acts upon: a new object is made as the user wants it, an update leaves
/// alone what is to be ignored.
pub(super) fn acted_upon(request: &ApplyRequest<'_>, data: &PlanData) -> Value {
    effective_inputs(&PlanRequest {
        type_name: request.type_name,
        prior: request.prior.filter(|_| request.kind == ApplyKind::Update),
        inputs: request.inputs,
        stateful: request.stateful,
        ignore_changes: &data.ignore_changes,
        ignore_all_changes: data.ignore_all_changes,
        force_replace: false,
    })
}

pub(super) fn rules(spec: &ResourceTypeSpec) -> Rules {
    let mut replaces = Vec::new();
    match spec.can(OptionalOperation::Update) {
        true => replacing_paths(&spec.inputs, &AttrPath::root(), &mut replaces),
        false => replaces.push(AttrPath::root()),
    }
    let outputs = spec.outputs.iter().map(|(name, output)| {
        let rules = OutputRules {
            sensitive: output.sensitive,
            stable: output.stable,
        };
        (name.clone(), rules)
    });
    Rules {
        replaces,
        outputs: (!spec.open_outputs).then(|| outputs.collect()),
        always: spec.always,
    }
}

/// A program's plan in core's words.
pub(super) fn interpret(
    spec: &ResourceTypeSpec,
    request: &PlanRequest<'_>,
    inputs: &Value,
    planned: Planned,
) -> Result<PlannedChange, WireError> {
    let action = match (request.prior, planned.action) {
        (None, _) => Action::Create,
        (Some(_), _) if is_fresh(request) => Action::Replace,
        (Some(_), PlanAction::Noop) => Action::NoOp,
        (Some(_), PlanAction::Update) => Action::Update,
        (Some(_), PlanAction::Create | PlanAction::Replace) => Action::Replace,
    };
    let mut outputs = match &planned.outputs {
        Some(outputs) => Value::from_tree(outputs, &[])?,
        None => default_plan::default_outputs(&rules(spec), action, request.prior),
    };
    mark_outputs(&spec.outputs, inputs, &mut outputs);
    Ok(PlannedChange {
        action,
        outputs,
        replace_paths: planned.replace_paths,
        provider_data: plan_data(request, planned.plan_private),
        deferred: planned.deferred,
    })
}

pub(super) fn plan_data(request: &PlanRequest<'_>, private: Option<Json>) -> Vec<u8> {
    let data = PlanData {
        ignore_changes: request.ignore_changes.to_vec(),
        ignore_all_changes: request.ignore_all_changes,
        private,
    };
    data.to_bytes()
}

/// The inputs whose change needs another object.
fn replacing_paths(
    specs: &BTreeMap<String, InputSpec>,
    path: &AttrPath,
    found: &mut Vec<AttrPath>,
) {
    for (name, spec) in specs {
        let path = path.child(name.as_str());
        match &spec.value_type {
            _ if spec.replaces => found.push(path),
            ValueType::Object(fields) => replacing_paths(fields, &path, found),
            _ => {}
        }
    }
}
