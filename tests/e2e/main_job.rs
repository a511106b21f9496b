//! The main job over a real plugin (on a framework that is not ours) and local files in one graph.

use nixops4_tests::{Sandbox, given, mirror_plugin};

/// A sandbox in which the plugin is the provider `example/demo`; `None` where it is not built.
fn sandbox(settings: &str) -> Option<Sandbox> {
    let plugin = given("NIXOPS4_TEST_DEMO_PLUGIN")?;
    let mut sandbox = Sandbox::with_deployment(include_str!("../demo/service/nixops4.nix"));
    mirror_plugin(
        &sandbox.path().join("mirror"),
        "example/demo",
        "0.1.0",
        &plugin,
    );
    let mirror = sandbox.path().join("mirror");
    sandbox.write(
        "cli.tfrc",
        &format!(
            "provider_installation {{\n  filesystem_mirror {{\n    path = {mirror:?}\n  }}\n}}\n"
        ),
    );
    sandbox.set(
        "TF_CLI_CONFIG_FILE",
        sandbox.path().join("cli.tfrc").to_string_lossy(),
    );
    sandbox.write("settings.nix", settings);
    Some(sandbox)
}

const BEFORE: &str =
    r#"{ name = "demo"; backup = "10.1.0.0/16"; directory = toString ./service; }"#;
const AFTER: &str =
    r#"{ name = "renamed"; backup = "10.2.0.0/16"; directory = toString ./service; }"#;

#[test]
fn plan_apply_change_destroy() {
    let Some(sandbox) = sandbox(BEFORE) else {
        return;
    };

    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("5 to create"), "{plan}");
    assert!(
        plan.contains("known after apply, from network.id"),
        "{plan}"
    );
    assert!(!plan.contains("open sesame"), "{plan}");
    assert!(!sandbox.has("nixops4.state"), "a plan writes nothing");

    sandbox.ok(&["apply", "--yes"]);
    let inventory = sandbox.read("inventory.txt");
    assert!(inventory.contains("network  network-"), "{inventory}");
    assert!(inventory.contains("gateway 10.0.0.1"), "{inventory}");

    let again = sandbox.ok(&["plan", "--detailed-exitcode"]).stdout;
    assert!(again.contains("Nothing to do (5 unchanged)"), "{again}");

    sandbox.write("settings.nix", AFTER);
    let changed = sandbox.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(changed.code, Some(2), "{changed:?}");
    for expected in [
        "1 to replace",
        "\"demo\" -> \"renamed\"",
        "\"10.1.0.0/16\" -> \"10.2.0.0/16\"  forces replacement",
        "known after apply, from backup.id",
    ] {
        assert!(
            changed.stdout.contains(expected),
            "{expected}\n{}",
            changed.stdout
        );
    }
    sandbox.ok(&["apply", "--yes"]);
    sandbox.ok(&["plan", "--detailed-exitcode"]);

    sandbox.ok(&["destroy", "--yes"]);
    assert!(!sandbox.has("inventory.txt"));
    let left = std::fs::read_dir(sandbox.path().join("service")).expect("the service's folder");
    assert_eq!(left.count(), 0, "objects are left");
    let nothing = sandbox.ok(&["state", "list"]).stdout;
    assert_eq!(nothing, "");
}

#[test]
fn an_object_deleted_by_someone_else_is_made_again() {
    let Some(sandbox) = sandbox(BEFORE) else {
        return;
    };
    sandbox.ok(&["apply", "--yes"]);
    std::fs::remove_file(sandbox.path().join("inventory.txt")).expect("the file is there");
    let plan = sandbox.run(&["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, Some(2), "{plan:?}");
    assert!(plan.stdout.contains("1 to create"), "{}", plan.stdout);
    assert!(
        plan.stdout.contains("its object is gone"),
        "{}",
        plan.stdout
    );
    let trusting = sandbox.ok(&["plan", "--detailed-exitcode", "--refresh", "none"]);
    assert!(
        trusting.stdout.contains("Nothing to do"),
        "{}",
        trusting.stdout
    );
}
