//! Wire formats of NixOps4: messages only, no behaviour beyond parsing and printing names.
//!
//! | module | who speaks it |
//! |---|---|
//! | [`path`] | everything: names of components and of leaves inside values |
//! | [`tree`] | how values with unknown leaves, provenance and marks are written as JSON |
//! | [`state`] | the state log and who reads it |
//! | [`evaluator`] | `nixops4` and the evaluator process |
//! | [`functions`] | the same two, the other way round |
//! | [`native`] | hosts and native provider programs |
//! | [`events`] | `nixops4 --json`, what a run tells of itself |
//! | [`plan`] | `nixops4 plan --out` and `nixops4 apply --plan` |
//! | `tfplugin` (feature) | hosts and provider plugins of Terraform and OpenTofu |
pub mod evaluator;
pub mod events;
pub mod functions;
pub mod native;
pub mod path;
pub mod plan;
pub mod schema;
pub mod state;
#[cfg(feature = "tfplugin")]
pub mod tfplugin;
pub mod tree;
