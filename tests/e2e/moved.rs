//! What is remembered elsewhere than it is now to be: under another type, of another provider, in
//! another state.

use nixops4_tests::{Sandbox, mirror_plugin, programs};

/// A sandbox with the scripted plugin, whose objects last from one run to the next.
fn sandbox() -> Sandbox {
    let mut sandbox = Sandbox::new();
    let store = sandbox.path().join("store.json");
    sandbox.set("FAKE_PROVIDER_STORE", store.to_string_lossy());
    sandbox
}

/// Deploys members with the plugin as `fake`.
fn deploy(sandbox: &Sandbox, members: &str) {
    let plugin = programs().join("fake-provider");
    sandbox.write(
        "nixops4.nix",
        &format!(
            "{{ members, providers, ... }}: {{\n  providers.local = {{ }};\n  \
             providers.fake = {{ type = \"tfplugin\"; executable = {plugin:?}; }};\n{members}\n}}\n"
        ),
    );
}

/// Deploys one thing of the plugin's, which two makers publish.
fn deploy_of(sandbox: &Sandbox, maker: &str, member: &str) {
    sandbox.write(
        "nixops4.nix",
        &format!(
            "{{ providers, ... }}: {{\n  providers.{maker}.source = \"{maker}/fake\";\n  \
             members.{member} = {{ type = providers.{maker}.fake_thing; inputs.name = \"one\";\n    \
             formerly = [ \"old\" ]; }};\n}}\n"
        ),
    );
}

#[test]
fn a_provider_takes_over_what_another_made() {
    let mut sandbox = sandbox();
    let mirror = sandbox.path().join("mirror");
    for maker in ["first", "second"] {
        let plugin = programs().join("fake-provider");
        mirror_plugin(&mirror, &format!("{maker}/fake"), "1.0.0", &plugin);
    }
    sandbox.write(
        "cli.tfrc",
        &format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n"
        ),
    );
    let config = sandbox.path().join("cli.tfrc");
    sandbox.set("TF_CLI_CONFIG_FILE", config.to_string_lossy());
    let calls = sandbox.path().join("calls");
    sandbox.set("FAKE_PROVIDER_LOG", calls.to_string_lossy());

    deploy_of(&sandbox, "first", "old");
    sandbox.ok(&["apply", "--yes"]);
    deploy_of(&sandbox, "second", "new");
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("moved from old"), "{plan}");
    assert!(
        !plan.contains("to delete") && !plan.contains("to create"),
        "{plan}"
    );
    assert!(sandbox.read("calls").contains("MoveResourceState"));
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!(sandbox.ok(&["state", "list"]).stdout, "new  fake_thing\n");
    let objects = sandbox.read("store.json");
    assert_eq!(objects.matches("\"type_name\"").count(), 1, "{objects}");
    sandbox.ok(&["plan", "--detailed-exitcode"]);

    // The provider that it came from is no longer needed to delete it.
    sandbox.ok(&["destroy", "--yes"]);
    assert_eq!(
        sandbox.read("store.json").matches("\"type_name\"").count(),
        0
    );
}

#[test]
fn what_cannot_be_taken_over_is_left_as_it_is() {
    let sandbox = sandbox();
    deploy(
        &sandbox,
        "  members.old = { type = providers.local.file; inputs = { name = \"f\"; contents = \"\"; }; };",
    );
    sandbox.ok(&["apply", "--yes"]);
    let members = "  members.new = { type = providers.local.memo; inputs.initialize_with = \"x\"; FORMERLY };";
    deploy(
        &sandbox,
        &members.replace("FORMERLY", "formerly = [ \"old\" ];"),
    );
    let said = sandbox.fails(&["plan"]);
    assert!(
        said.contains("cannot take over a `file` as a `memo`"),
        "{said}"
    );
    assert!(said.contains("new was old"), "{said}");
    assert!(said.contains("[dir]/nixops4.nix:4:"), "{said}");
    sandbox.fails(&["apply", "--yes"]);
    assert!(sandbox.has("f"), "nothing is deleted");

    deploy(&sandbox, &members.replace("FORMERLY", ""));
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("1 to create, 1 to delete"), "{plan}");
}

/// Two state handlers, a member that is remembered in one of them, and one beside.
fn with_state(chosen: &str) -> String {
    format!(
        r#"  members.one = {{ type = providers.local.state_file; inputs.name = "one.state"; }};
  members.two = {{ type = providers.local.state_file; inputs.name = "two.state"; }};
  members.web = {{ state = {chosen}; members.a = {{ type = providers.local.memo; inputs.initialize_with = "x"; }}; }};
  state = members.one;
  members.b = {{ type = providers.local.memo; inputs.initialize_with = "y"; }};"#
    )
}

#[test]
fn an_entry_moves_to_the_state_that_is_named_now() {
    let sandbox = sandbox();
    deploy(&sandbox, &with_state("members.one"));
    sandbox.ok(&["apply", "--yes"]);
    assert!(sandbox.read("one.state").contains("web.a"));

    deploy(&sandbox, &with_state("members.two"));
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(
        plan.contains("moves from the state [dir]/one.state to [dir]/two.state"),
        "{plan}"
    );
    assert!(plan.contains("1 to be remembered otherwise"), "{plan}");
    let cut_off = sandbox.read("one.state");
    sandbox.ok(&["apply", "--yes"]);
    assert!(sandbox.read("two.state").contains("web.a"));
    sandbox.ok(&["plan", "--detailed-exitcode"]);
    let dumped = sandbox.ok(&["state", "list"]).stdout;
    assert_eq!(dumped.matches("web.a").count(), 1, "{dumped}");

    // Cut off after it was written to the one and before it was taken out of the other.
    sandbox.write("one.state", &cut_off);
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("1 to forget"), "{plan}");
    assert!(plan.contains("another state remembers it by now"), "{plan}");
    sandbox.ok(&["apply", "--yes"]);
    sandbox.ok(&["plan", "--detailed-exitcode"]);
    let dumped = sandbox.ok(&["state", "list"]).stdout;
    assert_eq!(dumped.matches("web.a").count(), 1, "{dumped}");

    // The same, but nothing is left of it in the deployment: one object is deleted once.
    sandbox.write("one.state", &cut_off);
    let destroyed = sandbox.ok(&["destroy", "--yes"]).stderr;
    assert_eq!(
        destroyed.matches("web.a  deleted").count(),
        1,
        "{destroyed}"
    );
    assert_eq!(sandbox.ok(&["state", "list"]).stdout, "");
}

#[test]
fn entries_move_out_of_the_default_state() {
    let sandbox = sandbox();
    let plain = "  members.a = { type = providers.local.memo; inputs.initialize_with = \"x\"; };";
    deploy(&sandbox, plain);
    sandbox.ok(&["apply", "--yes"]);
    let value = sandbox.ok(&["output", "a.value"]).stdout;
    let named = format!(
        "{plain}\n  members.s = {{ type = providers.local.state_file; inputs.name = \"s.state\"; }};\n  \
         state = members.s;"
    );
    deploy(&sandbox, &named);
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(
        plan.contains("moves from the state [dir]/nixops4.state to [dir]/s.state"),
        "{plan}"
    );
    sandbox.ok(&["apply", "--yes"]);
    sandbox.ok(&["plan", "--detailed-exitcode"]);
    assert_eq!(sandbox.ok(&["output", "a.value"]).stdout, value);
    sandbox.ok(&["destroy", "--yes"]);
}
