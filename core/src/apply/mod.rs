//! Applying: carries out a plan, as much of it at once as its order allows.
//!
//! ```text
//!              ready step                      intent ──► provider ──► outcome
//! Coordinator ───────────► driver ──► worker ──┘                          │
//!      ▲                     │ ▲                                          │
//!      └── result ───────────┘ └── inputs, asked about again ◄── outputs ─┘
//! ```
//!
//! Two actors and nothing shared: the [`coordinator`] knows which steps may start, what became of
//! those that did, and what that means for the others; it is synchronous. A [`worker`] does one
//! step. The driver is the shell around them. An apply call is never dropped: after an interruption
//! it is waited for, and where the user will not wait its provider is ended, which makes it fail.
//!
//! | module | subject |
//! |---|---|
//! | [`steps`] | what a plan comes to: steps and their order |
//! | [`conform`] | whether a plan made again says what was approved |
//! | [`watch`] | what is told of a step while it runs |
//! | [`model`] | what became of it all |

pub(crate) mod conform;
mod coordinator;
mod driver;
mod model;
mod steps;
mod watch;
mod worker;

pub(crate) use driver::{Wave, run};
pub use model::{ApplyReport, Approve, MemberResult, Outcome, approve_all};
pub(crate) use steps::Steps;
pub(crate) use watch::progress;
pub(crate) use worker::Job;
