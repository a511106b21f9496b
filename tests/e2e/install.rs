//! Plugins that are fetched, locked, mirrored and then found, through the real program.

use std::path::Path;
use std::process::Command;

use nixops4_registry_server::{
    Proxy, Release, Reply, Server, SigningKey, archive, platform, registry,
};
use nixops4_tests::{Ran, Sandbox, fake_provider, given_program};

pub const LOCK: &str = ".terraform.lock.hcl";

/// A deployment whose provider is in a registry on loopback.
pub struct World {
    pub sandbox: Sandbox,
    pub server: Server,
    key: SigningKey,
}

impl World {
    pub fn new(program: &[u8]) -> Self {
        let (server, key) = (Server::start(), SigningKey::new());
        let releases = ["1.0.0", "1.1.0"]
            .map(|version| Release::new("acme", "fake", version).with_program(program));
        registry(&server, &releases, &key);
        let host = server.host();
        let mut sandbox = Sandbox::with_deployment(&format!(
            r#"{{ providers, ... }}: {{
              providers.fake = {{ source = "{host}/acme/fake"; version = "~> 1.0"; }};
              members.thing = {{ type = providers.fake.fake_thing; inputs.name = "x"; }};
            }}"#
        ));
        sandbox.write("ca.pem", server.certificate());
        let ca = sandbox.path().join("ca.pem").display().to_string();
        sandbox.set("NIXOPS4_EXTRA_CA_FILE", ca);
        Self {
            sandbox,
            server,
            key,
        }
    }

    pub fn listed(&self) -> Ran {
        self.sandbox.run(&["providers", "list"])
    }
}

#[test]
fn install_then_plan_without_network() {
    // The program itself is large where it is built for debugging.
    let program = format!("#!/bin/sh\nexec {} \"$@\"\n", fake_provider().display());
    let world = World::new(program.as_bytes());
    let said = world.sandbox.fails(&["plan"]);
    assert!(
        said.contains("no plugin found for provider localhost:"),
        "{said}"
    );
    assert!(
        said.contains("not asked: only `nixops4 providers install` uses the network"),
        "{said}"
    );
    assert!(
        said.contains("hint: `nixops4 providers install` fetches it"),
        "{said}"
    );
    assert_eq!(world.server.requests(), []);

    let ran = world.sandbox.ok(&["providers", "install"]);
    assert!(
        ran.stdout.contains("/acme/fake 1.1.0  from its registry\n"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("Wrote .terraform.lock.hcl"), "{ran:?}");
    let asked = world.server.requests().len();
    let planned = world.sandbox.ok(&["plan"]).stdout;
    assert!(planned.contains("thing"), "{planned}");
    assert_eq!(world.server.requests().len(), asked, "a plan asks nobody");

    let ran = world.sandbox.ok(&["providers", "install", "--locked"]);
    assert!(
        ran.stdout.contains("/acme/fake 1.1.0  is installed\n"),
        "{ran:?}"
    );
}

#[test]
fn a_package_that_is_not_locked_is_not_started() {
    let world = World::new(b"#!/bin/sh\n");
    world.sandbox.ok(&["providers", "install"]);
    let lock = world.sandbox.read(LOCK);
    let line = lock
        .lines()
        .find(|line| line.contains("h1:"))
        .expect("a hash");
    let other = lock.replace(
        line,
        "    \"h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\",",
    );
    let other: String = other
        .lines()
        .filter(|line| !line.contains("zh:"))
        .map(|line| format!("{line}\n"))
        .collect();
    world.sandbox.write(LOCK, &other);
    let said = world.listed();
    assert!(
        said.stderr
            .contains("has 1.1.0, but its hash is not in the lock file"),
        "{said:?}"
    );
    let said = world.sandbox.fails(&["providers", "install"]);
    assert!(
        said.contains("the package is not the one that is locked"),
        "{said}"
    );
    world.sandbox.ok(&["providers", "lock"]);
    assert_eq!(world.listed().code, Some(0));

    world
        .sandbox
        .write(LOCK, "provider \"x\" {\n  version = 1\n}\n");
    let said = world.sandbox.fails(&["plan"]);
    assert!(
        said.contains(
            "[dir]/.terraform.lock.hcl, line 1: \"x\" must be written with its registry host"
        ),
        "{said}"
    );
}

#[test]
fn tampered_and_unsigned_packages_are_refused() {
    let world = World::new(b"#!/bin/sh\n");
    let release = Release::new("acme", "fake", "1.1.0").with_program(b"#!/bin/sh\n");
    let package = &release.packages[0];
    let path = release.archive_path(package);
    let evil = archive(&[("terraform-provider-fake_v1.1.0", b"evil")]);
    world.server.set(&path, Reply::file(evil));
    let said = world.sandbox.fails(&["providers", "install"]);
    assert!(
        said.contains("the package is not what was announced"),
        "{said}"
    );

    registry(&world.server, std::slice::from_ref(&release), &world.key);
    let unsigned = release.description(package, &[]);
    world
        .server
        .set(&release.download_path(package), Reply::json(&unsigned));
    let said = world.sandbox.fails(&["providers", "install"]);
    assert!(said.contains("the package is not signed"), "{said}");
    assert!(said.contains("nixops4_unsigned_hosts"), "{said}");
    assert!(!world.sandbox.has(LOCK));
}

#[test]
fn platforms_are_locked_and_mirrored() {
    let world = World::new(b"#!/bin/sh\n");
    let (os, arch) = platform();
    let own = format!("{os}_{arch}");
    let ran = world.sandbox.ok(&[
        "providers",
        "lock",
        "--platform",
        &own,
        "--platform",
        "plan9_386",
    ]);
    let locked = format!("  from its registry; locked for {own}, plan9_386\n");
    assert!(ran.stdout.contains(&locked), "{ran:?}");
    let ran = world.sandbox.ok(&["providers", "lock"]);
    let locked = format!("  is installed; locked for {own}\n");
    assert!(ran.stdout.contains(&locked), "{ran:?}");
    let said = world
        .sandbox
        .fails(&["providers", "lock", "--platform", "linux"]);
    assert!(said.contains("\"linux\" is not a platform"), "{said}");
    let ran = world.sandbox.ok(&[
        "providers",
        "mirror",
        "mirror",
        "--platform",
        &own,
        "--platform",
        "plan9_386",
    ]);
    assert_eq!(ran.stdout.lines().count(), 2, "{ran:?}");
    let host = world.server.host();
    let base = format!("mirror/{host}/acme/fake");
    assert!(world.sandbox.has(&format!(
        "{base}/terraform-provider-fake_1.1.0_plan9_386.zip"
    )));
    assert_eq!(
        world.sandbox.read(&format!("{base}/index.json")),
        "{\n  \"versions\": {\n    \"1.1.0\": {}\n  }\n}"
    );
    let index = world.sandbox.read(&format!("{base}/1.1.0.json"));
    assert!(
        index.contains("\"url\": \"terraform-provider-fake_1.1.0_plan9_386.zip\""),
        "{index}"
    );
    let again = world.sandbox.ok(&["providers", "mirror", "mirror"]);
    assert!(again.stdout.ends_with(" (was there)\n"), "{again:?}");
}

/// Terraform's way of asking for a provider.
fn requirement(source: &str) -> String {
    format!(
        "terraform {{\n  required_providers {{\n    fake = {{\n      source  = \"{source}\"\n      \
         version = \"~> 1.0\"\n    }}\n  }}\n}}\n"
    )
}

/// Runs `terraform init` with nothing of the machine around it, and expects it to be content.
fn terraform_init(terraform: &Path, sandbox: &Sandbox, arguments: &[&str]) {
    let output = Command::new(terraform)
        .arg("init")
        .args(arguments)
        .current_dir(sandbox.path())
        .env_clear()
        .env("HOME", sandbox.path().join("tf-home"))
        .env("SSL_CERT_FILE", sandbox.path().join("ca.pem"))
        .env("TF_CLI_CONFIG_FILE", sandbox.path().join("terraform.rc"))
        .env("CHECKPOINT_DISABLE", "1")
        .output()
        .expect("terraform starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

/// Terraform beside us: its lock file is ours, ours is its, and our mirror is one for it.
#[test]
fn terraform_agrees() {
    let Some(terraform) = given_program("terraform") else {
        return;
    };
    let world = World::new(b"#!/bin/sh\n");
    let host = world.server.host();
    world.sandbox.ok(&["providers", "install"]);
    world.sandbox.ok(&["providers", "mirror", "mirror"]);
    let source = format!("{host}/acme/fake");
    world.sandbox.write("main.tf", &requirement(&source));
    let init = |arguments: &[&str]| terraform_init(&terraform, &world.sandbox, arguments);
    // Ours is good for it, from our mirror and from the registry.
    let ours = world.sandbox.read(LOCK);
    let mirror = world.sandbox.path().join("mirror").display().to_string();
    world.sandbox.write(
        "terraform.rc",
        &format!("nixops4_unsigned_hosts = []\nprovider_installation {{\n filesystem_mirror {{ path = \"{mirror}\" }}\n}}\n"),
    );
    init(&["-lockfile=readonly"]);
    assert_eq!(world.sandbox.read(LOCK), ours);
    std::fs::remove_dir_all(world.sandbox.path().join(".terraform")).expect("removed");
    world.sandbox.write("terraform.rc", "");
    init(&[]);
    assert_eq!(world.sandbox.read(LOCK), ours);

    // What it writes by itself is what we write, byte for byte.
    std::fs::remove_dir_all(world.sandbox.path().join(".terraform")).expect("removed");
    std::fs::remove_file(world.sandbox.path().join(LOCK)).expect("removed");
    init(&[]);
    assert_eq!(world.sandbox.read(LOCK), ours);
    world.sandbox.ok(&["providers", "install", "--locked"]);
    assert_eq!(world.listed().code, Some(0));
}

#[test]
fn proxies_are_used_where_variables_say_so() {
    let mut world = World::new(b"#!/bin/sh\n");
    let proxy = Proxy::start();
    world.sandbox.set("HTTPS_PROXY", proxy.url());
    world.sandbox.set("NO_PROXY", "localhost");
    world.sandbox.ok(&["providers", "install"]);
    assert_eq!(proxy.tunnels(), Vec::<String>::new());
    world.sandbox.set("NO_PROXY", "elsewhere.example");
    world.sandbox.ok(&["providers", "install", "--upgrade"]);
    assert_eq!(proxy.tunnels().first(), Some(&world.server.host()));
}

/// Shown by a web server, a mirror of ours is a network mirror for Terraform.
#[test]
fn terraform_takes_our_mirror_from_the_network() {
    let Some(terraform) = given_program("terraform") else {
        return;
    };
    // Terraform cannot ask network mirrors about hosts with a port.
    let source = "registry.example.com/acme/fake";
    let server = Server::start();
    let sandbox = Sandbox::with_deployment(&format!(
        r#"{{ providers.fake = {{ source = "{source}"; version = "~> 1.0"; }}; }}"#
    ));
    let (os, arch) = platform();
    let package = format!("terraform.d/plugins/{source}/1.1.0/{os}_{arch}/terraform-provider-fake");
    sandbox.write(&package, "#!/bin/sh\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(sandbox.path().join(&package), mode).expect("a mode");
    sandbox.ok(&["providers", "mirror", "mirror"]);
    std::fs::remove_dir_all(sandbox.path().join("terraform.d")).expect("removed");
    let provider = sandbox.path().join("mirror").join(source);
    for entry in std::fs::read_dir(&provider).expect("the mirror") {
        let path = entry.expect("an entry").path();
        let content = std::fs::read(&path).expect("a file");
        let reply = match path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            true => Reply::new("application/json", content),
            false => Reply::file(content),
        };
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        server.set(&format!("/shown/{source}/{name}"), reply);
    }
    sandbox.write("ca.pem", server.certificate());
    let url = server.url("/shown/");
    let configuration =
        format!("provider_installation {{\n  network_mirror {{\n    url = \"{url}\"\n  }}\n}}\n");
    sandbox.write("terraform.rc", &configuration);
    sandbox.write("main.tf", &requirement(source));
    terraform_init(&terraform, &sandbox, &[]);
    assert_eq!(server.count(&format!("/shown/{source}/1.1.0.json")), 1);
    // And what Terraform locked from there, we install from there.
    let mut sandbox = sandbox;
    sandbox.set(
        "NIXOPS4_EXTRA_CA_FILE",
        sandbox.path().join("ca.pem").display().to_string(),
    );
    sandbox.set(
        "TF_CLI_CONFIG_FILE",
        sandbox.path().join("terraform.rc").display().to_string(),
    );
    sandbox.ok(&["providers", "install", "--locked"]);
}

/// A package in the layout of nixpkgs, with the fake provider in it.
fn nix_package(sandbox: &Sandbox, version: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let (os, arch) = platform();
    let mirror = "package/libexec/terraform-providers";
    let name = format!(
        "{mirror}/registry.terraform.io/acme/fake/{version}/{os}_{arch}/terraform-provider-fake_v{version}"
    );
    let program = format!("#!/bin/sh\nexec {} \"$@\"\n", fake_provider().display());
    sandbox.write(&name, &program);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path().join(name), mode).expect("a mode");
    sandbox.path().join(mirror).display().to_string()
}

#[test]
fn packages_of_nixpkgs_are_named_by_their_path() {
    let sandbox = Sandbox::with_deployment(
        r#"{ providers, ... }: {
          providers.fake = { package = ./package; };
          providers.other = { source = "acme/fake"; package = { outPath = ./package; }; version = "> 2"; };
          members.thing = { type = providers.fake.fake_thing; inputs.name = "x"; };
        }"#,
    );
    nix_package(&sandbox, "1.2.0");
    sandbox.ok(&["plan"]);
    let ran = sandbox.run(&["providers", "list"]);
    assert!(
        ran.stdout
            .contains("fake  1.2.0  from the package [dir]/package"),
        "{ran:?}"
    );
    assert!(
        ran.stderr
            .contains("the package [dir]/package will not do: it has version 1.2.0"),
        "{ran:?}"
    );
    // They are not fetched, and no lock file is about them.
    let ran = sandbox.ok(&["providers", "install"]);
    assert_eq!(
        ran.stdout,
        "The deployment has no plugins that could be fetched.\n"
    );
    assert!(!sandbox.has(LOCK));
}

#[test]
fn wrappers_of_nixpkgs_name_a_mirror() {
    let mut sandbox = Sandbox::with_deployment(
        r#"{ providers, ... }: {
          providers.fake = { source = "acme/fake"; };
          members.thing = { type = providers.fake.fake_thing; inputs.name = "x"; };
        }"#,
    );
    let mirror = nix_package(&sandbox, "1.2.0");
    sandbox.set("NIX_TERRAFORM_PLUGIN_DIR", mirror);
    sandbox.ok(&["plan"]);
    let ran = sandbox.ok(&["providers", "install"]);
    assert!(
        ran.stdout.contains(
            "registry.terraform.io/acme/fake 1.2.0  from filesystem mirror [dir]/package"
        ),
        "{ran:?}"
    );
    sandbox.ok(&["plan"]);
}
