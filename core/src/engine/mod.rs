//! The facade: [`Engine`] plans, applies and destroys a deployment, given an evaluator, a way to
//! start providers and a way to open states.
//!
//! ```text
//! Engine::new ──► plan() ──► apply(plan, approve) ──► next wave …
//!             ├─► plan_destroy() ──► apply(…)
//!             ├─► plan_saved(file) ──► apply(…)
//!             ├─► operations(path) ──► plan_operation(…) ──► run_operation(plan)
//!             ├─► list(…), describe_object(…)
//!             └─► adopt(member, id)
//! ```

mod adopt;
mod config;
mod ephemerals;
mod existing;
mod facade;
mod factory;
mod interrupt;
mod operation;
mod recall;
mod remembered;

pub use crate::suggest::nearest;
pub use config::{Config, DEFAULT_PARALLELISM, Refresh, Selection};
pub(crate) use ephemerals::{Ephemerals, ToOpen};
pub use facade::{Engine, EngineError, Tools};
pub use factory::{ProviderFactory, StateAccess, StateFactory, StateHandler, StoreResult};
pub use interrupt::{Interrupt, Urgency};
pub use operation::{OperationPlan, OperationReport, PlannedStep};
pub use recall::recall;
pub use remembered::{Remembered, break_lock, remembered};
