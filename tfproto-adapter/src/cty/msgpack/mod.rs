//! MessagePack, the encoding of values in every request and response.
//!
//! Both directions are driven by the type and work on bytes directly; no tree of MessagePack
//! values is built in between.

mod decode;
mod encode;
mod read;
#[cfg(test)]
mod tests;

pub use decode::decode;
pub use encode::encode;

/// The extension type of unknown values that carry refinements.
const REFINED: i8 = 12;

/// The keys of a refinement map.
mod refinement {
    pub const NULLNESS: i64 = 1;
    pub const PREFIX: i64 = 2;
    pub const LOWER: i64 = 3;
    pub const UPPER: i64 = 4;
    pub const MIN_LENGTH: i64 = 5;
    pub const MAX_LENGTH: i64 = 6;
}
