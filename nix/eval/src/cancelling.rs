//! Ending what is being evaluated, from another thread than the one that evaluates.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Whether the requests before the last cancellation are still to be answered. Clones share it.
#[derive(Clone, Default)]
pub struct Cancelling {
    /// What the evaluator looks at.
    flag: Arc<AtomicBool>,
    /// How many cancellations have been read and not been answered.
    open: Arc<Mutex<usize>>,
}

impl Cancelling {
    /// A cancellation was read: whatever came before it is to end.
    pub fn ask(&self) {
        let mut open = self.open();
        *open += 1;
        self.flag.store(true, Ordering::Relaxed);
    }

    /// All that came before a cancellation has been answered, and now it is.
    pub fn settle(&self) {
        let mut open = self.open();
        *open = open.saturating_sub(1);
        self.flag.store(*open > 0, Ordering::Relaxed);
    }

    /// Whether what is being answered is to end.
    pub fn is_asked(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// True while [`Self::is_asked`] is.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.flag.clone()
    }

    fn open(&self) -> std::sync::MutexGuard<'_, usize> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cancellation_holds_until_it_is_answered() {
        let cancelling = Cancelling::default();
        assert!(!cancelling.is_asked());
        cancelling.ask();
        cancelling.ask();
        cancelling.settle();
        assert!(cancelling.is_asked());
        cancelling.settle();
        assert!(!cancelling.is_asked());
    }
}
