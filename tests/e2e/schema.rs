//! What providers have, as documentation: `nixops4 providers schema`.

use nixops4_tests::{Sandbox, programs};
use serde_json::Value as Json;

/// A deployment with the fake plugin, under a name by which it is known as one.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_deployment(
        "{ providers, ... }: {\n  \
           providers.fake = { executable = \"./terraform-provider-fake\"; };\n  \
           providers.local = { };\n\
         }",
    );
    let plugin = sandbox.path().join("terraform-provider-fake");
    std::fs::copy(programs().join("fake-provider"), plugin).expect("the plugin is built");
    sandbox
}

fn json(sandbox: &Sandbox, args: &[&str]) -> Json {
    let mut all = vec!["providers", "schema"];
    all.extend(args);
    all.push("--json");
    serde_json::from_str(&sandbox.ok(&all).stdout).expect("JSON")
}

#[test]
fn everything_that_there_is_is_listed() {
    let sandbox = sandbox();
    let shown = sandbox.ok(&["providers", "schema", "fake"]).stdout;
    for line in [
        "provider fake",
        "    token  string  (optional, sensitive)",
        "  fake_thing",
        "1 ephemeral resource type",
        "1 action",
        "  fake_ping",
        "1 searchable resource type",
        "1 state store",
    ] {
        assert!(
            shown.lines().any(|shown| shown == line),
            "{line:?}:\n{shown}"
        );
    }
    let markdown = sandbox
        .ok(&["providers", "schema", "fake", "--markdown"])
        .stdout;
    assert!(markdown.contains("# Provider `fake`"), "{markdown}");
    assert!(markdown.contains("## Functions\n\n- `"), "{markdown}");
}

#[test]
fn a_type_is_shown_with_all_that_is_to_be_known() {
    let sandbox = sandbox();
    let shown = sandbox.ok(&[
        "providers",
        "schema",
        "fake",
        "fake_thing",
        "--kind",
        "resource",
    ]);
    let lines: Vec<_> = shown.stdout.lines().map(str::trim).collect();
    assert_eq!(lines[0], "resource type fake_thing");
    for line in [
        "name  string  (required)",
        "id  string  (computed)",
        "Identity",
    ] {
        assert!(lines.contains(&line), "{line:?}:\n{}", shown.stdout);
    }
    assert!(shown.stdout.contains("of blocks"), "{}", shown.stdout);

    let thing = json(&sandbox, &["fake", "fake_thing", "--kind", "resource"]);
    let field = |name: &str| {
        let fields = thing["fields"].as_array().expect("fields");
        let found = fields.iter().find(|field| field["name"] == name);
        found
            .unwrap_or_else(|| panic!("no {name}: {thing:#}"))
            .clone()
    };
    assert_eq!(field("name")["required"], true);
    assert_eq!(field("name")["type"], "string");
    assert_eq!(field("rule")["nested"]["block"], true);
    assert_eq!(field("settings")["nested"]["nesting"], "single");
    assert_eq!(thing["schemaVersion"], 1);
}

#[test]
fn examples_are_valid_deployments() {
    let sandbox = sandbox();
    let example = |provider: &str, type_name: &str, kind: &str| {
        let args = [
            "providers",
            "schema",
            provider,
            type_name,
            "--kind",
            kind,
            "--markdown",
        ];
        let shown = sandbox.ok(&args).stdout;
        let (_, after) = shown.split_once("```nix\n").expect("an example");
        after.split_once("```").expect("its end").0.to_owned()
    };
    for (provider, type_name, kind) in [
        ("fake", "fake_thing", "resource"),
        ("fake", "fake_echo", "data"),
        ("fake", "fake_token", "ephemeral"),
        ("fake", "fake_ping", "action"),
        ("fake", "join", "function"),
        ("fake", "fake_store", "state-store"),
        ("local", "memo", "resource"),
        ("local", "exec", "resource"),
    ] {
        let text = example(provider, type_name, kind);
        sandbox.write("nixops4.nix", &text);
        let checked = sandbox.run(&["check"]);
        assert_eq!(checked.code, Some(0), "{text}\n{}", checked.stderr);
        // The next one is asked for with the instances in place again.
        sandbox.write("nixops4.nix", &sandbox_text());
    }
}

fn sandbox_text() -> String {
    "{ providers, ... }: { providers.local = { };\n  \
     providers.fake = { executable = \"./terraform-provider-fake\"; }; }"
        .to_owned()
}

#[test]
fn native_providers_are_described_too() {
    let sandbox = sandbox();
    let file = json(&sandbox, &["local", "file"]);
    assert_eq!(file["kind"], "resource");
    let fields = file["fields"].as_array().expect("fields");
    assert!(
        fields.iter().any(|field| field["name"] == "contents"),
        "{file}"
    );
    let all = json(&sandbox, &["local"]);
    assert!(all["resources"]["exec"].is_object(), "{all}");
}

#[test]
fn a_program_can_be_asked_without_a_deployment() {
    let sandbox = Sandbox::new();
    let plugin = sandbox.path().join("terraform-provider-fake_v1.0.0");
    std::fs::copy(programs().join("fake-provider"), plugin).expect("the plugin is built");
    let program = "./terraform-provider-fake_v1.0.0";
    let shown = sandbox
        .ok(&["providers", "schema", program, "fake_thing", "--markdown"])
        .stdout;
    assert!(
        shown.contains(&format!(
            "providers.fake = {{\n    executable = \"{program}\";\n  }};"
        )),
        "{shown}"
    );
    sandbox.ok(&["providers", "schema", "local", "exec"]);
}

#[test]
fn mistyped_names_are_met_with_a_suggestion() {
    let sandbox = sandbox();
    let said = sandbox.fails(&["providers", "schema", "fake", "fake_thin"]);
    assert!(said.contains("did you mean `fake_thing`?"), "{said}");
    let said = sandbox.fails(&["providers", "schema", "fak"]);
    assert!(said.contains("no provider is called `fak` here"), "{said}");
    assert!(said.contains("did you mean `fake`?"), "{said}");
    let said = sandbox.fails(&["providers", "schema", "acme/none"]);
    assert!(
        said.contains("no plugin found for provider acme/none"),
        "{said}"
    );
}

#[test]
fn what_is_wrong_with_an_instance_is_told_where_it_is_asked_for() {
    let sandbox = Sandbox::with_deployment(
        "{ providers, ... }: {\n  \
           providers.bad = { source = 5; };\n  \
           providers.gone = { package = \"/nonexistent\"; };\n\
         }",
    );
    let listed = sandbox.fails(&["providers", "list"]);
    let said = sandbox.fails(&["providers", "schema", "bad"]);
    assert!(!said.contains("no provider is called"), "{said}");
    let first = said.lines().next().unwrap_or_default();
    assert!(listed.contains(first), "{listed}\n{said}");
    let said = sandbox.fails(&["providers", "schema", "gone"]);
    assert!(
        said.contains("/nonexistent") && said.contains("nixops4.nix:3:"),
        "{said}"
    );
}
