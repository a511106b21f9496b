//! Between core's words and those of the native protocol.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nixops4_core::AttrPath;
use nixops4_core::diagnostic::{Diagnostic, Diagnostics, Severity};
use nixops4_core::provider::{Action, PlannedChange, ResourceState};
use nixops4_core::value::{RefTable, Value};
use nixops4_proto::native::{Complaint, Error, Object, PlanAction, Planned, State};
use nixops4_proto::tree::Tree;
use serde_json::Value as Json;

/// Why a request cannot be done, and what was told beside.
pub(super) struct Refusal {
    pub error: Box<Error>,
    pub warnings: Vec<Complaint>,
}

impl Refusal {
    /// A refusal with a message only.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            error: Box::new(Error::new(message)),
            warnings: Vec::new(),
        }
    }
}

impl From<Diagnostics> for Refusal {
    fn from(diagnostics: Diagnostics) -> Self {
        let (mut errors, warnings) = split(diagnostics);
        if errors.is_empty() {
            errors.push(Complaint::new("it could not be done"));
        }
        let complaint = errors.remove(0);
        Self {
            error: Box::new(Error {
                complaint,
                more: errors,
                partial: None,
            }),
            warnings,
        }
    }
}

/// Separates errors from warnings.
pub(super) fn split(diagnostics: Diagnostics) -> (Vec<Complaint>, Vec<Complaint>) {
    let (errors, warnings): (Vec<_>, Vec<_>) = diagnostics
        .0
        .into_iter()
        .partition(|diagnostic| diagnostic.severity == Severity::Error);
    let all = |diagnostics: Vec<Diagnostic>| diagnostics.into_iter().map(complaint).collect();
    (all(errors), all(warnings))
}

fn complaint(diagnostic: Diagnostic) -> Complaint {
    let Diagnostic {
        summary,
        detail,
        path,
        hints,
        ..
    } = diagnostic;
    Complaint {
        message: summary,
        detail,
        path,
        hints,
    }
}

/// Opaque bytes as a JSON value.
pub(super) fn opaque(bytes: &[u8]) -> Option<Json> {
    (!bytes.is_empty()).then(|| Json::String(STANDARD.encode(bytes)))
}

/// Opaque bytes from a JSON value that was one of ours.
pub(super) fn bytes(json: Option<&Json>) -> Result<Vec<u8>, Refusal> {
    let text = match json {
        None | Some(Json::Null) => return Ok(Vec::new()),
        Some(Json::String(text)) => text,
        Some(_) => return Err(Refusal::new("private data that is not ours")),
    };
    STANDARD
        .decode(text)
        .map_err(|_| Refusal::new("private data that is not ours"))
}

/// A value of JSON.
pub(super) fn value(json: &Json) -> Result<Value, Refusal> {
    Value::from_plain_json(json).map_err(|error| Refusal::new(error.to_string()))
}

/// A value with unknown leaves.
pub(super) fn tree(tree: &Tree) -> Result<Value, Refusal> {
    Value::from_tree(tree, &[]).map_err(|error| Refusal::new(error.to_string()))
}

/// A remembered state.
pub(super) fn state(type_name: &str, state: &State) -> Result<ResourceState, Refusal> {
    Ok(ResourceState {
        type_name: type_name.to_owned(),
        inputs: value(&state.inputs)?,
        outputs: value(&state.outputs)?,
        private: Some(bytes(state.private.as_ref())?).filter(|bytes| !bytes.is_empty()),
        schema_version: state.schema_version,
        identity: state.identity.clone(),
        tainted: false,
    })
}

/// An object to be remembered.
pub(super) fn object(state: &ResourceState) -> Object {
    Object {
        outputs: state.outputs.to_plain_json(),
        inputs: None,
        // What is left out stays as it was.
        private: Some(opaque(state.private.as_deref().unwrap_or_default()).unwrap_or_default()),
        identity: state.identity.clone(),
        sensitive: secrets(&state.outputs),
    }
}

/// The leaves of a value that are secret.
pub(super) fn secrets(value: &Value) -> Vec<AttrPath> {
    let mut found = Vec::new();
    value.visit(&mut |path, _, _, marks| {
        if marks.sensitive {
            found.push(path.clone());
        }
    });
    found
}

/// A plan.
pub(super) fn planned(change: PlannedChange) -> Planned {
    Planned {
        action: match change.action {
            Action::NoOp | Action::Read | Action::Forget | Action::Delete => PlanAction::Noop,
            Action::Create => PlanAction::Create,
            Action::Update => PlanAction::Update,
            Action::Replace => PlanAction::Replace,
        },
        outputs: Some(change.outputs.to_tree(&mut RefTable::default())),
        replace_paths: change.replace_paths,
        plan_private: opaque(&change.provider_data),
        deferred: change.deferred,
    }
}
