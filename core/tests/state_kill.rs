//! A process that writes a state file is killed at any moment, and what it was told was durable is
//! there.
//!
//! The process is this test program itself, started again with the name of the file in its
//! environment.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use nixops4_core::MemberPath;
use nixops4_core::provider::{Mode, ResourceState};
use nixops4_core::state::{
    FileStore, Intent, Operation, Outcome, StateStore, StoredObject, WriteOptions, new_run,
};
use nixops4_core::value::Value;

const FILE: &str = "NIXOPS4_TEST_STATE_FILE";
const ROUND: &str = "NIXOPS4_TEST_STATE_ROUND";
const COMPACT: &str = "NIXOPS4_TEST_STATE_COMPACT";

fn open(path: &Path) -> (FileStore, Vec<String>) {
    let opened = FileStore::open_write(path, new_run(), &WriteOptions::default()).expect("opens");
    let warnings = opened.warnings.0.into_iter().map(|warning| warning.summary);
    (opened.value, warnings.collect())
}

/// Creates one resource after another, several at once, and says what is durable, until it is
/// killed. Does nothing unless it is started by the test below.
#[tokio::test]
async fn child() {
    let (Some(path), Ok(round)) = (std::env::var_os(FILE), std::env::var(ROUND)) else {
        return;
    };
    let store = Arc::new(open(Path::new(&path)).0);
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..4 {
        let (store, round) = (store.clone(), round.clone());
        tasks.spawn(async move {
            for number in 0.. {
                create(&*store, &format!("r{round}.w{worker}.m{number}")).await;
            }
        });
    }
    tasks.join_next().await;
}

async fn create(store: &dyn StateStore, name: &str) {
    let state = ResourceState {
        type_name: "file".into(),
        inputs: Value::attrs([("name", Value::from(name))]),
        ..ResourceState::default()
    };
    let intent = Intent {
        member: name.parse().expect("a path"),
        operation: Operation::Create { depose: None },
        type_name: "file".into(),
        provider: None,
        inputs: state.inputs.clone(),
        planned_id: None,
    };
    let id = store.begin(intent).await.expect("begun");
    say(&format!("begun {name}"));
    let object = StoredObject::new(Mode::Managed, state);
    store
        .finish(id, Outcome::object(object))
        .await
        .expect("finished");
    say(&format!("finished {name}"));
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .expect("the parent listens");
}

/// Lets a child work until it has said so many lines, kills it, and gives back all it said.
fn kill_after(path: &Path, round: usize, lines: usize) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "child", "--nocapture"])
        .env(FILE, path)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("starts");
    let mut said = BufReader::new(child.stdout.take().expect("piped")).lines();
    let is_ours = |line: &String| line.starts_with("begun ") || line.starts_with("finished ");
    let mut all = Vec::new();
    while all.len() < lines {
        let line = said
            .next()
            .expect("goes on until it is killed")
            .expect("text");
        all.extend(Some(line).filter(is_ours));
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("ends");
    // A line is written at once and is shorter than what a pipe takes whole, so none is cut off.
    all.extend(said.map_while(Result::ok).filter(is_ours));
    all
}

#[test]
fn a_killed_writer_loses_nothing_it_was_told_is_durable() {
    let directory = tempfile::tempdir().expect("a folder");
    let path = directory.path().join("nixops4.state");
    let mut finished = BTreeSet::new();
    for (round, lines) in [3, 40, 121, 7, 64].into_iter().enumerate() {
        let said = kill_after(&path, round, lines);
        let (store, warnings) = open(&path);
        let broken = warnings
            .iter()
            .filter(|text| text.contains("its lock is broken"))
            .count();
        assert_eq!(broken, 1, "{warnings:?}");
        let snapshot = store.snapshot();
        let intents: Vec<_> = snapshot
            .intents()
            .map(|(_, open)| &open.intent.member)
            .collect();
        for line in said {
            let (what, name) = line.split_once(' ').expect("two words");
            let member: MemberPath = name.parse().expect("a path");
            let there = snapshot.object(&member).is_some();
            match what {
                "finished" => {
                    assert!(there, "{name}");
                    finished.insert(member);
                }
                _ => assert!(there || intents.contains(&&member), "{name}"),
            }
        }
        assert!(
            finished
                .iter()
                .all(|member| snapshot.object(member).is_some())
        );
        assert!(
            intents.len() <= 4 * (round + 1),
            "only what was under way is in doubt"
        );
    }
}

/// Has a long log compacted, again and again, until it is killed. Does nothing unless it is started
/// by the test below.
#[test]
fn compacting_child() {
    let Some(path) = std::env::var_os(COMPACT).map(std::path::PathBuf::from) else {
        return;
    };
    let long = std::fs::read(path.with_extension("long")).expect("readable");
    let fresh = path.with_extension("fresh");
    loop {
        std::fs::write(&fresh, &long).expect("written");
        std::fs::rename(&fresh, &path).expect("renamed");
        say("begun");
        drop(open(&path));
        say("finished");
    }
}

#[tokio::test]
async fn a_log_whose_compaction_is_killed_holds_everything() {
    let directory = tempfile::tempdir().expect("a folder");
    let path = directory.path().join("nixops4.state");
    let store = open(&path).0;
    for name in ["a", "b.c"] {
        create(&store, name).await;
    }
    store.close().await.expect("closed");
    // The same object is changed until the log is long.
    let mut long = std::fs::read_to_string(&path).expect("readable");
    let filler = "x".repeat(2000);
    for index in long.lines().count()..800 {
        let event = serde_json::json!({
            "index": index,
            "meta": { "event": "found", "member": "a" },
            "patch": [{ "op": "add", "path": "/resources/a/outputProperties", "value": format!("{index}{filler}") }],
        });
        long.push_str(&format!("{event}\n"));
    }
    std::fs::write(path.with_extension("long"), &long).expect("written");
    std::fs::write(&path, &long).expect("written");
    let read = || FileStore::open_read(&path, new_run(), &[]).expect("opens");
    let expected = read().value.snapshot();
    let mut lengths = BTreeSet::new();
    for round in 0..24 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "compacting_child", "--nocapture"])
            .env(COMPACT, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        let said = BufReader::new(child.stdout.take().expect("piped")).lines();
        let begun = said.map_while(Result::ok).filter(|line| line == "begun");
        // Killed a little later each time, somewhere between two lines that it says.
        begun.take(1 + round % 3).for_each(drop);
        let moments = (0..round * 20_000).map(std::hint::black_box);
        assert!(moments.count() < usize::MAX);
        child.kill().expect("SIGKILL");
        child.wait().expect("ends");
        assert_eq!(read().value.snapshot(), expected);
        lengths.insert(std::fs::metadata(&path).expect("there").len());
    }
    assert!(
        lengths.len() <= 2,
        "it is the one or the other: {lengths:?}"
    );
    let (store, _) = open(&path);
    assert_eq!(store.snapshot(), expected);
    assert!(std::fs::metadata(&path).expect("there").len() < long.len() as u64 / 4);
}
