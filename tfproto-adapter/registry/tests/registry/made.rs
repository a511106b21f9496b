//! Mirrors that are made are mirrors that can be used.

use super::*;
use nixops4_registry_server::{Release, SigningKey, archive, registry};
use nixops4_tfproto::discovery::Platform;

#[test]
fn a_mirror_serves_all_platforms_that_were_asked_for() {
    let world = World::new();
    let release = Release::new("acme", "thing", "1.0.0").with_program(PROGRAM);
    registry(
        &world.server,
        std::slice::from_ref(&release),
        &SigningKey::new(),
    );
    let (dir, platforms) = (
        world.path("mirror"),
        [Platform::current(), world::other_platform()],
    );
    let first = world.mirror(&dir, &platforms).expect("mirrored");
    assert!(first.packages.iter().all(|package| package.is_new));
    let again = world.mirror(&dir, &platforms).expect("mirrored");
    assert!(!again.packages.iter().any(|package| package.is_new));
    for package in &release.packages {
        assert_eq!(world.server.count(&release.archive_path(package)), 1);
    }
    assert!(!world.has_lock_file());

    // A second version stands beside the first in the indexes.
    let newer = Release::new("acme", "thing", "1.1.0").with_program(PROGRAM);
    registry(&world.server, &[release.clone(), newer], &SigningKey::new());
    world.mirror(&dir, &platforms[..1]).expect("mirrored");
    let provider = dir.join(world.server.host()).join("acme/thing");
    let index = std::fs::read_to_string(provider.join("index.json")).expect("an index");
    let index: serde_json::Value = serde_json::from_str(&index).expect("JSON");
    assert_eq!(
        index,
        serde_json::json!({ "versions": { "1.0.0": {}, "1.1.0": {} } })
    );

    world.configure(&format!(
        "provider_installation {{\n filesystem_mirror {{ path = \"{}\" }}\n}}\n",
        dir.display()
    ));
    let asked = world.server.requests().len();
    world.installed("1.0.0");
    world.found("1.0.0");
    assert_eq!(world.server.requests().len(), asked);
}

#[test]
fn unpacked_packages_are_packed_with_the_content_they_have() {
    let world = World::new().asking_for("registry.example.com/acme/thing");
    let package = format!(
        "from/registry.example.com/acme/thing/1.0.0/{}",
        Platform::current()
    );
    let program = format!("{package}/terraform-provider-thing_v1.0.0");
    world.write(&program, PROGRAM);
    world.write(&format!("{package}/docs/README"), b"text");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(world.path(&program), mode).expect("a mode");
    }
    let configure = |name: &str| {
        let dir = world.path(name);
        world.configure(&format!(
            "provider_installation {{\n filesystem_mirror {{ path = \"{}\" }}\n}}\n",
            dir.display()
        ));
    };
    configure("from");
    world.installed("");
    let lock = world.lock_file();
    world
        .mirror(&world.path("to"), &[Platform::current()])
        .expect("mirrored");
    configure("to");
    let found = world.found("");
    assert_eq!(std::fs::read(&found).expect("the program"), PROGRAM);
    assert_eq!(world.lock_file(), lock, "packed and unpacked have one hash");
}

#[test]
fn what_is_locked_is_what_is_mirrored() {
    let world = World::new();
    let releases = ["1.0.0", "1.1.0"]
        .map(|version| Release::new("acme", "thing", version).with_program(PROGRAM));
    registry(&world.server, &releases, &SigningKey::new());
    world.installed("1.0.0");
    let dir = world.path("mirror");
    let mirrored = world
        .mirror(&dir, &[Platform::current()])
        .expect("mirrored");
    assert_eq!(mirrored.packages[0].version.to_string(), "1.0.0");
    // The registry has replaced the package since.
    let mut replaced = releases[0].clone();
    replaced.packages[0].zip = archive(&[("terraform-provider-thing", b"other")]);
    registry(&world.server, &[replaced], &SigningKey::new());
    let error = world.mirror(&world.path("other"), &[Platform::current()]);
    let error = world::said(&error.expect_err("refused"));
    assert!(
        error.contains("the package is not the one that is locked"),
        "{error}"
    );
}
