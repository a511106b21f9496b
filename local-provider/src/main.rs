//! The program `nixops4-resources-local`: the local provider over standard input and output.

use std::process::ExitCode;

fn main() -> ExitCode {
    nixops4_local::provider().run()
}
