//! What a deployment says of how objects are replaced, kept and left alone, with a plugin.

use nixops4_tests::{Sandbox, fake_provider};
use serde_json::{Value, json};

/// A deployment beside the fake plugin, with its script in a file that can be changed.
struct Lab(Sandbox);

impl Lab {
    fn new(members: &str) -> Self {
        let mut sandbox = Sandbox::new();
        let plugin = sandbox.path().join("terraform-provider-fake");
        std::os::unix::fs::symlink(fake_provider(), plugin).expect("a link");
        for (variable, file) in [
            ("FAKE_PROVIDER_LOG", "calls"),
            ("FAKE_PROVIDER_STORE", "world"),
            ("FAKE_PROVIDER_SCRIPT", "script.json"),
        ] {
            let path = sandbox.path().join(file).display().to_string();
            sandbox.set(variable, path);
        }
        let lab = Self(sandbox);
        lab.behave(&json!({}));
        lab.deploy(members);
        lab
    }

    fn deploy(&self, members: &str) {
        let text = format!(
            "{{ members, providers, ... }}: {{\n  \
               providers.fake = {{ executable = \"./terraform-provider-fake\"; }};\n{members}\n}}"
        );
        self.0.write("nixops4.nix", &text);
    }

    fn behave(&self, script: &Value) {
        self.0.write("script.json", &script.to_string());
    }

    /// What the plugin is to do when it is asked to make, change or delete something.
    fn fail_apply(&self, behaviour: Value) {
        self.behave(&json!({ "rpcs": { "ApplyResourceChange": behaviour } }));
    }

    /// The ids of the objects that there are.
    fn objects(&self) -> Vec<String> {
        let world: Value = serde_json::from_str(&self.0.read("world")).expect("JSON");
        let objects = world["objects"].as_object().expect("objects");
        objects.keys().cloned().collect()
    }

    fn converged(&self) {
        self.0.ok(&["plan", "--detailed-exitcode"]);
    }
}

#[test]
fn a_replaced_object_that_cannot_be_deleted_is_kept_in_mind() {
    let thing = |name: &str| {
        format!(
            "members.thing = {{ type = providers.fake.fake_thing; inputs.name = \"{name}\";\n  \
               lifecycle.createBeforeDestroy = true; }};"
        )
    };
    let lab = Lab::new(&thing("a"));
    lab.0.ok(&["apply", "--yes"]);
    lab.deploy(&thing("b"));
    // The second call is the deletion.
    let in_use = json!({ "call": 2, "msgpack": "c0", "diagnostics": [{ "summary": "In use" }] });
    lab.fail_apply(in_use);
    let said = lab.0.fails(&["apply", "--yes"]);
    assert!(said.contains("In use"), "{said}");
    assert_eq!(lab.objects().len(), 1, "the plugin deleted it all the same");
    let listed = lab.0.ok(&["state", "list"]).stdout;
    assert!(
        listed.contains("thing  fake_thing  1 replaced, still to be deleted"),
        "{listed}"
    );

    lab.behave(&json!({}));
    let plan = lab.0.ok(&["plan"]).stdout;
    assert!(plan.contains("thing"), "{plan}");
    lab.0.ok(&["apply", "--yes"]);
    assert_eq!(lab.objects(), ["thing-2"]);
    let listed = lab.0.ok(&["state", "list"]).stdout;
    assert!(!listed.contains("replaced"), "{listed}");
    lab.converged();
}

#[test]
fn what_was_made_half_way_is_replaced() {
    let lab =
        Lab::new("members.thing = { type = providers.fake.fake_thing; inputs.name = \"a\"; };");
    lab.fail_apply(json!({ "call": 1, "diagnostics": [{ "summary": "Half done" }] }));
    let said = lab.0.fails(&["apply", "--yes"]);
    assert!(said.contains("Half done"), "{said}");
    let listed = lab.0.ok(&["state", "list"]).stdout;
    assert!(
        listed.contains("thing  fake_thing  created half-way, will be replaced"),
        "{listed}"
    );
    lab.behave(&json!({}));
    let plan = lab.0.ok(&["plan"]).stdout;
    assert!(plan.contains("-/+ thing"), "{plan}");
    lab.0.ok(&["apply", "--yes"]);
    assert_eq!(lab.objects(), ["thing-2"]);
    lab.converged();
}

#[test]
fn a_change_elsewhere_may_replace_and_a_change_here_be_ignored() {
    let members = |size: u32, tag: &str| {
        format!(
            "members.base = {{ type = providers.fake.fake_thing;\n  \
               inputs = {{ name = \"base\"; size = {size}; }}; }};\n\
             members.beside = {{ type = providers.fake.fake_thing;\n  \
               inputs = {{ name = \"beside\"; size = {size}; tags = {{ a = \"{tag}\"; b = \"{tag}\"; }}; }};\n  \
               lifecycle.replaceTriggeredBy = [ members.base.outputs.size ];\n  \
               lifecycle.ignoreChanges = [ \"tags.a\" ]; }};"
        )
    };
    let lab = Lab::new(&members(1, "x"));
    lab.0.ok(&["apply", "--yes"]);
    lab.deploy(&members(1, "y"));
    lab.0.ok(&["apply", "--yes"]);
    let tags = |lab: &Lab| {
        let shown = lab.0.ok(&["output", "beside.tags", "--json"]).stdout;
        serde_json::from_str::<Value>(&shown).expect("JSON")
    };
    assert_eq!(tags(&lab), json!({ "a": "x", "b": "y" }));
    lab.converged();

    lab.deploy(&members(2, "y"));
    let plan = lab.0.ok(&["plan"]).stdout;
    assert!(
        plan.contains("  ~ base") && plan.contains("-/+ beside"),
        "{plan}"
    );
    lab.0.ok(&["apply", "--yes"]);
    lab.converged();
}

#[test]
fn what_is_not_to_be_destroyed_is_not() {
    let thing = |name: &str| {
        format!(
            "members.thing = {{ type = providers.fake.fake_thing; inputs.name = \"{name}\";\n  \
               lifecycle.preventDestroy = true; }};"
        )
    };
    let lab = Lab::new(&thing("a"));
    lab.0.ok(&["apply", "--yes"]);
    let said = lab.0.fails(&["destroy", "--yes"]);
    assert!(said.contains("preventDestroy"), "{said}");
    lab.deploy(&thing("b"));
    let said = lab.0.fails(&["apply", "--yes"]);
    assert!(said.contains("preventDestroy"), "{said}");
    assert_eq!(lab.objects(), ["thing-1"]);
}

#[test]
fn write_only_inputs_are_stored_nowhere() {
    let secret = "never-to-be-stored";
    let lab = Lab::new(
        "members.thing = { type = providers.fake.fake_thing;\n  \
           inputs = { name = \"a\"; password = builtins.readFile ./secret; }; };",
    );
    lab.0.write("secret", secret);
    let mut told = lab.0.ok(&["plan", "--out", "plan"]).stdout;
    let applied = lab.0.ok(&["apply", "--plan", "plan", "--json", "-vv"]);
    told += &applied.stdout;
    told += &applied.stderr;
    told += &lab.0.ok(&["show"]).stdout;
    for text in [told, lab.0.read("plan"), lab.0.read("nixops4.state")] {
        assert!(!text.contains(secret), "{text}");
    }
    lab.converged();
}
