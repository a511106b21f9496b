//! What is refused, and what is trusted nevertheless.

use super::*;

#[test]
fn tampered_archives_are_refused() {
    // What it is comes before what is in it: neither need be an archive to be told apart.
    let others = [
        archive(&[("terraform-provider-thing_v1.0.0", b"evil")]),
        b"no archive".to_vec(),
    ];
    for other in others {
        let hash = sha256(&other);
        let error = refused(|server, release, _| {
            let path = release.archive_path(&release.packages[0]);
            server.set(&path, Reply::file(other));
        });
        assert!(
            error.contains(&format!(
                "the package is not what was announced: it is zh:{hash}, announced zh:"
            )),
            "{error}"
        );
    }
}

#[test]
fn an_archive_that_only_its_own_hash_is_locked_of_is_not_opened_otherwise() {
    let (world, releases, _) = published(&["1.0.0"]);
    let host = world.server.host();
    let lock = format!(
        "provider \"{host}/acme/thing\" {{\n  version = \"1.0.0\"\n  hashes = [\n    \"zh:{}\",\n  ]\n}}\n",
        "0".repeat(64)
    );
    world.write("project/.terraform.lock.hcl", lock.as_bytes());
    let error = world.error("");
    let own = sha256(&releases[0].packages[0].zip);
    assert!(
        error.contains(&format!("what is not in the lock file is zh:{own};")),
        "{error}"
    );
}

#[test]
fn checksums_that_contradict_each_other_are_refused() {
    let error = refused(|server, release, key| {
        let package = &release.packages[0];
        let description = release.description(package, &[key]);
        let other = json!("00".repeat(32));
        server.set(
            &release.download_path(package),
            with(description, "shasum", other),
        );
    });
    assert!(
        error.contains("in SHA256SUMS is not the one that the registry gives"),
        "{error}"
    );
    let error = refused(|server, release, _| {
        server.set(&release.checksums_path(), Reply::file("00  other.zip\n"));
    });
    assert!(
        error.contains("SHA256SUMS has no checksum of terraform-provider-thing_1.0.0_"),
        "{error}"
    );
    let error = refused(|server, release, key| {
        let package = &release.packages[0];
        let description = release.description(package, &[key]);
        server.set(
            &release.download_path(package),
            with(description, "shasum", json!("0")),
        );
    });
    assert!(error.contains("no SHA-256 checksum"), "{error}");
}

#[test]
fn signatures_must_be_there_and_right() {
    let wrong = "the signature was made by none of the registry's keys";
    let error = refused(|server, release, _| {
        let path = format!("{}.sig", release.checksums_path());
        server.set(
            &path,
            Reply::file(SigningKey::new().sign(b"something else")),
        );
    });
    assert!(error.contains(wrong), "{error}");
    let error = refused(|server, release, _| {
        let package = &release.packages[0];
        let description = release.description(package, &[&SigningKey::new()]);
        server.set(&release.download_path(package), Reply::json(&description));
    });
    assert!(error.contains(wrong), "{error}");
    let error = refused(|server, release, _| {
        let package = &release.packages[0];
        let description = release.description(package, &[]);
        server.set(&release.download_path(package), Reply::json(&description));
    });
    assert!(error.contains("the package is not signed"), "{error}");
    assert!(
        error.contains("hint: if you trust this host without signatures, `nixops4_unsigned_hosts"),
        "{error}"
    );
    let error = refused(|server, release, _| {
        server.unset(&format!("{}.sig", release.checksums_path()));
    });
    assert!(
        error.contains("SHA256SUMS.sig: the server answered 404"),
        "{error}"
    );
}

#[test]
fn a_host_may_be_trusted_without_signatures() {
    let (world, releases, _) = published(&["1.0.0"]);
    let package = &releases[0].packages[0];
    let description = releases[0].description(package, &[]);
    world.server.set(
        &releases[0].download_path(package),
        Reply::json(&description),
    );
    let host = world.server.host();
    world.configure(&format!("nixops4_unsigned_hosts = [\"{host}\"]\n"));
    let outcome = world.installed("");
    let host = world.server.host();
    let said = "the package is not signed; the host is trusted nevertheless";
    assert_eq!(
        outcome.warnings,
        [format!("{host}/acme/thing 1.0.0: {said}")]
    );
}

#[test]
fn a_host_may_be_trusted_whose_signatures_are_not_there() {
    for is_list in [true, false] {
        let (world, releases, _) = published(&["1.0.0"]);
        let list = releases[0].checksums_path();
        let path = if is_list { list } else { format!("{list}.sig") };
        world.server.set(&path, Reply::status(404));
        let error = world.error("");
        assert!(
            error.contains("is not there: ") && error.contains("nixops4_unsigned_hosts"),
            "{error}"
        );
        let host = world.server.host();
        world.configure(&format!("nixops4_unsigned_hosts = [\"{host}\"]\n"));
        let outcome = world.installed("");
        let (warning, named) = (&outcome.warnings[0], format!("{host}/acme/thing 1.0.0: "));
        assert!(warning.starts_with(&named), "{warning}");
        assert!(
            warning.contains("the host is trusted nevertheless"),
            "{warning}"
        );
    }
}

#[test]
fn a_registry_that_lists_hashes_must_list_the_right_ones() {
    let describe = |release: &Release, key: &SigningKey, hash: &str, size: usize| {
        let package = &release.packages[0];
        let own = format!("{}_{}", package.os, package.arch);
        let packages = json!({
            own: { "hashes": [hash], "package_size": size },
            "plan9_386": { "hashes": ["zh:11", "h1:11"], "package_size": 1 },
        });
        with(release.description(package, &[key]), "packages", packages)
    };
    let (world, releases, key) = published(&["1.0.0"]);
    let (release, zip) = (&releases[0], &releases[0].packages[0].zip);
    let path = release.download_path(&release.packages[0]);
    let right = format!("zh:{}", sha256(zip));
    world
        .server
        .set(&path, describe(release, &key, "zh:00", zip.len()));
    assert!(
        world.error("").contains("has another checksum than"),
        "another hash"
    );
    world
        .server
        .set(&path, describe(release, &key, &right, zip.len() - 1));
    assert!(world.error("").contains("larger than the"), "another size");
    world
        .server
        .set(&path, describe(release, &key, &right, zip.len()));
    world.installed("");
    assert!(world.lock_file().contains("\"h1:11\""));
}

#[test]
fn what_holds_no_plugin_is_not_locked() {
    let world = World::new();
    let base = "mirror/registry.example.com/acme/thing";
    let platform = Platform::current();
    let dir = format!("{base}/1.0.0/{platform}");
    world.write(&format!("{dir}/README"), b"nothing else");
    world.mirrored_here();
    let world = world.asking_for("registry.example.com/acme/thing");
    let error = world.error("");
    assert!(
        error.contains("has no executable named terraform-provider-thing…; it holds README"),
        "{error}"
    );
    world.write(&format!("{dir}/terraform-provider-thing"), PROGRAM);
    let error = world.error("");
    assert!(error.contains("is not executable"), "{error}");
    std::fs::remove_dir_all(world.path(&dir)).expect("removed");
    let file = format!("{base}/terraform-provider-thing_1.0.0_{platform}.zip");
    world.write(&file, &archive(&[]));
    let error = world.error("");
    assert!(error.contains("it holds nothing"), "{error}");
    assert!(!world.has_lock_file());

    // Of what was fetched the address is told, which is what the user knows.
    let (world, key) = (World::new(), SigningKey::new());
    let mut release = release("1.0.0");
    for package in &mut release.packages {
        package.zip = archive(&[("README", b"nothing else")]);
    }
    registry(&world.server, std::slice::from_ref(&release), &key);
    let error = world.error("");
    let url = world
        .server
        .url(&release.archive_path(&release.packages[0]));
    assert!(
        error.contains(&format!("{url} has no executable named")),
        "{error}"
    );
    assert!(!world.has_lock_file());
}
