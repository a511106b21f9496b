//! Plans and applies with Nix itself as the evaluator. `NIXOPS4_TEST_LIBNIX` names a `nixops4-eval`
//! that was built with it; `tests/scripts/libnix.sh` builds one.

use nixops4_tests::Sandbox;

const DEPLOYMENT: &str = r#"{ members, providers, lib, ... }:
let
  greeting = "hello from ${members.first.outputs.stdout}";
in
{
  providers.local = { };
  members.first = { type = providers.local.exec;
    inputs = { executable = "printf"; args = [ "the first" ]; once = true; }; };
  members.second = { type = providers.local.file; inputs = { name = "second.txt"; contents = greeting; }; };
  members.third = { type = providers.local.file; inputs = { name = "third.txt"; contents = "${greeting}!"; }; };
  members.names = { type = providers.local.exec;
    inputs = { executable = "printf"; args = [ "x y" ]; once = true; }; };
  members.many.members = lib.genAttrs (lib.splitString " " members.names.outputs.stdout) (name: {
    type = providers.local.file;
    inputs = { name = "many-${name}"; contents = name; };
  });
}"#;

fn sandbox() -> Option<Sandbox> {
    let Ok(evaluator) = std::env::var("NIXOPS4_TEST_LIBNIX") else {
        eprintln!("SKIPPED: NIXOPS4_TEST_LIBNIX names no nixops4-eval that has libnix");
        return None;
    };
    let mut sandbox = Sandbox::with_deployment(DEPLOYMENT);
    sandbox.set("NIXOPS4_EVAL", evaluator);
    Some(sandbox)
}

const LIBNIX: [&str; 2] = ["--evaluator", "libnix"];

fn with(args: &[&'static str]) -> Vec<&'static str> {
    args.iter().copied().chain(LIBNIX).collect()
}

#[test]
fn a_deployment_is_applied_changed_and_destroyed() {
    let Some(sandbox) = sandbox() else { return };
    let plan = sandbox.ok(&with(&["plan"]));
    let plan = plan.stdout;
    assert!(plan.contains("4 to create, 1 later"), "{plan}");
    assert!(plan.contains("known after apply, from first"), "{plan}");
    let applied = sandbox.ok(&with(&["apply", "--yes"])).stdout;
    assert!(applied.contains("Plan, wave 2: 2 to create"), "{applied}");
    let greeting = "hello from the first";
    assert_eq!(sandbox.read("second.txt"), greeting);
    assert_eq!(sandbox.read("third.txt"), format!("{greeting}!"));
    assert_eq!(sandbox.read("many-x"), "x");
    assert_eq!(sandbox.read("many-y"), "y");
    let unchanged = sandbox.run(&with(&["plan", "--detailed-exitcode"]));
    assert_eq!(
        unchanged.code,
        Some(0),
        "{}{}",
        unchanged.stdout,
        unchanged.stderr
    );
    // The other engine sees the same deployment.
    let unchanged = sandbox.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(
        unchanged.code,
        Some(0),
        "{}{}",
        unchanged.stdout,
        unchanged.stderr
    );
    sandbox.write(
        "nixops4.nix",
        &DEPLOYMENT.replace("hello from", "greetings from"),
    );
    sandbox.ok(&with(&["apply", "--yes"]));
    assert!(sandbox.read("third.txt").starts_with("greetings from "));
    // What depends on an output goes before what put it out: both still know it.
    sandbox.ok(&with(&["destroy", "--yes"]));
    for name in ["second.txt", "third.txt", "many-x"] {
        assert!(!sandbox.has(name), "{name} is still there");
    }
}

#[test]
fn without_it_the_error_says_how_to_build_it() {
    let sandbox = Sandbox::with_deployment(DEPLOYMENT);
    let ran = sandbox.run(&with(&["check"]));
    if ran.code == Some(0) {
        eprintln!("SKIPPED: this nixops4-eval was built with libnix");
        return;
    }
    assert!(
        ran.stderr
            .contains("this nixops4-eval was built without libnix"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("--features libnix"), "{}", ran.stderr);
}
