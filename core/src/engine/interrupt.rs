//! [`Interrupt`]: how the user's wish for an end reaches a run.

use std::sync::Arc;

use tokio::sync::watch;

/// How much of an end the user wants; later ones are more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// None.
    #[default]
    None,
    /// Nothing new is begun, providers are asked to stop, and what runs is waited for.
    Stop,
    /// Providers are ended, and what ran is in doubt.
    AtOnce,
}

/// A wish that can only become more urgent. Clones share it.
#[derive(Clone, Debug)]
pub struct Interrupt(Arc<watch::Sender<Urgency>>);

impl Default for Interrupt {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Urgency::None)))
    }
}

impl Interrupt {
    /// Makes the wish one step more urgent, and gives how urgent it is.
    pub fn escalate(&self) -> Urgency {
        let next = match self.urgency() {
            Urgency::None => Urgency::Stop,
            _ => Urgency::AtOnce,
        };
        self.0.send_replace(next);
        next
    }

    /// How urgent it is.
    pub fn urgency(&self) -> Urgency {
        *self.0.borrow()
    }

    /// Waits until there is a wish.
    pub async fn requested(&self) {
        self.reached(Urgency::Stop).await;
    }

    /// Waits until the wish is that urgent.
    pub async fn reached(&self, urgency: Urgency) {
        let mut changes = self.0.subscribe();
        // The sender lives as long as `self`.
        let _ = changes.wait_for(|now| *now >= urgency).await;
    }
}
