//! Mirrors in registries of containers.

use super::*;

/// A world whose OCI registry mirrors these releases, asking for the provider that they are of; with
/// more of a CLI configuration: further methods, and what else there is.
fn mirrored(releases: &[Release], methods: &str, more: impl Fn(&str) -> String) -> World {
    let world = World::new();
    oci_mirror(&world.server, releases);
    let host = world.server.host();
    let template = format!("{host}/mirror/${{namespace}}/${{type}}");
    world.configure(&format!(
        "provider_installation {{\n oci_mirror {{\n  repository_template = \"{template}\"\n  \
         include = [\"registry.example.com/*/*\"]\n }}\n{methods}}}\n{}",
        more(&host)
    ));
    world.asking_for("registry.example.com/acme/thing")
}

fn nothing(_: &str) -> String {
    String::new()
}

#[test]
fn from_an_oci_mirror_with_a_login() {
    let releases = [release("1.0.0"), release("1.1.0+build.1")];
    let world = mirrored(&releases, "", |host| {
        format!("oci_credentials \"{host}/mirror\" {{\n username = \"u\"\n password = \"p\"\n}}\n")
    });
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
    let release = release("1.0.0");
    let world = mirrored(std::slice::from_ref(&release), "", nothing);
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
fn oci_registries_that_want_to_know_who_asks_are_told_of_their_own_credentials() {
    let release = release("1.0.0");
    let world = mirrored(std::slice::from_ref(&release), "", nothing);
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
fn oci_logins_that_fail_are_told() {
    let world = mirrored(&[release("1.0.0")], " direct {}\n", nothing);
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
