//! What a fake is told to do: which call is to go wrong, and how.

use std::sync::Arc;

use nixops4_core::value::Value;
use tokio::sync::{Notify, Semaphore};

/// What is asked of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names of the trait's methods")]
pub enum Operation {
    ValidateConfig,
    Configure,
    ResourceType,
    Validate,
    Read,
    Upgrade,
    Plan,
    PlanDelete,
    Create,
    Update,
    Delete,
    ReadData,
    Import,
    Stop,
    Close,
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What was asked.
    pub operation: Operation,
    /// The type it was about; empty where it is about none.
    pub type_name: String,
    /// The object it was about: the `name` in its inputs, or else its id; may be empty.
    pub name: String,
    /// The inputs (or configuration) that came with it.
    pub inputs: Value,
}

impl Call {
    /// As text, `create a`.
    pub fn brief(&self) -> String {
        let operation = format!("{:?}", self.operation).to_lowercase();
        match self.name.is_empty() {
            true => operation,
            false => format!("{operation} {}", self.name),
        }
    }
}

/// How a call is to end.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// With an error from the provider; nothing is changed.
    Fail(String),
    /// With an error from the provider after the object was made or changed. A creation leaves a
    /// tainted object; an update has the outputs but not the state of mind: it is what it is now.
    Partial(String),
    /// The provider dies before it does anything; the caller cannot know that.
    CrashBefore,
    /// The provider dies after it has done everything.
    CrashAfter,
    /// With an answer that contradicts the plan: every text in the outputs is another.
    Inconsistent,
    /// For a plan: with the reason why it cannot be made yet.
    Defer(String),
}

/// A call that is being held back.
#[derive(Clone, Debug)]
pub struct Held {
    reached: Arc<Notify>,
    gate: Arc<Semaphore>,
}

impl Default for Held {
    fn default() -> Self {
        Self {
            reached: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }
}

impl Held {
    /// Waits until the call has been made.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.gate.add_permits(1);
    }

    pub(crate) async fn pass(&self) {
        self.reached.notify_one();
        // The semaphore is never closed.
        if let Ok(permit) = self.gate.acquire().await {
            permit.forget();
        }
    }
}
