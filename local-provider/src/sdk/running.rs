//! [`Running`]: how many requests are being worked on, for an orderly end.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::context::StopSign;

/// How long requests may take to come to their early end when nobody waits for them any more.
const PATIENCE: Duration = Duration::from_secs(3);

/// Counts requests.
#[derive(Debug, Default)]
pub(super) struct Running {
    count: Mutex<usize>,
    changed: Condvar,
}

/// A request that is being worked on.
#[derive(Debug)]
pub(super) struct One(Arc<Running>);

impl Running {
    pub(super) fn one(self: &Arc<Self>) -> One {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        One(self.clone())
    }

    /// Has what still runs come to an early end: whoever asked for it is gone. What takes too long
    /// is ended together with this process.
    pub(super) fn finish(&self, stop: &StopSign) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        if *count == 0 {
            return;
        }
        stop.set();
        let waited = self
            .changed
            .wait_timeout_while(count, PATIENCE, |count| *count > 0);
        if *waited.unwrap_or_else(PoisonError::into_inner).0 > 0 {
            end_everything();
        }
    }
}

impl Drop for One {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.changed.notify_all();
    }
}

/// Ends this process, and what it has started if it has a group of its own.
fn end_everything() -> ! {
    // SAFETY: system calls without memory; the group is ours alone.
    unsafe {
        if libc::getpgrp() == libc::getpid() {
            libc::kill(0, libc::SIGKILL);
        }
    }
    std::process::exit(1)
}
