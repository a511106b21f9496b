//! A lock is refused while its owner lives and broken when the owner is dead.

use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::*;
use crate::state::new_run;

fn scratch() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let state = directory.path().join("s");
    (directory, state)
}

/// Another process, which lives until its standard input is closed.
fn neighbour() -> Child {
    let mut cat = Command::new("cat");
    cat.stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("cat runs")
}

fn leave_lock(state: &Path, owner: &LockOwner) {
    let text = serde_json::to_string(owner).expect("json");
    std::fs::write(lock_path(state), text).expect("written");
}

fn owned_by(pid: u32) -> LockOwner {
    let run = Run { pid, ..new_run() };
    lock_owner(&run, "nixops4 apply")
}

fn refused_for(state: &Path) -> Option<LockOwner> {
    match Lock::take(state, &new_run(), "nixops4 plan") {
        Err(StateError::Locked { owner, .. }) => owner.map(|owner| *owner),
        other => panic!("not refused: {other:?}"),
    }
}

fn broken_of(state: &Path) -> Option<LockOwner> {
    Lock::take(state, &new_run(), "nixops4 apply")
        .expect("taken")
        .1
}

#[test]
fn the_second_is_told_who_was_first() {
    let (_directory, state) = scratch();
    let run = new_run();
    let (mut lock, broken) = Lock::take(&state, &run, "nixops4 apply web").expect("taken");
    assert_eq!(broken, None);
    let owner = refused_for(&state).expect("an owner");
    assert_eq!(
        (&owner.run, owner.command.as_str()),
        (&run, "nixops4 apply web")
    );
    assert_eq!(current_owner(&state), Some(owner.clone()));
    let error = StateError::Locked {
        path: lock_path(&state),
        owner: Some(Box::new(owner.clone())),
    };
    let text = error.to_string();
    for part in [
        &run.pid.to_string(),
        &run.host,
        &owner.started,
        &owner.since,
    ] {
        assert!(
            !part.is_empty() && text.contains(part.as_str()),
            "{text}: {part}"
        );
    }
    lock.release();
    assert_eq!(current_owner(&state), None);
    assert_eq!(broken_of(&state), None);
    assert!(!lock_path(&state).exists());
}

#[test]
fn the_lock_of_a_dead_process_is_broken() {
    let (_directory, state) = scratch();
    let mut child = neighbour();
    let owner = owned_by(child.id());
    leave_lock(&state, &owner);
    assert_eq!(refused_for(&state), Some(owner.clone()), "it lives");
    drop(child.stdin.take());
    child.wait().expect("ended");
    assert_eq!(broken_of(&state), Some(owner));
}

#[test]
fn a_later_process_with_the_same_id_is_not_the_owner() {
    let (_directory, state) = scratch();
    let mut owner = owned_by(std::process::id());
    owner.start_ticks.push('0');
    leave_lock(&state, &owner);
    assert_eq!(broken_of(&state), Some(owner));
}

#[test]
fn an_owner_on_another_machine_is_believed() {
    let (_directory, state) = scratch();
    let mut owner = owned_by(1);
    owner.run.host = "elsewhere".into();
    leave_lock(&state, &owner);
    assert_eq!(refused_for(&state), Some(owner));
}

#[test]
fn a_lock_file_that_says_nothing_is_nobodys() {
    for text in ["", "{", "{\"pid\": \"x\"}"] {
        let (_directory, state) = scratch();
        std::fs::write(lock_path(&state), text).expect("written");
        assert_eq!(broken_of(&state), None, "{text}");
    }
}
