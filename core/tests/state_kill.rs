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
