//! What a provider tells while it works, as text and as JSON lines.

use nixops4_tests::{Sandbox, programs};
use serde_json::Value as Json;

/// A thing whose making is told of.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    let program = programs().join("native-scripted");
    sandbox.write(
        "nixops4.nix",
        &format!(
            r#"{{ providers, lib, ... }}: {{
              providers.scripted = {{
                executable = {program:?};
                args = [ (builtins.toJSON {{ on.create = [ {{ tell = "half of SECRET"; }} ]; }}) ];
              }};
              members.a = {{ type = providers.scripted.thing; inputs = {{ name = "a"; secret = "SECRET"; }}; }};
            }}"#
        ),
    );
    sandbox
}

#[test]
fn what_a_provider_tells_is_shown() {
    let said = sandbox().ok(&["apply", "--yes"]).stderr;
    assert!(said.contains("a  half of"), "{said}");
    assert!(!said.contains("SECRET"), "secrets are left out: {said}");
}

#[test]
fn what_a_provider_tells_is_an_event() {
    let said = sandbox().ok(&["apply", "--yes", "--json"]).stdout;
    let events: Vec<Json> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON lines"))
        .collect();
    let of_a: Vec<_> = events
        .iter()
        .filter(|event| event["member"] == "a" && event["operation"] == "create")
        .map(|event| event["type"].as_str().unwrap_or_default())
        .collect();
    assert_eq!(
        of_a,
        ["operationStarted", "operationProgress", "operationDone"],
        "{said}"
    );
    assert_eq!(events[0]["type"], "runStarted");
    assert_eq!(events[events.len() - 1]["type"], "runSummary");
}
