//! Files keep what they said was durable, whatever happens to the process or the disk.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc;

use serde_json::json;
use tempfile::TempDir;

use super::log::Disk;
use super::*;
use crate::state::samples::{create, intent, path, sample};
use crate::state::{Illegal, Operation, contract, new_run};

fn open(path: &Path) -> FileStore {
    open_with_warnings(path).0
}

fn open_with_warnings(path: &Path) -> (FileStore, Vec<String>) {
    let options = WriteOptions::default();
    let opened = FileStore::open_write(path, new_run(), &options).expect("opens");
    (opened.value, texts(opened.warnings))
}

fn read(path: &Path) -> (Arc<Snapshot>, Vec<String>) {
    let opened = FileStore::open_read(path, new_run(), &[]).expect("opens");
    (opened.value.snapshot(), texts(opened.warnings))
}

fn texts(warnings: Diagnostics) -> Vec<String> {
    warnings
        .0
        .into_iter()
        .map(|warning| warning.summary)
        .collect()
}

fn open_error(path: &Path) -> StateError {
    FileStore::open_write(path, new_run(), &WriteOptions::default()).expect_err("refused")
}

fn scratch() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory
        .path()
        .canonicalize()
        .expect("real")
        .join("nixops4.state");
    (directory, path)
}

async fn put(store: &FileStore, member: &str, seed: u8) -> Result<(), StateError> {
    let object = sample(seed).into();
    store
        .record(StateEvent::Found {
            member: path(member),
            deposed: None,
            object,
        })
        .await
}

#[tokio::test]
async fn a_file_does_what_every_store_does() {
    let (directory, _) = scratch();
    let count = AtomicUsize::new(0);
    contract::check(async || {
        let number = count.fetch_add(1, Ordering::Relaxed);
        let path = directory.path().join(number.to_string());
        Arc::new(open(&path)) as Arc<dyn StateStore>
    })
    .await;
}

#[tokio::test]
async fn a_file_is_made_at_the_first_write_and_nobody_else_may_read_it() {
    let (directory, path) = scratch();
    let (snapshot, warnings) = read(&path);
    assert!(snapshot.is_empty() && warnings.is_empty());
    assert_eq!(
        std::fs::read_dir(directory.path()).expect("listed").count(),
        0
    );
    let store = open(&path);
    assert!(!path.exists());
    put(&store, "a", 1).await.expect("recorded");
    let mode = std::fs::metadata(&path)
        .expect("exists")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    store.close().await.expect("closed");
    assert_eq!(
        std::fs::read_dir(directory.path()).expect("listed").count(),
        1,
        "no lock is left"
    );
}

#[tokio::test]
async fn a_version_0_file_goes_on_with_nothing_lost() {
    let (_directory, path) = scratch();
    let text = r#"{
  "index": 0,
  "meta": { "time": "2025-01-01T00:00:00Z" },
  "patch": [{ "op": "add", "path": "", "value": {
    "_type": "nixopsState", "colour": "blue",
    "resources": { "a": { "type": "memo", "input_properties": { "n": 1.50 }, "note": "n" } },
    "deployments": { "web": { "resources": {}, "deployments": {}, "owner": "me" } }
  } }]
}
{ "index": 1, "meta": { "time": "2025-01-01T00:00:01Z", "event": "update" },
  "patch": [{ "op": "add", "path": "/resources/a/output_properties", "value": { "value": 1 } },
            { "op": "copy", "from": "/resources/a", "path": "/deployments/web/resources/b" }] }"#;
    std::fs::write(&path, text).expect("written");
    let store = open(&path);
    put(&store, "a", 1).await.expect("recorded");
    store
        .record(StateEvent::Forgotten {
            member: crate::state::samples::path("web.b"),
        })
        .await
        .expect("recorded");
    let live = store.snapshot();
    drop(store);
    let (reopened, warnings) = read(&path);
    assert_eq!((&live, warnings), (&reopened, vec![]));
    let written = std::fs::read_to_string(&path).expect("read");
    assert!(written.starts_with(text), "no line is ever changed");
    let document = open(&path).document().await.expect("document");
    assert_eq!(document["version"], 1);
    assert_eq!(document["colour"], "blue");
    assert_eq!(document["resources"]["a"]["note"], "n");
    assert_eq!(document["resources"]["a"].get("input_properties"), None);
    assert_eq!(
        document["deployments"]["web"],
        json!({ "resources": {}, "deployments": {}, "owner": "me" })
    );
}
