//! Plans in files: carried out as they were shown, or refused.

use std::os::unix::fs::PermissionsExt;

use nixops4_tests::Sandbox;

const FILE: &str = r#"{ providers, ... }: {
  providers.local = { };
  members.a = { type = providers.local.file; inputs = { name = "a"; contents = "first"; }; };
}"#;

#[test]
fn a_saved_plan_is_carried_out_once_without_asking() {
    let sandbox = Sandbox::with_deployment(FILE);
    sandbox.ok(&["plan", "--out", "plan.json"]);
    let metadata = std::fs::metadata(sandbox.path().join("plan.json")).expect("the plan");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    sandbox.ok(&["apply", "--plan", "plan.json"]);
    assert_eq!(sandbox.read("a"), "first");
    let said = sandbox.fails(&["apply", "--plan", "plan.json"]);
    assert!(
        said.contains("what is remembered of a has changed since the plan"),
        "{said}"
    );
}

#[test]
fn a_plan_whose_deployment_has_changed_is_refused() {
    let sandbox = Sandbox::with_deployment(FILE);
    sandbox.ok(&["plan", "--out", "plan.json"]);
    sandbox.write("nixops4.nix", &FILE.replace("first", "second"));
    let said = sandbox.fails(&["apply", "--plan", "plan.json"]);
    assert!(
        said.contains("the input `contents` is not what it was"),
        "{said}"
    );
    assert!(!sandbox.has("a"));
}

#[test]
fn what_is_no_plan_is_refused() {
    let sandbox = Sandbox::with_deployment(FILE);
    let said = sandbox.fails(&["apply", "--plan", "nixops4.nix"]);
    assert!(said.contains("is no saved plan"), "{said}");
    let said = sandbox.fails(&["apply", "--plan", "none.json"]);
    assert!(said.contains("cannot be read"), "{said}");
}
