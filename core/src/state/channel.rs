//! [`ChannelStore`]: a state that somebody else keeps: a resource whose provider handles state.

use std::fmt::Debug;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use nixops4_proto::state::{Event, Run};
use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::ledger::{Change, Ledger};
use super::run::intent_id;
use super::{
    Intent, IntentId, LockOwner, Outcome, Snapshot, StateError, StateEvent, StateStore, Unwritten,
    format,
};
use crate::diagnostic::Diagnostics;
use crate::provider::{self, ConfiguredProvider, Failure, StateHandle};
use crate::value::Value;

/// What keeps a state for others: it folds events and knows nothing of what they mean.
#[async_trait]
pub trait StateChannel: Send + Sync + Debug {
    /// The folded state; null if nothing was stored yet.
    async fn read(&self) -> Result<Json, String>;

    /// Stores an event. Durable when it returns `Ok`.
    async fn event(&self, event: &Event) -> Result<(), String>;

    /// What was said on the way that is no error, since this was last asked.
    fn warnings(&self) -> Diagnostics {
        Diagnostics::default()
    }

    /// Keeps others from writing until it is unlocked; `owner` is who writes, for them to read.
    /// Gives what unlocks it. What has no locks of its own lets everybody write.
    ///
    /// # Errors
    /// Who has it locked.
    async fn lock(&self, _owner: &LockOwner) -> Result<Option<String>, String> {
        Ok(None)
    }

    /// Gives up a lock.
    async fn unlock(&self, _lock: &str) -> Result<(), String> {
        Ok(())
    }
}

/// A resource that handles state, reached through its provider.
#[derive(Debug)]
pub struct HandlerChannel {
    /// The provider that has the resource.
    pub provider: Arc<dyn ConfiguredProvider>,
    /// The provider's name for the resource's type.
    pub type_name: String,
    /// The resource's inputs, wholly known.
    pub inputs: Value,
    /// Its outputs, as far as it has any.
    pub outputs: Value,
}

impl HandlerChannel {
    fn handle(&self) -> StateHandle<'_> {
        StateHandle {
            type_name: &self.type_name,
            inputs: &self.inputs,
            outputs: &self.outputs,
        }
    }
}

#[async_trait]
impl StateChannel for HandlerChannel {
    async fn read(&self) -> Result<Json, String> {
        let read = self.provider.state_read(self.handle()).await;
        read.map(|read| read.value)
            .map_err(|failure| message(&failure))
    }

    async fn event(&self, event: &Event) -> Result<(), String> {
        let patch = format::patch_json(event);
        let event = provider::StateEvent {
            event: event.meta.event.as_deref().unwrap_or_default(),
            patch: &patch,
        };
        let written = self.provider.state_event(self.handle(), event).await;
        written.map(drop).map_err(|failure| message(&failure))
    }

    async fn lock(&self, owner: &LockOwner) -> Result<Option<String>, String> {
        let locked = self.provider.state_lock(self.handle(), owner).await;
        locked
            .map(|locked| locked.value)
            .map_err(|failure| message(&failure))
    }

    async fn unlock(&self, lock: &str) -> Result<(), String> {
        let unlocked = self.provider.state_unlock(self.handle(), lock).await;
        unlocked.map(drop).map_err(|failure| message(&failure))
    }
}

fn message(failure: &Failure) -> String {
    failure.to_string()
}

/// A state behind a [`StateChannel`].
///
/// Events are sent one after another: a channel does not take several at once, and their order
/// counts. After an event could not be stored nothing new is begun, and nothing more is sent: who
/// keeps the state may or may not have it.
#[derive(Debug)]
pub struct ChannelStore {
    place: String,
    run: Run,
    channel: Arc<dyn StateChannel>,
    read_only: bool,
    published: RwLock<Arc<Snapshot>>,
    sending: Mutex<Sending>,
}

#[derive(Debug)]
struct Sending {
    ledger: Ledger,
    /// What unlocks the state, if it is locked.
    lock: Option<String>,
    closed: bool,
    stopped: Option<StateError>,
    unwritten: Vec<Unwritten>,
}

impl ChannelStore {
    /// Reads the state behind a channel, to go on from there. `place` is what messages call it:
    /// the handler's member path. Whoever writes is the `owner` of the lock, for others to read;
    /// without one it is only looked at.
    pub async fn open(
        place: String,
        run: Run,
        channel: Arc<dyn StateChannel>,
        owner: Option<&LockOwner>,
    ) -> Result<Self, StateError> {
        let lock = match owner {
            Some(owner) => {
                let locked = channel.lock(owner).await;
                locked.map_err(|message| StateError::Refused {
                    place: place.clone(),
                    message,
                })?
            }
            None => None,
        };
        match Self::open_locked(place, run, &channel, owner.is_none()).await {
            Ok(mut store) => {
                store.sending.get_mut().lock = lock;
                Ok(store)
            }
            Err(error) => {
                if let Err(message) = unlock(&*channel, lock).await {
                    tracing::warn!("a state stays locked: {message}");
                }
                Err(error)
            }
        }
    }

    async fn open_locked(
        place: String,
        run: Run,
        channel: &Arc<dyn StateChannel>,
        read_only: bool,
    ) -> Result<Self, StateError> {
        let document = read(&place, &**channel).await?;
        let foreign = |reason| StateError::Foreign {
            place: place.clone(),
            reason,
            hints: Vec::new(),
        };
        let text = document.to_string();
        let snapshot = format::read(format::Node::Text(&text)).map_err(foreign)?;
        let ledger = Ledger::new(snapshot.clone(), 0, run.clone());
        let sending = Sending {
            ledger,
            lock: None,
            closed: false,
            stopped: None,
            unwritten: Vec::new(),
        };
        Ok(Self {
            place,
            run,
            channel: channel.clone(),
            read_only,
            published: RwLock::new(Arc::new(snapshot)),
            sending: Mutex::new(sending),
        })
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), StateError> {
        let place = || self.place.clone();
        if self.read_only {
            return Err(StateError::ReadOnly { place: place() });
        }
        let mut sending = self.sending.lock().await;
        if sending.closed {
            return Err(StateError::Closed { place: place() });
        }
        let begins = changes
            .iter()
            .any(|change| matches!(change, Change::Begin(..)));
        if let Some(cause) = sending.stopped.clone().filter(|_| begins) {
            return Err(StateError::Stopped {
                place: place(),
                source: Box::new(cause),
            });
        }
        let mut ledger = sending.ledger.clone();
        let events = ledger.commit_all(changes)?;
        let result = self.send(&mut sending, &events).await;
        // What has happened is so, stored or not; what was only to begin has not happened.
        if result.is_ok() || !begins {
            *self
                .published
                .write()
                .unwrap_or_else(PoisonError::into_inner) = Arc::new(ledger.snapshot.clone());
            sending.ledger = ledger;
        }
        match (result, begins) {
            (Ok(()), _) => Ok(()),
            (Err(error), true) => Err(error),
            (Err(error), false) => {
                sending.unwritten.extend(events.iter().map(Unwritten::of));
                Err(StateError::NotRecorded {
                    place: place(),
                    source: Box::new(error),
                    rescued_to: None,
                    unwritten: sending.unwritten.clone(),
                })
            }
        }
    }

    async fn send(&self, sending: &mut Sending, events: &[Event]) -> Result<(), StateError> {
        for event in events {
            if let Some(error) = &sending.stopped {
                return Err(error.clone());
            }
            if let Err(message) = self.channel.event(event).await {
                sending.stopped = Some(failed(&self.place, message));
            }
        }
        sending.stopped.clone().map_or(Ok(()), Err)
    }
}

async fn unlock(channel: &dyn StateChannel, lock: Option<String>) -> Result<(), String> {
    let Some(lock) = lock else {
        return Ok(());
    };
    let unlocked = channel.unlock(&lock).await;
    unlocked.map_err(|message| format!("{message} (the lock is {lock})"))
}

async fn read(place: &str, channel: &dyn StateChannel) -> Result<Json, StateError> {
    let document = channel
        .read()
        .await
        .map_err(|message| failed(place, message))?;
    // A handler of an earlier NixOps4 may say so that it has nothing.
    Ok(
        match document.as_object().is_some_and(serde_json::Map::is_empty) {
            true => Json::Null,
            false => document,
        },
    )
}

fn failed(place: &str, message: String) -> StateError {
    StateError::Handler {
        place: place.to_owned(),
        message,
    }
}

#[async_trait]
impl StateStore for ChannelStore {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn run(&self) -> &Run {
        &self.run
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.published
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn begin(&self, intent: Intent) -> Result<IntentId, StateError> {
        let id = intent_id(&self.run);
        self.commit(vec![Change::Begin(id.clone(), intent)]).await?;
        Ok(id)
    }

    async fn finish(&self, id: IntentId, outcome: Outcome) -> Result<(), StateError> {
        self.commit(vec![Change::Finish(id, outcome)]).await
    }

    async fn record_all(&self, events: Vec<StateEvent>) -> Result<(), StateError> {
        self.commit(events.into_iter().map(Change::Record).collect())
            .await
    }

    async fn document(&self) -> Result<Json, StateError> {
        read(&self.place, &*self.channel).await
    }

    async fn close(&self) -> Result<(), StateError> {
        let mut sending = self.sending.lock().await;
        if std::mem::replace(&mut sending.closed, true) || self.read_only {
            return Ok(());
        }
        let unlocked = unlock(&*self.channel, sending.lock.take()).await;
        unlocked.map_err(|message| StateError::StillLocked {
            place: self.place.clone(),
            message,
        })
    }
}

#[cfg(test)]
mod tests;
