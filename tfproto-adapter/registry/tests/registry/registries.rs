//! Registries, and what they may say.

use super::*;

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
fn archives_are_fetched_without_a_token_so_none_is_advised() {
    let (world, releases, _) = published(&["1.0.0"]);
    let path = releases[0].archive_path(&releases[0].packages[0]);
    world.server.set(&path, Reply::status(403));
    let error = world.error("");
    assert!(error.contains("403") && !error.contains("token"), "{error}");
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
