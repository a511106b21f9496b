//! [`Offer`]: what a method says of a package before it is fetched.

use std::collections::BTreeSet;
use std::path::PathBuf;

use nixops4_tfproto::lockfile::PackageHash;

/// A package that can be had.
#[derive(Debug)]
pub struct Offer {
    /// Where it is.
    pub location: Location,
    /// It must have one of these hashes, unless there are none.
    pub expected: BTreeSet<PackageHash>,
    /// Hashes that may be locked without seeing the packages: whoever is trusted says so.
    pub vouched: BTreeSet<PackageHash>,
    /// Whether `vouched` covers this package.
    pub is_vouched: bool,
    /// Its size, if that is known.
    pub size: Option<u64>,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Where a package is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// An archive to be fetched.
    Remote {
        /// Its address.
        url: String,
        /// The `Authorization` header, where one is needed.
        authorization: Option<String>,
    },
    /// An archive on this machine.
    Archive(PathBuf),
    /// An unpacked package on this machine.
    Directory(PathBuf),
}
