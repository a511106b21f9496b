//! Objects that exist outside of a deployment: found, described, taken over.

use nixops4_tests::{Sandbox, fake_provider};
use serde_json::Value;

const DEPLOYMENT: &str = r#"{ members, providers, ... }: {
  providers.fake = { type = "tfplugin"; executable = "PLUGIN"; };
  members = MEMBERS;
}"#;

const DESCRIBED: &str =
    r#"{ box = { type = providers.fake.fake_thing; inputs = { name = "n"; size = 3; }; }; }"#;

/// Objects beyond the deployment: one made by another deployment, and more of them if wanted.
fn sandbox(script: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    let store = sandbox.path().join("world.json");
    sandbox.set("FAKE_PROVIDER_STORE", store.to_string_lossy());
    sandbox.set("FAKE_PROVIDER_SCRIPT", script);
    let others = r#"{
      a = { type = providers.fake.fake_thing;
        inputs = { name = "n"; size = 3; secret = "hush"; rule = [ { port = 80; } ]; }; };
      b = { type = providers.fake.fake_thing; inputs.name = "other"; dependsOn = [ "a" ]; };
    }"#;
    deploy(&sandbox, "other.nix", others);
    sandbox.ok(&["apply", "--yes", "--file", "other.nix"]);
    std::fs::remove_file(sandbox.path().join("nixops4.state")).expect("there is a state");
    sandbox
}

fn deploy(sandbox: &Sandbox, file: &str, members: &str) {
    let text = DEPLOYMENT
        .replace("PLUGIN", &fake_provider().to_string_lossy())
        .replace("MEMBERS", members);
    sandbox.write(file, &text);
}

#[test]
fn are_listed_as_members_to_be_pasted() {
    let sandbox = sandbox("{}");
    deploy(&sandbox, "nixops4.nix", "{ }");
    let all = sandbox.ok(&["list", "fake", "fake_thing"]).stdout;
    assert_eq!(
        all,
        r#"# n
members.n = {
  type = providers.fake.fake_thing;
  import.identity = {
    id = "thing-1";
  };
};
# other
members.other = {
  type = providers.fake.fake_thing;
  import.identity = {
    id = "thing-2";
  };
};
"#
    );
    let one = ["list", "fake", "fake_thing", "--limit", "1", "--generate"];
    let one = sandbox.ok(&one).stdout;
    assert!(
        one.contains("  inputs = {\n    name = \"n\";\n    rule = [\n      {\n        port = 80;"),
        "{one}"
    );
    assert!(one.contains("secret = null /*") && !one.contains("hush"));
    assert!(!one.contains("other"), "{one}");
    // What is printed describes what there is: nothing is left to be done but to remember it.
    let pasted = one.replace("secret = null", "secret = \"hush\"");
    deploy(
        &sandbox,
        "nixops4.nix",
        &format!("{{ }}; {}", pasted.trim_end().trim_end_matches(';')),
    );
    let text = sandbox.read("nixops4.nix").replace("  members = { };", "");
    sandbox.write("nixops4.nix", &text);
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(
        plan.starts_with("note") && plan.contains("Plan: 1 to import\n"),
        "{plan}"
    );
}

#[test]
fn are_listed_as_json_as_far_as_the_search_goes() {
    let sandbox = sandbox("{}");
    deploy(&sandbox, "nixops4.nix", "{ }");
    let search = ["list", "fake", "fake_thing", "--json", "--config"];
    let found = |config| sandbox.ok(&[&search[..], &[config]].concat()).stdout;
    let line: Value = serde_json::from_str(&found(r#"{"prefix":"o"}"#)).expect("one line");
    assert_eq!(line["displayName"], "other");
    assert_eq!(line["identity"]["id"], "thing-2");
    assert_eq!(found(r#"{"prefix":"none"}"#), "");
    for (args, message) in [
        (["list", "fak", "fake_thing"], "did you mean \"fake\"?"),
        (
            ["list", "fake", "fake_thin"],
            "did you mean \"fake_thing\"?",
        ),
    ] {
        let said = sandbox.fails(&args);
        assert!(said.contains(message), "{said}");
    }
    let said = sandbox.fails(&[&search[..], &[r#"{"prefx":1}"#]].concat());
    assert!(said.contains("did you mean \"prefix\"?"), "{said}");
}

#[test]
fn are_taken_over_by_identity() {
    let sandbox = sandbox("{}");
    let with = |identity: &str| {
        let import = format!("import.identity = {identity}; inputs");
        deploy(
            &sandbox,
            "nixops4.nix",
            &DESCRIBED.replace("inputs", &import),
        );
    };
    with("{ di = \"thing-1\"; }");
    let said = sandbox.fails(&["plan"]);
    assert!(
        said.contains("`di` is no attribute of the identity of a fake_thing"),
        "{said}"
    );
    assert!(said.contains("did you mean `id`?"), "{said}");
    with("{ id = \"thing-1\"; }");
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(
        plan.contains(r#"box  fake_thing  the existing object {"id":"thing-1"} is taken over"#),
        "{plan}"
    );
    sandbox.ok(&["apply", "--yes"]);
    assert!(
        sandbox
            .read("nixops4.state")
            .contains(r#""identity":{"id":"thing-1"}"#)
    );
    sandbox.ok(&["plan", "--detailed-exitcode"]);
}

#[test]
fn are_taken_over_by_a_command() {
    for object in [
        &["thing-1"] as &[&str],
        &["--identity", r#"{"id":"thing-1"}"#],
    ] {
        let sandbox = sandbox("{}");
        deploy(&sandbox, "nixops4.nix", DESCRIBED);
        let import = [&["import", "box", "--yes"], object].concat();
        let ran = sandbox.ok(&import);
        assert!(ran.stdout.contains("is taken over"), "{}", ran.stdout);
        sandbox.ok(&["plan", "--detailed-exitcode"]);
        let said = sandbox.fails(&import);
        assert!(said.contains("box has an object already"), "{said}");
    }
}

#[test]
fn are_described_by_the_plugin_or_by_its_schema() {
    for script in ["{}", r#"{"without":["generate_resource_config"]}"#] {
        let sandbox = sandbox(script);
        deploy(
            &sandbox,
            "nixops4.nix",
            "{ box.type = providers.fake.fake_thing; }",
        );
        let inputs = sandbox
            .ok(&["import", "box", "thing-1", "--generate"])
            .stdout;
        assert!(inputs.starts_with("inputs = {\n"), "{inputs}");
        assert!(inputs.contains("\n  name = \"n\";\n"), "{inputs}");
        assert!(
            inputs.contains("    {\n      port = 80;\n    }\n"),
            "{inputs}"
        );
        assert!(
            !inputs.contains("revision") && !inputs.contains("hush"),
            "{inputs}"
        );
        assert!(!sandbox.has("nixops4.state"), "nothing is taken over");
    }
}

#[test]
fn that_are_several_or_none_are_errors() {
    for (count, message) in [
        (0, "gave 0 objects instead of one"),
        (2, "gave 2 objects instead of one"),
    ] {
        let sandbox = sandbox(&format!(r#"{{"imported":{count}}}"#));
        deploy(&sandbox, "nixops4.nix", DESCRIBED);
        let said = sandbox.fails(&["import", "box", "thing-1", "--yes"]);
        assert!(said.contains(message), "{said}");
        let said = sandbox.fails(&["import", "box", "nothing", "--yes"]);
        assert!(
            said.contains("There is no thing with the id \"nothing\""),
            "{said}"
        );
    }
}
