//! Finds a provider's executable on this machine.
//!
//! ```text
//! SourceSpec ──candidates──► ProviderSource ──┐
//! Environment ──► CliConfig ──► mirrors ──────┼─► newest version the constraints allow
//! Constraints, LockFile ──────────────────────┘    or the one that is locked
//!                                     packed: unpacked once into the cache
//!                                                      ▼
//!                                                   Located
//! ```
//! A package that is named by its path is looked into instead (`named`).
//!
//! No network: what would have to be fetched is named in the error.

mod environment;
mod locate;
pub mod mirror;
mod named;
mod package;
mod source;
mod store;
mod version;

pub use environment::{Environment, Platform};
pub use locate::{LocateError, Located, Origin, Request, Tried, locate, methods};
pub use named::in_package;
pub use package::{PackageError, check_archive, check_executable, extract, find_executable};
pub use source::{OPENTOFU_HOST, ProviderSource, SourceError, SourceSpec, TERRAFORM_HOST};
pub(crate) use source::{parse_host, parse_part};
pub use store::{PluginStore, StoredPackage};
pub use version::{ConstraintError, Constraints, Version};
