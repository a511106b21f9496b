//! What a lock file asks for.

use super::*;

#[test]
fn what_is_locked_and_there_needs_no_network() {
    let (world, releases, key) = published(&["1.0.0"]);
    world.installed("");
    let lock = world.lock_file();
    registry(
        &world.server,
        &[releases[0].clone(), release("1.1.0")],
        &key,
    );
    let asked = world.server.requests().len();
    assert_eq!(world.installed("").done, Done::Present);
    assert_eq!(world.server.requests().len(), asked);
    assert_eq!(world.lock_file(), lock);
    // Gone from the disk, it is the locked version that comes back, and not the newest.
    world.forget();
    let outcome = world.installed("");
    assert_eq!(outcome.version.map(|v| v.to_string()), Some("1.0.0".into()));
    let upgrade = Options {
        upgrade: true,
        ..Options::default()
    };
    let report = world.install("", &upgrade).expect("installed");
    assert!(report.lock_changed);
    assert!(world.lock_file().contains("1.1.0"));
}

#[test]
fn a_locked_version_that_is_not_asked_for_is_an_error() {
    let (world, ..) = published(&["1.0.0", "2.0.0"]);
    world.installed("~> 1.0");
    let error = world.error("~> 2.0");
    assert!(
        error.ends_with(
            "is locked at 1.0.0, but ~> 2.0 is asked for\nhint: `nixops4 providers install --upgrade` locks another version"
        ),
        "{error}"
    );
}

#[test]
fn read_only_lock_files_stay() {
    let (world, ..) = published(&["1.0.0"]);
    let locked = Options {
        read_only: true,
        ..Options::default()
    };
    let error = world::said(&world.install("", &locked).expect_err("an error"));
    assert!(
        error.starts_with("the lock file is not up to date"),
        "{error}"
    );
    assert!(!world.has_lock_file());
    assert_eq!(world.server.requests(), [], "it fails before it fetches");
    world.installed("");
    world.forget();
    world
        .install("", &locked)
        .expect("installed as it is locked");
    let asked = world.server.requests().len();
    let error = world.install("> 1.0", &locked).expect_err("an error");
    assert!(world::said(&error).contains("is locked at 1.0.0"));
    let base = world.path("project");
    let error = world
        .install_all(&base, &[], &locked)
        .expect_err("an error");
    let error = world::said(&error);
    assert!(error.contains("nobody asks for localhost:"), "{error}");
    assert_eq!(world.server.requests().len(), asked);
}

#[test]
fn other_platforms_are_locked_without_their_archives() {
    let (world, releases, _) = published(&["1.0.0"]);
    let options = Options {
        accept_new_hashes: true,
        platforms: Some(vec![world::other_platform()]),
        ..Options::default()
    };
    let report = world.install("", &options).expect("locked");
    assert_eq!(report.outcomes[0].done, Done::Locked);
    assert!(!world.lock_file().contains("h1:"));
    for package in &releases[0].packages {
        assert_eq!(world.server.count(&releases[0].archive_path(package)), 0);
    }
    // The archive's hash is enough to install by.
    world.installed("");
    assert!(world.lock_file().contains("h1:"));
}

#[test]
fn a_locked_version_that_is_gone_is_told_as_the_lock_files() {
    let (world, releases, key) = published(&["1.0.0"]);
    world.installed("~> 1.0");
    world.forget();
    let package = &releases[0].packages[0];
    world.server.unset(&releases[0].download_path(package));
    registry(&world.server, &[release("1.1.0")], &key);
    let error = world.error("~> 1.0");
    assert!(
        error.contains("cannot be fetched in version 1.0.0, which the lock file asks for, for "),
        "{error}"
    );
    assert!(
        error.contains("hint: `nixops4 providers install --upgrade`"),
        "{error}"
    );
    // Whoever does not answer may have it.
    let path = releases[0].download_path(package);
    world.server.set(&path, Reply::status(403));
    let error = world.error("~> 1.0");
    assert!(!error.contains("--upgrade"), "{error}");
}

#[test]
fn a_locked_version_stays_what_it_was_also_where_it_is_chosen_anew() {
    let world = World::new();
    let package = format!(
        "mirror/registry.example.com/acme/thing/1.0.0/{}",
        Platform::current()
    );
    let program = format!("{package}/terraform-provider-thing");
    world.write(&program, PROGRAM);
    world.runnable(&program);
    world.mirrored_here();
    let world = world.asking_for("registry.example.com/acme/thing");
    world.installed("");
    let lock = world.lock_file();
    world.write(&format!("{package}/README"), b"changed");
    let upgrade = Options {
        upgrade: true,
        ..Options::default()
    };
    let error = world.install("", &upgrade).expect_err("refused");
    let error = world::said(&error);
    assert!(
        error.contains("the package is not the one that is locked"),
        "{error}"
    );
    assert_eq!(world.lock_file(), lock);
    let accept = Options {
        accept_new_hashes: true,
        ..upgrade
    };
    world.install("", &accept).expect("locked");
    assert_ne!(world.lock_file(), lock);
}

#[test]
fn of_a_registry_the_locked_version_stays_what_it_was_too() {
    let (world, ..) = published(&["1.0.0"]);
    world.installed("");
    let lock = world.lock_file();
    let hashes = lock
        .lines()
        .filter(|line| line.contains("h1:") || line.contains("zh:"));
    let mut other = lock.clone();
    for line in hashes {
        other = other.replace(&format!("{line}\n"), "");
    }
    let wrong = format!("hashes = [\n    \"zh:{}\",\n", "0".repeat(64));
    let other = other.replace("hashes = [\n", &wrong);
    world.write("project/.terraform.lock.hcl", other.as_bytes());
    let upgrade = Options {
        upgrade: true,
        ..Options::default()
    };
    let error = world.install("", &upgrade).expect_err("refused");
    assert!(world::said(&error).contains("not the one that is locked"));
    assert_eq!(world.lock_file(), other);
}

#[test]
fn a_lock_without_hashes_is_one_of_the_version_alone() {
    let (world, ..) = published(&["1.0.0", "1.1.0"]);
    world.installed("1.0.0");
    let lock = world.lock_file();
    let entry = format!(
        "provider \"{}/acme/thing\" {{\n  version = \"1.0.0\"\n}}\n",
        world.server.host()
    );
    world.write("project/.terraform.lock.hcl", entry.as_bytes());
    world.found("");
    let outcome = world.installed("1.0.0");
    assert_eq!(outcome.version.map(|v| v.to_string()), Some("1.0.0".into()));
    assert_eq!(world.lock_file(), lock);
    world.forget();
    world.write("project/.terraform.lock.hcl", entry.as_bytes());
    world.installed("1.0.0");
    assert_eq!(world.lock_file(), lock);
}

#[test]
fn what_is_installed_is_locked_without_being_fetched_again() {
    let (world, releases, _) = published(&["1.0.0"]);
    world.installed("");
    let (lock, path) = (
        world.lock_file(),
        releases[0].archive_path(&releases[0].packages[0]),
    );
    world.remove_lock_file();
    let options = Options {
        accept_new_hashes: true,
        platforms: Some(vec![Platform::current(), world::other_platform()]),
        ..Options::default()
    };
    let report = world.install("", &options).expect("locked");
    assert_eq!(report.outcomes[0].done, Done::Present);
    assert_eq!(
        Some(&report.outcomes[0].platforms),
        options.platforms.as_ref()
    );
    assert_eq!(world.server.count(&path), 1);
    assert_eq!(world.lock_file(), lock);
    // What somebody has changed is fetched again.
    let program = world.found("");
    std::fs::write(&program, "changed").expect("a file");
    world.install("", &options).expect("locked");
    assert_eq!(world.server.count(&path), 2);
    assert_eq!(std::fs::read(&program).expect("the program"), PROGRAM);
}
