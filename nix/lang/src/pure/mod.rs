//! What the builtins compute that needs no evaluator: plain functions on plain Rust types.
//!
//! Nix strings are bytes, so whatever can hold user text takes bytes.

pub mod derivation;
pub mod hash;
pub mod nar;
pub mod number;
pub mod regex;
pub mod store_path;
pub mod toml;
pub mod versions;
pub mod xml;
