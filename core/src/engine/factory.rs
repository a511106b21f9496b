//! How the engine gets at providers and states, about whose kinds it knows nothing.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use nixops4_proto::evaluator::{ProviderProgram, ProviderSettings};

use crate::MemberPath;
use crate::diagnostic::{Diagnosed, Diagnostics};
use crate::provider::{ConfiguredProvider, Failure, Mode, Provider};
use crate::state::StateStore;
use crate::value::Value;

/// Starts providers.
#[async_trait]
pub trait ProviderFactory: Send + Sync + Debug {
    /// Makes ready to ask a provider instance, as its settings say; `id` is its name, for messages.
    async fn open(
        &self,
        id: &str,
        program: &ProviderProgram,
        settings: &ProviderSettings,
    ) -> Result<Arc<dyn Provider>, Failure>;
}

/// A state, with warnings, or why it cannot be opened.
pub type StoreResult = Result<Diagnosed<Arc<dyn StateStore>>, Diagnostics>;

/// Opens states.
#[async_trait]
pub trait StateFactory: Send + Sync + Debug {
    /// The state that holds where no component names a handler.
    async fn open_default(&self, access: StateAccess) -> StoreResult;

    /// Whether the default state exists already.
    fn has_default(&self) -> bool;

    /// The state that a resource handles.
    async fn open(&self, handler: StateHandler, access: StateAccess) -> StoreResult;
}

/// What is wanted of a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateAccess {
    /// To look at it, whoever else writes it.
    Read,
    /// To write it, alone.
    Write,
}

/// A resource that handles state.
#[derive(Clone, Debug)]
pub struct StateHandler {
    /// The resource.
    pub member: MemberPath,
    /// Its provider instance, by id.
    pub provider: String,
    /// How the provider's program is found.
    pub program: ProviderProgram,
    /// How it is to be used.
    pub settings: ProviderSettings,
    /// The provider, if it is not the built-in one (whose files are opened without it).
    pub configured: Option<Arc<dyn ConfiguredProvider>>,
    /// Whether it is one that takes events, or a store that keeps a state as a whole.
    pub mode: Mode,
    /// The provider's name for the resource's type.
    pub type_name: String,
    /// The resource's inputs, wholly known.
    pub inputs: Value,
}
