//! The one trait behind which every kind of provider stands.
//!
//! ```text
//! Provider ──configure──► ConfiguredProvider ──► read, plan, apply, import, …
//! ```
//!
//! Three ways to fail, never mixed: a provider's complaints are [`Diagnostics`]; a provider that
//! cannot be spoken to is a [`ProviderError`]; [`Failure`] is either.

pub mod default_plan;
pub mod document;
mod error;
mod limits;
pub mod native;
mod ops;
mod secrets;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use document::{Contents, Document, DocumentKind};
pub use error::{Failure, ProviderError};
pub use limits::{Limiter, Permit};
pub use nixops4_proto::evaluator::Mode;
pub use nixops4_proto::functions::{FunctionParameter, FunctionSignature};
pub use ops::{
    Action, ActionRequest, ApplyKind, ApplyRequest, ApplyResponse, EphemeralRequest, Identifier,
    ImportRequest, Lease, ListRequest, Listed, MoveRequest, PlanRequest, PlannedAction,
    PlannedChange, Progress, ReadDataRequest, ResourceState, ResourceType, StateEvent, StateHandle,
};
pub use secrets::Secrets;

use nixops4_proto::state::LockOwner;

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

    /// Describes a function.
    ///
    /// # Errors
    /// Diagnostics for a function the provider does not have, with the nearest name as a hint.
    async fn function(&self, name: &str) -> Result<Arc<FunctionSignature>, Failure> {
        Err(no_function(name).into())
    }

    /// Calls a function, which is pure. Leaves of arguments may be unknown where the function
    /// takes that, and leaves of what it returns may be, then.
    ///
    /// # Errors
    /// The paths in its diagnostics begin with the index of the argument that is to blame.
    async fn call_function(&self, name: &str, _arguments: &[Value]) -> Result<Value, Failure> {
        Err(no_function(name).into())
    }

    /// The names of what it has, for people.
    async fn contents(&self) -> Result<Contents, Failure> {
        Ok(Contents::new())
    }

    /// One thing that it has, for people.
    ///
    /// # Errors
    /// As [`Provider::resource_type`].
    async fn document(&self, kind: DocumentKind, name: &str) -> Result<Document, Failure> {
        let text = format!("nothing is said of the {} `{name}`", kind.singular());
        Err(Diagnostic::error(text).into())
    }

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

    /// The inputs that describe an object as it is, without what only the provider decides.
    async fn generate(&self, state: &ResourceState) -> ProviderResult<Value> {
        Ok(state.inputs.clone().into())
    }

    /// Searches for existing objects; each goes to `found`, which says whether to go on.
    async fn list(
        &self,
        request: ListRequest<'_>,
        _found: &mut (dyn FnMut(Listed) -> bool + Send),
    ) -> ProviderResult<()> {
        let text = format!(
            "the provider cannot list objects of type `{}`",
            request.type_name
        );
        Err(Diagnostic::error(text).into())
    }

    /// Checks that an action can be done as it is told. Changes nothing.
    async fn plan_action(&self, request: ActionRequest<'_>) -> ProviderResult<PlannedAction> {
        Err(no_actions(request.type_name).into())
    }

    /// Does an action; what happens on the way goes to `progress`. Gives the provider's
    /// complaints: it failed if one of them is an error.
    ///
    /// # Errors
    /// Only where no answer came; [`ProviderError::in_doubt`] says whether something may have been
    /// done all the same.
    async fn invoke_action(
        &self,
        request: ActionRequest<'_>,
        _progress: &mut (dyn FnMut(String) + Send),
    ) -> Result<Diagnostics, ProviderError> {
        Ok(no_actions(request.type_name).into())
    }

    /// Takes over what is remembered of an object under another type or of another provider: the
    /// state as if the object had always been of the type. Changes nothing in the world.
    ///
    /// # Errors
    /// Diagnostics where the one cannot become the other.
    async fn move_state(&self, request: MoveRequest<'_>) -> ProviderResult<ResourceState> {
        Err(cannot_move(&request).into())
    }

    /// Opens an ephemeral resource: gives its outputs, and how it is kept open.
    async fn open_ephemeral(
        &self,
        request: EphemeralRequest<'_>,
    ) -> ProviderResult<(Value, Lease)> {
        Err(no_ephemerals(request.type_name).into())
    }

    /// Keeps an ephemeral resource open for longer.
    async fn renew_ephemeral(
        &self,
        type_name: &str,
        _private: Option<&[u8]>,
    ) -> ProviderResult<Lease> {
        Err(no_ephemerals(type_name).into())
    }

    /// Ends an ephemeral resource. Gives the provider's complaints.
    async fn close_ephemeral(
        &self,
        type_name: &str,
        _private: Option<&[u8]>,
    ) -> Result<Diagnostics, ProviderError> {
        Ok(no_ephemerals(type_name).into())
    }

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

    /// Locks the state that a state handler or state store keeps, on behalf of `owner`, which is
    /// for others to read. Gives what unlocks it; nothing where it has no locks.
    ///
    /// # Errors
    /// Diagnostics that say who has it locked.
    async fn state_lock(
        &self,
        _handle: StateHandle<'_>,
        _owner: &LockOwner,
    ) -> ProviderResult<Option<String>> {
        Ok(None.into())
    }

    /// Unlocks the state that a state handler or state store keeps.
    async fn state_unlock(&self, handle: StateHandle<'_>, _lock: &str) -> ProviderResult<()> {
        Err(no_locks(handle.type_name).into())
    }

    /// Reads the state that a state store keeps: what was last written, empty if nothing was.
    async fn store_read(&self, handle: StateHandle<'_>) -> ProviderResult<Vec<u8>> {
        Err(no_state_store(handle.type_name).into())
    }

    /// Writes the state that a state store keeps, all of it; durable once the answer is there.
    async fn store_write(&self, handle: StateHandle<'_>, _state: &[u8]) -> ProviderResult<()> {
        Err(no_state_store(handle.type_name).into())
    }

    /// Asks running calls to come to an early end; they still answer.
    async fn stop(&self);

    /// Ends it, without leaving anything running. Later calls fail.
    async fn close(&self);
}

fn no_function(name: &str) -> Diagnostic {
    Diagnostic::error(format!("the provider has no function \"{name}\""))
}

fn no_ephemerals(type_name: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "the provider has no ephemeral resource type \"{type_name}\""
    ))
}

fn no_actions(type_name: &str) -> Diagnostic {
    Diagnostic::error(format!("the provider has no action \"{type_name}\""))
}

/// The complaint of a provider that cannot make one type out of another.
pub fn cannot_move(request: &MoveRequest<'_>) -> Diagnostic {
    Diagnostic::error(format!(
        "the provider cannot take over a `{}` as a `{}`",
        request.state.type_name, request.type_name
    ))
}

fn no_state_handler(type_name: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "resources of type `{type_name}` cannot handle state"
    ))
}

pub(crate) fn no_locks(type_name: &str) -> Diagnostic {
    Diagnostic::error(format!("a `{type_name}` has no locks that have ids"))
}

fn no_state_store(type_name: &str) -> Diagnostic {
    Diagnostic::error(format!("the provider has no state store \"{type_name}\""))
}
