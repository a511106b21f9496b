//! Between messages and our own types: values, paths, complaints and failures.
//!
//! To the wire every conversion is total or fails for a reason of ours; from the wire each may fail
//! with what the plugin did wrong.

mod complaint;
mod failure;
mod value;

pub use complaint::{Complaint, complaints, complaints_of_function};
pub use value::{from_wire, path_from_wire, raw_state, to_wire};
