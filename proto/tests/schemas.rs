//! The JSON Schemas that are checked in are those of the types.
//!
//! `UPDATE_SCHEMAS=1 cargo test -p nixops4-proto --test schemas` writes them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn checked_in_schemas_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    let mut expected = BTreeSet::new();
    for (name, schema) in nixops4_proto::schema::all() {
        let path = folder.join(name);
        let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            fs::write(&path, &text).expect("writable");
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        // Compared as values: the order of keys depends on features that other crates switch on.
        assert!(
            serde_json::from_str::<serde_json::Value>(&found).ok() == Some(schema),
            "{} is not current: run `UPDATE_SCHEMAS=1 cargo test -p nixops4-proto --test schemas`",
            path.display()
        );
        expected.insert(name.to_owned());
    }
    let found: BTreeSet<_> = fs::read_dir(&folder)
        .expect("folder")
        .map(|entry| {
            let name = entry.expect("entry").file_name();
            name.to_string_lossy().into_owned()
        })
        .collect();
    assert_eq!(found, expected);
}
