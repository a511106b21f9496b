//! What existing NixOps4 deployments and provider programs rely on.

use nixops4_tests::{Sandbox, programs};

#[test]
fn a_provider_module_with_a_version_0_program_works_unchanged() {
    let sandbox = Sandbox::with_deployment(
        r#"{ members, providers, ... }: {
          providers.native = { lib, ... }: {
            executable = import ./program.nix;
            type = "stdio";
            resourceTypes.memo = {
              requireState = true;
              inputs = { lib, ... }: {
                options.initialize_with = lib.mkOption { type = lib.types.str; };
              };
              outputs = { lib, ... }: { options.value = lib.mkOption { type = lib.types.str; }; };
            };
          };
          providers.local = { };
          members.state = { type = providers.local.state_file; inputs.name = "things.json"; };
          state = members.state;
          members.thing = { type = providers.native.memo; inputs.initialize_with = "one"; };
          members.note = { type = providers.local.file;
            inputs = { name = "note"; contents = members.thing.outputs.value; }; };
        }"#,
    );
    let program = programs().join("native-v0");
    sandbox.write(
        "program.nix",
        &format!("{:?}", program.display().to_string()),
    );
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(
        plan.contains("known after apply, from thing.value"),
        "{plan}"
    );
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!(sandbox.read("note"), "one");
    assert!(
        !sandbox.has("nixops4.state"),
        "the named state handler is used"
    );
    sandbox.ok(&["plan", "--detailed-exitcode"]);
    let dump = sandbox.ok(&["state", "dump", "state"]).stdout;
    assert!(dump.contains("\"_type\": \"nixopsState\""), "{dump}");
}

#[test]
fn a_list_of_modules_in_a_flake_is_a_root() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "flake.nix",
        r#"{
          outputs = { self }: {
            nixops4 = [ ./one.nix { members.b = { }; } ];
          };
        }"#,
    );
    sandbox.write(
        "one.nix",
        r#"{ providers, ... }: {
          providers.local = { };
          members.a = { type = providers.local.file; inputs = { name = "a"; contents = "a"; }; };
        }"#,
    );
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!(sandbox.read("a"), "a");
    assert_eq!(sandbox.ok(&["members", "list"]).stdout, "a\nb\n");
}

#[test]
fn a_state_of_version_0_is_read_and_written_on() {
    let sandbox = Sandbox::with_deployment(
        r#"{ members, providers, ... }: {
          providers.local = { };
          members.a = { type = providers.local.memo; inputs.initialize_with = "new"; };
          members.note = { type = providers.local.file;
            inputs = { name = "note"; contents = members.a.outputs.value; }; };
        }"#,
    );
    let old = concat!(
        r#"{"index":0,"meta":{"time":"2026-01-01T00:00:00Z"},"patch":[{"op":"add","path":"","value":{"_type":"nixopsState","resources":{},"deployments":{}}}]}"#,
        "\n",
        r#"{"index":1,"meta":{"time":"2026-01-01T00:00:01Z","event":"create"},"patch":[{"op":"add","path":"/resources/a","value":{"type":"memo","inputProperties":{"initialize_with":"old"},"outputProperties":{"value":"old"}}}]}"#,
        "\n",
    );
    sandbox.write("nixops4.state", old);
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!(
        sandbox.read("note"),
        "old",
        "a memo keeps the value of its creation"
    );
    assert!(
        sandbox.read("nixops4.state").starts_with(old),
        "nothing is rewritten"
    );
}
