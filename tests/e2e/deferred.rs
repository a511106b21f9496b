//! Members whose existence depends on outputs that do not exist yet.

use nixops4_tests::Sandbox;

const ZONES: &str = r#"{ members, providers, ... }: {
  providers.local = { };
  members.zones = { type = providers.local.exec;
    inputs = { executable = "printf"; args = [ "a b c" ]; once = true; }; };
  members.files.members = builtins.listToAttrs (map (name: {
    inherit name;
    value = { type = providers.local.file; inputs = { name = "zone-${name}"; contents = name; }; };
  }) (builtins.filter builtins.isString (builtins.split " " members.zones.outputs.stdout)));
}"#;

#[test]
fn are_shown_as_deferred_and_made_in_the_same_run() {
    let sandbox = Sandbox::with_deployment(ZONES);
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("1 to create, 1 later"), "{plan}");
    assert!(
        plan.contains("names of its members depend on zones.stdout"),
        "{plan}"
    );

    let applied = sandbox.ok(&["apply", "--yes"]);
    assert!(
        applied.stdout.contains("Plan, wave 2: 3 to create"),
        "{}",
        applied.stdout
    );
    for name in ["a", "b", "c"] {
        assert_eq!(sandbox.read(&format!("zone-{name}")), name);
    }
    sandbox.ok(&["plan", "--detailed-exitcode"]);
    assert_eq!(sandbox.ok(&["members", "list"]).stdout, "files\nzones\n");
    sandbox.ok(&["destroy", "--yes"]);
    assert!(!sandbox.has("zone-a"));
}

#[test]
fn members_that_leave_the_deployment_are_deleted() {
    let sandbox = Sandbox::with_deployment(ZONES);
    sandbox.ok(&["apply", "--yes"]);
    sandbox.write("nixops4.nix", &ZONES.replace("a b c", "a c"));
    // `once`: the list stays as it was made; its change replaces it, with what follows from that.
    let ran = sandbox.run(&["apply", "--yes"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let there = ["a", "b", "c"].map(|name| sandbox.has(&format!("zone-{name}")));
    let plan = sandbox.ok(&["plan", "--detailed-exitcode"]);
    assert!(
        plan.stdout.contains("Nothing to do"),
        "{there:?} {}",
        plan.stdout
    );
}
