//! The tfproto adapter: provider plugins of Terraform and OpenTofu as NixOps4 providers.

pub mod cache;
pub mod check;
pub mod cliconfig;
pub mod client;
mod connection;
pub mod convert;
pub mod cty;
pub mod discovery;
pub mod error;
pub mod handshake;
pub mod launch;
pub mod lifecycle;
pub mod log;
pub mod native;
pub mod process;
mod program;
pub mod provider;
pub mod schema;
mod socket_dir;
mod tls;
pub mod v5;
