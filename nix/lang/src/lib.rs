//! A Nix-language evaluator with provenance and marks built into forcing.

pub mod pure;
