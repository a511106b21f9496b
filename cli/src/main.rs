//! The `nixops4` command.

fn main() {}
