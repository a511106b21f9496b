//! The commands, one file each.
pub mod apply;
pub mod check;
pub mod eval;
pub mod init;
pub mod members;
pub mod output;
pub mod plan;
pub mod repair;
pub mod show;
