//! The commands, one file each.
pub mod apply;
pub mod eval;
pub mod init;
pub mod members;
pub mod plan;
