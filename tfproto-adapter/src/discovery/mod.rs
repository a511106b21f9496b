//! Finds a provider's executable on this machine.
//!
//! ```text
//! SourceSpec ──candidates──► ProviderSource ──┐
//! Environment ──► CliConfig ──► mirrors ──────┼─► newest version the constraints allow
//! Constraints ────────────────────────────────┘        │
//!                                     packed: unpacked once into the cache
//!                                                      ▼
//!                                                   Located
//! ```
//! No network: what would have to be fetched is named in the error.

mod environment;
mod locate;
mod mirror;
mod package;
mod source;
mod version;

pub use environment::{Environment, Platform};
pub use locate::{LocateError, Located, Origin, Request, Tried, locate};
pub use package::{PackageError, check_executable};
pub use source::{OPENTOFU_HOST, ProviderSource, SourceError, SourceSpec, TERRAFORM_HOST};
pub(crate) use source::{parse_host, parse_part};
pub use version::{ConstraintError, Constraints, Version};
