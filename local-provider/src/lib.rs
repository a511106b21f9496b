//! The local provider: files, commands and values on the machine that runs NixOps4; and [`sdk`],
//! the framework for native providers in Rust that it is written on.
//!
//! | type | what it is |
//! |---|---|
//! | [`file`](resources::File) | a file with given contents |
//! | [`exec`](resources::Exec) | a command that runs at every apply, or once |
//! | [`memo`](resources::Memo) | a value that stays what it was first |
//! | [`state_file`](resources::StateFile) | a file that keeps the state of a deployment |
//!
//! Names that are relative paths are relative to the working directory of the program, which
//! `nixops4` sets to the folder of the deployment.
pub mod resources;
pub mod sdk;

use resources::{Exec, File, Memo, StateFile};
use sdk::Provider;

/// The local provider.
pub fn provider() -> Provider {
    Provider::new("local", env!("CARGO_PKG_VERSION"))
        .resource(File)
        .resource(Exec)
        .resource(Memo)
        .resource(StateFile)
}
