//! The facade: [`Engine`] plans, applies and destroys a deployment, given an evaluator, a way to
//! start providers and a way to open states.
//!
//! ```text
//! Engine::new ──► plan() ──► apply(plan, approve) ──► next wave …
//!             ├─► plan_destroy() ──► apply(…)
//!             ├─► plan_saved(file) ──► apply(…)
//!             └─► adopt(member, id)
//! ```

mod adopt;
mod config;
mod facade;
mod factory;
mod interrupt;
mod remembered;

pub use crate::suggest::nearest;
pub use config::{Config, DEFAULT_PARALLELISM, Refresh, Selection};
pub use facade::{Engine, EngineError, Tools};
pub use factory::{ProviderFactory, StateAccess, StateFactory, StateHandler, StoreResult};
pub use interrupt::{Interrupt, Urgency};
pub use remembered::{Remembered, remembered};
