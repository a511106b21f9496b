//! The evaluator process.

fn main() {}
