//! A plugin that crashes, hangs or cannot be started, and an impatient user: through the program,
//! with the scripted plugin of `tests/fake-provider`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Stdio};

use nixops4_tests::{Ran, Sandbox, programs, signal, wait_until};

/// A thing of the plugin's, a file that quotes it, and a file that has nothing to do with it.
const DEPLOYMENT: &str = r#"{ members, providers, ... }: {
  providers.local = { };
  providers.fake = { type = "tfplugin"; executable = "PLUGIN"; TIMEOUTS };
  members.thing = { type = providers.fake.fake_thing; inputs = { name = "one"; note = NOTE; }; };
  members.after = { type = providers.local.file;
    inputs = { name = "after"; contents = members.thing.outputs.id; }; };
  members.apart = { type = providers.local.file; inputs = { name = "apart"; contents = ""; }; };
}"#;

/// A plugin whose objects last from one run to the next.
struct Lab {
    sandbox: Sandbox,
}

impl Lab {
    fn new() -> Self {
        Self::with("", "null")
    }

    fn with(timeouts: &str, note: &str) -> Self {
        let mut sandbox = Sandbox::new();
        for (variable, file) in [
            ("FAKE_PROVIDER_STORE", "store.json"),
            ("FAKE_PROVIDER_LOG", "calls"),
            ("FAKE_PROVIDER_SCRIPT", "script.json"),
        ] {
            let path = sandbox.path().join(file);
            sandbox.set(variable, path.to_string_lossy());
        }
        let lab = Self { sandbox };
        lab.deploy(timeouts, note);
        lab.behave("{}");
        lab
    }

    fn deploy(&self, timeouts: &str, note: &str) {
        let plugin = programs().join("fake-provider");
        let text = DEPLOYMENT
            .replace("PLUGIN", &plugin.to_string_lossy())
            .replace("TIMEOUTS", timeouts)
            .replace("NOTE", note);
        self.sandbox.write("nixops4.nix", &text);
    }

    /// What the plugin is to do from now on.
    fn behave(&self, script: &str) {
        self.sandbox.write("script.json", script);
    }

    /// What the plugin is to do when it is asked to make, change or delete something.
    fn on_apply(&self, behaviour: &str) {
        self.behave(&format!(
            r#"{{ "rpcs": {{ "ApplyResourceChange": {behaviour} }} }}"#
        ));
    }

    fn was_called(&self, call: &str) -> bool {
        self.sandbox.has("calls") && self.sandbox.read("calls").contains(call)
    }

    /// How many things there are.
    fn things(&self) -> usize {
        match self.sandbox.has("store.json") {
            true => self
                .sandbox
                .read("store.json")
                .matches("\"type_name\"")
                .count(),
            false => 0,
        }
    }

    /// Applies, and expects the thing to be in doubt and nothing else to be touched by that.
    fn apply_into_doubt(&self) -> Ran {
        let ran = self.sandbox.run(&["apply", "--yes"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.stderr
                .contains("thing  creating ended without an answer"),
            "{ran:?}"
        );
        assert!(ran.stderr.contains("state repair"), "{ran:?}");
        assert!(
            self.sandbox.has("apart") && !self.sandbox.has("after"),
            "{ran:?}"
        );
        self.behave("{}");

        let plan = self.sandbox.ok(&["plan"]).stdout;
        assert!(
            plan.contains("thing  in doubt: creating a `fake_thing`"),
            "{plan}"
        );
        assert!(plan.contains("after  because of thing"), "{plan}");
        let before = self.things();
        self.sandbox.run(&["apply", "--yes"]);
        assert_eq!(self.things(), before, "it is left alone");
        ran
    }

    fn converges(&self) {
        self.sandbox.ok(&["apply", "--yes"]);
        assert_eq!(self.sandbox.read("after"), "thing-1");
        assert_eq!(self.things(), 1);
        self.sandbox.ok(&["plan", "--detailed-exitcode"]);
    }

    /// Starts `apply` and waits until the plugin has been asked to make the thing.
    fn start_apply(&self) -> Child {
        let child = self
            .sandbox
            .command(&["apply", "--yes"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("nixops4 starts");
        wait_until("the call", || self.was_called("ApplyResourceChange"));
        child
    }
}

/// Whether a process has this variable in its environment.
fn someone_has(variable: &str) -> bool {
    let processes = fs::read_dir("/proc").expect("/proc");
    processes.flatten().any(|process| {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|one| one == variable.as_bytes())
    })
}

#[test]
fn crash_before_it_makes_anything() {
    let lab = Lab::new();
    lab.on_apply(r#"{ "crash": "before" }"#);
    let ran = lab.apply_into_doubt();
    assert!(ran.stderr.contains("the plugin's process ended"), "{ran:?}");
    assert!(ran.stderr.contains("panic: fake crash"), "{ran:?}");
    lab.sandbox
        .ok(&["state", "repair", "thing", "--forget", "--yes"]);
    lab.converges();
}

#[test]
fn crash_after_it_made_something_and_before_it_said_so() {
    for moment in ["during", "mid_answer"] {
        let lab = Lab::new();
        lab.on_apply(&format!(r#"{{ "crash": "{moment}" }}"#));
        lab.apply_into_doubt();
        assert_eq!(lab.things(), 1, "{moment}");
        lab.sandbox
            .ok(&["state", "repair", "thing", "--adopt", "thing-1", "--yes"]);
        lab.converges();
    }
}

#[test]
fn crash_after_the_answer_loses_nothing() {
    let lab = Lab::new();
    lab.on_apply(r#"{ "crash": "after" }"#);
    lab.sandbox.ok(&["apply", "--yes"]);
    lab.behave("{}");
    lab.converges();
}

#[test]
fn crash_while_it_changes_or_deletes() {
    let lab = Lab::new();
    lab.sandbox.ok(&["apply", "--yes"]);
    lab.deploy("", "\"new\"");
    lab.on_apply(r#"{ "crash": "before" }"#);
    lab.sandbox.fails(&["apply", "--yes"]);
    let listed = lab.sandbox.ok(&["state", "list"]).stdout;
    assert!(listed.contains("thing  fake_thing  in doubt"), "{listed}");
    lab.behave("{}");
    let plan = lab.sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("in doubt: updating"), "{plan}");
    assert!(plan.contains("thing-1"), "its id is told: {plan}");
    lab.sandbox.ok(&["state", "repair", "--forget", "--yes"]);
    lab.converges();

    lab.on_apply(r#"{ "crash": "during" }"#);
    lab.sandbox.fails(&["destroy", "--yes"]);
    lab.behave("{}");
    let plan = lab.sandbox.ok(&["plan"]).stdout;
    assert!(plan.contains("in doubt: deleting"), "{plan}");
    lab.sandbox
        .ok(&["state", "repair", "thing", "--forget", "--yes"]);
    lab.sandbox.ok(&["destroy", "--yes"]);
    assert_eq!(lab.things(), 0);
    let listed = lab.sandbox.ok(&["state", "list"]).stdout;
    assert_eq!(listed, "");
}

#[test]
fn crash_while_it_plans() {
    let lab = Lab::new();
    lab.behave(r#"{ "rpcs": { "PlanResourceChange": { "crash": "before" } } }"#);
    let ran = lab.sandbox.run(&["apply", "--yes"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stderr.contains("provider fake: PlanResourceChange"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("[dir]/nixops4.nix:4:"), "{ran:?}");
    assert!(
        lab.sandbox.has("apart"),
        "what does not need it goes on: {ran:?}"
    );
    let listed = lab.sandbox.ok(&["state", "list"]).stdout;
    assert!(!listed.contains("in doubt"), "{listed}");
}

#[test]
fn secrets_in_what_it_says_are_not_shown() {
    let secret = "hunter2-of-the-unit";
    let complaint = format!(
        r#""diagnostics": [
            {{ "warning": true, "summary": "weak: {secret}" }},
            {{ "summary": "refused {secret}", "detail": "{secret} is known", "path": ["note"] }} ]"#
    );
    let behaviours = [
        ("complaint", format!("{{ {complaint} }}")),
        (
            "status",
            format!(r#"{{ "status": [13, "cannot use {secret}"] }}"#),
        ),
        (
            "crash",
            format!(r#"{{ "stderr": "[ERROR] using {secret}", "crash": "before" }}"#),
        ),
    ];
    for call in [
        "ValidateResourceConfig",
        "PlanResourceChange",
        "ApplyResourceChange",
    ] {
        for (what, behaviour) in &behaviours {
            // Not in the text itself, whose lines are quoted.
            let lab = Lab::with(
                "",
                "builtins.mark \"sensitive\" (builtins.readFile ./secret)",
            );
            lab.sandbox.write("secret", secret);
            lab.behave(&format!(r#"{{ "rpcs": {{ "{call}": {behaviour} }} }}"#));
            let ran = lab.sandbox.run(&["apply", "--yes", "--json", "-vv"]);
            assert_eq!(ran.code, Some(1), "{call}, {what}: {ran:?}");
            let said = ran.stdout + &ran.stderr;
            assert!(!said.contains(secret), "{call}, {what}: {said}");
            assert!(said.contains("(sensitive)"), "{call}, {what}: {said}");
        }
    }
}

/// Plans with a plugin that starts in an odd way, and gives what is said.
fn start_complaint(timeouts: &str, script: &str) -> String {
    let lab = Lab::with(timeouts, "null");
    lab.behave(script);
    let said = lab.sandbox.fails(&["plan"]);
    assert!(said.contains("provider fake"), "{said}");
    assert!(said.contains("[dir]/nixops4.nix:3:"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn crash_at_start() {
    let said = start_complaint("", r#"{ "start": "panic" }"#);
    assert!(said.contains("exit status 2"), "{said}");
    assert!(said.contains("panic: fake crash"), "{said}");
}

#[test]
fn wrong_protocol() {
    let line = r#"{ "start": { "line": "1|4|unix|/tmp/none|grpc|" } }"#;
    let said = start_complaint("", line);
    assert!(said.contains("protocol") && said.contains('4'), "{said}");
    let line = r#"{ "start": { "line": "hello, world" } }"#;
    let said = start_complaint("", line);
    assert!(said.contains("hello, world"), "{said}");
}

#[test]
fn hanging_at_start() {
    let said = start_complaint("timeouts.start = 0.5;", r#"{ "start": "hang" }"#);
    assert!(said.contains("handshake line"), "what was awaited: {said}");
    assert!(said.contains("0.5"), "how long: {said}");
}

#[test]
fn hanging_while_it_plans() {
    let lab = Lab::with("timeouts.plan = 1;", "null");
    lab.behave(r#"{ "rpcs": { "PlanResourceChange": { "hang": true } } }"#);
    let said = lab.sandbox.fails(&["plan"]);
    let awaited = "provider fake: PlanResourceChange: no answer within 1 seconds";
    assert!(said.contains(awaited), "{said}");
    assert!(said.contains("in thing"), "{said}");
}

#[test]
fn hanging_while_it_makes_something() {
    let lab = Lab::with("timeouts.apply = 1;", "null");
    lab.on_apply(r#"{ "hang": true }"#);
    let ran = lab.apply_into_doubt();
    let awaited = "provider fake: ApplyResourceChange: no answer within 1 seconds";
    assert!(ran.stderr.contains(awaited), "{ran:?}");
    lab.sandbox
        .ok(&["state", "repair", "thing", "--forget", "--yes"]);
    lab.converges();
}

#[test]
fn not_executable_and_no_program() {
    let lab = Lab::new();
    let program = lab.sandbox.path().join("plain");
    fs::copy(programs().join("fake-provider"), &program).expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).expect("it is ours");
    for (path, expected) in [
        ("./plain", "may not be executed"),
        ("./none", "there is no such file"),
        (".", "will not do"),
    ] {
        let text = lab
            .sandbox
            .read("nixops4.nix")
            .replace(&*programs().join("fake-provider").to_string_lossy(), path);
        lab.sandbox.write("other.nix", &text);
        let said = lab.sandbox.fails(&["plan", "--file", "other.nix"]);
        assert!(said.contains(expected), "{path}: {said}");
        assert!(said.contains("[dir]/other.nix:3:"), "{path}: {said}");
    }
}

#[test]
fn interrupted_once_the_plugin_is_asked_to_stop_and_waited_for() {
    let lab = Lab::new();
    lab.on_apply(r#"{ "until_stop": true }"#);
    let child = lab.start_apply();
    signal("INT", child.id());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(lab.was_called("StopProvider"), "{said}");
    assert!(said.contains("waiting for what runs"), "{said}");
    assert!(said.contains("cancelled by a request to stop"), "{said}");
    assert!(!lab.sandbox.has("after"), "nothing new is begun");
}

#[test]
fn interrupted_twice_the_plugin_is_ended_and_what_it_did_is_in_doubt() {
    let mut lab = Lab::new();
    // What the plugin starts counts too.
    lab.behave(r#"{ "start": "grandchild", "rpcs": { "ApplyResourceChange": { "hang": true } } }"#);
    let token = format!("NIXOPS4_TEST_TOKEN={}", lab.sandbox.path().display());
    let (name, value) = token.split_once('=').expect("a variable");
    lab.sandbox.set(name, value);
    let mut child = lab.start_apply();
    assert!(someone_has(&token));
    signal("INT", child.id());
    wait_until("the request to stop", || lab.was_called("StopProvider"));
    assert_eq!(child.try_wait().expect("it is ours"), None, "it waits");
    signal("INT", child.id());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("ending the providers"), "{said}");
    wait_until("the end of all processes", || !someone_has(&token));

    lab.behave("{}");
    let listed = lab.sandbox.ok(&["state", "list"]).stdout;
    assert!(listed.contains("thing  fake_thing  in doubt"), "{listed}");
    lab.sandbox
        .ok(&["state", "repair", "thing", "--forget", "--yes"]);
    lab.converges();
}
