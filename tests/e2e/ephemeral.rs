//! Ephemeral resources: opened when they are needed, renewed, always closed, and never stored.

use std::process::Stdio;

use nixops4_tests::{Sandbox, programs};
use serde_json::{Value, json};

/// A deployment beside a plugin with the ephemeral type `fake_token`, whose calls are noted in the
/// file `calls`.
fn sandbox(text: &str, script: &Value) -> Sandbox {
    let mut sandbox = Sandbox::with_deployment(text);
    let plugin = sandbox.path().join("terraform-provider-fake");
    std::os::unix::fs::symlink(programs().join("fake-provider"), plugin).expect("a link");
    sandbox.set("FAKE_PROVIDER_SCRIPT", script.to_string());
    let file = |name: &str| sandbox.path().join(name).display().to_string();
    let (log, store) = (file("calls"), file("objects"));
    sandbox.set("FAKE_PROVIDER_LOG", log);
    sandbox.set("FAKE_PROVIDER_STORE", store);
    sandbox
}

fn count(sandbox: &Sandbox, call: &str) -> usize {
    if !sandbox.has("calls") {
        return 0;
    }
    let calls = sandbox.read("calls");
    calls.lines().filter(|line| line.starts_with(call)).count()
}

const OPEN: &str = "OpenEphemeralResource";
const RENEW: &str = "RenewEphemeralResource";
const CLOSE: &str = "CloseEphemeralResource";

/// The token goes into a write-only input, and into the configuration of another instance.
const USED: &str = r#"{ members, providers, ... }: {
  providers.fake = { executable = "./terraform-provider-fake"; };
  providers.other = { executable = "./terraform-provider-fake";
    config.region = members.token.outputs.value; };
  members.token = { type = providers.fake.ephemeral.fake_token; inputs.length = 8; };
  members.unused = { type = providers.fake.ephemeral.fake_token; };
  members.thing = { type = providers.fake.fake_thing;
    inputs = { name = "a"; password = members.token.outputs.value; }; };
  members.far = { type = providers.other.fake_thing; inputs.name = "b"; };
}"#;

#[test]
fn are_used_and_nothing_of_them_is_kept() {
    for protocol in [5, 6] {
        let sandbox = sandbox(USED, &json!({ "protocol": protocol, "flat": true }));
        let plan = sandbox.ok(&["plan", "--out", "plan"]);
        assert!(plan.stdout.contains("2 to create"), "{}", plan.stdout);
        assert_eq!((count(&sandbox, OPEN), count(&sandbox, CLOSE)), (1, 1));
        let applied = sandbox.ok(&["apply", "--plan", "plan", "--json"]);
        assert_eq!((count(&sandbox, OPEN), count(&sandbox, CLOSE)), (2, 2));
        let kept = [
            plan.stdout,
            applied.stdout,
            applied.stderr,
            sandbox.read("plan"),
            sandbox.read("nixops4.state"),
        ];
        for text in kept {
            assert!(!text.contains("token-"), "{text}");
        }
        sandbox.ok(&["plan", "--detailed-exitcode"]);
        // The instance that deletes is configured with a token of its own.
        sandbox.ok(&["destroy", "--yes"]);
        assert_eq!(count(&sandbox, OPEN), count(&sandbox, CLOSE));
        assert_eq!(count(&sandbox, OPEN), 4);
    }
}

#[test]
fn may_not_name_members() {
    let text = USED.replace(
        "members.unused =",
        "members.box.members.${members.token.outputs.value} =",
    );
    let sandbox = sandbox(&text, &json!({}));
    let said = sandbox.fails(&["plan"]);
    for part in [
        "the names of its members cannot be ephemeral: they depend on token.value",
        "in box",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("token-"), "{said}");
}

#[test]
fn may_not_go_where_they_would_be_stored() {
    let text = USED.replace("password =", "secret =");
    let sandbox = sandbox(&text, &json!({}));
    let said = sandbox.fails(&["plan"]);
    let expected = "secret of fake_thing cannot be ephemeral: it is made with token.value";
    for part in [
        expected,
        "write-only inputs of it are: password",
        "nixops4.nix:8:",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("token-"), "{said}");
    assert_eq!((count(&sandbox, OPEN), count(&sandbox, CLOSE)), (1, 1));
}

#[test]
fn are_opened_at_apply_where_they_wait_for_something() {
    let text = r#"{ members, providers, ... }: {
      providers.local = { };
      providers.fake = { executable = "./terraform-provider-fake"; };
      members.length = { type = providers.local.exec;
        inputs = { executable = "printf"; args = [ "8" ]; once = true; }; };
      members.token = { type = providers.fake.ephemeral.fake_token;
        inputs.length = members.length.outputs.stdout; };
      members.thing = { type = providers.fake.fake_thing;
        inputs = { name = "a"; password = members.token.outputs.value; }; };
    }"#;
    let sandbox = sandbox(text, &json!({}));
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("ephemeral fake_token"), "{plan}");
    assert_eq!(count(&sandbox, OPEN), 0);
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!((count(&sandbox, OPEN), count(&sandbox, CLOSE)), (1, 1));
    assert!(!sandbox.read("nixops4.state").contains("token-"));
    sandbox.ok(&["plan", "--detailed-exitcode"]);
}

#[test]
fn are_renewed_while_something_takes_long() {
    let slow = json!({ "delay_ms": 500 });
    let script = json!({ "renew_after_ms": 50, "rpcs": { "ApplyResourceChange": slow } });
    let sandbox = sandbox(USED, &script);
    sandbox.ok(&["apply", "--yes"]);
    assert!(count(&sandbox, RENEW) >= 2, "{}", sandbox.read("calls"));
    assert_eq!((count(&sandbox, OPEN), count(&sandbox, CLOSE)), (1, 1));
}

fn complaint(text: &str) -> Value {
    json!({ "diagnostics": [{ "summary": text }] })
}

#[test]
fn that_cannot_be_renewed_or_closed_are_errors_and_what_was_done_stays_done() {
    for (rpcs, expected) in [
        (
            json!({ RENEW: complaint("no more"), "ApplyResourceChange": { "delay_ms": 500 } }),
            ["token could not be renewed", "no more"],
        ),
        (
            json!({ CLOSE: complaint("it stays") }),
            ["token could not be closed", "it stays"],
        ),
    ] {
        let script = json!({ "renew_after_ms": 50, "rpcs": rpcs });
        let sandbox = sandbox(USED, &script);
        let said = sandbox.fails(&["apply", "--yes"]);
        for part in expected {
            assert!(said.contains(part), "{said}");
        }
        assert_eq!((count(&sandbox, OPEN), count(&sandbox, CLOSE)), (1, 1));
        assert!(sandbox.read("nixops4.state").contains("fake_thing"));
    }
}

#[test]
fn are_closed_when_something_else_fails() {
    let script = json!({ "rpcs": { "ApplyResourceChange": complaint("no thing") } });
    let sandbox = sandbox(USED, &script);
    let said = sandbox.fails(&["apply", "--yes"]);
    assert!(said.contains("no thing"), "{said}");
    assert_eq!((count(&sandbox, OPEN), count(&sandbox, CLOSE)), (1, 1));
}

#[test]
fn an_answer_without_a_value_is_closed_at_once() {
    let script = json!({ "rpcs": { OPEN: { "null": true } } });
    let sandbox = sandbox(USED, &script);
    let said = sandbox.fails(&["plan"]);
    assert!(said.contains("opened no complete fake_token"), "{said}");
    assert_eq!((count(&sandbox, OPEN), count(&sandbox, CLOSE)), (1, 1));
}

#[test]
fn an_interrupt_ends_what_is_being_opened_and_closes_what_is_open() {
    let opens = json!([{ "call": 1, "until_stop": true }]);
    let sandbox = sandbox(USED, &json!({ "rpcs": { OPEN: opens } }));
    let mut command = sandbox.command(&["plan"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().expect("nixops4 starts");
    while count(&sandbox, OPEN) == 0 {
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(sent.expect("kill").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{output:?}");

    // One that is open when the rest is interrupted.
    let script = json!({ "rpcs": { "ApplyResourceChange": { "delay_ms": 300 } } });
    let sandbox = self::sandbox(USED, &script);
    let mut command = sandbox.command(&["apply", "--yes"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().expect("nixops4 starts");
    while count(&sandbox, "ApplyResourceChange") == 0 {
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    let sent = std::process::Command::new("kill")
        .args(["-INT", &pid])
        .status();
    assert!(sent.expect("kill").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert_eq!((count(&sandbox, OPEN), count(&sandbox, CLOSE)), (1, 1));
}
