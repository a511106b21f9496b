//! [`StateStore`]: the one trait behind which every kind of store stands.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use nixops4_proto::state::{LockOwner, Run};

use super::{Intent, IntentId, Outcome, Snapshot, StateError, StateEvent};

/// Where a state is kept. Calls may run concurrently; a store writes them in some order, several
/// at once where it can.
#[async_trait]
pub trait StateStore: Send + Sync + Debug {
    /// Which store it is, for messages: the path of the file, the handler's member path.
    fn place(&self) -> String;

    /// The run on whose behalf it writes. Intents of other runs are in doubt.
    fn run(&self) -> &Run;

    /// Who else was writing when this was opened for reading, if that can be told. What that run
    /// has begun is under way, not in doubt.
    fn busy(&self) -> Option<&LockOwner> {
        None
    }

    /// What is remembered now. Cheap, never waits, and never changes once given.
    fn snapshot(&self) -> Arc<Snapshot>;

    /// Records what is about to be done to an object. Durable when it returns `Ok`; otherwise the
    /// provider must not be called.
    async fn begin(&self, intent: Intent) -> Result<IntentId, StateError>;

    /// Records what came of an intent: one of this run, or one in doubt that is now known. Durable
    /// when it returns `Ok`.
    ///
    /// # Errors
    /// [`StateError::NotRecorded`] where it cannot be stored; the error carries it. The snapshot
    /// has it all the same.
    async fn finish(&self, id: IntentId, outcome: Outcome) -> Result<(), StateError>;

    /// Records changes that no intent precedes, in order, as one write where it can. Durable when
    /// it returns `Ok`. If one of them is illegal, none is recorded.
    async fn record_all(&self, events: Vec<StateEvent>) -> Result<(), StateError>;

    /// Records one change that no intent precedes.
    async fn record(&self, event: StateEvent) -> Result<(), StateError> {
        self.record_all(vec![event]).await
    }

    /// The stored form of everything, folded, with what this version does not know of; `null` if
    /// nothing was ever stored. Holds secrets.
    async fn document(&self) -> Result<serde_json::Value, StateError>;

    /// Ends writing and gives up the lock. Later calls that write fail.
    async fn close(&self) -> Result<(), StateError>;
}
