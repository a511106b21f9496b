//! State stores of plugins keep the state of deployments.

use std::process::Stdio;

use nixops4_tests::{Sandbox, adapter_program, fake_provider, go_plugin, signal, wait_until};
use serde_json::{Value, json};

/// A deployment whose state a plugin keeps, with two things.
pub const FAKE: &str = r#"{ members, providers, ... }: {
  providers.fake = { executable = "./terraform-provider-fake"; };
  state = members.kept;
  members.kept = { type = providers.fake.stateStores.fake_store; inputs.prefix = "p"; };
  members.thing = { type = providers.fake.fake_thing; inputs.name = "a"; };
  members.box.members.other = { type = providers.fake.fake_thing; inputs.name = "b"; };
}"#;

/// A deployment whose state is kept by the fake plugin, in the file `world`.
pub fn sandbox(text: &str, script: &Value) -> Sandbox {
    let mut sandbox = Sandbox::with_deployment(text);
    let plugin = sandbox.path().join("terraform-provider-fake");
    std::os::unix::fs::symlink(fake_provider(), plugin).expect("a link");
    let file = |name: &str| sandbox.path().join(name).display().to_string();
    let (log, store) = (file("calls"), file("world"));
    sandbox.set("FAKE_PROVIDER_LOG", log);
    sandbox.set("FAKE_PROVIDER_STORE", store);
    sandbox.set("FAKE_PROVIDER_SCRIPT", script.to_string());
    sandbox
}

/// What the plugin keeps.
pub fn world(sandbox: &Sandbox) -> Value {
    match sandbox.has("world") {
        true => serde_json::from_str(&sandbox.read("world")).expect("JSON"),
        false => Value::Null,
    }
}

/// The log that the store keeps.
fn log(sandbox: &Sandbox) -> String {
    let world = world(sandbox);
    let log = world["states"]["nixops4"].as_str();
    log.unwrap_or_default().to_owned()
}

#[test]
fn keeps_the_state_of_a_whole_life() {
    // Where there may be one process only, that of the store and that of the things are started and
    // configured in turn.
    for processes in ["8", "1"] {
        let sandbox = sandbox(FAKE, &json!({}));
        let processes = ["--max-provider-processes", processes];
        let ok = |args: &[&str]| sandbox.ok(&[args, &processes].concat());
        ok(&["plan"]);
        assert!(log(&sandbox).is_empty(), "a plan writes nothing");
        ok(&["apply", "--yes"]);
        assert!(!sandbox.has("nixops4.state"));
        assert_eq!(log(&sandbox).lines().count(), 1, "{}", log(&sandbox));
        assert_eq!(world(&sandbox)["locks"], json!({}), "it is given up");

        ok(&["plan", "--detailed-exitcode"]);
        let listed = sandbox.ok(&["state", "list"]).stdout;
        assert!(
            listed.contains("thing") && listed.contains("box.other"),
            "{listed}"
        );
        let dumped = sandbox.ok(&["state", "dump", "kept"]).stdout;
        let dumped: Value = serde_json::from_str(&dumped).expect("JSON");
        assert_eq!(dumped["resources"]["thing"]["type"], "fake_thing");

        ok(&["destroy", "--yes"]);
        assert_eq!(world(&sandbox)["objects"], json!({}));
        assert_eq!(world(&sandbox)["locks"], json!({}));
        assert!(!log(&sandbox).contains("fake_thing"));
    }
}

#[test]
fn the_state_of_a_file_moves_there_and_back() {
    let in_file = FAKE.replace("state = members.kept;", "");
    let sandbox = sandbox(&in_file, &json!({}));
    sandbox.ok(&["apply", "--yes"]);
    sandbox.write("nixops4.nix", FAKE);
    sandbox.ok(&["apply", "--yes"]);
    assert!(log(&sandbox).contains("fake_thing"));
    sandbox.ok(&["plan", "--detailed-exitcode"]);
    sandbox.write("nixops4.nix", &in_file);
    sandbox.ok(&["apply", "--yes"]);
    assert!(!log(&sandbox).contains("fake_thing"));
    assert_eq!(world(&sandbox)["made"], 2, "nothing was made again");
}

#[test]
fn a_lock_of_somebody_else_is_refused_and_can_be_broken() {
    let sandbox = sandbox(FAKE, &json!({}));
    let locked = json!({ "locks": { "nixops4": "process 7 on far" } });
    sandbox.write("world", &locked.to_string());
    // Looking is allowed.
    sandbox.ok(&["plan"]);
    let said = sandbox.fails(&["apply", "--yes"]);
    for part in [
        "the state handler kept gives no lock: Locked",
        "It is locked for process 7 on far (lock of nixops4).",
        "`nixops4 state unlock kept LOCK`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!sandbox.read("calls").contains("ApplyResourceChange"));

    let said = sandbox.fails(&["state", "unlock", "kept", "another", "--yes"]);
    assert!(said.contains("Nobody holds this lock"), "{said}");
    let said = sandbox.fails(&["state", "unlock", "thing", "another", "--yes"]);
    assert!(said.contains("has no state store \"fake_thing\""), "{said}");
    sandbox.ok(&["state", "unlock", "kept", "lock of nixops4", "--yes"]);
    sandbox.ok(&["apply", "--yes"]);
}

#[test]
fn whoever_is_refused_reads_who_has_it() {
    let script = json!({ "rpcs": { "ApplyResourceChange": { "hang": true } } });
    let sandbox = sandbox(FAKE, &script);
    let mut first = sandbox
        .command(&["apply", "--yes"])
        .stdout(Stdio::null())
        .spawn()
        .expect("nixops4 starts");
    wait_until("both intents", || {
        log(&sandbox).matches("fake_thing").count() == 2
            && sandbox.read("calls").contains("ApplyResourceChange")
    });
    let said = sandbox.fails(&["apply", "--yes"]);
    let owner = format!("process {} on ", first.id());
    assert!(said.contains(&owner), "{said}");
    assert!(said.contains("apply --yes"), "{said}");
    first.kill().expect("it is running");
    first.wait().expect("it ends");

    // The intents were stored before the provider was asked.
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("thing  in doubt"), "{plan}");
    sandbox.ok(&["state", "unlock", "kept", "lock of nixops4", "--yes"]);
    sandbox.ok(&["state", "repair", "--forget", "--yes"]);
    assert_eq!(world(&sandbox)["locks"], json!({}));
}

#[test]
fn nothing_is_begun_that_cannot_be_stored() {
    let full = json!({ "status": [13, "the bucket is full"] });
    let sandbox = sandbox(FAKE, &json!({ "rpcs": { "WriteStateBytes": full } }));
    let said = sandbox.fails(&["apply", "--yes"]);
    assert!(
        said.contains("the state handler kept failed") && said.contains("the bucket is full"),
        "{said}"
    );
    assert!(!sandbox.read("calls").contains("ApplyResourceChange"));
    assert_eq!(world(&sandbox)["locks"], json!({}));
}

#[test]
fn faults_of_the_store_and_of_the_text_say_where() {
    let complaint = |path: Value| json!([{ "summary": "Bad prefix", "path": path }]);
    let of = |call: &str, behaviour: Value| {
        let mut rpcs = serde_json::Map::new();
        rpcs.insert(call.to_owned(), behaviour);
        json!({ "rpcs": rpcs })
    };
    let wrong = |text: &str| FAKE.replace("inputs.prefix = \"p\"", text);
    let cases = [
        (
            wrong("inputs.prefix = [ ]"),
            json!({}),
            vec!["must be a string", "nixops4.nix:4", "prefix = [ ]"],
        ),
        (
            wrong("inputs.prefx = \"p\""),
            json!({}),
            vec!["prefx", "nixops4.nix:4"],
        ),
        (
            FAKE.replace("fake_store", "fake_stor"),
            json!({}),
            vec![
                "has no state store \"fake_stor\"",
                "did you mean \"fake_store\"?",
            ],
        ),
        (
            FAKE.to_owned(),
            of(
                "ValidateStateStoreConfig",
                json!({ "diagnostics": complaint(json!(["prefix"])) }),
            ),
            vec!["Bad prefix", "nixops4.nix:4", "prefix = \"p\""],
        ),
        (
            FAKE.to_owned(),
            of(
                "ConfigureStateStore",
                json!({ "diagnostics": complaint(json!(["prefix"])) }),
            ),
            vec!["state handler kept", "Bad prefix"],
        ),
        (
            FAKE.to_owned(),
            of("ReadStateBytes", json!({ "without_end": true })),
            vec!["state handler kept", "bytes were announced"],
        ),
        (
            FAKE.to_owned(),
            json!({ "protocol": 5, "flat": true }),
            vec!["has no state store"],
        ),
    ];
    for (text, script, expected) in cases {
        let sandbox = sandbox(&text, &script);
        let kept = json!({ "states": { "nixops4": "\n".repeat(40) } });
        sandbox.write("world", &kept.to_string());
        let said = sandbox.fails(&["plan"]);
        for part in expected {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
}

#[test]
fn warnings_of_the_store_are_told_once() {
    let warning = |text: &str| json!({ "diagnostics": [{ "warning": true, "summary": text }] });
    let sandbox = sandbox(
        FAKE,
        &json!({ "rpcs": {
            "ConfigureStateStore": warning("The bucket is public"),
            "LockState": warning("Locks are kept for an hour"),
        } }),
    );
    let count = |said: &str, text: &str| said.matches(text).count();
    let said = sandbox.ok(&["plan"]).stderr;
    assert_eq!(count(&said, "The bucket is public"), 1, "{said}");
    let said = sandbox.ok(&["apply", "--yes"]).stderr;
    assert_eq!(count(&said, "The bucket is public"), 1, "{said}");
    assert_eq!(count(&said, "Locks are kept for an hour"), 1, "{said}");
}

#[test]
fn a_state_of_another_program_is_left_alone() {
    for sandbox in [sandbox(FAKE, &json!({})), behind_a_program(&json!({}))] {
        let theirs = r#"{"version":4,"terraform_version":"1.14.0"}"#;
        let kept = json!({ "states": { "nixops4": theirs } });
        sandbox.write("world", &kept.to_string());
        let said = sandbox.fails(&["apply", "--yes"]);
        assert!(said.contains("is no state of nixops4"), "{said}");
        assert_eq!(log(&sandbox), theirs);
        assert_eq!(world(&sandbox)["locks"], json!({}));
    }
}

#[test]
fn the_store_of_a_plugin_on_the_framework_keeps_a_state() {
    let Some(plugin) = go_plugin("framework") else {
        return;
    };
    let sandbox = Sandbox::with_deployment(
        r#"{ members, providers, ... }: {
          providers.framework = { executable = "./terraform-provider-framework";
            config.directory = "objects"; };
          state = members.kept;
          members.kept = { type = providers.framework.stateStores.framework_folder;
            inputs.path = "states"; };
          members.a = { type = providers.framework.framework_object; inputs.name = "a"; };
        }"#,
    );
    let name = sandbox.path().join("terraform-provider-framework");
    std::fs::rename(plugin, name).expect("the same disk");
    sandbox.ok(&["apply", "--yes"]);
    let log = sandbox.read("states/nixops4.state");
    assert!(log.contains("framework_object") && log.lines().count() == 1);
    assert!(!sandbox.has("states/nixops4.lock"));
    sandbox.ok(&["plan", "--detailed-exitcode"]);

    let other = r#"{"id":"1-2","operation":"apply","who":"somebody@far","version":"1","created":"2026-01-01T00:00:00Z"}"#;
    sandbox.write("states/nixops4.lock", other);
    let said = sandbox.fails(&["destroy", "--yes"]);
    assert!(
        said.contains("somebody@far") && said.contains("1-2"),
        "{said}"
    );
    sandbox.ok(&["state", "unlock", "kept", "1-2", "--yes"]);
    sandbox.ok(&["destroy", "--yes"]);
    assert!(!sandbox.has("objects/object-1.json"));
}

/// The deployment with the plugin behind a native program.
fn behind_a_program(script: &Value) -> Sandbox {
    let text = FAKE.replace("terraform-provider-fake", "fake");
    let sandbox = sandbox(&text.replace("stateStores.", ""), script);
    adapter_program(&sandbox, "fake", "terraform-provider-fake");
    sandbox
}

#[test]
fn behind_a_native_program_it_keeps_the_state_of_a_whole_life() {
    let sandbox = behind_a_program(&json!({}));
    sandbox.ok(&["plan"]);
    assert!(log(&sandbox).is_empty(), "a plan writes nothing");
    sandbox.ok(&["apply", "--yes"]);
    assert!(!sandbox.has("nixops4.state"));
    assert_eq!(log(&sandbox).lines().count(), 1, "{}", log(&sandbox));
    assert_eq!(world(&sandbox)["locks"], json!({}), "it is given up");
    // Whoever has the lock knows what is there.
    let calls = sandbox.read("calls");
    assert_eq!(calls.matches("LockState").count(), 1, "{calls}");
    assert!(calls.matches("WriteStateBytes").count() > 3, "{calls}");
    assert_eq!(calls.matches("ReadStateBytes").count(), 2, "{calls}");

    sandbox.ok(&["plan", "--detailed-exitcode"]);
    let listed = sandbox.ok(&["state", "list"]).stdout;
    assert!(listed.contains("box.other"), "{listed}");
    sandbox.ok(&["destroy", "--yes"]);
    assert_eq!(world(&sandbox)["objects"], json!({}));
    assert!(!log(&sandbox).contains("fake_thing"));
}

#[test]
fn behind_a_native_program_locks_and_faults_are_told() {
    let sandbox = behind_a_program(&json!({}));
    let locked = json!({ "locks": { "nixops4": "process 7 on far" } });
    sandbox.write("world", &locked.to_string());
    sandbox.ok(&["plan"]);
    let said = sandbox.fails(&["apply", "--yes"]);
    assert!(
        said.contains("It is locked for process 7 on far (lock of nixops4)."),
        "{said}"
    );
    assert!(!sandbox.read("calls").contains("ApplyResourceChange"));
    let said = sandbox.fails(&["state", "unlock", "kept", "another", "--yes"]);
    assert!(said.contains("Nobody holds this lock"), "{said}");
    sandbox.ok(&["state", "unlock", "kept", "lock of nixops4", "--yes"]);
    sandbox.ok(&["apply", "--yes"]);

    let full = json!({ "status": [13, "the bucket is full"] });
    let sandbox = behind_a_program(&json!({ "rpcs": { "WriteStateBytes": full } }));
    let said = sandbox.fails(&["apply", "--yes"]);
    assert!(said.contains("the bucket is full"), "{said}");
    assert!(!sandbox.read("calls").contains("ApplyResourceChange"));
    assert_eq!(world(&sandbox)["locks"], json!({}));
}

#[test]
fn interrupted_while_it_is_opened_the_lock_is_given_up() {
    // The store answers late, so that the lock is there and the state is not.
    let late = json!({ "rpcs": { "ReadStateBytes": { "delay_ms": 700 } } });
    let sandbox = sandbox(FAKE, &late);
    let mut child = sandbox
        .command(&["apply", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nixops4 starts");
    // It is written while we look.
    wait_until("the lock", || {
        sandbox.has("world") && sandbox.read("world").contains("apply --yes")
    });
    signal("INT", child.id());
    let status = child.wait().expect("it ends");
    assert_eq!(status.code(), Some(130));
    assert_eq!(world(&sandbox)["locks"], json!({}));
    assert!(log(&sandbox).is_empty(), "nothing was begun");
}
