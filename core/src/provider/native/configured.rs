//! [`ConfiguredNative`]: the operations, over either version of the protocol.

use std::sync::Arc;

use async_trait::async_trait;
use nixops4_proto::native::{
    Import, Object, OptionalOperation, Plan, Read, ReadData, ResourceTypeSpec,
    StateEvent as WireEvent, StateLock, StateRead, StateUnlock, Upgrade, v0,
};
use nixops4_proto::state::LockOwner;
use serde_json::Value as Json;

use super::apply::{forgets, v0_resource};
use super::connection::Connection;
use super::convert::{self, mark_outputs, object_json, resource_state, tree, wire_state};
use super::link::Link;
use super::planning::{interpret, is_fresh, plan_data, rules};
use super::v0::{ConnectionV0, stray_warnings};
use super::{NativeProvider, Spec};
use crate::MemberPath;
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use crate::provider::default_plan::{self, effective_inputs};
use crate::provider::{
    Action, ApplyRequest, ApplyResponse, ConfiguredProvider, Failure, Identifier, ImportRequest,
    Mode, PlanRequest, PlannedChange, ProviderError, ProviderResult, ReadDataRequest,
    ResourceState, StateEvent, StateHandle, no_locks,
};
use crate::value::Value;

/// A program that has its configuration.
#[derive(Debug)]
pub(super) struct ConfiguredNative {
    provider: Arc<NativeProvider>,
}

/// What is asked about: a program, and what it says of the type.
enum Target {
    V1(Arc<Connection>, Box<ResourceTypeSpec>),
    V0(Arc<ConnectionV0>),
}

impl ConfiguredNative {
    pub(super) fn new(provider: Arc<NativeProvider>) -> Self {
        Self { provider }
    }

    pub(super) fn name(&self) -> &str {
        &self.provider.program.name
    }

    /// How long a call may take that changes something.
    pub(super) fn changing_limit(&self) -> Option<std::time::Duration> {
        self.provider.patience.changing
    }

    /// What is asked about a type; `values` are what is given to the program with it.
    async fn target(&self, type_name: &str, values: &[&Value]) -> Result<Target, Failure> {
        let spec = self.provider.spec(Mode::Managed, type_name).await?;
        for value in values {
            self.provider.learn(&spec, value);
        }
        match (self.provider.link().await?, spec) {
            (Link::V1(connection), Spec::Resource(spec)) => Ok(Target::V1(connection, spec)),
            (Link::V0(connection), _) => Ok(Target::V0(connection)),
            (Link::V1(_), _) => {
                let text = format!("`{type_name}` is not a resource type");
                Err(Diagnostic::error(text).into())
            }
        }
    }

    /// An error about what the program answered.
    pub(super) fn broken(
        &self,
        call: &str,
        what: impl std::fmt::Display,
        effect: bool,
    ) -> ProviderError {
        let message = format!("its answer does not keep to the protocol: {what}");
        ProviderError {
            in_doubt: effect,
            ..self.provider.program.error(call, message)
        }
    }

    async fn upgraded(
        &self,
        connection: &Connection,
        spec: &ResourceTypeSpec,
        state: ResourceState,
    ) -> ProviderResult<ResourceState> {
        if state.schema_version > spec.schema_version {
            let text = format!(
                "the state of this `{}` was written by a newer version of the provider {} (schema \
                 version {}, the provider has {})",
                state.type_name,
                self.name(),
                state.schema_version,
                spec.schema_version
            );
            return Err(Diagnostic::error(text).into());
        }
        let older = state.schema_version < spec.schema_version;
        if !older || !spec.can(OptionalOperation::Upgrade) {
            let schema_version = spec.schema_version;
            return Ok(ResourceState {
                schema_version,
                ..state
            }
            .into());
        }
        let upgrade = Upgrade {
            type_name: state.type_name.clone(),
            state: wire_state(&state),
        };
        let answer = self.provider.call(connection, &upgrade).await?;
        self.observed("upgrade", spec, &state, answer)
    }

    /// A state from what the program says of an object that there was.
    fn observed(
        &self,
        call: &str,
        spec: &ResourceTypeSpec,
        prior: &ResourceState,
        answer: Diagnosed<Object>,
    ) -> ProviderResult<ResourceState> {
        let Diagnosed { value, warnings } = answer;
        let state = resource_state(&prior.type_name, spec, value, &prior.inputs, Some(prior));
        let value = state.map_err(|error| self.broken(call, error, false))?;
        Ok(Diagnosed { value, warnings })
    }

    /// Asks the program for a plan.
    async fn asked_plan(
        &self,
        connection: &Connection,
        spec: &ResourceTypeSpec,
        request: &PlanRequest<'_>,
    ) -> ProviderResult<PlannedChange> {
        let fresh = is_fresh(request);
        let prior = request.prior.filter(|_| !fresh);
        let inputs = match fresh {
            true => request.inputs.clone(),
            false => effective_inputs(request),
        };
        let plan = Plan {
            type_name: request.type_name.to_owned(),
            prior: prior.map(wire_state),
            inputs: tree(&inputs),
            stateful: request.stateful,
        };
        let Diagnosed { value, warnings } = self.provider.call(connection, &plan).await?;
        let change = interpret(spec, request, &inputs, value)
            .map_err(|error| self.broken("plan", error, false))?;
        Ok(Diagnosed {
            value: change,
            warnings,
        })
    }
}

#[async_trait]
impl ConfiguredProvider for ConfiguredNative {
    async fn read(&self, state: &ResourceState) -> ProviderResult<Option<ResourceState>> {
        let (connection, spec) = match self
            .target(&state.type_name, &[&state.inputs, &state.outputs])
            .await?
        {
            Target::V0(_) => return Ok(Some(state.clone()).into()),
            Target::V1(connection, spec) => (connection, spec),
        };
        let upgraded = self.upgraded(&connection, &spec, state.clone()).await?;
        if !spec.can(OptionalOperation::Read) {
            let Diagnosed { value, warnings } = upgraded;
            return Ok(Diagnosed {
                value: Some(value),
                warnings,
            });
        }
        let state = upgraded.value;
        let read = Read {
            type_name: state.type_name.clone(),
            state: wire_state(&state),
        };
        let Diagnosed { value, warnings } = self.provider.call(&connection, &read).await?;
        let value = match value.state {
            None => None,
            Some(object) => Some(self.observed("read", &spec, &state, object.into())?.value),
        };
        Ok(Diagnosed { value, warnings })
    }

    async fn upgrade(&self, state: ResourceState) -> ProviderResult<ResourceState> {
        match self
            .target(&state.type_name, &[&state.inputs, &state.outputs])
            .await?
        {
            Target::V0(_) => Ok(state.into()),
            Target::V1(connection, spec) => self.upgraded(&connection, &spec, state).await,
        }
    }

    async fn plan(&self, request: PlanRequest<'_>) -> ProviderResult<PlannedChange> {
        let (rules, outputs) = match self.target(request.type_name, &[request.inputs]).await? {
            Target::V1(connection, spec) if spec.can(OptionalOperation::Plan) => {
                return self.asked_plan(&connection, &spec, &request).await;
            }
            Target::V1(_, spec) => (rules(&spec), spec.outputs),
            Target::V0(_) => Default::default(),
        };
        let mut change = default_plan::plan(&rules, &request);
        mark_outputs(&outputs, request.inputs, &mut change.outputs);
        change.provider_data = plan_data(&request, None);
        Ok(change.into())
    }

    async fn plan_delete(&self, state: &ResourceState) -> ProviderResult<PlannedChange> {
        let mut change = default_plan::plan_delete(state);
        let mut warnings = Diagnostics::default();
        let deletes = match self
            .target(&state.type_name, &[&state.inputs, &state.outputs])
            .await?
        {
            Target::V1(_, spec) => spec.can(OptionalOperation::Delete),
            Target::V0(_) => false,
        };
        if !deletes {
            change.action = Action::Forget;
            warnings.push(forgets(&state.type_name));
        }
        Ok(Diagnosed {
            value: change,
            warnings,
        })
    }

    async fn apply(&self, request: ApplyRequest<'_>) -> Result<ApplyResponse, ProviderError> {
        let prior = request.prior.map(|prior| [&prior.inputs, &prior.outputs]);
        let mut values = vec![request.inputs];
        values.extend(prior.into_iter().flatten());
        // First the turn, then the program: it may have died and been started again meanwhile.
        let _permit = self.provider.limiter.acquire().await;
        let target = self.target(request.type_name, &values).await;
        match target {
            Ok(Target::V1(connection, spec)) => self.apply_v1(&connection, &spec, &request).await,
            Ok(Target::V0(connection)) => self.apply_v0(&connection, &request).await,
            Err(Failure::Provider(error)) => Err(error),
            Err(Failure::Diagnostics(diagnostics)) => Ok(ApplyResponse {
                state: request.prior.cloned(),
                diagnostics,
            }),
        }
    }

    async fn read_data(&self, request: ReadDataRequest<'_>) -> ProviderResult<Value> {
        let spec = self.provider.spec(Mode::Data, request.type_name).await?;
        self.provider.learn(&spec, request.inputs);
        let (Link::V1(connection), Spec::Data(spec)) = (self.provider.link().await?, spec) else {
            let text = format!("`{}` is not a data source", request.type_name);
            return Err(Diagnostic::error(text).into());
        };
        let read = ReadData {
            type_name: request.type_name.to_owned(),
            inputs: object_json(request.inputs),
        };
        let Diagnosed { value, warnings } = self.provider.call(&connection, &read).await?;
        let outputs = convert::object(&value.outputs);
        let mut outputs = outputs.map_err(|error| self.broken("readData", error, false))?;
        mark_outputs(&spec.outputs, request.inputs, &mut outputs);
        convert::mark_secrets(&mut outputs, &value.sensitive);
        Ok(Diagnosed {
            value: outputs,
            warnings,
        })
    }

    async fn import(&self, request: ImportRequest<'_>) -> ProviderResult<ResourceState> {
        let Identifier::Id(id) = request.object else {
            let text = format!(
                "the provider {} takes over objects by identifier only",
                self.name()
            );
            let hint = "say `import.id` in place of `import.identity`";
            return Err(Diagnostic::error(text).hint(hint).into());
        };
        let (connection, spec) = match self.target(request.type_name, &[request.inputs]).await? {
            Target::V1(connection, spec) if spec.can(OptionalOperation::Import) => {
                (connection, spec)
            }
            _ => {
                let text = format!(
                    "the provider {} cannot import objects of type `{}`",
                    self.name(),
                    request.type_name
                );
                return Err(Diagnostic::error(text).into());
            }
        };
        let import = Import {
            type_name: request.type_name.to_owned(),
            id: id.clone(),
            inputs: tree(request.inputs),
        };
        let mut answer = self.provider.call(&connection, &import).await?;
        // Whatever the provider does not report of the inputs is to differ from what is wanted.
        answer
            .value
            .inputs
            .get_or_insert_with(|| Json::Object(Default::default()));
        let Diagnosed { value, warnings } = answer;
        let state = resource_state(request.type_name, &spec, value, request.inputs, None);
        let value = state.map_err(|error| self.broken("import", error, false))?;
        Ok(Diagnosed { value, warnings })
    }

    async fn state_read(&self, handle: StateHandle<'_>) -> ProviderResult<Json> {
        match self.target(handle.type_name, &[handle.inputs]).await? {
            Target::V1(connection, _) => {
                let read = StateRead {
                    type_name: handle.type_name.to_owned(),
                    inputs: object_json(handle.inputs),
                    outputs: object_json(handle.outputs),
                };
                let Diagnosed { value, warnings } = self.provider.call(&connection, &read).await?;
                Ok(Diagnosed {
                    value: value.state,
                    warnings,
                })
            }
            Target::V0(connection) => {
                let resource = v0_resource(handle.type_name, handle.inputs, handle.outputs);
                let read = v0::StateResourceReadRequest { resource };
                let request = v0::Request::StateResourceReadRequest(read);
                let answer = connection.ask("stateRead", &request, false).await?;
                match answer.response {
                    v0::Response::StateResourceReadResponse(read) => Ok(Diagnosed {
                        value: Json::Object(read.state),
                        warnings: stray_warnings(answer.stray),
                    }),
                    _ => Err(self
                        .broken("stateRead", "it answers another request", false)
                        .into()),
                }
            }
        }
    }

    async fn state_event(
        &self,
        handle: StateHandle<'_>,
        event: StateEvent<'_>,
    ) -> ProviderResult<()> {
        let nixops_version = env!("CARGO_PKG_VERSION").to_owned();
        match self.target(handle.type_name, &[handle.inputs]).await? {
            Target::V1(connection, _) => {
                let event = WireEvent {
                    type_name: handle.type_name.to_owned(),
                    inputs: object_json(handle.inputs),
                    outputs: object_json(handle.outputs),
                    event: event.event.to_owned(),
                    nixops_version,
                    patch: event.patch.clone(),
                };
                let Diagnosed { warnings, .. } = self.provider.call(&connection, &event).await?;
                Ok(Diagnosed {
                    value: (),
                    warnings,
                })
            }
            Target::V0(connection) => {
                let event = v0::StateResourceEvent {
                    resource: v0_resource(handle.type_name, handle.inputs, handle.outputs),
                    event: event.event.to_owned(),
                    nixops_version,
                    patch: event.patch.clone(),
                };
                let request = v0::Request::StateResourceEvent(event);
                let answer = connection.ask("stateEvent", &request, true).await?;
                match answer.response {
                    v0::Response::StateResourceEventResponse(_) => Ok(Diagnosed {
                        value: (),
                        warnings: stray_warnings(answer.stray),
                    }),
                    _ => Err(self
                        .broken("stateEvent", "it answers another request", true)
                        .into()),
                }
            }
        }
    }

    async fn state_lock(
        &self,
        handle: StateHandle<'_>,
        owner: &LockOwner,
    ) -> ProviderResult<Option<String>> {
        let Target::V1(connection, spec) = self.target(handle.type_name, &[handle.inputs]).await?
        else {
            return Ok(None.into());
        };
        if !spec.can(OptionalOperation::StateLock) {
            return Ok(None.into());
        }
        let lock = StateLock {
            type_name: handle.type_name.to_owned(),
            inputs: object_json(handle.inputs),
            outputs: object_json(handle.outputs),
            owner: owner.clone(),
            members: vec![MemberPath::root()],
        };
        let Diagnosed { value, warnings } = self.provider.call(&connection, &lock).await?;
        match value.held_by {
            None => Ok(Diagnosed {
                value: value.lock,
                warnings,
            }),
            Some(holder) => {
                let (since, lock) = (&holder.since, value.lock.unwrap_or_default());
                let mut text = format!("it is locked since {since} by {holder}");
                if !lock.is_empty() {
                    text.push_str(&format!(" (the lock is {lock})"));
                }
                Err(Diagnostic::error(text).into())
            }
        }
    }

    async fn state_unlock(&self, handle: StateHandle<'_>, lock: &str) -> ProviderResult<()> {
        match self.target(handle.type_name, &[handle.inputs]).await? {
            Target::V1(connection, spec) if spec.can(OptionalOperation::StateLock) => {
                let unlock = StateUnlock {
                    type_name: handle.type_name.to_owned(),
                    inputs: object_json(handle.inputs),
                    outputs: object_json(handle.outputs),
                    lock: lock.to_owned(),
                };
                let Diagnosed { warnings, .. } = self.provider.call(&connection, &unlock).await?;
                Ok(Diagnosed {
                    value: (),
                    warnings,
                })
            }
            _ => Err(no_locks(handle.type_name).into()),
        }
    }

    async fn stop(&self) {
        self.provider.lifeline.stop().await;
    }

    async fn close(&self) {
        self.provider.lifeline.close().await;
    }
}
