//! The log of a run: how much of it there is, and where it goes.

use nixops4_tests::{Sandbox, programs};

/// A deployment with a plugin that logs at several levels when it plans.
fn sandbox() -> Sandbox {
    let plugin = programs().join("fake-provider");
    let mut sandbox = Sandbox::with_deployment(&format!(
        "{{ providers, ... }}: {{\n  \
           providers.fake = {{ type = \"tfplugin\"; executable = \"{}\"; }};\n  \
           members.a = {{ type = providers.fake.fake_thing; inputs.name = \"a\"; }};\n}}",
        plugin.display()
    ));
    let lines = r#"{\"@level\":\"debug\",\"@message\":\"a detail\",\"@module\":\"sdk.proto\",\"tf_rpc\":\"Plan\"}\n[WARN] a worry"#;
    sandbox.set(
        "FAKE_PROVIDER_SCRIPT",
        format!("{{\"rpcs\": {{ \"PlanResourceChange\": {{ \"stderr\": \"{lines}\" }} }} }}"),
    );
    sandbox
}

fn said(variables: &[(&str, &str)], args: &[&str]) -> String {
    let mut sandbox = sandbox();
    for (name, value) in variables {
        sandbox.set(name, *value);
    }
    sandbox.ok(args).stderr
}

#[test]
fn without_being_asked_nothing_is_logged() {
    let said = said(&[], &["plan"]);
    assert!(
        !said.contains("a worry") && !said.contains("a detail"),
        "{said}"
    );
}

#[test]
fn as_much_is_logged_as_is_asked_for() {
    let said = said(&[("TF_LOG_PROVIDER", "WARN")], &["plan"]);
    assert!(said.contains("[WARN]  provider.fake: a worry"), "{said}");
    assert!(!said.contains("a detail"), "{said}");

    let said = self::said(&[("TF_LOG", "DEBUG")], &["plan"]);
    let line = r#"[DEBUG] provider.fake: sdk.proto: a detail tf_rpc="Plan""#;
    assert!(said.contains(line), "{said}");

    let said = self::said(&[], &["plan", "-vv"]);
    assert!(said.contains("a detail"), "{said}");
}

#[test]
fn the_log_may_go_to_a_file_as_json() {
    let mut sandbox = sandbox();
    let path = sandbox.path().join("run.log");
    sandbox.set("TF_LOG_PATH", path.to_string_lossy());
    sandbox.set("TF_LOG", "JSON");
    let ran = sandbox.ok(&["plan"]);
    assert!(!ran.stderr.contains("a worry"), "{}", ran.stderr);
    let log = sandbox.read("run.log");
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let worry = lines.iter().find(|line| line["@message"] == "a worry");
    let worry = worry.unwrap_or_else(|| panic!("{log}"));
    assert_eq!(worry["@level"], "warn");
    assert_eq!(worry["@module"], "provider.fake");
}
