//! State stores as state handlers: a handler is told events, a store knows whole states only.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};

use nixops4_core::diagnostic::Diagnosed;
use nixops4_core::provider::{ConfiguredProvider, StateHandle};
use nixops4_core::state::{StateChannel, WholeChannel, lock_owner, new_run, timestamp};
use nixops4_core::value::Value;
use nixops4_proto::native::{
    EventWritten, StateEvent, StateLock, StateLocked, StateRead, StateReadResult, StateUnlock,
    StateUnlocked,
};
use nixops4_proto::state::{Event, Meta};
use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::convert::{self, Refusal};
use super::serve::{Answered, Problem};

/// The states that were asked for.
#[derive(Default)]
pub(super) struct States(SyncMutex<ByStore>);

/// By type and inputs.
type ByStore = HashMap<(String, String), Arc<Mutex<State>>>;

/// The state in one store. Whoever uses it has it alone: events follow one another.
struct State {
    instance: Arc<dyn ConfiguredProvider>,
    type_name: String,
    inputs: Value,
    channel: WholeChannel,
    /// What unlocks it, while the caller has it locked.
    lock: Option<String>,
    /// Whether nobody else has written since the channel has read it, which only a lock can tell.
    current: bool,
}

impl States {
    /// The state of a store with these inputs.
    fn of(
        &self,
        instance: Arc<dyn ConfiguredProvider>,
        type_name: &str,
        inputs: &Json,
    ) -> Result<Arc<Mutex<State>>, Problem> {
        let value = convert::value(inputs)?;
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (type_name.to_owned(), inputs.to_string());
        let state = states.entry(key).or_insert_with(|| {
            let channel = WholeChannel::new(instance.clone(), type_name.to_owned(), value.clone());
            Arc::new(Mutex::new(State {
                instance,
                type_name: type_name.to_owned(),
                inputs: value,
                channel,
                lock: None,
                current: false,
            }))
        });
        Ok(state.clone())
    }

    /// Forgets them: there is another configuration.
    pub(super) fn clear(&self) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        states.clear();
    }

    pub(super) async fn read(
        &self,
        instance: Arc<dyn ConfiguredProvider>,
        asked: StateRead,
    ) -> Answered<StateReadResult> {
        let state = self.of(instance, &asked.type_name, &asked.inputs)?;
        let mut state = state.lock().await;
        let read = state.read().await?;
        Ok(state.told(StateReadResult { state: read }))
    }

    pub(super) async fn event(
        &self,
        instance: Arc<dyn ConfiguredProvider>,
        asked: StateEvent,
    ) -> Answered<EventWritten> {
        let state = self.of(instance, &asked.type_name, &asked.inputs)?;
        let event = event(asked)?;
        let mut state = state.lock().await;
        match state.lock.is_some() {
            true => state.event(&event).await?,
            // Between reading and writing nobody else may write.
            false => state.event_alone(&event).await?,
        }
        Ok(state.told(EventWritten {}))
    }

    pub(super) async fn lock(
        &self,
        instance: Arc<dyn ConfiguredProvider>,
        asked: StateLock,
    ) -> Answered<StateLocked> {
        let state = self.of(instance, &asked.type_name, &asked.inputs)?;
        let mut state = state.lock().await;
        let locked = state.channel.lock(&asked.owner).await;
        let lock = locked.map_err(Refusal::new)?;
        state.lock.clone_from(&lock);
        state.current = false;
        Ok(state.told(StateLocked {
            lock,
            held_by: None,
        }))
    }

    pub(super) async fn unlock(
        &self,
        instance: Arc<dyn ConfiguredProvider>,
        asked: StateUnlock,
    ) -> Answered<StateUnlocked> {
        let state = self.of(instance, &asked.type_name, &asked.inputs)?;
        let mut state = state.lock().await;
        if state.lock.as_ref() == Some(&asked.lock) {
            state.lock = None;
            state.current = false;
        }
        let handle = StateHandle {
            type_name: &state.type_name,
            inputs: &state.inputs,
            outputs: &Value::null(),
        };
        let Diagnosed { warnings, .. } = state.instance.state_unlock(handle, &asked.lock).await?;
        Ok(Diagnosed {
            value: StateUnlocked {},
            warnings,
        })
    }
}

impl State {
    async fn read(&mut self) -> Result<Json, Refusal> {
        let read = self.channel.read().await.map_err(Refusal::new)?;
        self.current = self.lock.is_some();
        Ok(read)
    }

    async fn event(&mut self, event: &Event) -> Result<(), Refusal> {
        if !self.current {
            self.read().await?;
        }
        // Whatever is not written may be written: that is to be read again.
        self.current = false;
        self.channel.event(event).await.map_err(Refusal::new)?;
        self.current = self.lock.is_some();
        Ok(())
    }

    async fn event_alone(&mut self, event: &Event) -> Result<(), Refusal> {
        let owner = lock_owner(&new_run(), "nixops4-resources-tfproto");
        let lock = self.channel.lock(&owner).await.map_err(Refusal::new)?;
        let written = self.event(event).await;
        let Some(lock) = lock else {
            return written;
        };
        let unlocked = self.channel.unlock(&lock).await;
        let still = |message| format!("it may still be locked: {message} (the lock is {lock})");
        written.and(unlocked.map_err(|message| Refusal::new(still(message))))
    }

    /// An answer with what was said on the way.
    fn told<T>(&self, value: T) -> Diagnosed<T> {
        Diagnosed {
            value,
            warnings: self.channel.warnings(),
        }
    }
}

fn event(asked: StateEvent) -> Result<Event, Refusal> {
    let patch = serde_json::from_value(asked.patch)
        .map_err(|error| Refusal::new(format!("the patch is no JSON Patch: {error}")))?;
    // Without its name: that one would promise more of the event than we are told.
    let meta = Meta {
        time: timestamp(),
        ..Meta::default()
    };
    // The channel counts events itself.
    let index = 0;
    Ok(Event { index, meta, patch })
}
