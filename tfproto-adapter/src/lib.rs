//! The tfproto adapter: provider plugins of Terraform and OpenTofu as NixOps4 providers.
//!
//! ```text
//! core's Provider trait
//!    │
//! provider ──► check (inputs against the schema) ──► lifecycle (what may be planned and applied)
//!    │
//!    ├── discovery, cliconfig, lockfile: where the plugin is        schema, cache: what it has
//!    │
//! client: a method per call, in protocol 6 ──► v5: the same in protocol 5
//!    │ host, pool: which processes there are
//!    │          convert, cty: values, paths and complaints on the wire
//!    │
//! launch: process ─► handshake ─► tls ─► connection       log: what the plugin has to say
//! ```
//!
//! Above `client` nobody knows which protocol version a plugin speaks; above `provider` nobody knows
//! that there is one. A call that fails says why in [`error`]; what a plugin complains about is a
//! value, not an error.

pub mod cache;
pub mod check;
pub mod cliconfig;
pub mod client;
mod connection;
pub mod convert;
pub mod cty;
pub mod discovery;
pub mod error;
mod go_runtime;
pub mod handshake;
pub mod launch;
pub mod lifecycle;
pub mod lockfile;
pub mod log;
pub mod native;
pub mod process;
mod program;
pub mod provider;
pub mod reattach;
pub mod schema;
mod socket_dir;
mod tls;
pub mod v5;
mod verbosity;
