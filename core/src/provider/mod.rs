//! The one trait behind which every kind of provider stands.
//!
//! ```text
//! Provider ──configure──► ConfiguredProvider ──► read, plan, apply, import, …
//! ```
//!
//! Three ways to fail, never mixed: a provider's complaints are [`Diagnostics`]; a provider that
//! cannot be spoken to is a [`ProviderError`]; [`Failure`] is either.

pub mod default_plan;
mod error;
pub mod native;
mod ops;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
pub use error::{Failure, ProviderError};
pub use nixops4_proto::evaluator::Mode;
pub use ops::{
    Action, ApplyKind, ApplyRequest, ApplyResponse, ImportRequest, PlanRequest, PlannedChange,
    ReadDataRequest, ResourceState, ResourceType, StateEvent, StateHandle,
};

use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use crate::value::Value;

/// What a provider call gives: a value with warnings, or why not.
pub type ProviderResult<T> = Result<Diagnosed<T>, Failure>;

/// A provider that has no configuration yet.
#[async_trait]
pub trait Provider: Send + Sync + Debug {
    /// Checks a configuration, which may have unknown leaves, without talking to any service.
    async fn validate_config(&self, config: &Value) -> Result<Diagnostics, ProviderError>;

    /// Describes a type.
    ///
    /// # Errors
    /// Diagnostics for a type the provider does not have, with the nearest name as a hint.
    async fn resource_type(&self, mode: Mode, name: &str) -> Result<Arc<ResourceType>, Failure>;

    /// Checks the inputs of a resource, which may have unknown leaves; paths in the diagnostics go
    /// into `inputs`.
    async fn validate(
        &self,
        mode: Mode,
        type_name: &str,
        inputs: &Value,
    ) -> Result<Diagnostics, ProviderError>;

    /// Gives the provider its configuration, which is wholly known.
    async fn configure(
        self: Arc<Self>,
        config: &Value,
    ) -> ProviderResult<Arc<dyn ConfiguredProvider>>;

    /// Ends it, without leaving anything running. Later calls fail.
    async fn close(&self);
}

/// A provider that can act. Calls may run concurrently.
#[async_trait]
pub trait ConfiguredProvider: Send + Sync + Debug {
    /// Reads the object again; `None` if it is gone. Also brings a state that an older version of
    /// the provider wrote up to date. Where the object is no longer as it was made, the inputs in
    /// the answer may differ from those in `state`: they are what would make it as it is now.
    async fn read(&self, state: &ResourceState) -> ProviderResult<Option<ResourceState>>;

    /// Brings a state that an older version of the provider wrote up to date without looking at
    /// the object; what a plan without refresh starts from.
    async fn upgrade(&self, state: ResourceState) -> ProviderResult<ResourceState>;

    /// Works out what has to be done to make the object as `inputs` say. Changes nothing.
    async fn plan(&self, request: PlanRequest<'_>) -> ProviderResult<PlannedChange>;

    /// Plans the deletion of an object. Changes nothing.
    async fn plan_delete(&self, state: &ResourceState) -> ProviderResult<PlannedChange>;

    /// Creates, updates or deletes. What the provider returns is to be stored even where it
    /// complains: see [`ApplyResponse`].
    ///
    /// # Errors
    /// Only where no answer came; [`ProviderError::in_doubt`] says whether the object may have
    /// changed all the same.
    async fn apply(&self, request: ApplyRequest<'_>) -> Result<ApplyResponse, ProviderError>;

    /// Reads a data source. The inputs are wholly known.
    async fn read_data(&self, request: ReadDataRequest<'_>) -> ProviderResult<Value>;

    /// Takes over an existing object: its state as if it had been created by us.
    async fn import(&self, request: ImportRequest<'_>) -> ProviderResult<ResourceState>;

    /// Reads the state that a state handler keeps: the snapshot, or null if there is none yet.
    async fn state_read(&self, handle: StateHandle<'_>) -> ProviderResult<serde_json::Value> {
        Err(no_state_handler(handle.type_name).into())
    }

    /// Has a state handler append an event, which is durable once the answer is there.
    async fn state_event(
        &self,
        handle: StateHandle<'_>,
        _event: StateEvent<'_>,
    ) -> ProviderResult<()> {
        Err(no_state_handler(handle.type_name).into())
    }

    /// Asks running calls to come to an early end; they still answer.
    async fn stop(&self);

    /// Ends it, without leaving anything running. Later calls fail.
    async fn close(&self);
}

fn no_state_handler(type_name: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "resources of type `{type_name}` cannot handle state"
    ))
}
