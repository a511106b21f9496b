//! Creating, updating and deleting, over either version of the protocol.

use nixops4_proto::native::{
    Create, Delete, Object, OptionalOperation, ResourceTypeSpec, Update, v0,
};
use serde_json::Value as Json;

use super::configured::ConfiguredNative;
use super::connection::{Answer, CallError, Connection};
use super::convert::{self, beside, object_json, refusal, resource_state, wire_state};
use super::planning::{PlanData, acted_upon};
use super::v0::{AnswerV0, ConnectionV0, stray_warnings};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::provider::{
    ApplyKind, ApplyRequest, ApplyResponse, Failure, ProviderError, ResourceState,
};
use crate::value::Value;

impl ConfiguredNative {
    pub(super) async fn apply_v1(
        &self,
        connection: &Connection,
        spec: &ResourceTypeSpec,
        request: &ApplyRequest<'_>,
    ) -> Result<ApplyResponse, ProviderError> {
        let (limit, progress) = (self.changing_limit(), request.progress.clone());
        let data = PlanData::from_bytes(&request.change.provider_data);
        let inputs = acted_upon(request, &data);
        let type_name = request.type_name.to_owned();
        let state = request.prior.map(wire_state).unwrap_or_default();
        let (call, answer) = match request.kind {
            ApplyKind::Create => {
                let create = Create {
                    type_name,
                    inputs: object_json(&inputs),
                    stateful: request.stateful,
                    plan_private: data.private,
                };
                (
                    "create",
                    connection.call_within(limit, progress, &create).await,
                )
            }
            ApplyKind::Update => {
                let update = Update {
                    type_name,
                    state,
                    inputs: object_json(&inputs),
                    plan_private: data.private,
                };
                (
                    "update",
                    connection.call_within(limit, progress, &update).await,
                )
            }
            ApplyKind::Delete if !spec.can(OptionalOperation::Delete) => {
                return Ok(only_forgotten(request.type_name));
            }
            ApplyKind::Delete => {
                let delete = Delete { type_name, state };
                let answer = connection.call_within(limit, progress, &delete).await;
                return self.deleted(request, answer);
            }
        };
        // A new object has nothing of the one that it replaces.
        let prior = request.prior.filter(|_| request.kind == ApplyKind::Update);
        let made = |object, inputs: &Value| {
            let state = resource_state(request.type_name, spec, object, inputs, prior);
            state.map_err(|error| self.broken(call, error, true))
        };
        match answer {
            Ok(answer) => {
                let (object, diagnostics) = beside(answer);
                Ok(ApplyResponse {
                    state: Some(made(object, &inputs)?),
                    diagnostics,
                })
            }
            Err(error) => {
                let (diagnostics, partial) = self.refused(call, error)?;
                let had = prior.map_or(&inputs, |prior| &prior.inputs);
                let state = match partial {
                    Some(partial) => Some(made(partial, had)?),
                    None => prior.cloned(),
                };
                Ok(ApplyResponse { state, diagnostics })
            }
        }
    }

    fn deleted<T>(
        &self,
        request: &ApplyRequest<'_>,
        answer: Result<Answer<T>, CallError>,
    ) -> Result<ApplyResponse, ProviderError> {
        match answer {
            Ok(answer) => Ok(ApplyResponse {
                state: None,
                diagnostics: beside(answer).1,
            }),
            Err(error) => Ok(ApplyResponse {
                state: request.prior.cloned(),
                diagnostics: self.refused("delete", error)?.0,
            }),
        }
    }

    /// What a program says that could not do something, and what it did of it.
    fn refused(
        &self,
        call: &str,
        error: CallError,
    ) -> Result<(Diagnostics, Option<Object>), ProviderError> {
        match error {
            CallError::Refused(answer) => Ok(refusal(*answer)),
            CallError::NotSent(lost) => Err(lost.error(self.name(), call, false)),
            CallError::Lost(lost) => Err(lost.error(self.name(), call, true)),
        }
    }

    pub(super) async fn apply_v0(
        &self,
        connection: &ConnectionV0,
        request: &ApplyRequest<'_>,
    ) -> Result<ApplyResponse, ProviderError> {
        let data = PlanData::from_bytes(&request.change.provider_data);
        let inputs = acted_upon(request, &data);
        let type_name = request.type_name.to_owned();
        let (call, wire) = match request.kind {
            ApplyKind::Delete => return Ok(only_forgotten(request.type_name)),
            ApplyKind::Create => {
                let create = v0::CreateResourceRequest {
                    type_name,
                    input_properties: properties(&inputs),
                    is_stateful: request.stateful,
                };
                ("create", v0::Request::CreateResourceRequest(create))
            }
            ApplyKind::Update => {
                let prior = request.prior.cloned().unwrap_or_default();
                let update = v0::UpdateResourceRequest {
                    resource: v0_resource(&type_name, &prior.inputs, &prior.outputs),
                    input_properties: properties(&inputs),
                };
                ("update", v0::Request::UpdateResourceRequest(update))
            }
        };
        let AnswerV0 { response, stray } = match connection.ask(call, &wire, true).await {
            Ok(answer) => answer,
            Err(Failure::Provider(error)) => return Err(error),
            Err(Failure::Diagnostics(diagnostics)) => {
                let state = request.prior.cloned();
                return Ok(ApplyResponse { state, diagnostics });
            }
        };
        let object = match response {
            v0::Response::CreateResourceResponse(made) if call == "create" => made,
            v0::Response::UpdateResourceResponse(made) if call == "update" => made,
            _ => return Err(self.broken(call, "it answers another request", true)),
        };
        let outputs = Json::Object(object.output_properties);
        let mut outputs =
            convert::object(&outputs).map_err(|error| self.broken(call, error, true))?;
        // It does not say what its outputs are made from.
        inputs.visit(&mut |_, _, _, marks| outputs.marks = outputs.marks.union(marks));
        Ok(ApplyResponse {
            state: Some(ResourceState {
                type_name: request.type_name.to_owned(),
                inputs: inputs.without_provenance(),
                outputs,
                ..ResourceState::default()
            }),
            diagnostics: stray_warnings(stray),
        })
    }
}

/// Nothing is done to an object, and it is no longer remembered.
fn only_forgotten(type_name: &str) -> ApplyResponse {
    ApplyResponse {
        state: None,
        diagnostics: forgets(type_name).into(),
    }
}

pub(super) fn forgets(type_name: &str) -> Diagnostic {
    Diagnostic::warning(format!(
        "the provider cannot delete objects of type `{type_name}`: it is only forgotten"
    ))
}

pub(super) fn properties(value: &Value) -> v0::Properties {
    match value.to_plain_json() {
        Json::Object(properties) => properties,
        _ => v0::Properties::new(),
    }
}

pub(super) fn v0_resource(type_name: &str, inputs: &Value, outputs: &Value) -> v0::Resource {
    v0::Resource {
        type_name: type_name.to_owned(),
        input_properties: properties(inputs),
        output_properties: Some(properties(outputs)),
    }
}
