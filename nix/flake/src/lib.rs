//! Flakes: references, lock files, what fetches sources, and the cache of what was fetched.
//!
//! ```text
//!  reference ──registry──► input ──fetch──► tree in the cache ──► flake.nix: inputs
//!      ▲                                                              │
//!      └────────────── inputs that are not pinned yet ◄──── lock ─────┘
//! ```
//!
//! * [`Sources`] does it all, and is the language's [`Fetcher`](nixops4_lang::Fetcher).
//! * What is fetched is known by the hash of its archive, and kept in a [`Cache`] that any number of
//!   processes share.
//! * What strangers made (archives, commits, lock files, `flake.nix`) is read as such: nothing in it
//!   can name a file outside its tree, evaluate anything, or take room without bound.

mod cache;
mod config;
mod disk;
mod error;
mod fetch;
mod fetcher;
mod git;
mod http;
mod json;
mod lock;
mod reference;
mod registry;
mod safe_dir;
mod shipped;
mod time;
mod unpack;
mod url;

pub use cache::Cache;
pub use config::Config;
pub use error::{Explanation, FlakeError};
pub use fetch::{FetchSettings, Sources, Tree, Warn};
pub use http::{Http, HttpRequest, HttpResponse, Network};
pub use lock::{InputPath, LockFile, LockOptions, parse_input_path};
pub use reference::{FlakeRef, Input, ParseOptions, parse, parse_with_fragment};
pub use registry::{Entry, Registries, Which};
pub use safe_dir::Limits;
