//! How content is named: hashes, archives, store paths. For those who keep content by its name.

pub use crate::pure::{
    hash::{Algorithm, Format, Hash, HashError, Hasher},
    nar::{FileKind, FileTree, NarError, hash_path, write_nar},
    store_path::{Method, NameError, StoreDir, StorePath, StorePathError, check_name},
};
