//! Servers that answer late, badly, or not at all.

use super::*;

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
fn a_file_of_authorities_that_is_not_there_is_told_by_its_variable() {
    for name in ["NIXOPS4_EXTRA_CA_FILE", "SSL_CERT_FILE"] {
        let (mut world, ..) = published(&["1.0.0"]);
        world.set(name, "/nonexistent");
        let error = world.error("");
        let told = format!("{name}: cannot read /nonexistent: No such file");
        match name {
            "SSL_CERT_FILE" => assert!(error.contains(&told), "{error}"),
            _ => assert!(error.starts_with(&told), "{error}"),
        }
    }
}

#[test]
fn what_is_there_needs_no_authorities() {
    let (mut world, ..) = published(&["1.0.0"]);
    world.installed("");
    world.set("SSL_CERT_FILE", "/nonexistent");
    world.installed("");
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
