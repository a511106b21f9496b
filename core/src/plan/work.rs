//! What workers do: everything of planning that waits for someone else. Each piece of work is given
//! all it needs, touches nothing shared, and comes back as [`Done`].

use std::sync::Arc;

use nixops4_proto::evaluator::{ProviderProgram, ProviderSettings};

use super::nodes::{NodeId, ProviderId, Ready, StoreId};
use super::remembered::Contents;
use crate::AttrPath;
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use crate::engine::{
    Ephemerals, ProviderFactory, Refresh, StateAccess, StateFactory, StateHandler, ToOpen, Tools,
};
use crate::provider::{
    Failure, Identifier, ImportRequest, Mode, MoveRequest, PlanRequest, PlannedChange,
    ProviderResult, ReadDataRequest, ResourceState, ResourceType,
};
use crate::state::StoredObject;
use crate::value::Value;

/// Something to be done by a worker.
#[derive(Debug)]
pub(crate) enum Work {
    OpenProvider(OpenProvider),
    OpenStore(OpenStore),
    Describe {
        provider: ProviderId,
        ready: Ready,
        mode: Mode,
        name: String,
    },
    Read(ReadPrior),
    Import {
        node: NodeId,
        ready: Ready,
        type_name: String,
        object: Identifier,
        inputs: Arc<Value>,
    },
    Plan(PlanWork),
    PlanDelete {
        node: NodeId,
        ready: Ready,
        prior: Arc<ResourceState>,
    },
    OpenEphemeral(Box<OpenEphemeral>),
    ReadData {
        node: NodeId,
        ready: Ready,
        type_name: String,
        inputs: Arc<Value>,
        /// Whether it can be read now, rather than only checked.
        now: bool,
    },
}

#[derive(Debug)]
pub(crate) struct OpenProvider {
    pub(crate) provider: ProviderId,
    pub(crate) id: String,
    pub(crate) program: ProviderProgram,
    pub(crate) config: Value,
    pub(crate) settings: ProviderSettings,
}

#[derive(Debug)]
pub(crate) struct OpenStore {
    pub(crate) store: StoreId,
    pub(crate) handler: Option<StateHandler>,
    /// Who checks the inputs of the handler first, if anybody.
    pub(crate) check: Option<Ready>,
    /// Whether it is only opened where it exists.
    pub(crate) if_there: bool,
}

#[derive(Debug)]
pub(crate) struct ReadPrior {
    pub(crate) node: NodeId,
    pub(crate) ready: Ready,
    pub(crate) object: Arc<StoredObject>,
    pub(crate) refresh: Refresh,
    /// The type that it is to have, where it has another, or another kind of provider made it.
    pub(crate) becomes: Option<String>,
}

/// What is to be planned.
#[derive(Clone, Debug)]
pub(crate) struct PlanWork {
    pub(crate) node: NodeId,
    pub(crate) ready: Ready,
    pub(crate) type_name: String,
    pub(crate) prior: Option<Arc<ResourceState>>,
    pub(crate) inputs: Arc<Value>,
    pub(crate) stateful: bool,
    pub(crate) ignore_changes: Vec<AttrPath>,
    pub(crate) ignore_all_changes: bool,
    pub(crate) force_replace: bool,
}

/// An ephemeral resource.
#[derive(Debug)]
pub(crate) struct OpenEphemeral {
    pub(crate) node: NodeId,
    pub(crate) ready: Ready,
    pub(crate) to_open: ToOpen,
    /// Who keeps it; `None` where it is only checked.
    pub(crate) ephemerals: Option<Arc<Ephemerals>>,
}

/// What came of a piece of work.
#[derive(Debug)]
pub(crate) enum Done {
    ProviderOpened(ProviderId, Result<Diagnosed<Ready>, Failure>),
    StoreOpened(StoreId, Result<Diagnosed<Contents>, Diagnostics>),
    Described(ProviderId, Mode, String, Result<Arc<ResourceType>, Failure>),
    PriorRead(NodeId, ProviderResult<Option<ResourceState>>),
    Imported(NodeId, ProviderResult<ResourceState>),
    Planned(NodeId, ProviderResult<PlannedChange>),
    DataRead(NodeId, ProviderResult<Option<Value>>),
    EphemeralOpened(NodeId, ProviderResult<Option<Value>>),
}

impl Work {
    /// Whether it counts against the bound on concurrent calls. What it does not bound is little,
    /// and others wait for it.
    pub(crate) fn is_bounded(&self) -> bool {
        !matches!(
            self,
            Self::OpenProvider(_) | Self::OpenStore(_) | Self::Describe { .. }
        )
    }

    /// Does it.
    pub(crate) async fn run(self, tools: Tools) -> Done {
        match self {
            Self::OpenProvider(open) => {
                let id = open.provider;
                Done::ProviderOpened(id, open.run(&*tools.providers).await)
            }
            Self::OpenStore(open) => {
                let store = open.store;
                let opened = open.run(&*tools.states, tools.access).await;
                Done::StoreOpened(store, opened)
            }
            Self::Describe {
                provider,
                ready,
                mode,
                name,
            } => {
                let result = ready.provider.resource_type(mode, &name).await;
                Done::Described(provider, mode, name, result)
            }
            Self::Read(read) => Done::PriorRead(read.node, read.run().await),
            Self::Import {
                node,
                ready,
                type_name,
                object,
                inputs,
            } => {
                let request = ImportRequest {
                    type_name: &type_name,
                    object: &object,
                    inputs: &inputs,
                };
                Done::Imported(node, ready.configured.import(request).await)
            }
            Self::Plan(plan) => Done::Planned(plan.node, plan.run().await),
            Self::PlanDelete { node, ready, prior } => {
                Done::Planned(node, ready.configured.plan_delete(&prior).await)
            }
            Self::OpenEphemeral(open) => Done::EphemeralOpened(open.node, open.run().await),
            Self::ReadData {
                node,
                ready,
                type_name,
                inputs,
                now,
            } => Done::DataRead(node, read_data(&ready, &type_name, &inputs, now).await),
        }
    }
}

impl OpenProvider {
    async fn run(&self, providers: &dyn ProviderFactory) -> Result<Diagnosed<Ready>, Failure> {
        let provider = providers
            .open(&self.id, &self.program, &self.settings)
            .await?;
        let mut warnings = provider.validate_config(&self.config).await?;
        if warnings.has_errors() {
            return Err(warnings.into());
        }
        let configured = provider.clone().configure(&self.config).await?;
        warnings.extend(configured.warnings);
        Ok(Diagnosed {
            value: Ready {
                provider,
                configured: configured.value,
            },
            warnings,
        })
    }
}

impl ReadPrior {
    async fn run(&self) -> ProviderResult<Option<ResourceState>> {
        let state = &self.object.state;
        if let Some(type_name) = &self.becomes {
            return self.taken_over(type_name).await;
        }
        match self.refresh {
            Refresh::All => self.ready.configured.read(state).await,
            Refresh::None => {
                let upgraded = self.ready.configured.upgrade(state.clone()).await?;
                Ok(Diagnosed {
                    value: Some(upgraded.value),
                    warnings: upgraded.warnings,
                })
            }
        }
    }
}

impl ReadPrior {
    /// What there is, as another type than it was.
    async fn taken_over(&self, type_name: &str) -> ProviderResult<Option<ResourceState>> {
        let record = self.object.provider.as_deref();
        let request = MoveRequest {
            type_name,
            from: record.map(|record| &record.program),
            state: &self.object.state,
        };
        let Diagnosed {
            value,
            mut warnings,
        } = self.ready.configured.move_state(request).await?;
        if self.refresh == Refresh::None {
            let value = Some(value);
            return Ok(Diagnosed { value, warnings });
        }
        let read = self.ready.configured.read(&value).await?;
        warnings.extend(read.warnings);
        Ok(Diagnosed {
            value: read.value,
            warnings,
        })
    }
}

impl OpenStore {
    async fn run(
        self,
        states: &dyn StateFactory,
        access: StateAccess,
    ) -> Result<Diagnosed<Contents>, Diagnostics> {
        let mut warnings = Diagnostics::default();
        let opened = match self.handler {
            None if self.if_there && !states.has_default() => return Err(warnings),
            None => states.open_default(access).await?,
            Some(handler) => {
                if let Some(ready) = &self.check {
                    let checked =
                        validate(ready, handler.mode, &handler.type_name, &handler.inputs).await;
                    warnings = checked.map_err(Failure::into_diagnostics)?;
                }
                states.open(handler, access).await?
            }
        };
        warnings.extend(opened.warnings);
        Ok(Diagnosed {
            value: Contents::of(opened.value),
            warnings,
        })
    }
}

impl PlanWork {
    /// Checks the inputs and plans.
    pub(crate) async fn run(&self) -> ProviderResult<PlannedChange> {
        let mut warnings =
            validate(&self.ready, Mode::Managed, &self.type_name, &self.inputs).await?;
        let request = PlanRequest {
            type_name: &self.type_name,
            prior: self.prior.as_deref(),
            inputs: &self.inputs,
            stateful: self.stateful,
            ignore_changes: &self.ignore_changes,
            ignore_all_changes: self.ignore_all_changes,
            force_replace: self.force_replace,
        };
        let planned = self.ready.configured.plan(request).await?;
        warnings.extend(planned.warnings);
        Ok(Diagnosed {
            value: planned.value,
            warnings,
        })
    }
}

impl OpenEphemeral {
    /// Checks the inputs and, if it can be done now, opens it.
    pub(crate) async fn run(self) -> ProviderResult<Option<Value>> {
        let ToOpen {
            type_name, inputs, ..
        } = &self.to_open;
        let mut warnings = validate(&self.ready, Mode::Ephemeral, type_name, inputs).await?;
        let value = match self.ephemerals {
            None => None,
            Some(ephemerals) => {
                let opened = ephemerals.open(self.to_open).await?;
                warnings.extend(opened.warnings);
                Some(opened.value)
            }
        };
        Ok(Diagnosed { value, warnings })
    }
}

async fn validate(
    ready: &Ready,
    mode: Mode,
    type_name: &str,
    inputs: &Value,
) -> Result<Diagnostics, Failure> {
    let diagnostics = ready.provider.validate(mode, type_name, inputs).await?;
    match diagnostics.has_errors() {
        true => Err(diagnostics.into()),
        false => Ok(diagnostics),
    }
}

/// Checks the inputs of a data source and, if it can be done now, reads it.
pub(crate) async fn read_data(
    ready: &Ready,
    type_name: &str,
    inputs: &Value,
    now: bool,
) -> ProviderResult<Option<Value>> {
    let mut warnings = validate(ready, Mode::Data, type_name, inputs).await?;
    let value = match now {
        false => None,
        true => {
            let request = ReadDataRequest { type_name, inputs };
            let read = ready.configured.read_data(request).await?;
            warnings.extend(read.warnings);
            Some(read.value)
        }
    };
    Ok(Diagnosed { value, warnings })
}

/// A state error as diagnostics, for reports.
pub(crate) fn state_diagnostics(error: &crate::state::StateError) -> Diagnostics {
    let mut diagnostic = Diagnostic::error(error.to_string());
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if !diagnostic.detail.is_empty() {
            diagnostic.detail.push('\n');
        }
        diagnostic.detail.push_str(&cause.to_string());
        source = cause.source();
    }
    diagnostic.hints = error.hints();
    diagnostic.into()
}
