//! What `nixops4 providers install` and its like do, and say, where something is amiss.

use nixops4_registry_server::{Release, registry};

use crate::install::{LOCK, World};

const PROGRAM: &[u8] = b"#!/bin/sh\n";

#[test]
fn what_is_locked_for_components_that_cannot_be_told_yet_stays() {
    let world = World::new(PROGRAM);
    let source = format!("{}/acme/fake", world.server.host());
    world.sandbox.ok(&["providers", "install"]);
    let lock = world.sandbox.read(LOCK);
    world.sandbox.write(
        "nixops4.nix",
        &format!(
            r#"{{ members, providers, ... }}: {{
              providers.local = {{ }};
              members.one = {{ type = providers.local.exec; inputs.executable = "true"; }};
              members.more = if members.one.outputs.stdout == "" then {{
                providers.fake.source = "{source}";
              }} else {{ }};
            }}"#
        ),
    );
    let ran = world.sandbox.ok(&["providers", "install"]);
    assert!(ran.stderr.contains("cannot be told before"), "{ran:?}");
    assert_eq!(world.sandbox.read(LOCK), lock);
    world.sandbox.ok(&["providers", "install", "--locked"]);
    world.sandbox.ok(&["providers", "lock"]);
    assert_eq!(world.sandbox.read(LOCK), lock);

    // What is not asked for, as all can tell, goes.
    world.sandbox.write("nixops4.nix", "{ }");
    world.sandbox.ok(&["providers", "install"]);
    assert!(!world.sandbox.read(LOCK).contains("acme/fake"));
}

#[test]
fn every_failure_is_told_with_its_place() {
    let world = World::new(PROGRAM);
    let host = world.server.host();
    world.sandbox.write(
        "nixops4.nix",
        &format!(
            "{{\n  providers.one = {{ source = \"{host}/acme/one\"; }};\n  \
             providers.fake = {{ source = \"{host}/acme/fake\"; }};\n  \
             providers.two = {{ source = \"{host}/acme/two\"; }};\n}}"
        ),
    );
    let said = world.sandbox.fails(&["providers", "install"]);
    for expected in [
        "/acme/one",
        "[dir]/nixops4.nix:2:",
        "/acme/two",
        "[dir]/nixops4.nix:4:",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(!said.contains("nixops4.nix:3:"), "{said}");
}

#[test]
fn what_somebody_else_runs_is_left_alone() {
    let mut world = World::new(PROGRAM);
    let source = format!("{}/acme/fake", world.server.host());
    world.sandbox.ok(&["providers", "install"]);
    let lock = world.sandbox.read(LOCK);
    let asked = world.server.requests().len();
    let running = serde_json::json!({ source: {
        "Protocol": "grpc", "ProtocolVersion": 6, "Pid": 1, "Test": true,
        "Addr": { "Network": "unix", "String": "/nowhere" },
    } });
    world
        .sandbox
        .set("TF_REATTACH_PROVIDERS", running.to_string());
    let ran = world.sandbox.ok(&["providers", "install", "--upgrade"]);
    let expected = "is left alone: TF_REATTACH_PROVIDERS names a process for it";
    assert!(ran.stdout.contains(expected), "{ran:?}");
    assert_eq!(world.server.requests().len(), asked);
    assert_eq!(world.sandbox.read(LOCK), lock);
}

#[test]
fn programs_that_are_not_there_are_not_listed_as_found() {
    let world = World::new(PROGRAM);
    let cases = [
        (
            "./terraform-provider-gone",
            "there is no program [dir]/terraform-provider-gone",
        ),
        ("./gone", "there is no program [dir]/gone"),
        (
            "nixops4-test-gone",
            "there is no program nixops4-test-gone in PATH",
        ),
    ];
    for (executable, expected) in cases {
        let text = format!("{{ providers.p = {{ executable = \"{executable}\"; }}; }}");
        world.sandbox.write("nixops4.nix", &text);
        let listed = world.listed();
        assert_eq!(listed.code, Some(1), "{listed:?}");
        assert!(listed.stdout.contains("not found"), "{listed:?}");
        assert!(listed.stderr.contains(expected), "{listed:?}");
    }
}

#[test]
fn where_nothing_may_be_locked_nothing_is_fetched() {
    let world = World::new(PROGRAM);
    let said = world.sandbox.fails(&["providers", "install", "--locked"]);
    let expected = "the lock file is not up to date: localhost:";
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("/acme/fake is not in it"), "{said}");
    assert_eq!(world.server.requests(), []);
}

#[test]
fn a_locked_version_that_is_gone_is_said_to_be_the_locked_one() {
    let mut world = World::new(PROGRAM);
    world.sandbox.ok(&["providers", "install"]);
    let older = Release::new("acme", "fake", "1.0.0").with_program(PROGRAM);
    let gone = Release::new("acme", "fake", "1.1.0").with_program(PROGRAM);
    registry(&world.server, std::slice::from_ref(&older), &world.key);
    world.server.unset(&gone.download_path(&gone.packages[0]));
    // As on another machine.
    let cache = world.sandbox.path().join("cache").display().to_string();
    world.sandbox.set("XDG_CACHE_HOME", cache);
    let said = world.sandbox.fails(&["providers", "install"]);
    assert!(said.contains(", version 1.1.0 as it is locked,"), "{said}");
    let hint = "hint: `nixops4 providers install --upgrade` locks a version that there is";
    assert!(said.contains(hint), "{said}");
    world.sandbox.ok(&["providers", "install", "--upgrade"]);
}
