//! Files keep what they said was durable, whatever happens to the process or the disk.

use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use serde_json::json;
use tempfile::TempDir;

use super::faults::{Faults, Gate};
use super::*;
use crate::state::samples::{self, create, intent, sample};
use crate::state::{Operation, contract, new_run};

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

/// Opens on a disk that fails when told to.
fn open_faulty(path: &Path, faults: &Arc<Faults>) -> FileStore {
    let options = WriteOptions::default();
    let opened = FileStore::open_on(path, new_run(), &options, faults.opener());
    opened.expect("opens").value
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
            member: samples::path(member),
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
            member: samples::path("web.b"),
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

#[tokio::test]
async fn cut_anywhere_a_log_holds_all_that_was_acknowledged() {
    let (directory, path) = scratch();
    let store = open(&path);
    let length = || std::fs::metadata(&path).map_or(0, |metadata| metadata.len() as usize);
    let mut acknowledged = vec![(0, store.snapshot())];
    let id = store.begin(create("web.a", 1)).await.expect("begun");
    acknowledged.push((length(), store.snapshot()));
    store
        .finish(id, Outcome::object(sample(1)))
        .await
        .expect("finished");
    acknowledged.push((length(), store.snapshot()));
    let id = store
        .begin(intent("web.a", Operation::Update, 2))
        .await
        .expect("begun");
    acknowledged.push((length(), store.snapshot()));
    store
        .finish(id, Outcome::object(sample(2)))
        .await
        .expect("finished");
    acknowledged.push((length(), store.snapshot()));
    store
        .record(StateEvent::Forgotten {
            member: samples::path("web.a"),
        })
        .await
        .expect("recorded");
    acknowledged.push((length(), store.snapshot()));
    drop(store);

    let log = std::fs::read(&path).expect("read");
    let cut_path = directory.path().canonicalize().expect("real").join("cut");
    for cut in 0..=log.len() {
        let _ = std::fs::remove_file(&cut_path);
        std::fs::write(&cut_path, &log[..cut]).expect("written");
        let (snapshot, warnings) = read(&cut_path);
        // A line that lacks nothing but its newline counts.
        let (_, expected) = acknowledged
            .iter()
            .rfind(|(len, _)| *len <= cut + 1)
            .expect("some");
        assert_eq!(snapshot.resources, expected.resources, "cut at {cut}");
        assert_eq!(snapshot.intents, expected.intents, "cut at {cut}");
        if cut % 173 == 0 {
            goes_on_after(&cut_path, &snapshot, !warnings.is_empty()).await;
        }
    }
}

/// Writing goes on in a log that was cut, and what was torn is kept.
async fn goes_on_after(path: &Path, before: &Snapshot, torn: bool) {
    let (store, warnings) = open_with_warnings(path);
    assert_eq!(store.snapshot().resources, before.resources);
    assert_eq!(warnings.len(), usize::from(torn), "{warnings:?}");
    put(&store, "later", 3).await.expect("recorded");
    let live = store.snapshot();
    drop(store);
    assert_eq!(read(path), (live, vec![]));
    assert_eq!(log::torn_path(path).exists(), torn);
    let _ = std::fs::remove_file(log::torn_path(path));
}

#[tokio::test]
async fn a_full_disk_starts_nothing_new_and_loses_nothing() {
    let (_directory, path) = scratch();
    let faults = Faults::none();
    let store = open_faulty(&path, &faults);
    let a = store.begin(create("a", 1)).await.expect("begun");
    let b = store.begin(create("b", 2)).await.expect("begun");
    let length = std::fs::metadata(&path).expect("exists").len();
    faults.room.store(100, Ordering::SeqCst);
    let refused = store.begin(create("c", 3)).await.expect_err("refused");
    assert!(matches!(refused, StateError::Stopped { .. }), "{refused}");
    assert_eq!(
        std::fs::metadata(&path).expect("exists").len(),
        length,
        "nothing half is left"
    );
    let rescue = path.with_extension("state.rescue");
    for (id, seed) in [(a, 1), (b, 2)] {
        match store
            .finish(id, Outcome::object(sample(seed)))
            .await
            .expect_err("not recorded")
        {
            StateError::NotRecorded {
                rescued_to,
                unwritten,
                ..
            } => {
                assert_eq!(rescued_to.as_ref(), Some(&rescue));
                assert_eq!(unwritten.len(), usize::from(seed));
            }
            other => panic!("{other}"),
        }
    }
    let live = store.snapshot();
    assert_eq!((live.len(), live.intents().count()), (2, 0));
    store.close().await.expect_err("still not recorded");
    drop(store);

    let (seen, warnings) = read(&path);
    assert_eq!((&seen, warnings.len()), (&live, 1), "{warnings:?}");
    let (store, warnings) = open_with_warnings(&path);
    assert_eq!(
        (store.snapshot(), warnings.len()),
        (live.clone(), 1),
        "{warnings:?}"
    );
    assert!(!rescue.exists());
    drop(store);
    assert_eq!(read(&path), (live, vec![]));
}

#[tokio::test]
async fn what_could_not_be_written_is_written_when_there_is_room_again() {
    let (_directory, path) = scratch();
    let faults = Faults::none();
    let store = open_faulty(&path, &faults);
    let a = store.begin(create("a", 1)).await.expect("begun");
    let b = store.begin(create("b", 2)).await.expect("begun");
    faults.sync_fails.store(true, Ordering::SeqCst);
    store
        .finish(a, Outcome::object(sample(1)))
        .await
        .expect_err("not recorded");
    faults.sync_fails.store(false, Ordering::SeqCst);
    store
        .finish(b, Outcome::object(sample(2)))
        .await
        .expect("recorded, and the one before");
    store
        .begin(create("c", 3))
        .await
        .expect_err("but nothing new is begun");
    let live = store.snapshot();
    drop(store);
    assert_eq!(read(&path), (live, vec![]));
}

#[tokio::test]
async fn what_is_kept_nowhere_is_given_back() {
    let (_directory, path) = scratch();
    std::fs::create_dir(path.with_extension("state.rescue.new")).expect("made");
    let faults = Faults::none();
    let store = open_faulty(&path, &faults);
    let id = store.begin(create("a", 1)).await.expect("begun");
    faults.room.store(0, Ordering::SeqCst);
    let error = store
        .finish(id, Outcome::object(sample(1)))
        .await
        .expect_err("not recorded");
    let StateError::NotRecorded {
        rescued_to: None,
        unwritten,
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(unwritten[0].member, Some(samples::path("a")));
    let event: serde_json::Value = serde_json::from_str(&unwritten[0].json).expect("json");
    assert_eq!(event["patch"][0]["value"]["inputProperties"]["secret"], 1);
    assert!(
        !format!("{error:?}").contains("inputProperties"),
        "errors are logged"
    );
}

#[tokio::test]
async fn a_failed_write_that_cannot_be_cut_off_does_not_hide_what_was_kept() {
    let (_directory, path) = scratch();
    let faults = Faults::none();
    let store = open_faulty(&path, &faults);
    let id = store.begin(create("a", 1)).await.expect("begun");
    faults.sync_fails.store(true, Ordering::SeqCst);
    faults.cut_fails.store(true, Ordering::SeqCst);
    store
        .begin(create("b", 2))
        .await
        .expect_err("its line stays, though");
    store
        .finish(id, Outcome::object(sample(1)))
        .await
        .expect_err("not recorded");
    drop(store);
    let (snapshot, _) = read(&path);
    assert!(snapshot.object(&samples::path("a")).is_some());
    assert_eq!(
        snapshot.intents().count(),
        1,
        "better one in doubt too many"
    );
}

#[tokio::test]
async fn a_file_that_goes_away_is_noticed() {
    let (_directory, path) = scratch();
    let store = open(&path);
    put(&store, "a", 1).await.expect("recorded");
    std::fs::remove_file(&path).expect("removed");
    let error = put(&store, "b", 1).await.expect_err("noticed");
    let StateError::NotRecorded { source, .. } = error else {
        panic!("{error}")
    };
    let reason = std::error::Error::source(&*source)
        .expect("a reason")
        .to_string();
    assert_eq!(
        reason,
        "it was removed by another program while it was locked"
    );
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let error = FileStore::open_write(
        Path::new("/nonexistent/folder/s"),
        new_run(),
        &WriteOptions::default(),
    )
    .expect_err("refused");
    assert_eq!(error.to_string(), "cannot lock /nonexistent/folder/s.lock");
}

#[tokio::test]
async fn changes_that_come_together_share_a_sync() {
    let (_directory, path) = scratch();
    let faults = Faults::none();
    let store = Arc::new(open_faulty(&path, &faults));
    let ((reached, at_gate), (go, let_go)) = (mpsc::channel(), mpsc::channel());
    *faults.gate.lock().expect("no panic") = Some(Gate {
        reached,
        go: let_go,
    });
    let mut tasks = tokio::task::JoinSet::new();
    let mut start = |i: u8| {
        let store = store.clone();
        tasks.spawn(async move { store.begin(create(&format!("m{i}"), i)).await });
    };
    start(0);
    tokio::task::yield_now().await;
    at_gate.recv().expect("the first is being synced");
    (1..20).for_each(&mut start);
    // This runtime has one thread, so each of them has asked once it has run until it waits.
    tokio::task::yield_now().await;
    go.send(()).expect("the sync waits");
    while let Some(begun) = tasks.join_next().await {
        begun.expect("no panic").expect("begun");
    }
    assert_eq!(faults.syncs.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn readers_neither_wait_nor_lock() {
    let (_directory, path) = scratch();
    let store = open(&path);
    let id = store.begin(create("a", 1)).await.expect("begun");
    let reader = FileStore::open_read(&path, new_run(), &[])
        .expect("opens")
        .value;
    assert_eq!(reader.busy().map(|owner| &owner.run), Some(store.run()));
    assert!(reader.snapshot().intent(&id).is_some());
    let refused = put(&reader, "b", 1).await.expect_err("refused");
    assert!(matches!(refused, StateError::ReadOnly { .. }), "{refused}");
    let error = FileStore::open_write(&path, new_run(), &WriteOptions::default());
    let error = error.expect_err("refused");
    assert!(
        matches!(error, StateError::Locked { owner: Some(_), .. }),
        "{error}"
    );
}

/// A log of more than a megabyte that comes to one small object, and something that this version
/// does not know.
fn write_long_log(path: &Path) {
    let initial = r#"{"_type":"nixopsState","version":1,"resources":{},"deployments":{},"intents":{},"more":1.50}"#;
    let mut log = format!(
        "{{\"index\":0,\"meta\":{{\"event\":\"initialize\"}},\"patch\":[{{\"op\":\"add\",\"path\":\"\",\"value\":{initial}}}]}}\n"
    );
    let filler = "x".repeat(1000);
    for index in 1..1200 {
        let object =
            json!({ "type": "file", "inputProperties": { "name": format!("{index}{filler}") } });
        let patch = json!([{ "op": "add", "path": "/resources/a", "value": object }]);
        let meta = json!({ "event": "found", "member": "a" });
        let event = json!({ "index": index, "meta": meta, "patch": patch });
        log.push_str(&format!("{event}\n"));
    }
    std::fs::write(path, log).expect("written");
}

fn lines(path: &Path) -> usize {
    let text = std::fs::read_to_string(path).expect("readable");
    text.lines().count()
}

#[tokio::test]
async fn a_long_log_is_compacted_by_who_is_to_write_and_goes_on() {
    let (directory, path) = scratch();
    write_long_log(&path);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("set");
    let (before, _) = read(&path);
    assert_eq!(lines(&path), 1200, "readers change nothing");

    let store = open(&path);
    assert_eq!(lines(&path), 1);
    assert_eq!(store.snapshot(), before);
    put(&store, "b", 1).await.expect("written");
    store.close().await.expect("closed");

    let text = std::fs::read_to_string(&path).expect("readable");
    let indexes: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["index"].clone())
        .collect();
    assert_eq!(indexes, [1200, 1201]);
    assert!(text.contains(r#""more":1.50"#), "what is not known is kept");
    let (after, warnings) = read(&path);
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(
        after.object(&samples::path("a")),
        before.object(&samples::path("a"))
    );
    assert!(after.object(&samples::path("b")).is_some());
    let mode = std::fs::metadata(&path)
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    let names = std::fs::read_dir(directory.path()).expect("a folder");
    assert_eq!(names.count(), 1, "nothing is left beside it");
}

#[test]
fn who_is_killed_before_the_new_log_has_its_name_leaves_the_old_one() {
    let (_directory, path) = scratch();
    write_long_log(&path);
    let (before, _) = read(&path);
    let draft = log::beside(&path, ".compact");
    std::fs::write(&draft, "{\"index\":1200,\"me").expect("written");
    assert_eq!(read(&path).0, before);
    let store = open(&path);
    assert_eq!((store.snapshot(), lines(&path)), (before, 1));
    assert!(!draft.exists());
}

#[test]
fn a_log_that_others_know_by_another_name_or_that_is_torn_is_not_compacted() {
    let (directory, path) = scratch();
    write_long_log(&path);
    let other = directory.path().join("other");
    std::fs::hard_link(&path, &other).expect("linked");
    drop(open(&path));
    assert_eq!(lines(&path), 1200);

    std::fs::remove_file(&other).expect("removed");
    let mut text = std::fs::read_to_string(&path).expect("readable");
    text.push_str("{\"index\":1200,");
    std::fs::write(&path, text).expect("written");
    drop(open(&path));
    assert_eq!(lines(&path), 1201);
}
