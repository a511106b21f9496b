//! The committed code is what the `.proto` files say.

use std::fs;

#[test]
fn committed_code_is_current() {
    let fresh = tempfile::tempdir().unwrap();
    nixops4_proto_codegen::generate(fresh.path()).unwrap();
    let committed = nixops4_proto_codegen::proto_dir().join("src/generated");
    for package in nixops4_proto_codegen::PACKAGES {
        let file = format!("{package}.rs");
        let want = fs::read_to_string(fresh.path().join(&file)).unwrap();
        let have = fs::read_to_string(committed.join(&file)).unwrap();
        assert!(
            have == want,
            "{file} is stale: cargo run -p nixops4-proto-codegen"
        );
    }
}
