//! Terraform's value model: the types, values and encodings that cross the plugin protocol.
//!
//! ```text
//! schema bytes ──Type::parse──► Type
//!                                 │ drives
//! wire bytes ──msgpack::decode──► Value ──msgpack::encode──► wire bytes
//! state JSON ──json::decode─────► Value ──json::encode─────► state JSON
//! ```
//!
//! A [`Value`] does not repeat its type: the type is known from the schema wherever a value is
//! used. Only a dynamic position carries the concrete type that was chosen for it.

pub mod json;
pub mod msgpack;
mod number;
mod path;
#[cfg(test)]
pub(crate) mod testing;
mod types;
mod value;

pub use number::{Number, NumberError};
pub use path::{CodecError, Path, Step};
pub use types::{ObjectType, Type, TypeError};
pub use value::{Bound, DynamicValue, Names, Object, Refinements, Set, Value, nfc};

/// The deepest nesting of a value or type that is read or written.
///
/// Decoding recurses, and a dynamic position may nest without end; the deepest schemas in use
/// (rule trees of web firewalls) stay below 100.
pub const MAX_DEPTH: usize = 256;
