//! Plugins that run already, and plugins that are spoken to in the clear.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use nixops4_tests::{Sandbox, programs, wait_until};

const DEPLOYMENT: &str = r#"{ providers, ... }: {
  providers.fake = { source = "acme/fake"; version = "9.9.9"; };
  members.a = { type = providers.fake.fake_thing; inputs.name = "a"; };
}"#;

/// The fake plugin as a debugger would start it, with the address that it tells.
fn started(sandbox: &Sandbox) -> (Child, String) {
    let mut plugin = Command::new(programs().join("fake-provider"))
        .env(
            "TF_PLUGIN_MAGIC_COOKIE",
            "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2",
        )
        .env("PLUGIN_PROTOCOL_VERSIONS", "6")
        .env("PLUGIN_UNIX_SOCKET_DIR", sandbox.path())
        .env("FAKE_PROVIDER_LOG", sandbox.path().join("calls"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the plugin is built");
    let mut line = String::new();
    let stdout = plugin.stdout.take().expect("its output");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let address = line.split('|').nth(3).expect("an address").to_owned();
    (plugin, address)
}

fn reattach(source: &str, pid: u32, address: &str) -> String {
    format!(
        r#"{{"{source}": {{"Protocol": "grpc", "ProtocolVersion": 6, "Pid": {pid}, "Test": true,
            "Addr": {{"Network": "unix", "String": "{address}"}}}}}}"#
    )
}

#[test]
fn a_plugin_that_runs_already_is_used_and_left_running() {
    let mut sandbox = Sandbox::with_deployment(DEPLOYMENT);
    let (mut plugin, address) = started(&sandbox);
    // It is not installed, and of no version.
    let value = reattach("registry.terraform.io/acme/fake", plugin.id(), &address);
    sandbox.set("TF_REATTACH_PROVIDERS", value);
    let listed = sandbox.ok(&["providers", "list"]).stdout;
    assert!(listed.contains("fake  acme/fake  runs already"), "{listed}");
    sandbox.ok(&["apply", "--yes"]);
    // Another run finds the same objects: the process is the same.
    sandbox.ok(&["plan", "--detailed-exitcode"]);
    assert_eq!(plugin.try_wait().expect("a child of ours"), None);
    assert!(
        std::path::Path::new(&address).exists(),
        "its socket is its own"
    );

    plugin.kill().expect("it is running");
    plugin.wait().expect("it ends");
    let said = sandbox.fails(&["plan"]);
    assert!(
        said.contains("TF_REATTACH_PROVIDERS says that it listens at"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_understood_is_said() {
    let mut sandbox = Sandbox::with_deployment(DEPLOYMENT);
    sandbox.set("TF_REATTACH_PROVIDERS", "{\"acme/fake\": 1}");
    let said = sandbox.fails(&["plan"]);
    assert!(
        said.contains("TF_REATTACH_PROVIDERS: invalid type"),
        "{said}"
    );
}

#[test]
fn encryption_can_be_switched_off() {
    let plugin = programs().join("fake-provider");
    let mut sandbox = Sandbox::with_deployment(&DEPLOYMENT.replace(
        r#"source = "acme/fake"; version = "9.9.9";"#,
        &format!(r#"type = "tfplugin"; executable = "{}";"#, plugin.display()),
    ));
    // This plugin cannot encrypt.
    sandbox.set("FAKE_PROVIDER_SCRIPT", r#"{"start": "no_certificate"}"#);
    let said = sandbox.fails(&["plan"]);
    assert!(said.contains("it gave no certificate"), "{said}");
    sandbox.set("FAKE_PROVIDER_SCRIPT", "{}");
    sandbox.set("TF_DISABLE_PLUGIN_TLS", "1");
    sandbox.ok(&["plan"]);
}

#[test]
fn killed_with_what_it_has_started() {
    let plugin = programs().join("fake-provider");
    let mut sandbox = Sandbox::with_deployment(&DEPLOYMENT.replace(
        r#"source = "acme/fake"; version = "9.9.9";"#,
        &format!(r#"type = "tfplugin"; executable = "{}";"#, plugin.display()),
    ));
    let script = r#"{"start": "grandchild", "rpcs": {"PlanResourceChange": {"hang": true}}}"#;
    sandbox.set("FAKE_PROVIDER_SCRIPT", script);
    let calls = sandbox.path().join("calls");
    sandbox.set("FAKE_PROVIDER_LOG", calls.to_string_lossy());
    let mut nixops4 = sandbox
        .command(&["plan"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nixops4 starts");
    wait_until("the plan", || {
        sandbox.has("calls") && sandbox.read("calls").contains("PlanResourceChange")
    });
    // All of them have the sandbox in their environment.
    let family = || {
        let folder = sandbox.path().to_string_lossy().into_owned();
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        let ours = |entry: &std::fs::DirEntry| {
            let read = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
            let comm = String::from_utf8_lossy(&read("comm")).into_owned();
            let named = comm.starts_with("fake-provider") || comm.starts_with("sleep");
            named && String::from_utf8_lossy(&read("environ")).contains(&folder)
        };
        processes.filter(ours).count()
    };
    assert_eq!(family(), 2, "a plugin and its child");
    nixops4.kill().expect("it is running");
    nixops4.wait().expect("it ends");
    wait_until("the end of all", || family() == 0);
}
