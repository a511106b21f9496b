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
