//! A provider plugin for tests: speaks protocol 5 and 6 over the real handshake, keeps its objects
//! in memory (or in the file `FAKE_PROVIDER_STORE`), and misbehaves as its script says.
//!
//! ```text
//! start: environment ─► handshake line ─► TLS ─► grpc: frames ─► dispatch: which call ─► provider
//!                                                                    │
//!                                                       script: what to do wrong
//! ```
//! `FAKE_PROVIDER_LOG` names a file to which a line is added for every call.

mod dispatch;
mod grpc;
mod message;
mod provider;
mod script;
mod start;

use std::process::ExitCode;

fn main() -> ExitCode {
    let script = match script::Script::from_env() {
        Ok(script) => script,
        Err(e) => {
            eprintln!("{e}");
            return ExitCode::from(3);
        }
    };
    start::run(script)
}
