//! [`Context`]: what a resource type can do beside its work: tell something, and hear that it is to
//! stop.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nixops4_proto::native::{Complaint, Level, Log, Notification};

use super::stdio::Output;

/// Goes with every request.
#[derive(Debug)]
pub struct Context {
    pub(super) request: u64,
    pub(super) output: Arc<Output>,
    pub(super) stop: Arc<StopSign>,
    pub(super) warnings: Mutex<Vec<Complaint>>,
}

impl Context {
    /// Tells those who watch.
    pub fn log(&self, level: Level, message: impl Into<String>) {
        self.output.write(&Notification {
            log: Log {
                level,
                message: message.into(),
                request: Some(self.request),
            },
        });
    }

    /// Tells the user something that is worth knowing although the request succeeds.
    pub fn warn(&self, complaint: Complaint) {
        self.warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(complaint);
    }

    /// Whether the request is to come to an early end.
    pub fn stopping(&self) -> bool {
        self.stop.is_set()
    }

    /// Has something done when the request is to come to an early end; at once if it already is.
    /// Dropping the result takes it back.
    pub fn on_stop(&self, action: impl Fn() + Send + 'static) -> OnStop {
        let mut state = self.stop.state();
        if state.stopped {
            action();
        }
        let id = state.next;
        state.next += 1;
        state.actions.insert(id, Box::new(action));
        OnStop {
            stop: self.stop.clone(),
            id,
        }
    }

    /// Waits, but not longer than until the request is to come to an early end; whether it is.
    pub fn wait(&self, time: Duration) -> bool {
        self.stop.wait(time)
    }
}

/// Says to everyone at once that they are to stop.
#[derive(Debug, Default)]
pub(super) struct StopSign {
    state: Mutex<StopState>,
    changed: Condvar,
}

#[derive(Default)]
struct StopState {
    stopped: bool,
    next: u64,
    actions: BTreeMap<u64, Box<dyn Fn() + Send>>,
}

impl std::fmt::Debug for StopState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "stopped: {}", self.stopped)
    }
}

impl StopSign {
    fn state(&self) -> MutexGuard<'_, StopState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self) {
        let mut state = self.state();
        if state.stopped {
            return;
        }
        state.stopped = true;
        state.actions.values().for_each(|action| action());
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn is_set(&self) -> bool {
        self.state().stopped
    }

    fn wait(&self, time: Duration) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.state(), time, |state| !state.stopped);
        waited.unwrap_or_else(PoisonError::into_inner).0.stopped
    }
}

/// Keeps what [`Context::on_stop`] was given.
#[derive(Debug)]
pub struct OnStop {
    stop: Arc<StopSign>,
    id: u64,
}

impl Drop for OnStop {
    fn drop(&mut self) {
        self.stop.state().actions.remove(&self.id);
    }
}
