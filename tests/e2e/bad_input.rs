//! Bad input, through the program: what failed, where, why, what to do next; and never a panic.

use nixops4_tests::{Sandbox, says};

/// Plans a deployment with the local provider in which something is wrong.
fn complaint(members: &str) -> String {
    let text =
        format!("{{ members, providers, ... }}: {{\n  providers.local = {{ }};\n{members}\n}}\n");
    Sandbox::with_deployment(&text).fails(&["plan"])
}

#[test]
fn syntax_error() {
    let said = complaint("  members.a = = 1;");
    says(
        &said,
        &[
            "syntax error, unexpected '='",
            "[dir]/nixops4.nix:3:15",
            "members.a = = 1;",
        ],
    );
}

#[test]
fn undefined_variable() {
    let said = complaint("  members.a = { type = providers.local.file; inputs.name = nmae; };");
    says(&said, &["undefined variable 'nmae'", "nixops4.nix:3:60"]);
}

#[test]
fn missing_attribute() {
    let said = complaint(
        "  members.a = { type = providers.local.file; inputs = { name = members.b.outputs.x; }; };",
    );
    says(&said, &["attribute 'b' missing", "in a", "nixops4.nix:3:"]);
}

#[test]
fn infinite_recursion() {
    let said = complaint(
        "  members.a = { type = providers.local.file; inputs = let x = x; in { name = x; }; };",
    );
    says(
        &said,
        &["infinite recursion encountered", "in a", "nixops4.nix:3:"],
    );
}

#[test]
fn wrong_type_at_a_nested_input() {
    let said = complaint(
        "  members.a = { type = providers.local.exec;\n    \
         inputs = { executable = \"true\"; args = [ \"a\" { b = 1; } ]; }; };",
    );
    says(
        &said,
        &["an attribute set", "in a, at args[1]", "nixops4.nix:4:"],
    );
}

#[test]
fn unknown_input_name() {
    let said = complaint(
        "  members.a = { type = providers.local.file;\n    \
         inputs = { name = \"x\"; content = \"y\"; }; };",
    );
    says(
        &said,
        &[
            "there is no input `content`",
            "nixops4.nix:4:",
            "did you mean `contents`?",
        ],
    );
}

#[test]
fn unknown_resource_type() {
    let said = complaint("  members.a = { type = providers.local.fil; inputs.name = \"x\"; };");
    says(
        &said,
        &["no resource type `fil`", "in a", "did you mean `file`?"],
    );
}

#[test]
fn output_that_does_not_exist() {
    let said = complaint(
        "  members.a = { type = providers.local.file; inputs = { name = \"x\"; contents = \"\"; }; };\n  \
         members.b = { type = providers.local.file;\n    \
         inputs = { name = \"y\"; contents = members.a.outputs.nope; }; };",
    );
    says(
        &said,
        &["attribute 'nope' missing", "in b", "nixops4.nix:5:"],
    );
}

#[test]
fn dependency_cycle() {
    let said = complaint(
        "  members.a = { type = providers.local.exec;\n    \
         inputs = { executable = \"echo\"; args = [ members.b.outputs.stdout ]; }; };\n  \
         members.b = { type = providers.local.exec;\n    \
         inputs = { executable = \"echo\"; args = [ members.a.outputs.stdout ]; }; };",
    );
    says(
        &said,
        &[
            "dependency cycle: a -> b -> a",
            "nixops4.nix:3:3",
            "nixops4.nix:5:3",
        ],
    );
}

#[test]
fn two_definitions_of_one_input() {
    let said = complaint(
        "  imports = [ { members.a.inputs.name = \"two\"; } ];\n  \
         members.a = { type = providers.local.file; inputs = { name = \"one\"; contents = \"\"; }; };",
    );
    says(
        &said,
        &[
            "conflicting definition values",
            "nixops4.nix:3:",
            "nixops4.nix:4:",
            "mkForce",
        ],
    );
}

#[test]
fn one_bad_member_does_not_hide_the_others() {
    let sandbox = Sandbox::with_deployment(
        r#"{ members, providers, ... }: {
          providers.local = { };
          members.good = { type = providers.local.file; inputs = { name = "good"; contents = ""; }; };
          members.bad = { type = providers.local.file; inputs = { name = 1 + { }; contents = ""; }; };
          members.after = { type = providers.local.file;
            inputs = { name = "after"; contents = members.bad.outputs.sha256; }; };
        }"#,
    );
    let ran = sandbox.run(&["apply", "--yes"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(sandbox.has("good"), "{ran:?}");
    assert!(!sandbox.has("after"), "{ran:?}");
}

/// Plans with a plugin program that is given as the provider's executable.
fn plugin_complaint(executable: &str) -> String {
    let text = format!(
        "{{ providers, ... }}: {{\n  providers.x = {{ type = \"tfplugin\"; executable = \"{executable}\"; }};\n  \
         members.a = {{ type = providers.x.x_thing; }};\n}}\n"
    );
    let sandbox = Sandbox::with_deployment(&text);
    sandbox.write("no-program", "just text");
    sandbox.fails(&["plan"])
}

#[test]
fn provider_program_missing() {
    let said = plugin_complaint("./there-is-none");
    says(&said, &["there is no such file", "nixops4.nix:2:", "hint:"]);
}

#[test]
fn provider_program_not_executable() {
    let said = plugin_complaint("./no-program");
    says(
        &said,
        &["provider x: cannot start the plugin", "nixops4.nix:2:"],
    );
}

#[test]
fn provider_program_is_no_plugin() {
    let said = plugin_complaint("/bin/echo");
    says(
        &said,
        &[
            "provider x: cannot start the plugin /bin/echo",
            "nixops4.nix:2:",
        ],
    );
}

#[test]
fn plugin_that_no_mirror_has() {
    let sandbox = Sandbox::with_deployment(
        "{ providers, ... }: {\n  providers.x.source = \"nobody/nothing\";\n  \
         members.a = { type = providers.x.nothing_thing; };\n}\n",
    );
    let said = sandbox.fails(&["plan"]);
    says(
        &said,
        &[
            "no plugin found for provider nobody/nothing",
            "nixops4.nix:2:",
            "home/.terraform.d/plugins",
            "hint:",
        ],
    );
}

const TWO_FILES: &str = r#"{ providers, ... }: {
  providers.local = { };
  members.a = { type = providers.local.file; inputs = { name = "a"; contents = "a"; }; };
  members.b = { type = providers.local.file; inputs = { name = "b"; contents = "b"; }; };
}"#;

#[test]
fn state_truncated_in_mid_line() {
    let sandbox = Sandbox::with_deployment(TWO_FILES);
    sandbox.ok(&["apply", "--yes"]);
    let state = sandbox.read("nixops4.state");
    let cut = state.trim_end().len() - 20;
    sandbox.write("nixops4.state", &state[..cut]);
    let ran = sandbox.run(&["plan"]);
    says(&ran.stderr, &["nixops4.state"]);
    assert!(
        sandbox.read("nixops4.state").len() == cut,
        "a plan writes nothing"
    );
}

#[test]
fn state_with_a_foreign_first_line() {
    let sandbox = Sandbox::with_deployment(TWO_FILES);
    sandbox.write("nixops4.state", "this is my shopping list\n");
    let said = sandbox.fails(&["apply", "--yes"]);
    says(&said, &["nixops4.state", "hint:"]);
    assert_eq!(sandbox.read("nixops4.state"), "this is my shopping list\n");
    assert!(!sandbox.has("a"), "nothing is done without a state");
}

#[test]
fn refuses_without_a_terminal_and_without_yes() {
    let sandbox = Sandbox::with_deployment(TWO_FILES);
    let said = sandbox.fails(&["apply"]);
    says(&said, &["--yes"]);
    assert!(!sandbox.has("a"));
}
