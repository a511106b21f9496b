//! The orchestrator: graph, planner, scheduler, state, and the [`provider::Provider`] trait.
//!
//! Knows no gRPC, no Nix and no terminal: it asks an evaluator process and providers, and reports
//! events to whoever started it.
pub mod apply;
pub mod check;
mod child;
pub mod diagnostic;
pub mod engine;
pub mod evaluate;
pub mod graph;
pub mod guard;
pub mod plan;
pub mod provider;
pub mod report;
pub mod state;
pub mod suggest;
pub mod value;

pub use nixops4_proto::path::{AttrPath, MemberPath, OutputRef, Step};
