//! Whole installations against registries and mirrors on loopback, good ones and others.

mod answers;
mod developers;
mod locked;
mod made;
mod mirrors;
mod oci;
mod registries;
mod shared_cache;
mod trust;
mod world;

use nixops4_registry::{Done, Options, Wish};
use nixops4_registry_server::{
    Release, Reply, Server, SigningKey, archive, network_mirror, oci_mirror, registry, sha256,
};
use nixops4_tfproto::discovery::{Constraints, Platform, SourceSpec};
use serde_json::{Value, json};
use world::World;

const PROGRAM: &[u8] = b"#!/bin/sh\n";

fn release(version: &str) -> Release {
    Release::new("acme", "thing", version).with_program(PROGRAM)
}

fn published(versions: &[&str]) -> (World, Vec<Release>, SigningKey) {
    let (world, key) = (World::new(), SigningKey::with_subkey());
    let releases: Vec<_> = versions.iter().map(|version| release(version)).collect();
    registry(&world.server, &releases, &key);
    (world, releases, key)
}

fn with(mut value: Value, name: &str, field: Value) -> Reply {
    value[name] = field;
    Reply::json(&value)
}

/// What a damaged registry is met with.
fn refused(spoil: impl FnOnce(&Server, &Release, &SigningKey)) -> String {
    let (world, releases, key) = published(&["1.0.0"]);
    spoil(&world.server, &releases[0], &key);
    let error = world.error("");
    assert!(!world.has_lock_file());
    assert!(world.try_found("").is_err(), "nothing is installed");
    error
}
