//! A provider program of the native protocol that dies: through the program, with the scripted
//! provider of `tests/native-providers`.

use nixops4_tests::{Sandbox, programs};

/// Three things of a provider that is asked one thing at a time and does what the script says.
fn deploy(sandbox: &Sandbox, script: &str) {
    let program = programs().join("native-scripted");
    sandbox.write(
        "nixops4.nix",
        &format!(
            r#"{{ providers, ... }}: {{
              providers.scripted = {{
                executable = {program:?};
                args = [ (builtins.toJSON {script}) ];
                concurrency = 1;
              }};
              members = builtins.mapAttrs (name: _: {{
                type = providers.scripted.thing;
                inputs = {{ inherit name; }};
              }}) {{ a = {{ }}; b = {{ }}; c = {{ }}; }};
            }}"#
        ),
    );
}

#[test]
fn a_program_that_dies_is_started_again_for_the_rest() {
    let sandbox = Sandbox::new();
    deploy(
        &sandbox,
        r#"{ on."create b" = [ { stderr = "last words"; } "die" ]; }"#,
    );
    let ran = sandbox.run(&["apply", "--yes"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stderr
            .contains("Not all is done: 2 created, 1 in doubt"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("last words"), "{ran:?}");
    let listed = sandbox.ok(&["state", "list"]).stdout;
    assert_eq!(listed, "a  thing\nb  thing  in doubt\nc  thing\n");

    deploy(&sandbox, "{ }");
    sandbox.ok(&["state", "repair", "b", "--forget", "--yes"]);
    sandbox.ok(&["apply", "--yes"]);
    sandbox.ok(&["plan", "--detailed-exitcode"]);
}

#[test]
fn a_program_that_always_dies_is_given_up() {
    let sandbox = Sandbox::new();
    deploy(&sandbox, r#"{ on.create = [ "die" ]; }"#);
    let ran = sandbox.run(&["apply", "--yes"]);
    assert!(ran.stderr.contains("3 in doubt"), "{ran:?}");
    let sandbox = Sandbox::new();
    deploy(&sandbox, r#"{ start = [ { exit = 3; } ]; }"#);
    let said = sandbox.fails(&["plan"]);
    assert!(said.contains("provider scripted"), "{said}");
    assert!(said.contains("exit status 3"), "{said}");
}
