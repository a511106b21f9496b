//! The tfproto adapter: provider plugins of Terraform and OpenTofu as NixOps4 providers.

pub mod cty;
