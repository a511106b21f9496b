//! Ctrl-C outside a run: what takes long ends at once, and says so.

use std::process::{Output, Stdio};

use nixops4_registry_server::{Release, Reply, Server, SigningKey, registry};
use nixops4_tests::{Sandbox, signal, wait_until};
use serde_json::{Value, json};

use crate::state_store;

/// Starts a command, interrupts it once something is so, and waits for its end.
fn interrupt(sandbox: &Sandbox, args: &[&str], what: &str, is_so: impl FnMut() -> bool) -> Output {
    let child = sandbox
        .command(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nixops4 starts");
    wait_until(what, is_so);
    signal("INT", child.id());
    child.wait_with_output().expect("it ends")
}

#[track_caller]
fn was_interrupted(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert_eq!(said, "error: interrupted\n");
}

#[test]
fn a_download_ends_at_once() {
    let (server, key) = (Server::start(), SigningKey::new());
    let release = Release::new("acme", "fake", "1.0.0").with_program(b"#!/bin/sh\n");
    registry(&server, std::slice::from_ref(&release), &key);
    let archive = release.archive_path(&release.packages[0]);
    server.set(&archive, Reply::never());
    let host = server.host();
    let mut sandbox = Sandbox::with_deployment(&format!(
        r#"{{ providers.fake = {{ source = "{host}/acme/fake"; }}; }}"#
    ));
    sandbox.write("ca.pem", server.certificate());
    let ca = sandbox.path().join("ca.pem").display().to_string();
    sandbox.set("NIXOPS4_EXTRA_CA_FILE", ca);
    let args = ["providers", "install"];
    let output = interrupt(&sandbox, &args, "a download", || server.count(&archive) > 0);
    was_interrupted(&output);
    assert!(!sandbox.has(".terraform.lock.hcl"));
}

/// A deployment whose plugin, which keeps its state, behaves so in one of the calls.
fn sandbox(call: &str, behaviour: &Value) -> Sandbox {
    let script = json!({ "rpcs": { call: behaviour } });
    state_store::sandbox(state_store::FAKE, &script)
}

fn was_called(sandbox: &Sandbox, call: &str) -> bool {
    sandbox.has("calls") && sandbox.read("calls").contains(call)
}

#[test]
fn looking_at_a_state_that_never_comes_ends_at_once() {
    for args in [&["show"][..], &["output", "kept"], &["state", "list"]] {
        let sandbox = sandbox("ReadStateBytes", &json!({ "hang": true }));
        let asked = || was_called(&sandbox, "ReadStateBytes");
        let output = interrupt(&sandbox, args, "the call", asked);
        was_interrupted(&output);
    }
}

#[test]
fn a_lock_that_will_not_break_is_left() {
    let sandbox = sandbox("UnlockState", &json!({ "hang": true }));
    let asked = || was_called(&sandbox, "UnlockState");
    let args = ["state", "unlock", "kept", "1", "--yes"];
    was_interrupted(&interrupt(&sandbox, &args, "the call", asked));
}

#[test]
fn a_state_that_is_opened_to_be_repaired_is_given_up() {
    // It comes after the lock, and late.
    let sandbox = sandbox("ReadStateBytes", &json!({ "delay_ms": 700 }));
    let asked = || was_called(&sandbox, "ReadStateBytes");
    let args = ["state", "repair", "--forget", "--yes"];
    let output = interrupt(&sandbox, &args, "the call", asked);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("waiting for what has begun"), "{said}");
    let world = state_store::world(&sandbox);
    assert_eq!(world["locks"], json!({}));
}
