//! Planning: what has to be done to make the world as the deployment says.
//!
//! ```text
//!            questions                       work
//! evaluator ◄───────── driver ◄─── Session ───────► workers ──► providers, states
//!     └──── components ──► listen    │   ground, decide    ◄──── results
//!                                    └─► settle ──► assemble ──► Plan
//! ```
//!
//! | module | subject |
//! |---|---|
//! | `session` | everything that is known during a run; the synchronous heart |
//! | `nodes` | one component, provider instance or state, and how far it has got |
//! | `listen` | what the evaluator says |
//! | `ground` | providers, types, and what there is |
//! | `stores` | states, and what is remembered where |
//! | `decide` | what is to be done about one resource |
//! | `configuration` | what providers were last configured with |
//! | `ephemeral` | what is open only for the length of a run |
//! | `orphans` | what the deployment has no more |
//! | `settle` | what cannot be planned, and why; cycles |
//! | `assemble` | the plan, made of all that |
//! | `wave` | going on once more is known |
//! | `driver`, `work` | everything that waits for someone else |
//! | `saved` | plans in files |
//! | [`diff`] | the leaves of a change |
//!
//! An output is pending until its resource is planned; then the evaluator is told the planned
//! outputs, and what waited for them is asked about again. So a resource is planned as soon as what
//! it depends on is, many at once, and the walk ends when nothing moves any more.

mod assemble;
mod configuration;
mod decide;
pub mod diff;
pub(crate) mod driver;
mod ephemeral;
mod ground;
pub(crate) mod listen;
mod model;
mod moves;
pub(crate) mod nodes;
mod orphans;
pub(crate) mod remembered;
mod saved;
pub(crate) mod session;
mod settle;
mod stores;
pub(crate) mod values;
mod wave;
pub(crate) mod work;

pub use model::{
    Basis, Change, Counts, DeferReason, Deferred, FailedMember, HeldBack, HoldReason, LeafChange,
    Plan, Reason, Shown, Side, StateMove, StateNote,
};
