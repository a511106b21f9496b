//! The tfproto adapter: provider plugins of Terraform and OpenTofu as NixOps4 providers.

pub mod cache;
pub mod cliconfig;
pub mod cty;
pub mod discovery;
pub mod schema;
