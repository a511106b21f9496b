//! Fakes for tests of what stands on core, and the suite that every provider passes.
//!
//! [`FakeProvider`] is a provider in memory that is stricter than any real one and does what a test
//! tells it to: wait, fail, die, get half-way. Use it from integration tests (`core/tests/*.rs`)
//! and from other crates: inside core's own unit tests it would implement the trait of *another*
//! compilation of core.
mod contract;
mod evaluator;
mod lab;
mod provider;
mod script;
mod skipped;
mod text;
mod world;

pub use contract::{Behind, Identify, Subject, provider_contract};
pub use evaluator::{DEFAULT_PROVIDER, FakeEvaluator};
pub use lab::{Lab, LabStates};
pub use provider::{FakeProvider, FakeType};
pub use script::{Call, Held, Operation, Outcome};
pub use skipped::skipped;
pub use text::plan_text;
pub use world::{Object, World};
