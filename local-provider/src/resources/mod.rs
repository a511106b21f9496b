//! The resource types of the local provider.

mod exec;
mod file;
mod memo;
mod patch;
mod state_file;

pub use exec::Exec;
pub use file::File;
pub use memo::Memo;
pub use state_file::StateFile;
