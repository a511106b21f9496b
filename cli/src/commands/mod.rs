//! The commands, one file each.
pub mod apply;
pub mod check;
pub mod eval;
mod eval_arguments;
pub mod import;
pub mod init;
pub mod list;
pub mod members;
pub mod operation;
pub mod output;
pub mod plan;
pub mod providers;
pub mod repair;
pub mod repl;
pub mod show;
pub mod unlock;
