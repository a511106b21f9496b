//! Writes the generated code into the `proto` crate: `cargo run -p nixops4-proto-codegen`.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let out = nixops4_proto_codegen::proto_dir().join("src/generated");
    std::fs::create_dir_all(&out)?;
    nixops4_proto_codegen::generate(&out)
}
