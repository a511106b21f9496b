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

#[test]
fn a_provider_may_put_off_what_it_cannot_plan_yet() {
    let text = |other: &str| {
        format!(
            r#"{{ providers, ... }}: {{
  providers.local = {{ }};
  providers.fake = {{ executable = "./terraform-provider-fake"; }};
  members.thing = {{ type = providers.fake.fake_thing; inputs.name = "a"; }};
  {other}
}}"#
        )
    };
    let first = r#"members.first = { type = providers.local.file;
      inputs = { name = "first"; contents = "1"; }; };"#;
    let mut sandbox = Sandbox::with_deployment(&text(first));
    let plugin = sandbox.path().join("terraform-provider-fake");
    let program = nixops4_tests::programs().join("fake-provider");
    std::os::unix::fs::symlink(program, plugin).expect("a link");
    // Something that it needs is not there (`ABSENT_PREREQ`).
    let script = r#"{ "rpcs": { "PlanResourceChange": { "call": 1, "deferred": 3 } } }"#;
    sandbox.set("FAKE_PROVIDER_SCRIPT", script);
    let store = sandbox.path().join("objects").display().to_string();
    sandbox.set("FAKE_PROVIDER_STORE", store);
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("1 to create, 1 later"), "{plan}");
    assert!(plan.contains("does not exist yet"), "{plan}");
    // Once something has been done, it is asked again.
    let applied = sandbox.ok(&["apply", "--yes"]).stdout;
    assert!(applied.contains("Plan, wave 2: 1 to create"), "{applied}");
    assert!(sandbox.read("objects").contains("\"a\""));
}
