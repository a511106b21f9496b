//! Managed resources: the calls of a configured plugin.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use nixops4_core::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use nixops4_core::provider::{
    ActionRequest, ApplyKind, ApplyRequest, ApplyResponse, ConfiguredProvider, EphemeralRequest,
    Failure, ImportRequest, Lease, ListRequest, Listed, Mode, MoveRequest, PlanRequest,
    PlannedAction, PlannedChange, ProviderError, ProviderResult, ReadDataRequest, ResourceState,
    StateHandle,
};
use nixops4_core::value::Value as Input;
use nixops4_proto::state::LockOwner;
use nixops4_proto::tfplugin::v6;

use super::apply::Outcome;
use super::plan_data::PlanData;
use super::session::Session;
use super::state::{Current, IdentityType, Managed, Remembered};
use super::state_store::Stores;
use super::{action, capabilities, data, ephemeral, fault};
use crate::client::HostedClient;
use crate::cty::{Path, Value};
use crate::lifecycle::{Ignored, ignore_changes, normalise_blocks, set_write_only};
use crate::schema::Block;

/// A configured provider plugin.
#[derive(Debug)]
pub struct TfInstance {
    pub(super) session: Arc<Session>,
    /// What it was configured with.
    pub(super) configuration: v6::configure_provider::Request,
    types: Mutex<HashMap<String, Arc<Managed>>>,
    pub(super) stores: Stores,
}

impl TfInstance {
    pub(super) fn new(
        session: Arc<Session>,
        configuration: v6::configure_provider::Request,
    ) -> Self {
        Self {
            session,
            configuration,
            types: Mutex::default(),
            stores: Default::default(),
        }
    }

    /// What is needed for calls about a type, made once.
    pub(super) async fn managed(&self, name: &str) -> Result<Arc<Managed>, Failure> {
        let lock = || {
            self.types
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner())
        };
        if let Some(managed) = lock().get(name) {
            return Ok(managed.clone());
        }
        let schema = self.session.type_schema(Mode::Managed, name).await?;
        let schemas = self.session.schemas().await?;
        let identity = schemas.identity(name).ok().flatten();
        let identity = identity.and_then(IdentityType::from_message);
        let managed = Arc::new(Managed {
            name: name.to_owned(),
            schema,
            identity,
        });
        Ok(lock().entry(name.to_owned()).or_insert(managed).clone())
    }

    pub(super) async fn read_current(
        &self,
        managed: &Managed,
        current: Current,
        inputs: &Input,
    ) -> ProviderResult<Option<ResourceState>> {
        let call = "ReadResource";
        let session = &*self.session;
        let request = v6::read_resource::Request {
            type_name: managed.name.clone(),
            current_state: Some(session.encode(call, managed.block(), &current.value)?),
            private: current.private,
            provider_meta: session.provider_meta().await?,
            client_capabilities: Some(capabilities(false)),
            current_identity: current.identity,
        };
        let answer = session.client().await?.read_resource(request).await;
        let answer = answer.map_err(|error| Failure::Provider(error.into()))?;
        let diagnostics = session.about_inputs(inputs, &answer.diagnostics);
        if diagnostics.has_errors() {
            return Err(diagnostics.into());
        }
        let mut warnings = current.warnings;
        warnings.extend(diagnostics);
        let value = session.decode(call, managed.block(), answer.new_state.as_ref())?;
        if value.is_null() {
            return Ok(Diagnosed {
                value: None,
                warnings,
            });
        }
        let value = normalise_blocks(managed.block(), value);
        if !value.is_wholly_known() {
            let summary = format!(
                "provider {} read a {} that is not wholly known",
                session.name(),
                managed.name
            );
            return Err(fault(summary).into());
        }
        refuse_write_only(session, &managed.name, managed.block(), &value)?;
        let state = managed.remember(
            session,
            call,
            Remembered {
                inputs,
                value: &value,
                marks: &managed.input_marks(inputs),
                private: &answer.private,
                identity: answer.new_identity.as_ref(),
            },
        )?;
        Ok(Diagnosed {
            value: Some(state),
            warnings,
        })
    }
}

#[async_trait]
impl ConfiguredProvider for TfInstance {
    async fn read(&self, state: &ResourceState) -> ProviderResult<Option<ResourceState>> {
        let managed = self.managed(&state.type_name).await?;
        let current = managed.current(&self.session, state).await?;
        let mut read = self.read_current(&managed, current, &state.inputs).await?;
        if let Some(read) = &mut read.value {
            read.tainted = state.tainted;
        }
        Ok(read)
    }

    async fn upgrade(&self, state: ResourceState) -> ProviderResult<ResourceState> {
        let managed = self.managed(&state.type_name).await?;
        let current = managed.current(&self.session, &state).await?;
        refuse_write_only(
            &self.session,
            &managed.name,
            managed.block(),
            &current.value,
        )?;
        let upgraded = managed.remember(
            &self.session,
            "UpgradeResourceState",
            Remembered {
                inputs: &state.inputs,
                value: &current.value,
                marks: &managed.input_marks(&state.inputs),
                private: &current.private,
                identity: current.identity.as_ref(),
            },
        )?;
        let value = ResourceState {
            tainted: state.tainted,
            ..upgraded
        };
        Ok(Diagnosed {
            value,
            warnings: current.warnings,
        })
    }

    async fn plan(&self, request: PlanRequest<'_>) -> ProviderResult<PlannedChange> {
        self.plan_change(request).await
    }

    async fn plan_delete(&self, state: &ResourceState) -> ProviderResult<PlannedChange> {
        self.plan_deletion(state).await
    }

    async fn apply(&self, request: ApplyRequest<'_>) -> Result<ApplyResponse, ProviderError> {
        let unchanged = |diagnostics| ApplyResponse {
            state: request.prior.cloned(),
            diagnostics,
        };
        let prepared = self.prepare(&request).await;
        let prepared = match prepared {
            Ok(prepared) => prepared,
            // Nothing has been sent yet.
            Err(Failure::Diagnostics(diagnostics)) => return Ok(unchanged(diagnostics)),
            Err(Failure::Provider(error)) => return Err(error),
        };
        let answer = prepared
            .client
            .apply_resource_change(prepared.request)
            .await?;
        let outcome = Outcome {
            session: &self.session,
            managed: &prepared.managed,
            apply: &request,
            planned: &prepared.planned,
            marks: &prepared.marks,
        };
        outcome.judge(answer, prepared.warnings)
    }

    async fn read_data(&self, request: ReadDataRequest<'_>) -> ProviderResult<Input> {
        data::read(&self.session, request).await
    }

    async fn import(&self, request: ImportRequest<'_>) -> ProviderResult<ResourceState> {
        self.import_object(request).await
    }

    async fn generate(&self, state: &ResourceState) -> ProviderResult<Input> {
        self.inputs_of(state).await
    }

    async fn list(
        &self,
        request: ListRequest<'_>,
        found: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> ProviderResult<()> {
        self.search(request, found).await
    }

    async fn plan_action(&self, request: ActionRequest<'_>) -> ProviderResult<PlannedAction> {
        action::plan(&self.session, request).await
    }

    async fn invoke_action(
        &self,
        request: ActionRequest<'_>,
        progress: &mut (dyn FnMut(String) + Send),
    ) -> Result<Diagnostics, ProviderError> {
        action::invoke(&self.session, request, progress).await
    }

    async fn move_state(&self, request: MoveRequest<'_>) -> ProviderResult<ResourceState> {
        self.take_over(request).await
    }

    async fn open_ephemeral(
        &self,
        request: EphemeralRequest<'_>,
    ) -> ProviderResult<(Input, Lease)> {
        ephemeral::open(&self.session, request).await
    }

    async fn renew_ephemeral(
        &self,
        type_name: &str,
        private: Option<&[u8]>,
    ) -> ProviderResult<Lease> {
        ephemeral::renew(&self.session, type_name, private).await
    }

    async fn close_ephemeral(
        &self,
        type_name: &str,
        private: Option<&[u8]>,
    ) -> Result<Diagnostics, ProviderError> {
        ephemeral::close(&self.session, type_name, private).await
    }

    async fn state_lock(
        &self,
        handle: StateHandle<'_>,
        owner: &LockOwner,
    ) -> ProviderResult<Option<String>> {
        self.store(handle).await?.lock(owner).await
    }

    async fn state_unlock(&self, handle: StateHandle<'_>, lock: &str) -> ProviderResult<()> {
        self.store(handle).await?.unlock(lock).await
    }

    async fn store_read(&self, handle: StateHandle<'_>) -> ProviderResult<Vec<u8>> {
        self.store(handle).await?.read().await
    }

    async fn store_write(&self, handle: StateHandle<'_>, state: &[u8]) -> ProviderResult<()> {
        self.store(handle).await?.write(state).await
    }

    async fn stop(&self) {
        // Not the stores: what has happened is still to be written.
        self.session.stop().await;
    }

    async fn close(&self) {
        self.close_stores().await;
        self.session.close().await;
    }
}

/// What must never be stored must not be in what is read.
pub(super) fn refuse_write_only(
    session: &Session,
    name: &str,
    block: &Block,
    value: &Value,
) -> Result<(), Failure> {
    match set_write_only(block, value).first() {
        None => Ok(()),
        Some(place) => {
            let provider = session.name();
            let problem = format!("returned a value for {place}, which must never be stored");
            Err(fault(format!("{name}: provider {provider} {problem}")).into())
        }
    }
}

pub(super) fn not_there(name: &str, object: &str) -> Diagnostic {
    Diagnostic::error(format!("there is no {name} {object} to import"))
        .hint("check the identifier, and the region or account that the provider is configured for")
}

/// A change that is ready to be sent.
pub(super) struct Prepared {
    pub managed: Arc<Managed>,
    pub client: HostedClient,
    pub request: v6::apply_resource_change::Request,
    pub planned: Value,
    pub marks: Vec<(Path, nixops4_core::value::Marks)>,
    pub warnings: Diagnostics,
}

impl TfInstance {
    /// Makes the request of a change.
    async fn prepare(&self, apply: &ApplyRequest<'_>) -> Result<Prepared, Failure> {
        let call = "ApplyResourceChange";
        let session = &*self.session;
        let managed = self.managed(apply.type_name).await?;
        let block = managed.block();
        let plan = PlanData::read(session, &apply.change.provider_data)?;
        let prior = match apply.prior {
            Some(state) if apply.kind != ApplyKind::Create => {
                managed.current(session, state).await?
            }
            _ => Current::none(),
        };
        let (config, marks, warnings) = match apply.kind {
            ApplyKind::Delete => (Value::Null, Vec::new(), Diagnostics::default()),
            ApplyKind::Create | ApplyKind::Update => {
                let checked = session.check(apply.type_name, block, apply.inputs)?;
                (checked.value, checked.marks, checked.warnings)
            }
        };
        let config = match (apply.kind, plan.ignore_all) {
            (ApplyKind::Update, true) => ignore_changes(block, &prior.value, config, Ignored::All),
            (ApplyKind::Update, false) => {
                ignore_changes(block, &prior.value, config, Ignored::At(&plan.ignored()))
            }
            _ => config,
        };
        let planned = match apply.kind {
            ApplyKind::Delete => Value::Null,
            _ => session.decode(call, block, plan.planned_state.as_ref())?,
        };
        if planned.is_null() && apply.kind != ApplyKind::Delete {
            // To the plugin this would be a deletion.
            return Err(session
                .error(call, "the plan has no planned state".to_owned())
                .into());
        }
        let request = v6::apply_resource_change::Request {
            type_name: managed.name.clone(),
            prior_state: Some(session.encode(call, block, &prior.value)?),
            planned_state: Some(session.encode(call, block, &planned)?),
            config: Some(session.encode(call, block, &config)?),
            planned_private: plan.private,
            provider_meta: session.provider_meta().await?,
            planned_identity: plan.identity,
        };
        let client = session.client().await?.clone();
        let mut all = prior.warnings;
        all.extend(warnings);
        Ok(Prepared {
            managed,
            client,
            request,
            planned,
            marks,
            warnings: all,
        })
    }
}
