//! What `nixops4 providers install` and its like do, and say, where something is amiss.

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
fn every_failure_is_told_where_it_is_asked_for() {
    let mut world = World::new(PROGRAM);
    let host = world.server.host();
    let text = format!(
        "{{\n  providers.one.source = \"{host}/acme/one\";\n  providers.fake.source = \"{host}/acme/fake\";\n  \
         providers.two.source = \"{host}/acme/two\";\n}}\n"
    );
    world.sandbox.write("nixops4.nix", &text);
    world.sandbox.write("odd.rc", "plugin_cach_dir = \"x\"\n");
    let odd = world.sandbox.path().join("odd.rc").display().to_string();
    world.sandbox.set("TF_CLI_CONFIG_FILE", odd);
    for command in [&["providers", "install"][..], &["providers", "mirror", "m"]] {
        let said = world.sandbox.fails(command);
        for (line, name) in [(2, "one"), (4, "two")] {
            assert!(
                said.contains(&format!("provider {host}/acme/{name} cannot be fetched")),
                "{said}"
            );
            assert!(said.contains(&format!("nixops4.nix:{line}:")), "{said}");
        }
        assert!(
            said.contains("line 1: unknown setting \"plugin_cach_dir\""),
            "{said}"
        );
    }
}

#[test]
fn conditions_that_contradict_each_other_are_told_with_their_places() {
    let world = World::new(PROGRAM);
    let host = world.server.host();
    let text = format!(
        "{{\n  providers.one = {{ source = \"{host}/acme/fake\"; version = \"< 1.1\"; }};\n  \
         providers.two = {{ source = \"{host}/acme/fake\"; version = \">= 1.1\"; }};\n}}\n"
    );
    world.sandbox.write("nixops4.nix", &text);
    let said = world.sandbox.fails(&["providers", "install"]);
    for (line, asked) in [(2, "one asks for < 1.1 ("), (3, "two asks for >= 1.1 (")] {
        let found = said.lines().find(|said| said.contains(asked));
        let found = found.unwrap_or_else(|| panic!("{asked}: {said}"));
        assert!(found.contains(&format!("nixops4.nix:{line}:")), "{said}");
    }
}
