//! A small framework for native providers in Rust.
//!
//! ```text
//! nixops4 ──lines──► Provider::run ──one thread a request──► your ResourceType
//! ```
//!
//! A provider is a list of resource types, each a type that implements [`ResourceType`] with typed
//! inputs and outputs. What the provider says of itself is derived from those types: their doc
//! comments, which fields are optional, and these extra words:
//!
//! | on a field of the inputs | meaning |
//! |---|---|
//! | `#[schemars(extend("sensitive" = true))]` | it is secret |
//! | `#[schemars(extend("replaces" = true))]` | a change needs another object |
//!
//! | on a field of the outputs | meaning |
//! |---|---|
//! | `#[schemars(extend("sensitive" = true))]` | it is secret |
//! | `#[schemars(extend("stable" = true))]` | updates keep its value |
//! | `#[schemars(extend("derivedFrom" = ["input"]))]` | it is secret where that input is |
//!
//! ```no_run
//! use nixops4_local::sdk::*;
//!
//! /// Who is greeted.
//! #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
//! #[serde(deny_unknown_fields)]
//! struct Inputs {
//!     /// A name.
//!     #[schemars(extend("replaces" = true))]
//!     whom: String,
//! }
//!
//! #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
//! struct Outputs {
//!     text: String,
//! }
//!
//! struct Greeting;
//!
//! impl ResourceType for Greeting {
//!     type Inputs = Inputs;
//!     type Outputs = Outputs;
//!
//!     fn about(&self) -> About {
//!         About::new("greeting", "A friendly word").can(&[Operation::Delete])
//!     }
//!
//!     fn create(&self, _: &Context, new: New<Self>) -> Result<Made<Outputs>, Error> {
//!         let text = format!("hello, {}", new.inputs.whom);
//!         Ok(Outputs { text }.into())
//!     }
//!
//!     fn delete(&self, _: &Context, _: State<Self>) -> Result<(), Error> {
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     Provider::new("greeter", env!("CARGO_PKG_VERSION"))
//!         .resource(Greeting)
//!         .run()
//! }
//! ```
//!
//! Before any of the provider's code runs, the real standard output is moved away and descriptor 1
//! points at standard error, so a stray print can never break the protocol. A panic in a resource
//! type becomes the error of the one request. Requests run concurrently.

mod context;
mod describe;
mod erased;
mod error;
mod plan;
mod resource;
mod running;
mod serve;
mod signal;
mod stdio;

pub use context::{Context, OnStop};
pub use error::{Error, IoContext};
pub use nixops4_proto::native::{
    Complaint, Level, OptionalOperation as Operation, PlanAction as Action,
};
pub use plan::{Field, Plan, PlanInputs};
pub use resource::{About, Made, New, Observed, ResourceType, State, StateHandle};
pub use serve::Provider;
