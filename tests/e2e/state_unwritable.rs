//! States that cannot be written: the disk is full, or nobody may write there.
//!
//! The tests mount a small file system over a folder of the deployment, in a namespace of the
//! command alone, so that nothing has to be cleaned up.

use std::process::{Command, Output, Stdio};

use nixops4_tests::{Sandbox, says, skipped};

/// A deployment that keeps its state in `disk`: `one` is made, what `big` is does not fit there,
/// and `after` needs `big`.
const DEPLOYMENT: &str = r#"{ members, providers, ... }: {
  providers.local = { };
  members.state = { type = providers.local.state_file; inputs.name = "disk/nixops4.state"; };
  state = members.state;
  members.one = { type = providers.local.file; inputs = { name = "one"; contents = "1"; }; };
  members.big = {
    type = providers.local.memo;
    inputs.initialize_with =
      members.one.outputs.sha256
      + builtins.concatStringsSep "" (builtins.genList (_: "0123456789abcdef") 8192);
  };
  members.after = {
    type = providers.local.file;
    inputs = { name = "after"; contents = builtins.hashString "sha256" members.big.outputs.value; };
  };
}"#;

/// Runs a script in which `disk` is a file system that is mounted with these options.
fn on_disk(sandbox: &Sandbox, options: &str, script: &str) -> Output {
    std::fs::create_dir_all(sandbox.path().join("disk")).expect("a folder");
    let script = format!("mount -t tmpfs -o {options} tmpfs disk && {{ {script}; }}");
    let nixops4 = sandbox.command(&[]).get_program().to_owned();
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &script])
        .current_dir(sandbox.path())
        .env("NIXOPS4", nixops4)
        .env("HOME", sandbox.path())
        .stdin(Stdio::null());
    command.output().expect("unshare runs")
}

/// Whether file systems can be mounted here; says so loudly where not.
fn may_mount(sandbox: &Sandbox) -> bool {
    let may = Command::new("unshare").arg("--version").output().is_ok()
        && on_disk(sandbox, "size=64k", "true").status.success();
    if !may {
        skipped("file systems cannot be mounted in a namespace here");
    }
    may
}

#[test]
fn a_full_disk_begins_nothing_new_and_loses_nothing() {
    let sandbox = Sandbox::with_deployment(DEPLOYMENT);
    if !may_mount(&sandbox) {
        return;
    }
    let script = r#""$NIXOPS4" apply --yes
        echo "apply: $?"
        mount -o remount,size=16m disk
        "$NIXOPS4" apply --yes
        echo "again: $?"
        "$NIXOPS4" plan --detailed-exitcode
        echo "plan: $?""#;
    let ran = on_disk(&sandbox, "size=64k", script);
    let (out, err) = (
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr),
    );
    says(
        &err,
        &[
            "one  created",
            "big  creating failed",
            "after  not created, because of big",
            "disk/nixops4.state",
            "No space left on device",
            "hint: make room there",
            "big  created",
            "after  created",
        ],
    );
    says(&out, &["apply: 1", "again: 0", "plan: 0"]);
    let again = err
        .split("hint: make room there")
        .nth(1)
        .unwrap_or_default();
    assert!(!again.contains("one  created"), "one is remembered: {err}");
}

#[test]
fn where_nobody_may_write_nothing_is_done() {
    let sandbox = Sandbox::with_deployment(DEPLOYMENT);
    if !may_mount(&sandbox) {
        return;
    }
    let ran = on_disk(&sandbox, "size=64k,ro", r#""$NIXOPS4" apply --yes"#);
    let err = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{err}");
    says(
        &err,
        &[
            "cannot lock",
            "disk/nixops4.state",
            "Read-only file system",
            "hint: a run that changes something writes files in",
        ],
    );
    assert!(!sandbox.has("one"), "nothing is done without a state");
}
