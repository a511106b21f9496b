//! Between the protocol's words and core's: complaints and diagnostics, objects and states.

use nixops4_proto::native::{Complaint, Error, Object, OutputSpec, ResourceTypeSpec, State};
use nixops4_proto::tree::Tree;
use serde_json::Value as Json;

use super::connection::Answer;
use super::v0::stray_warnings;
use crate::AttrPath;
use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::provider::ResourceState;
use crate::value::{Kind, Marks, RefTable, Value, WireError};

/// A complaint as a diagnostic.
pub(super) fn diagnostic(severity: Severity, complaint: Complaint) -> Diagnostic {
    let mut diagnostic = Diagnostic::error(complaint.message).detail(complaint.detail);
    diagnostic.severity = severity;
    diagnostic.path = complaint.path;
    diagnostic.hints = complaint.hints;
    diagnostic
}

/// What came beside an answer.
pub(super) fn beside<T>(answer: Answer<T>) -> (T, Diagnostics) {
    let mut diagnostics = stray_warnings(answer.stray);
    for warning in answer.warnings {
        diagnostics.push(diagnostic(Severity::Warning, warning));
    }
    (answer.value, diagnostics)
}

/// An error, and what was made before it.
pub(super) fn refusal(answer: Answer<Error>) -> (Diagnostics, Option<Object>) {
    let (error, beside) = beside(answer);
    let mut diagnostics = Diagnostics::default();
    for complaint in std::iter::once(error.complaint).chain(error.more) {
        diagnostics.push(diagnostic(Severity::Error, complaint));
    }
    diagnostics.extend(beside);
    (diagnostics, error.partial.map(|object| *object))
}

/// Inputs as they go to a provider that plans: unknown leaves, but no provenance.
pub(super) fn tree(value: &Value) -> Tree {
    value.without_provenance().to_tree(&mut RefTable::default())
}

/// An object; "nothing" is an empty one.
pub(super) fn object_json(value: &Value) -> Json {
    match value.to_plain_json() {
        Json::Null => Json::Object(serde_json::Map::new()),
        json => json,
    }
}

/// A state as it goes to the provider.
pub(super) fn wire_state(state: &ResourceState) -> State {
    let private = state.private.as_ref();
    State {
        inputs: object_json(&state.inputs),
        outputs: object_json(&state.outputs),
        // Private data is JSON text that came from the provider.
        private: private.and_then(|bytes| serde_json::from_slice(bytes).ok()),
        schema_version: state.schema_version,
        identity: state.identity.clone(),
    }
}

/// What a received value is not.
pub(super) fn object(json: &Json) -> Result<Value, WireError> {
    let value = Value::from_plain_json(json)?;
    match value.kind {
        Kind::Attrs(_) => Ok(value),
        Kind::Null => Ok(Value::attrs::<String>([])),
        _ => Err(WireError("it is not an object".to_owned())),
    }
}

/// The state of an object that the provider reports. `inputs` are those that it was made with,
/// `prior` is what was known of it.
pub(super) fn resource_state(
    type_name: &str,
    spec: &ResourceTypeSpec,
    reported: Object,
    inputs: &Value,
    prior: Option<&ResourceState>,
) -> Result<ResourceState, WireError> {
    let mut outputs = object(&reported.outputs)?;
    mark_outputs(&spec.outputs, inputs, &mut outputs);
    mark_secrets(&mut outputs, &reported.sensitive);
    let inputs = match reported.inputs {
        None => inputs.without_provenance(),
        Some(observed) => {
            let mut observed = object(&observed)?;
            mark_inputs(spec, inputs, &mut observed);
            observed
        }
    };
    let private = reported
        .private
        .map(|private| private.to_string().into_bytes());
    Ok(ResourceState {
        type_name: type_name.to_owned(),
        inputs,
        outputs,
        private: private.or_else(|| prior?.private.clone()),
        schema_version: spec.schema_version,
        identity: reported.identity.or_else(|| prior?.identity.clone()),
        tainted: prior.is_some_and(|prior| prior.tainted),
    })
}

const SENSITIVE: Marks = Marks {
    sensitive: true,
    ephemeral: false,
};

/// Marks outputs that are secret, or made from inputs with marks.
pub(super) fn mark_outputs<'a>(
    specs: impl IntoIterator<Item = (&'a String, &'a OutputSpec)>,
    inputs: &Value,
    outputs: &mut Value,
) {
    let Kind::Attrs(outputs) = &mut outputs.kind else {
        return;
    };
    for (name, spec) in specs {
        if let Some(output) = outputs.get_mut(name) {
            let mut marks = Marks {
                sensitive: spec.sensitive,
                ephemeral: false,
            };
            for input in &spec.derived_from {
                marks = marks.union(all_marks(inputs, input));
            }
            output.marks = output.marks.union(marks);
        }
    }
}

/// Marks observed inputs as the wanted ones are marked, name by name: what is inside may have
/// another form now.
fn mark_inputs(spec: &ResourceTypeSpec, wanted: &Value, observed: &mut Value) {
    let Kind::Attrs(observed) = &mut observed.kind else {
        return;
    };
    for (name, value) in observed {
        let declared = spec.inputs.get(name).is_some_and(|spec| spec.sensitive);
        let marks = all_marks(wanted, name);
        value.marks = value.marks.union(marks).union(Marks {
            sensitive: declared,
            ephemeral: false,
        });
    }
}

/// The marks of everything inside one attribute.
fn all_marks(value: &Value, name: &str) -> Marks {
    let mut all = Marks::default();
    if let Some(inner) = value.as_attrs().and_then(|attrs| attrs.get(name)) {
        all = all.union(value.marks).union(inner.marks);
        inner.visit(&mut |_, _, _, marks| all = all.union(marks));
    }
    all
}

/// Marks the leaves that the provider says are secret.
pub(super) fn mark_secrets(outputs: &mut Value, secrets: &[AttrPath]) {
    for path in secrets {
        mark_at(outputs, path, SENSITIVE);
    }
}

fn mark_at(value: &mut Value, path: &AttrPath, marks: Marks) {
    let mut at = value;
    for step in &path.0 {
        let inner = match (&mut at.kind, step) {
            (Kind::Attrs(attrs), crate::Step::Name(name)) => attrs.get_mut(name),
            (Kind::List(elements), crate::Step::Index(index)) => usize::try_from(*index)
                .ok()
                .and_then(|index| elements.get_mut(index)),
            _ => None,
        };
        match inner {
            Some(inner) => at = inner,
            None => return,
        }
    }
    at.marks = at.marks.union(marks);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_marked_where_declared_derived_or_reported() {
        let spec: ResourceTypeSpec = serde_json::from_value(json!({
            "inputs": { "password": { "sensitive": true } },
            "outputs": {
                "token": { "sensitive": true },
                "copy": { "derivedFrom": ["text"] },
                "id": {},
            },
        }))
        .expect("spec");
        let secret = Value::attrs([("inner", Value::from("s").sensitive())]);
        let inputs = Value::attrs([("text", Value::list([secret])), ("plain", "p".into())]);
        let reported: Object = serde_json::from_value(json!({
            "outputs": { "token": "t", "copy": "c", "id": "i", "more": [1, { "key": 2 }] },
            "inputs": { "text": "observed", "plain": "p", "password": "x" },
            "sensitive": [["more", 1, "key"], ["absent"]],
        }))
        .expect("object");
        let state = resource_state("t", &spec, reported, &inputs, None).expect("state");
        let mut secrets = Vec::new();
        for (of, value) in [("in", &state.inputs), ("out", &state.outputs)] {
            value.visit(&mut |path, _, _, marks| {
                if marks.sensitive {
                    secrets.push(format!("{of} {path}"));
                }
            });
        }
        assert_eq!(
            secrets,
            [
                "in password",
                "in text",
                "out copy",
                "out more[1].key",
                "out token"
            ]
        );
    }

    #[test]
    fn outputs_that_are_no_object_are_refused() {
        let spec = ResourceTypeSpec::default();
        let reported = Object {
            outputs: json!([1]),
            ..Object::default()
        };
        assert!(resource_state("t", &spec, reported, &Value::null(), None).is_err());
    }
}
