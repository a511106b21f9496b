//! What happens around the calls to a provider: pure functions on schemas and values.
//!
//! ```text
//! config ──ignore──► config' ─┐
//! prior ──────────────────────┴─propose──► proposed ──► [PlanResourceChange] ──► planned
//!                              planned: conforms? plan_violations, kept_replacements
//! planned ──► [ApplyResourceChange] ──► actual: completion_violations
//! read ──► normalise_blocks
//! ```
//! The rules are Terraform's; providers are written against them.

mod completion;
mod configurable;
mod ignore;
mod plan;
mod propose;
mod replace;
mod shape;

use std::fmt;

pub use completion::completion_violations;
pub use configurable::{configurable, without_empty_blocks};
pub use ignore::{Ignored, ignore_changes};
pub use plan::plan_violations;
pub use propose::{placeholder, proposed_state};
pub use replace::{InvalidReplacePath, kept_replacements};
pub use shape::{normalise_blocks, set_write_only, unknowns_to_null, without_write_only};

use crate::cty::{Path, Value};

/// A provider's answer breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Where.
    pub path: Path,
    /// Which.
    pub rule: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.is_root() {
            true => f.write_str(self.rule),
            false => write!(f, "{}: {}", self.path, self.rule),
        }
    }
}

/// Equality in which all unknown values are one, whatever is known about them.
fn same(a: &Value, b: &Value) -> bool {
    a == b
        || (!a.is_wholly_known()
            && !b.is_wholly_known()
            && a.clone().without_refinements() == b.clone().without_refinements())
}

#[cfg(test)]
mod tests;
