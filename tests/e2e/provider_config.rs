//! Providers whose configuration depends on resources: never configured with a guess, and
//! configured again as they last were to delete what they made.

use nixops4_tests::{Sandbox, programs};

const DEPENDENT: &str = r#"{ members, providers, lib, ... }: {
  providers.local = { };
  providers.fake = { executable = "./terraform-provider-fake";
    config.endpoint = members.server.outputs.stdout; config.region = "eu"; };
  members.server = { type = providers.local.exec;
    inputs = { executable = "printf"; args = [ "http://one" ]; once = true; }; };
  members.thing = { type = providers.fake.fake_thing; inputs.name = "a"; };
}"#;

fn sandbox(text: &str) -> Sandbox {
    let mut sandbox = Sandbox::with_deployment(text);
    let plugin = sandbox.path().join("terraform-provider-fake");
    std::os::unix::fs::symlink(programs().join("fake-provider"), plugin).expect("a link");
    let file = |name: &str| sandbox.path().join(name).display().to_string();
    let (log, store) = (file("calls"), file("objects"));
    sandbox.set("FAKE_PROVIDER_LOG", log);
    sandbox.set("FAKE_PROVIDER_STORE", store);
    sandbox
}

fn configured(sandbox: &Sandbox) -> usize {
    match sandbox.has("calls") {
        true => sandbox.read("calls").matches("ConfigureProvider").count(),
        false => 0,
    }
}

#[test]
fn resources_wait_until_the_configuration_is_known() {
    let sandbox = sandbox(DEPENDENT);
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("1 to create, 1 later"), "{plan}");
    assert!(plan.contains("server.stdout"), "{plan}");
    assert_eq!(configured(&sandbox), 0);

    let applied = sandbox.ok(&["apply", "--yes"]).stdout;
    assert!(applied.contains("Plan, wave 2: 1 to create"), "{applied}");
    assert_eq!(configured(&sandbox), 1);
    sandbox.ok(&["plan", "--detailed-exitcode"]);
    // What the configuration needs goes last.
    let destroyed = sandbox.ok(&["destroy", "--yes", "server"]);
    assert!(
        destroyed.stdout.contains("2 to delete"),
        "{}",
        destroyed.stdout
    );
    assert!(!sandbox.read("objects").contains("\"a\""));
}

#[test]
fn what_has_left_the_deployment_is_deleted_with_the_last_configuration() {
    let sandbox = sandbox(DEPENDENT);
    sandbox.ok(&["apply", "--yes"]);
    sandbox.write("nixops4.nix", "{ }");
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("2 to delete"), "{plan}");
    sandbox.ok(&["apply", "--yes"]);
    sandbox.ok(&["plan", "--detailed-exitcode"]);
}

#[test]
fn also_where_the_configuration_cannot_be_evaluated_now() {
    let sandbox = sandbox(DEPENDENT);
    sandbox.ok(&["apply", "--yes"]);
    // The server has to be made again, so its address is not known; the thing goes nevertheless.
    let text = DEPENDENT
        .replace("members.thing =", "members.other =")
        .replace("http://one", "http://two");
    sandbox.write("nixops4.nix", &text);
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("- thing"), "{plan}");
    sandbox.ok(&["apply", "--yes"]);
    sandbox.ok(&["plan", "--detailed-exitcode"]);
}

#[test]
fn secrets_of_it_are_not_stored_and_are_taken_from_the_deployment() {
    let secret = r#"config.region = builtins.mark "sensitive" ("hid" + "den");"#;
    let text = DEPENDENT.replace(r#"config.region = "eu";"#, secret);
    let sandbox = sandbox(&text);
    sandbox.ok(&["apply", "--yes"]);
    assert!(!sandbox.read("nixops4.state").contains("hidden"));

    // Without the provider nobody knows the secret, and that is said.
    sandbox.write("nixops4.nix", "{ }");
    let said = sandbox.fails(&["plan"]);
    assert!(
        said.contains("region of its configuration is secret"),
        "{said}"
    );
    assert!(said.contains("put the provider back"), "{said}");

    // It is there, though the endpoint is not known: that is as it last was.
    let gone = text
        .replace("members.thing =", "members.other =")
        .replace("http://one", "http://two");
    sandbox.write("nixops4.nix", &gone);
    let plan = sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("- thing"), "{plan}");
    sandbox.ok(&["destroy", "--yes"]);
    assert!(!sandbox.read("objects").contains("\"a\""));
}

#[test]
fn a_plugin_is_told_its_meta_arguments_with_every_call() {
    let deployment = |meta: &str| {
        format!(
            "{{ providers, ... }}: {{\n  providers.fake = {{ type = \"tfplugin\"; executable = \"{}\";\n    \
             meta = {meta}; }};\n  \
             members.a = {{ type = providers.fake.fake_thing; inputs.name = \"a\"; }};\n}}",
            nixops4_tests::fake_provider().display()
        )
    };
    let sandbox = sandbox(&deployment("{ module = \"net/${toString 4}\"; }"));
    let said = sandbox.ok(&["plan"]).stderr;
    assert!(said.contains("warning: planned for net/4"), "{said}");
    sandbox.write("nixops4.nix", &deployment("{ }"));
    let said = sandbox.ok(&["plan"]).stderr;
    assert!(!said.contains("planned for"), "{said}");
    sandbox.write("nixops4.nix", &deployment("{ modul = \"net\"; }"));
    let said = sandbox.fails(&["plan"]);
    let wrong = "meta of provider fake has no input \"modul\"";
    assert!(said.contains(wrong), "{said}");
    assert!(said.contains("did you mean \"module\"?"), "{said}");
}
