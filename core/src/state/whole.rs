//! [`WholeChannel`]: a state that is kept as a whole: by a state store of a plugin, which knows a
//! state by its name and writes and reads all its bytes.
//!
//! ```text
//! event ──► the log as it is, and the event ──► one event that makes the same ──► store_write
//! ```
//! What is written is a state log in the form that files have, always compacted: its length is that
//! of the state, not of what has been done. Every event costs as much as the state is long.

use std::sync::{Arc, Mutex as SyncMutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use nixops4_proto::state::Event;
use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::format::{self, Fold, TextEvent};
use super::{LockOwner, StateChannel, clock};
use crate::diagnostic::{Diagnosed, Diagnostics, Severity};
use crate::provider::{ConfiguredProvider, Failure, ProviderResult, StateHandle};
use crate::value::Value;

/// A resource that keeps states as a whole, reached through its provider.
#[derive(Debug)]
pub struct WholeChannel {
    provider: Arc<dyn ConfiguredProvider>,
    type_name: String,
    inputs: Value,
    /// A state store reports nothing.
    outputs: Value,
    /// The log as it was last read or written. Only who has the lock writes, so it is what is there.
    log: Mutex<String>,
    warnings: SyncMutex<Diagnostics>,
}

impl WholeChannel {
    /// For a resource of this type with these inputs, which are wholly known.
    pub fn new(provider: Arc<dyn ConfiguredProvider>, type_name: String, inputs: Value) -> Self {
        Self {
            provider,
            type_name,
            inputs,
            outputs: Value::null(),
            log: Mutex::default(),
            warnings: SyncMutex::default(),
        }
    }

    fn handle(&self) -> StateHandle<'_> {
        StateHandle {
            type_name: &self.type_name,
            inputs: &self.inputs,
            outputs: &self.outputs,
        }
    }

    /// Takes a value, and note of what was said beside it.
    fn noted<T>(&self, answer: ProviderResult<T>) -> Result<T, String> {
        let Diagnosed { value, warnings } = answer.map_err(message)?;
        self.said().extend(warnings);
        Ok(value)
    }

    fn said(&self) -> MutexGuard<'_, Diagnostics> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl StateChannel for WholeChannel {
    async fn read(&self) -> Result<Json, String> {
        let read = self.provider.store_read(self.handle()).await;
        let bytes = self.noted(read)?;
        let text = String::from_utf8(bytes).map_err(|_| not_ours("it is not text in UTF-8"))?;
        let document = fold(&text)?.document();
        *self.log.lock().await = text;
        Ok(document)
    }

    async fn event(&self, event: &Event) -> Result<(), String> {
        let mut log = self.log.lock().await;
        let next = appended(&log, event)?;
        let written = self
            .provider
            .store_write(self.handle(), next.as_bytes())
            .await;
        self.noted(written)?;
        *log = next;
        Ok(())
    }

    fn warnings(&self) -> Diagnostics {
        std::mem::take(&mut *self.said())
    }

    async fn lock(&self, owner: &LockOwner) -> Result<Option<String>, String> {
        let locked = self.provider.state_lock(self.handle(), owner).await;
        self.noted(locked)
    }

    async fn unlock(&self, lock: &str) -> Result<(), String> {
        let unlocked = self.provider.state_unlock(self.handle(), lock).await;
        unlocked.map(drop).map_err(message)
    }
}

/// What a failure says, all of it: who has a state locked is in the detail.
fn message(failure: Failure) -> String {
    let errors = failure.into_diagnostics().0.into_iter();
    let errors = errors.filter(|diagnostic| diagnostic.severity == Severity::Error);
    let texts = errors.map(|error| match error.detail.is_empty() {
        true => error.to_string(),
        false => format!("{error}: {}", error.detail),
    });
    texts.collect::<Vec<_>>().join("; ")
}

fn not_ours(reason: &str) -> String {
    format!("what it keeps is no state of nixops4: {reason}")
}

/// The events of a log.
fn fold(log: &str) -> Result<Fold<'_>, String> {
    let mut fold = Fold::default();
    for line in log.lines().filter(|line| !line.trim().is_empty()) {
        let event: TextEvent<'_> =
            serde_json::from_str(line).map_err(|error| not_ours(&error.to_string()))?;
        fold.push(event)
            .map_err(|error| not_ours(&error.to_string()))?;
    }
    Ok(fold)
}

/// A log with one more event, as one event where the form of the log allows that.
fn appended(log: &str, event: &Event) -> Result<String, String> {
    let mut fold = fold(log)?;
    let line = format::line(&Event {
        index: fold.next_index(),
        ..event.clone()
    });
    let event = serde_json::from_str(&line).map_err(|error| error.to_string())?;
    fold.push(event).map_err(|error| error.to_string())?;
    let gap = match log.is_empty() || log.ends_with('\n') {
        true => "",
        false => "\n",
    };
    let compacted = fold.compacted(clock::now());
    Ok(compacted.unwrap_or_else(|| format!("{log}{gap}{line}")))
}

#[cfg(test)]
mod tests;
