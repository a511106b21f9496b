//! Mirrors in the network and on this machine.

use super::*;

#[test]
fn from_a_network_mirror() {
    let world = World::new();
    let host = "registry.example.com";
    network_mirror(&world.server, host, &[release("1.0.0"), release("1.1.0")]);
    let mirror = world.server.url("/mirror/");
    world.configure(&format!(
        "provider_installation {{\n network_mirror {{ url = \"{mirror}\" }}\n}}\n"
    ));
    let world = world.asking_for(&format!("{host}/acme/thing"));
    let outcome = world.installed("");
    assert_eq!(
        outcome.done,
        Done::Installed(format!("network mirror {mirror}"))
    );
    // Nobody has signed for the other platform's hash.
    assert_eq!(world.lock_file().matches("zh:").count(), 1);
    world.forget();
    world.remove_lock_file();
    let release = release("1.1.0");
    let path = format!(
        "/mirror/{host}/acme/thing/{}",
        release.filename(&release.packages[0])
    );
    world.server.set(&path, Reply::file("no archive"));
    let error = world.error("");
    assert!(
        error.contains("the package is not what was announced: it is zh:"),
        "{error}"
    );
}

#[test]
fn a_network_mirror_may_be_trusted_with_all_hashes() {
    let world = World::new();
    let host = "registry.example.com";
    network_mirror(&world.server, host, &[release("1.0.0")]);
    let mirror = world.server.url("/mirror/");
    world.configure(&format!(
        "provider_installation {{\n network_mirror {{ url = \"{mirror}\"\n trust_all_hashes = true }}\n}}\n"
    ));
    let world = world.asking_for(&format!("{host}/acme/thing"));
    world.installed("");
    assert_eq!(world.lock_file().matches("zh:").count(), 2);
}

#[test]
fn mirrors_on_this_machine_are_used_where_they_are() {
    let world = World::new();
    let release = release("1.0.0");
    let name = release.filename(&release.packages[0]);
    let file = format!("mirror/registry.example.com/acme/thing/{name}");
    world.write(&file, &release.packages[0].zip);
    let mirror = world.path("mirror");
    world.configure(&format!(
        "provider_installation {{\n filesystem_mirror {{ path = \"{}\" }}\n direct {{}}\n}}\n",
        mirror.display()
    ));
    let world = world.asking_for("registry.example.com/acme/thing");
    let report = world.install("1.0.0", &Options::default());
    let warnings = report.expect("installed").warnings;
    assert!(
        warnings[0].contains("1.0.0 is the newest that could be found, but not everybody"),
        "{warnings:?}"
    );
    let lock = world.lock_file();
    assert!(lock.contains("h1:") && lock.contains("zh:"), "{lock}");
    assert!(
        world
            .found("")
            .starts_with(world.path("home/.cache/nixops4/packages"))
    );
    // Another content under the same name is refused, now that one is locked.
    world.write(&file, &archive(&[("terraform-provider-thing", b"other")]));
    assert!(
        world
            .try_found("")
            .expect_err("refused")
            .contains("its hash is not in the lock file")
    );
    let error = world.error("");
    assert!(
        error.contains("the package is not the one that is locked"),
        "{error}"
    );
    let accept = Options {
        accept_new_hashes: true,
        ..Options::default()
    };
    world.install("", &accept).expect("locked");
    world.found("");
}

#[test]
fn a_mirror_that_does_not_exist_is_told() {
    let world = World::new();
    let missing = world.path("missing").display().to_string();
    world.configure(&format!(
        "provider_installation {{\n filesystem_mirror {{ path = \"{missing}\" }}\n}}\n"
    ));
    let error = world.error("");
    assert!(
        error.contains(&format!(
            "filesystem mirror {missing}: the folder does not exist"
        )),
        "{error}"
    );
}

#[test]
fn a_mirror_that_cannot_be_asked_ends_the_search() {
    let world = World::new();
    let host = "registry.example.com";
    network_mirror(&world.server, host, &[release("1.1.0")]);
    let url = world.server.url("/mirror/");
    let file = format!(
        "mirror/{host}/acme/thing/{}",
        release("1.0.0").filename(&release("1.0.0").packages[0])
    );
    world.write(&file, &release("1.0.0").packages[0].zip);
    let here = world.path("mirror");
    world.configure(&format!(
        "provider_installation {{\n network_mirror {{ url = \"{url}\" }}\n filesystem_mirror {{ path = \"{}\" }}\n}}\n",
        here.display()
    ));
    let world = world.asking_for(&format!("{host}/acme/thing"));
    let index = format!("/mirror/{host}/acme/thing/index.json");
    let version = format!("/mirror/{host}/acme/thing/1.1.0.json");
    for (path, status) in [(&version, 403), (&version, 404), (&index, 403)] {
        world.server.set(path, Reply::status(status));
        let error = world.error("");
        match status {
            404 => assert!(error.contains("though index.json lists 1.1.0"), "{error}"),
            _ => assert!(error.contains("403"), "{error}"),
        }
        assert!(!error.contains("hint: the newest"), "{error}");
        assert!(!world.has_lock_file());
    }
    // Whoever does not know it passes it on.
    world.server.set(&index, Reply::status(404));
    let outcome = world.installed("");
    assert_eq!(outcome.version.map(|v| v.to_string()), Some("1.0.0".into()));
}
