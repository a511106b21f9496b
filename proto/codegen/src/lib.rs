//! Makes Rust code from the plugin protocols' `.proto` files.
//!
//! The code is committed under `proto/src/generated`, so that neither a build nor a Nix derivation
//! needs a protobuf compiler; protox reads the files without one here too.

use std::error::Error;
use std::path::{Path, PathBuf};

/// The files that code is made from, in the folder of the `proto` crate.
const FILES: [&str; 3] = ["plugin.proto", "tfplugin5.proto", "tfplugin6.proto"];

/// The packages in those files; each becomes a file of code.
pub const PACKAGES: [&str; 3] = ["plugin", "tfplugin5", "tfplugin6"];

/// The folder of the `proto` crate.
pub fn proto_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Writes the code of all packages into a folder.
pub fn generate(out: &Path) -> Result<(), Box<dyn Error>> {
    let descriptors = protox::compile(FILES, [proto_dir()])?;
    tonic_prost_build::configure()
        .out_dir(out)
        // Maps in a fixed order make responses and caches reproducible.
        .btree_map(".")
        // We bring our own connection: one process, one socket.
        .build_transport(false)
        .build_client(true)
        // The fake plugin of the tests writes its frames by hand, so that it can write wrong ones.
        .build_server(false)
        .compile_fds(descriptors)?;
    Ok(())
}
