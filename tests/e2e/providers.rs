//! Looking at providers: which there are.

use nixops4_tests::{Sandbox, fake_provider, mirror_plugin, programs};

const DEPLOYMENT: &str = r#"{ providers, ... }: {
  providers.local = { };
  providers.fake = { source = "acme/fake"; version = "~> 1.0"; };
  members.net.providers.greeter = { executable = "./bin/greeter"; };
}"#;

/// With a plugin in a mirror that is found without being named.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::with_deployment(DEPLOYMENT);
    // Nothing is started: any program will do.
    let program = programs().join("nixops4");
    let mirror = sandbox.path().join("terraform.d/plugins");
    mirror_plugin(&mirror, "acme/fake", "1.2.0", &program);
    greeter(&sandbox);
    sandbox
}

/// Puts a program where the deployment names one.
fn greeter(sandbox: &Sandbox) {
    use std::os::unix::fs::PermissionsExt;
    sandbox.write("bin/greeter", "#!/bin/sh\n");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(sandbox.path().join("bin/greeter"), mode).expect("a mode");
}

#[test]
fn all_declared_instances_are_listed_whether_used_or_not() {
    let sandbox = sandbox();
    let listed = sandbox.ok(&["providers", "list"]).stdout;
    let lines: Vec<_> = listed.lines().collect();
    assert_eq!(lines.len(), 3, "{listed}");
    assert!(
        lines[0].starts_with("fake  acme/fake  1.2.0  from the mirror [dir]/terraform.d/plugins"),
        "{listed}"
    );
    assert!(lines[0].ends_with("(tfplugin)"), "{listed}");
    assert!(lines[1].starts_with("local  built in  "), "{listed}");
    assert_eq!(lines[2], "net.greeter  [dir]/bin/greeter  (native)");
}

#[test]
fn instances_are_listed_as_json() {
    let listed = sandbox().ok(&["providers", "list", "--json"]).stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    assert_eq!(listed[0]["name"], "fake");
    assert_eq!(listed[0]["version"], "1.2.0");
    assert_eq!(listed[0]["constraint"], "~> 1.0");
    assert_eq!(listed[0]["locked"], false);
    assert_eq!(listed[2]["protocol"], "native");
}

#[test]
fn what_is_not_found_is_said_beside_the_others() {
    let sandbox = Sandbox::with_deployment(DEPLOYMENT);
    let ran = sandbox.run(&["providers", "list"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stdout.contains("fake  acme/fake  ~> 1.0  not found"),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("local  built in"), "{ran:?}");
    assert!(
        ran.stderr
            .contains("no plugin found for provider acme/fake"),
        "{ran:?}"
    );
}

#[test]
fn a_program_that_is_named_and_missing_is_a_failure() {
    let sandbox = Sandbox::with_deployment(
        r#"{ providers, ... }: {
          providers.native = { executable = "./bin/greeter"; };
          providers.named = { executable = "nobody-has-this"; };
          providers.shell = { executable = "sh"; };
          providers.plugin = { type = "tfplugin"; executable = "./bin/plugin"; };
          providers.package = { source = "acme/fake"; package = ./missing; };
        }"#,
    );
    let ran = sandbox.run(&["providers", "list"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for (line, name, problem) in [
        (2, "native", "[dir]/bin/greeter does not exist"),
        (
            3,
            "named",
            "no program nobody-has-this in the folders of PATH",
        ),
        (5, "plugin", "[dir]/bin/plugin does not exist"),
        (6, "package", "[dir]/missing does not exist"),
    ] {
        assert!(ran.stdout.contains(&format!("\n{name}  ")) || ran.stdout.starts_with(name));
        assert!(ran.stderr.contains(problem), "{ran:?}");
        assert!(
            ran.stderr.contains(&format!("nixops4.nix:{line}:")),
            "{ran:?}"
        );
    }
    assert!(ran.stdout.contains("shell  sh  (native)"), "{ran:?}");
    greeter(&sandbox);
    assert!(
        sandbox
            .run(&["providers", "list"])
            .stdout
            .contains("native  [dir]/bin/greeter")
    );
}

#[test]
fn what_a_developer_put_in_place_is_used_and_said() {
    let mut sandbox = Sandbox::with_deployment(
        r#"{ providers, ... }: {
          providers.fake = { source = "acme/fake"; version = "~> 1.0"; };
          members.thing = { type = providers.fake.fake_thing; inputs.name = "x"; };
        }"#,
    );
    let folder = sandbox.path().join("build");
    std::fs::create_dir(&folder).expect("a folder");
    let plugin = folder.join("terraform-provider-fake");
    std::os::unix::fs::symlink(fake_provider(), plugin).expect("a link");
    sandbox.write(
        "dev.tfrc",
        r#"provider_installation {
             dev_overrides { "acme/fake" = "build" }
             direct {}
           }"#,
    );
    sandbox.set("TF_CLI_CONFIG_FILE", "dev.tfrc");
    let ran = sandbox.ok(&["plan"]);
    assert!(ran.stdout.contains("+ thing  fake_thing"), "{ran:?}");
    let said = "warning: registry.opentofu.org/acme/fake is overridden by [dir]/build; its version is \
                not checked";
    assert!(ran.stderr.contains(said), "{ran:?}");
}

#[test]
fn a_configuration_that_is_not_there_is_a_hint_where_a_plugin_is_missing() {
    let mut sandbox = Sandbox::with_deployment(DEPLOYMENT);
    sandbox.set("TF_CLI_CONFIG_FILE", "none.tfrc");
    let said = sandbox.fails(&["providers", "list"]);
    assert!(
        said.contains("hint: the CLI configuration [dir]/none.tfrc does not exist"),
        "{said}"
    );
}

#[test]
fn plugins_that_run_must_be_named_rightly() {
    let mut sandbox = sandbox();
    sandbox.set("TF_REATTACH_PROVIDERS", "nothing");
    let ran = sandbox.run(&["providers", "list"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stderr.contains("error: TF_REATTACH_PROVIDERS: "),
        "{ran:?}"
    );
}

#[test]
fn json_has_all_that_is_said_of_what_is_missing() {
    let sandbox = Sandbox::with_deployment(DEPLOYMENT);
    let listed = sandbox.run(&["providers", "list", "--json"]).stdout;
    let listed: serde_json::Value = serde_json::from_str(&listed).expect("JSON");
    let error = listed[0]["error"].as_str().expect("an error");
    assert!(
        error.contains("tried:\n") && error.contains("does not exist"),
        "{error}"
    );
    assert_eq!(listed[0]["position"]["line"], 3);
    let hint = listed[0]["hints"][0].as_str().expect("a hint");
    assert!(hint.contains("`nixops4 providers install`"), "{hint}");
}

#[test]
fn oddities_of_the_configuration_are_told_in_the_list() {
    let mut sandbox = sandbox();
    sandbox.write("odd.tfrc", "plugin_cach_dir = \"x\"\n");
    sandbox.set("TF_CLI_CONFIG_FILE", "odd.tfrc");
    let ran = sandbox.ok(&["providers", "list"]);
    assert!(
        ran.stderr
            .contains("warning: [dir]/odd.tfrc, line 1: unknown setting \"plugin_cach_dir\""),
        "{ran:?}"
    );
}

#[test]
fn a_package_and_a_program_contradict_each_other() {
    let sandbox = Sandbox::with_deployment(
        r#"{ providers.two = { package = "/one"; executable = "/other"; }; }"#,
    );
    let said = sandbox.fails(&["providers", "list"]);
    assert!(
        said.contains("The provider `two' has both `package' and `executable'"),
        "{said}"
    );
}
