//! Fetches provider plugins from registries and mirrors, verifies them and locks them.
//!
//! ```text
//! install, mirror ──► search ──► registry (openpgp), network_mirror, oci, filesystem ──► http
//!        │                                     │
//!        │                                   Offer
//!        └──► fetch ◄──────────────────────────┘
//!               └──► the plugin store of nixops4-tfproto, or plugin_cache_dir
//! ```
//! A crate of its own so that the compiler keeps a promise: what plans and applies is not built
//! with anything that could ask the network for a program.

mod certificate;
mod context;
mod credentials;
mod error;
mod fetch;
mod fetching;
mod filesystem;
pub mod http;
mod install;
mod mirror;
mod network_mirror;
mod oci;
mod oci_login;
mod offer;
pub mod openpgp;
mod registry;
mod search;
mod shared_cache;
mod wish;

pub use error::{Failure, Failures, FetchError, InstallError, Lacks, NotFound};
pub use install::run as install;
pub use mirror::{MirrorReport, Mirrored, run as mirror};
pub use wish::{Done, Options, Outcome, Report, Wish};
