//! Plugins that their developers have in hand.

use super::*;

#[test]
fn overrides_of_developers_are_left_alone() {
    let (world, ..) = published(&["1.0.0"]);
    let source = format!("{}/acme/thing", world.server.host());
    world.configure(&format!(
        "provider_installation {{\n dev_overrides {{ \"{source}\" = \"/dev/none\" }}\n direct {{}}\n}}\n"
    ));
    let outcome = world.installed("");
    assert_eq!(outcome.done, Done::Overridden);
    let warned = outcome.warnings.first().expect("a warning");
    assert!(
        warned.contains("/.tofurc, line 2: ") && warned.contains("/dev/none, which does not exist"),
        "{warned}"
    );
    assert!(!world.has_lock_file());
    assert!(world.server.requests().is_empty());
}

#[test]
fn what_runs_already_is_locked_but_not_installed() {
    let (mut world, ..) = published(&["1.0.0"]);
    let source = format!("{}/acme/thing", world.server.host());
    let entry = json!({ "Protocol": "grpc", "Addr": { "Network": "unix", "String": "/s" } });
    let running = json!({ source: entry }).to_string();
    world.set("TF_REATTACH_PROVIDERS", &running);
    assert_eq!(world.installed("").done, Done::Attached);
    assert!(world.server.requests().is_empty() && !world.has_lock_file());
    let lock = Options {
        attached: true,
        accept_new_hashes: true,
        ..Options::default()
    };
    world.install("", &lock).expect("locked");
    let locked = world.lock_file();
    assert_eq!(world.installed("").done, Done::Attached);
    assert_eq!(world.lock_file(), locked);
    world.set("TF_REATTACH_PROVIDERS", "nothing");
    assert!(world.error("").starts_with("TF_REATTACH_PROVIDERS: "));
}
