//! How much may be asked of a provider at once.

use nixops4_tests::Sandbox;

/// Three programs that fail where another of them runs at the same time.
const ALONE: &str = r#"{ providers, ... }: {
  providers.local = { LIMITS };
  members = builtins.listToAttrs (map (name: {
    inherit name;
    value = { type = providers.local.exec; inputs = {
      executable = "sh";
      args = [ "-c" "mkdir busy && sleep 0.2 && rmdir busy" ];
    }; };
  }) [ "a" "b" "c" ]);
}"#;

#[test]
fn a_provider_is_asked_no_more_at_once_than_it_may() {
    let sandbox = Sandbox::with_deployment(&ALONE.replace("LIMITS", "concurrency = 1;"));
    sandbox.ok(&["apply", "--yes"]);

    let sandbox = Sandbox::with_deployment(&ALONE.replace("LIMITS", ""));
    sandbox.fails(&["apply", "--yes"]);
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    for (limits, expected) in [
        ("concurrency = 0;", "concurrency"),
        ("rateLimit = { calls = 1; perSeconds = 0; };", "perSeconds"),
        ("rateLimit = { };", "calls"),
    ] {
        let sandbox = Sandbox::with_deployment(&ALONE.replace("LIMITS", limits));
        let said = sandbox.fails(&["plan"]);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("[dir]/nixops4.nix"), "{said}");
    }
}
