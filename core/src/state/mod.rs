//! What is remembered of the world between runs: a log of events, and the snapshot it folds to.
//!
//! ```text
//! planner ──begin(intent)──► StateStore ──one line, durable──► file, provider, memory
//!    │                          │
//!    ├── provider call          └── snapshot(): what there is, for readers
//!    └──finish(id, outcome)──►
//! ```
//!
//! Invariants: an intent is durable before its provider call starts, and what came of the call is
//! durable before anything that depends on it goes on. What may follow what is said in one place,
//! `transition`, for running stores and for reading logs alike. Only `format` knows JSON.
mod channel;
mod clock;
#[cfg(test)]
mod contract;
mod error;
mod file;
mod format;
mod ids;
mod ledger;
mod memory;
mod model;
pub mod query;
mod run;
#[cfg(test)]
mod samples;
mod store;
mod transition;
mod whole;

pub use channel::{ChannelStore, HandlerChannel, StateChannel};
pub use clock::now as timestamp;
pub use error::{Illegal, StateError, Unwritten};
pub use file::{FileStore, WriteOptions, lock_owner};
pub(crate) use ids::random;
pub use ids::{DeposedKey, IntentId};
pub use memory::MemoryStore;
pub use model::{
    Intent, OpenIntent, Operation, Outcome, ProviderRecord, ResourceEntry, Snapshot, StateEvent,
    StoredObject,
};
pub use nixops4_proto::state::{LockOwner, OperationKind, OutcomeKind, Run};
pub use run::new_run;
pub use store::StateStore;
pub use whole::WholeChannel;
