//! Whole installations against registries and mirrors on loopback, good ones and others.

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

#[test]
fn from_the_registry_the_newest_that_is_allowed() {
    let (world, releases, _) = published(&["1.0.0", "1.2.0", "2.0.0-rc1", "2.0.0"]);
    let outcome = world.installed("~> 1.0");
    assert_eq!(
        outcome.version.as_ref().map(ToString::to_string),
        Some("1.2.0".into())
    );
    assert_eq!(outcome.done, Done::Installed("its registry".into()));
    assert_eq!(outcome.warnings, Vec::<String>::new());
    assert_eq!(
        std::fs::read(world.found("~> 1.0")).expect("the program"),
        PROGRAM
    );

    // Of this platform the content is locked, of all platforms the archives.
    let (own, other) = (&releases[1].packages[0], &releases[1].packages[1]);
    let lock = world.lock_file();
    assert!(lock.starts_with("# This file is maintained automatically by \"terraform init\".\n"));
    assert!(
        lock.contains("  version     = \"1.2.0\"\n  constraints = \"~> 1.0\"\n"),
        "{lock}"
    );
    assert_eq!(lock.matches("\"h1:").count(), 1);
    assert!(lock.contains(&format!("\"zh:{}\"", sha256(&own.zip))));
    assert!(lock.contains(&format!("\"zh:{}\"", sha256(&other.zip))));
    assert_eq!(world.server.count(&releases[1].archive_path(other)), 0);
}

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

/// What a damaged registry is met with.
fn refused(spoil: impl FnOnce(&Server, &Release, &SigningKey)) -> String {
    let (world, releases, key) = published(&["1.0.0"]);
    spoil(&world.server, &releases[0], &key);
    let error = world.error("");
    assert!(!world.has_lock_file());
    assert!(world.try_found("").is_err(), "nothing is installed");
    error
}

fn with(mut value: Value, name: &str, field: Value) -> Reply {
    value[name] = field;
    Reply::json(&value)
}

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
fn what_a_registry_may_say_wrongly() {
    let answer = |name: &'static str, field: Value| {
        refused(move |server, release, key| {
            let package = &release.packages[0];
            let description = release.description(package, &[key]);
            server.set(
                &release.download_path(package),
                with(description, name, field),
            );
        })
    };
    assert!(answer("os", json!("beos")).contains("and answered with beos_"));
    assert!(answer("protocols", json!(["4.0"])).contains("it speaks protocol 4.0"));
    assert!(
        answer("download_url", json!("file:///etc/passwd"))
            .contains("\"file:///etc/passwd\" is no address")
    );
    let error = refused(|server, release, _| {
        server.set(
            &release.download_path(&release.packages[0]),
            Reply::new("text/html", "<p>"),
        );
    });
    assert!(
        error.contains("it is not JSON, but \"text/html\""),
        "{error}"
    );
    let error = refused(|server, release, key| {
        // Announced, and yet none.
        let mut release = release.clone();
        release.packages[0].zip = b"no zip".to_vec();
        registry(server, &[release], key);
    });
    assert!(error.contains("not a usable archive"), "{error}");
    let error = refused(|server, _, _| server.unset("/.well-known/terraform.json"));
    assert!(
        error.contains("offers no providers: it has no /.well-known"),
        "{error}"
    );
    let error = refused(|server, _, _| {
        let services = json!({ "modules.v1": "/m/" });
        server.set("/.well-known/terraform.json", Reply::json(&services));
    });
    assert!(error.contains("it lists other services"), "{error}");
}

#[test]
fn what_is_not_there_is_told_with_all_that_was_tried() {
    let (world, releases, _) = published(&["1.0.0"]);
    let host = world.server.host();
    let error = world.error("> 1.0");
    assert!(error.starts_with("provider localhost:"), "{error}");
    assert!(
        error.contains(&format!("in the registry {host}: has 1.0.0")),
        "{error}"
    );
    assert!(
        error.ends_with("hint: the newest release is 1.0.0: allow it in `version`"),
        "{error}"
    );
    world.server.unset("/v1/providers/acme/thing/versions");
    assert!(world.error("").contains("does not know it"));
    let (world2, _, _) = published(&["1.0.0"]);
    world2
        .server
        .unset(&releases[0].download_path(&releases[0].packages[0]));
    let error = world2.error("");
    assert!(error.contains("does not have 1.0.0 for "), "{error}");
}

#[test]
fn what_fails_for_now_is_tried_again() {
    let (world, releases, _) = published(&["1.0.0"]);
    let path = releases[0].archive_path(&releases[0].packages[0]);
    let good = Reply::file(releases[0].packages[0].zip.clone());
    let replies = vec![Reply::status(429), good.clone().cut(), good];
    world.server.set_all(&path, replies);
    world.installed("");
    assert_eq!(world.server.count(&path), 3);
    // What is wrong for good is not.
    world.forget();
    world.server.set(&path, Reply::status(403));
    assert!(world.error("").contains("403"));
    assert_eq!(world.server.count(&path), 4);
}

#[test]
fn silence_has_an_end() {
    let (mut world, ..) = published(&["1.0.0"]);
    world.set("TF_REGISTRY_CLIENT_TIMEOUT", "1");
    world.set("TF_REGISTRY_DISCOVERY_RETRY", "0");
    world
        .server
        .set("/.well-known/terraform.json", Reply::never());
    let error = world.error("");
    assert!(error.contains("no answer: timeout"), "{error}");
}

#[test]
fn redirects_are_followed_but_tokens_are_not_taken_along() {
    let (world, releases, key) = published(&["1.0.0"]);
    world.configure(&format!(
        "credentials \"{}\" {{ token = \"hush\" }}\n",
        world.server.host()
    ));
    let elsewhere = Server::start();
    world.trust(&elsewhere);
    registry(&elsewhere, &releases, &key);
    let versions = "/v1/providers/acme/thing/versions";
    world
        .server
        .set(versions, Reply::redirect(&elsewhere.url(versions)));
    world.installed("");
    let sent = |server: &Server, path: &str| {
        let requests = server.requests().into_iter();
        requests
            .filter(|request| request.path == path)
            .map(|request| request.authorization)
            .next_back()
            .flatten()
    };
    assert_eq!(
        sent(&world.server, versions).as_deref(),
        Some("Bearer hush")
    );
    assert_eq!(sent(&elsewhere, versions), None);
    // Archives are anybody's.
    let path = releases[0].archive_path(&releases[0].packages[0]);
    assert_eq!(sent(&world.server, &path), None);
    world.server.set(versions, Reply::redirect(versions));
    world.remove_lock_file();
    assert!(world.error("").contains("it redirects too often"));
    world
        .server
        .set(versions, Reply::redirect("http://localhost:1/x"));
    assert!(world.error("").contains("it redirects away from https"));
}

#[test]
fn tokens_open_registries() {
    let (world, ..) = published(&["1.0.0"]);
    let path = "/v1/providers/acme/thing/versions";
    let good = json!({ "versions": [{ "version": "1.0.0" }] });
    world.server.set(path, Reply::status(401));
    world
        .server
        .set(&format!("{path} Bearer hush"), Reply::json(&good));
    let error = world.error("");
    assert!(
        error.contains("401") && error.contains("a token for the host goes into"),
        "{error}"
    );
    let host = world.server.host();
    world.configure(&format!("credentials \"{host}\" {{ token = \"hush\" }}\n"));
    world.installed("");
}

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
fn from_an_oci_mirror_with_a_login() {
    let world = World::new();
    oci_mirror(&world.server, &[release("1.0.0"), release("1.1.0+build.1")]);
    let host = world.server.host();
    let template = format!("{host}/mirror/${{namespace}}/${{type}}");
    world.configure(&format!(
        "provider_installation {{\n oci_mirror {{\n  repository_template = \"{template}\"\n  include = [\"registry.example.com/*/*\"]\n }}\n}}\n\
         oci_credentials \"{host}/mirror\" {{\n username = \"u\"\n password = \"p\"\n}}\n"
    ));
    let world = world.asking_for("registry.example.com/acme/thing");
    let tags = "/v2/mirror/acme/thing/tags/list";
    let good = json!({ "tags": ["1.0.0", "1.1.0_build.1", "latest"] });
    let challenge = format!(
        "Bearer realm=\"{}\",service=\"s\",scope=\"repository:mirror/acme/thing:pull\"",
        world.server.url("/token")
    );
    world.server.set(
        tags,
        Reply::status(401).header("WWW-Authenticate", &challenge),
    );
    world
        .server
        .set(&format!("{tags} Bearer hush"), Reply::json(&good));
    let token = "/token?service=s&scope=repository:mirror/acme/thing:pull Basic dTpw";
    world
        .server
        .set(token, Reply::json(&json!({ "token": "hush" })));
    let outcome = world.installed("");
    assert_eq!(
        outcome.version.map(|v| v.to_string()),
        Some("1.1.0+build.1".into())
    );
}

#[test]
fn oci_content_must_be_what_its_digest_says() {
    let world = World::new();
    let release = release("1.0.0");
    oci_mirror(&world.server, std::slice::from_ref(&release));
    let host = world.server.host();
    world.configure(&format!(
        "provider_installation {{\n oci_mirror {{\n  repository_template = \"{host}/mirror/${{namespace}}/${{type}}\"\n  include = [\"registry.example.com/*/*\"]\n }}\n}}\n"
    ));
    let world = world.asking_for("registry.example.com/acme/thing");
    let blob = format!(
        "/v2/mirror/acme/thing/blobs/sha256:{}",
        sha256(&release.packages[0].zip)
    );
    let mut evil = release.packages[0].zip.clone();
    let last = evil.len() - 1;
    evil[last] ^= 1;
    world.server.set(&blob, Reply::file(evil));
    let error = world.error("");
    assert!(
        error.contains("not what was announced: it is zh:"),
        "{error}"
    );
    let manifest = world
        .server
        .requests()
        .into_iter()
        .find(|request| request.path.contains("/manifests/sha256:"));
    let path = manifest.expect("a manifest was asked for").path;
    world.server.set(
        &path,
        Reply::new("application/vnd.oci.image.manifest.v1+json", "{}"),
    );
    let error = world.error("");
    assert!(
        error.contains("its content is not what its digest says"),
        "{error}"
    );
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
fn runs_at_the_same_time_do_not_disturb_each_other() {
    for shared in [false, true] {
        let (mut world, ..) = published(&["1.0.0"]);
        if shared {
            let cache = world.path("shared").display().to_string();
            world.set("TF_PLUGIN_CACHE_DIR", &cache);
        }
        let world = &world;
        std::thread::scope(|scope| {
            for run in 0..4 {
                scope.spawn(move || {
                    let base = world.path(&format!("project-{run}"));
                    std::fs::create_dir_all(&base).expect("a folder");
                    world
                        .install_in(&base, "", &Options::default())
                        .expect("installed");
                });
            }
        });
        world.installed("");
        let found = world.found("");
        assert_eq!(
            found.starts_with(world.path("shared")),
            shared,
            "{}",
            found.display()
        );
        let unfinished = |path: &std::path::PathBuf| {
            let path = path.to_string_lossy();
            path.contains("/.unpacking-") || path.contains("/.fetching-")
        };
        let leftovers = world::files(&world.path(""))
            .into_iter()
            .filter(unfinished)
            .count();
        assert_eq!(leftovers, 0);
    }
}

#[test]
fn a_shared_cache_is_used_where_the_lock_file_knows_its_content() {
    let (mut world, releases, _) = published(&["1.0.0"]);
    let cache = world.path("shared").display().to_string();
    world.set("TF_PLUGIN_CACHE_DIR", &cache);
    world.installed("");
    let archive = releases[0].archive_path(&releases[0].packages[0]);
    assert_eq!(world.server.count(&archive), 1);
    // Another project, without a lock: nothing vouches for what lies there.
    world.remove_lock_file();
    world.installed("");
    assert_eq!(world.server.count(&archive), 2);
    world.remove_lock_file();
    world.set("TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE", "1");
    world.installed("");
    assert_eq!(world.server.count(&archive), 2);
}

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
fn every_failure_is_told_with_the_oddities_of_the_configuration() {
    let (world, ..) = published(&["1.0.0"]);
    world.configure("plugin_cach_dir = \"/x\"\n");
    let host = world.server.host();
    let wish = |kind: &str| Wish {
        source: SourceSpec::parse(&format!("{host}/acme/{kind}")).expect("a source"),
        constraints: Constraints::default(),
    };
    let wishes = [wish("one"), world.wish(""), wish("two")];
    let base = world.path("project");
    let failed = world
        .install_all(&base, &wishes, &Options::default())
        .expect_err("failures");
    let about: Vec<_> = failed
        .failures
        .iter()
        .filter_map(|failure| failure.provider.as_ref())
        .collect();
    assert_eq!(about, [&wishes[0].source, &wishes[2].source]);
    let odd = "/.tofurc, line 1: unknown setting \"plugin_cach_dir\"";
    assert!(failed.warnings[0].ends_with(odd), "{:?}", failed.warnings);
    let platforms = [world::other_platform()];
    let report = world
        .mirror(&world.path("mirror"), &platforms)
        .expect("mirrored");
    assert!(report.warnings[0].ends_with(odd), "{:?}", report.warnings);
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
fn oci_registries_that_want_to_know_who_asks_are_told_of_their_own_credentials() {
    let world = World::new();
    let release = release("1.0.0");
    oci_mirror(&world.server, std::slice::from_ref(&release));
    let host = world.server.host();
    world.configure(&format!(
        "provider_installation {{\n oci_mirror {{\n  repository_template = \"{host}/mirror/${{namespace}}/${{type}}\"\n  include = [\"registry.example.com/*/*\"]\n }}\n}}\n"
    ));
    let world = world.asking_for("registry.example.com/acme/thing");
    let base = "/v2/mirror/acme/thing";
    let blob = format!("{base}/blobs/sha256:{}", sha256(&release.packages[0].zip));
    for path in [blob, format!("{base}/tags/list")] {
        world.server.set(&path, Reply::status(401));
        let error = world.error("");
        assert!(
            error.contains("401") && !error.contains("TF_TOKEN_"),
            "{error}"
        );
        assert!(
            error.contains("`oci_credentials`") && error.contains("docker login"),
            "{error}"
        );
    }
}

#[test]
fn archives_are_fetched_without_a_token_so_none_is_advised() {
    let (world, releases, _) = published(&["1.0.0"]);
    let path = releases[0].archive_path(&releases[0].packages[0]);
    world.server.set(&path, Reply::status(403));
    let error = world.error("");
    assert!(error.contains("403") && !error.contains("token"), "{error}");
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
fn a_server_that_is_not_trusted_is_told_and_not_asked_again() {
    let (mut world, ..) = published(&["1.0.0"]);
    world.write("ca.pem", Server::start().certificate().as_bytes());
    // More than any test waits for, if it were tried again.
    world.set("TF_REGISTRY_DISCOVERY_RETRY", "1000");
    let error = world.error("");
    assert!(
        error.contains(
            "terraform.json: its TLS certificate is signed by no authority that is trusted here (if \
             you trust it, "
        ),
        "{error}"
    );
    assert!(
        error.contains("NIXOPS4_EXTRA_CA_FILE") && error.contains("SSL_CERT_FILE"),
        "{error}"
    );
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

#[test]
fn oci_logins_that_fail_are_told() {
    let world = World::new();
    oci_mirror(&world.server, &[release("1.0.0")]);
    let host = world.server.host();
    world.configure(&format!(
        "provider_installation {{\n oci_mirror {{\n  repository_template = \"{host}/mirror/${{namespace}}/${{type}}\"\n  include = [\"registry.example.com/*/*\"]\n }}\n direct {{}}\n}}\n"
    ));
    let world = world.asking_for("registry.example.com/acme/thing");
    let tags = "/v2/mirror/acme/thing/tags/list";
    let refused_by = |realm: &str| {
        let challenge = format!("Bearer realm=\"{realm}\",service=\"s\"");
        let reply = Reply::status(401).header("WWW-Authenticate", &challenge);
        world.server.set(tags, reply);
        world.error("")
    };
    let error = refused_by(&world.server.url("/token"));
    assert!(
        error.contains("cannot log in: ") && error.contains("404"),
        "{error}"
    );
    assert!(error.contains("`oci_credentials`"), "{error}");
    let error = refused_by("http://localhost/token");
    assert!(
        error.contains("sends logins to http://localhost/token, which is no https address"),
        "{error}"
    );
}

#[test]
fn what_trickles_in_has_an_end() {
    let (mut world, ..) = published(&["1.0.0"]);
    world.set("TF_REGISTRY_CLIENT_TIMEOUT", "1");
    world.set("TF_REGISTRY_DISCOVERY_RETRY", "0");
    let services = json!({ "providers.v1": "/v1/providers/" });
    world.server.set(
        "/.well-known/terraform.json",
        Reply::json(&services).trickling(),
    );
    let error = world.error("");
    assert!(error.contains("no answer: timeout"), "{error}");
}

#[test]
fn a_server_that_asks_for_patience_gets_some() {
    let (world, releases, _) = published(&["1.0.0"]);
    let path = releases[0].archive_path(&releases[0].packages[0]);
    let good = Reply::file(releases[0].packages[0].zip.clone());
    let busy = Reply::status(429).header("Retry-After", "2");
    world.server.set_all(&path, vec![busy, good]);
    let began = std::time::Instant::now();
    world.installed("");
    assert!(began.elapsed() >= std::time::Duration::from_secs(2));
}

#[test]
fn a_file_of_authorities_that_is_not_there_is_told_by_its_variable() {
    for name in ["NIXOPS4_EXTRA_CA_FILE", "SSL_CERT_FILE"] {
        let (mut world, ..) = published(&["1.0.0"]);
        world.set(name, "/nonexistent");
        let error = world.error("");
        let told = format!("{name}: cannot read /nonexistent: No such file");
        assert!(error.starts_with(&told), "{error}");
    }
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
fn what_there_is_instead_is_told() {
    let (world, ..) = published(&["1.0.0", "1.1.0-rc1"]);
    let error = world.error(">= 1.1.0-rc1");
    assert!(
        error.ends_with(
            "hint: the newest release is 1.0.0: allow it in `version`; 1.1.0-rc1 is a prerelease, \
             which only `version = \"1.1.0-rc1\"` asks for"
        ),
        "{error}"
    );
    let world = World::new();
    world.write(
        "mirror/registry.example.com/acme/thing/1.0.0/plan9_386/terraform-provider-thing",
        PROGRAM,
    );
    world.mirrored_here();
    let world = world.asking_for("registry.example.com/acme/thing");
    let error = world.error("");
    let own = Platform::current();
    assert!(
        error.contains(&format!("does not have 1.0.0 for {own}, but for plan9_386")),
        "{error}"
    );
}

#[test]
fn what_does_not_say_what_it_is_is_told_so() {
    let (world, ..) = published(&["1.0.0"]);
    let path = "/v1/providers/acme/thing/versions";
    world.server.set(path, Reply::new("", "{}"));
    let error = world.error("");
    assert!(
        error.contains("it does not say that it is JSON (Content-Type)"),
        "{error}"
    );
}

#[test]
fn a_shared_cache_that_is_not_there_is_not_made() {
    let (world, ..) = published(&["1.0.0"]);
    world.configure("plugin_cache_dir = \"$HOME/none\"\n");
    let error = world.error("");
    assert!(
        error.contains("/.tofurc, line 1: the plugin cache ") && error.contains("home/none"),
        "{error}"
    );
    assert!(!world.path("home/none").exists());
}

#[test]
fn a_file_may_allow_what_lies_in_the_shared_cache() {
    let (world, releases, _) = published(&["1.0.0"]);
    let cache = world.path("shared").display().to_string();
    world.configure(&format!(
        "plugin_cache_dir = \"{cache}\"\nplugin_cache_may_break_dependency_lock_file = true\n"
    ));
    world.installed("");
    world.remove_lock_file();
    world.installed("");
    let archive = releases[0].archive_path(&releases[0].packages[0]);
    assert_eq!(world.server.count(&archive), 1);
}
