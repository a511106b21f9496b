//! What needs no deployment.

use nixops4_tests::Sandbox;

#[test]
fn init_writes_a_starter_once() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["init"]);
    assert!(sandbox.read("nixops4.nix").contains("providers.local"));
    let said = sandbox.fails(&["init"]);
    assert!(said.contains("already there"), "{said}");
}

#[test]
fn the_starter_can_be_applied_as_it_is() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["init"]);
    sandbox.ok(&["check"]);
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!(sandbox.read("greeting.txt"), "Hello from NixOps4\n");
    sandbox.ok(&["plan", "--detailed-exitcode"]);
    sandbox.ok(&["destroy", "--yes"]);
    assert!(!sandbox.has("greeting.txt"));
}

#[test]
fn without_a_deployment_the_error_says_what_next() {
    let said = Sandbox::new().fails(&["plan"]);
    assert!(said.contains("There is no deployment here"), "{said}");
    assert!(said.contains("nixops4 init"), "{said}");
}
