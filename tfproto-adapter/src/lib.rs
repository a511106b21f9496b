//! Terraform and OpenTofu provider plugins, driven directly over gRPC.
