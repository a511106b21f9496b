//! [`MemoryStore`]: a state that ends with the process, for tests and for what needs none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use nixops4_proto::state::Run;

use super::ledger::{Change, Ledger};
use super::run::{intent_id, new_run};
use super::{Intent, IntentId, Outcome, Snapshot, StateError, StateEvent, StateStore, format};

/// A state in memory.
#[derive(Debug)]
pub struct MemoryStore {
    run: Run,
    log: Mutex<Log>,
}

#[derive(Debug)]
struct Log {
    ledger: Ledger,
    lines: Vec<String>,
    closed: bool,
}

impl MemoryStore {
    /// A state that holds nothing.
    pub fn new() -> Self {
        Self::with_snapshot(Snapshot::default())
    }

    /// A state that goes on from a snapshot.
    pub fn with_snapshot(snapshot: Snapshot) -> Self {
        let run = new_run();
        let ledger = Ledger::new(snapshot, 0, run.clone());
        Self {
            run,
            log: Mutex::new(Log {
                ledger,
                lines: Vec::new(),
                closed: false,
            }),
        }
    }

    /// The lines that a file would have.
    pub fn lines(&self) -> Vec<String> {
        self.locked().lines.clone()
    }

    fn locked(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, changes: Vec<Change>) -> Result<(), StateError> {
        let mut log = self.locked();
        if log.closed {
            return Err(StateError::Closed {
                place: self.place(),
            });
        }
        let events = log.ledger.commit_all(changes)?;
        log.lines.extend(events.iter().map(format::line));
        Ok(())
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl StateStore for MemoryStore {
    fn place(&self) -> String {
        "the state in memory".into()
    }

    fn run(&self) -> &Run {
        &self.run
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::new(self.locked().ledger.snapshot.clone())
    }

    async fn begin(&self, intent: Intent) -> Result<IntentId, StateError> {
        let id = intent_id(&self.run);
        self.commit(vec![Change::Begin(id.clone(), intent)])?;
        Ok(id)
    }

    async fn finish(&self, id: IntentId, outcome: Outcome) -> Result<(), StateError> {
        self.commit(vec![Change::Finish(id, outcome)])
    }

    async fn record_all(&self, events: Vec<StateEvent>) -> Result<(), StateError> {
        self.commit(events.into_iter().map(Change::Record).collect())
    }

    async fn document(&self) -> Result<serde_json::Value, StateError> {
        Ok(format::write(&self.snapshot()))
    }

    async fn close(&self) -> Result<(), StateError> {
        self.locked().closed = true;
        Ok(())
    }
}
