//! Functions of providers, called from deployments and from expressions.

use nixops4_tests::{Sandbox, adapter_program, programs};

const PLUGIN: &str = "terraform-provider-fake";

/// A deployment beside a plugin with the functions `join separator [ part … ]`, `describe value`
/// (which takes anything, also what is unknown) and `fail text`.
fn sandbox(protocol: u32, text: &str) -> Sandbox {
    let mut sandbox = Sandbox::with_deployment(text);
    std::os::unix::fs::symlink(
        programs().join("fake-provider"),
        sandbox.path().join(PLUGIN),
    )
    .expect("a link");
    sandbox.set(
        "FAKE_PROVIDER_SCRIPT",
        format!(r#"{{ "protocol": {protocol} }}"#),
    );
    sandbox
}

const JOINED: &str = r#"{ members, providers, ... }: {
  providers.fake = { executable = "./terraform-provider-fake"; };
  providers.local = { };
  members.word = { type = providers.local.exec;
    inputs = { executable = "printf"; args = [ "world" ]; once = true; }; };
  members.text = { type = providers.local.file;
    inputs = { name = "text";
      contents = providers.fake.functions.join ", " [ "hello" members.word.outputs.stdout ]; }; };
  members.kind = { type = providers.local.file;
    inputs = { name = "kind"; contents = providers.fake.functions.describe { n = 1; }; }; };
  members.secret = { type = providers.local.file;
    inputs = { name = "secret";
      contents = providers.fake.functions.join "" [ "key-" (builtins.mark "sensitive" "hidden") ]; }; };
}"#;

#[test]
fn give_values_for_known_arguments_and_wait_for_unknown_ones() {
    for protocol in [5, 6] {
        let sandbox = sandbox(protocol, JOINED);
        let plan = sandbox.ok(&["plan"]).stdout;
        assert!(
            plan.contains("contents  known after apply, from word.stdout"),
            "{plan}"
        );
        assert!(plan.contains("object({n = number})"), "{plan}");
        assert!(plan.contains("(sensitive)"), "{plan}");
        assert!(!plan.contains("hidden"), "{plan}");
        sandbox.ok(&["apply", "--yes"]);
        assert_eq!(sandbox.read("text"), "hello, world");
        assert_eq!(sandbox.read("secret"), "key-hidden");
        sandbox.ok(&["plan", "--detailed-exitcode"]);
        // What was made with the output depends on it.
        sandbox.ok(&["destroy", "--yes", "word"]);
        assert!(!sandbox.has("text"));
        assert!(sandbox.has("kind"));
    }
}

#[test]
fn complaints_name_the_argument_and_its_place() {
    let text = |call: &str| {
        format!(
            r#"{{ providers, ... }}: {{
  providers.fake = {{ executable = "./terraform-provider-fake"; }};
  providers.local = {{ }};
  members.f = {{ type = providers.local.file;
    inputs = {{ name = "f"; contents = providers.fake.functions.{call}; }}; }};
}}"#
        )
    };
    let cases = [
        (
            r#"fail "it is bad""#,
            vec!["fail: the argument text: it is bad", "nixops4.nix:5:"],
        ),
        (
            r#"join "-" [ "a" { } ]"#,
            vec![
                "join: parts[1] must be a string, not an attribute set",
                "nixops4.nix:5:",
            ],
        ),
        (
            "join null [ ]",
            vec!["join: separator must not be null", "nixops4.nix:5:"],
        ),
        (
            r#"jion "-""#,
            vec![
                "provider fake has no function \"jion\"",
                "did you mean \"join\"?",
            ],
        ),
        (
            r#"fail (builtins.mark "sensitive" ("hid" + "den"))"#,
            vec!["the function `fail' failed; what it says is not shown"],
        ),
    ];
    for (call, expected) in cases {
        let sandbox = sandbox(6, &text(call));
        for command in ["check", "plan"] {
            let said = sandbox.run(&[command]);
            assert_eq!(said.code, Some(1), "{said:?}");
            for part in &expected {
                assert!(said.stderr.contains(part), "{call}: {}", said.stderr);
            }
            assert!(!said.stderr.contains("hidden"), "{}", said.stderr);
        }
    }
}

#[test]
fn can_be_tried_in_expressions() {
    let sandbox = sandbox(5, "{ }");
    let expression = r#"
      let f = builtins.providerFunction { executable = "./terraform-provider-fake"; };
      in map (f "join" "-") [ [ "a" "b" ] [ "a" "b" ] [ ] ]"#;
    let printed = sandbox
        .ok(&["eval", "--json", "--strict", expression])
        .stdout;
    assert_eq!(printed, "[\"a-b\",\"a-b\",\"\"]\n");
}

#[test]
fn are_asked_for_once() {
    let mut sandbox = sandbox(6, JOINED);
    let log = sandbox.path().join("calls");
    sandbox.set("FAKE_PROVIDER_LOG", log.display().to_string());
    sandbox.ok(&["apply", "--yes"]);
    let calls = sandbox.read("calls");
    // Once for each of the three, however often inputs are asked for again.
    assert_eq!(calls.matches("CallFunction").count(), 3, "{calls}");
}

#[test]
fn a_provider_that_dies_is_said_with_its_name() {
    let mut sandbox = sandbox(6, JOINED);
    let script = r#"{ "rpcs": { "CallFunction": { "crash": "during" } } }"#;
    sandbox.set("FAKE_PROVIDER_SCRIPT", script);
    let said = sandbox.fails(&["plan"]);
    assert!(said.contains("provider fake"), "{said}");
    assert!(said.contains("CallFunction"), "{said}");
}

#[test]
fn behind_a_native_program_they_are_the_same() {
    for protocol in [5, 6] {
        let text = JOINED.replace("./terraform-provider-fake", "./behind");
        let sandbox = sandbox(protocol, &text);
        adapter_program(&sandbox, "behind", PLUGIN);
        sandbox.ok(&["apply", "--yes"]);
        assert_eq!(sandbox.read("text"), "hello, world");
        assert_eq!(sandbox.read("secret"), "key-hidden");
        sandbox.ok(&["plan", "--detailed-exitcode"]);
        for (call, expected) in [
            (r#"fail "it is bad""#, "fail: the argument text: it is bad"),
            (
                r#"join "-" [ { } ]"#,
                "join: the argument parts: parts[0] must be a string",
            ),
            (
                "join null [ ]",
                "join: the argument separator: this must not be null",
            ),
            (r#"jion "-""#, "did you mean `join`?"),
        ] {
            let called = r#"functions.describe { n = 1; }"#;
            let text = text.replace(called, &format!("functions.{call}"));
            sandbox.write("nixops4.nix", &text);
            let said = sandbox.fails(&["plan"]);
            assert!(said.contains(expected), "{said}");
        }
    }
}

#[test]
fn native_providers_have_them_too() {
    let program = programs().join("native-scripted");
    let text = |call: &str| {
        let program = program.display();
        format!(
            r#"{{ members, providers, ... }}: {{
  providers.own = {{ executable = "{program}"; }};
  providers.local = {{ }};
  members.f = {{ type = providers.local.file;
    inputs = {{ name = "f"; contents = providers.own.functions.{call}; }}; }};
}}"#
        )
    };
    let sandbox = Sandbox::with_deployment(&text(
        r#"shout (providers.own.functions.first [ "hello" null ])"#,
    ));
    sandbox.ok(&["apply", "--yes"]);
    assert_eq!(sandbox.read("f"), "HELLO");
    for (call, expected) in [
        (
            r#"shout """#,
            "shout: the argument text: there is nothing to shout",
        ),
        (
            "shout 1",
            "shout: the argument text: this has to be a string",
        ),
        ("shuot \"\"", "provider own has no function \"shuot\""),
    ] {
        sandbox.write("nixops4.nix", &text(call));
        let said = sandbox.fails(&["plan"]);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("nixops4.nix:5:"), "{said}");
    }
}
