//! `nixops4 run`: actions of a plugin, told what resources put out.

use std::process::Stdio;
use std::time::{Duration, Instant};

use nixops4_tests::{Sandbox, fake_provider};
use serde_json::Value;

const DEPLOYMENT: &str = r#"{ members, providers, ... }: {
  providers.fake = { type = "tfplugin"; executable = "PLUGIN"; };
  members.box = { config, ... }: {
    type = providers.fake.fake_thing;
    inputs.name = "n";
    operations.ping = {
      description = "Says its identifier";
      type = providers.fake.actions.fake_ping;
      inputs = { message = "it is ${config.outputs.id}"; count = 2; };
    };
  };
  operations.empty = { type = providers.fake.actions.fake_ping; inputs.message = ""; };
  operations.wrong = { type = providers.fake.actions.fake_pong; };
  operations.typo = { type = providers.fake.actions.fake_ping; inputs.mesage = "x"; };
  operations.two.steps = map (message: {
    type = providers.fake.actions.fake_ping;
    inputs = { inherit message; };
  }) [ "one" "two" ];
  operations.flood = {
    type = providers.fake.actions.fake_ping;
    inputs = { message = "again"; count = 20000; };
  };
}"#;

fn sandbox(script: &str) -> Sandbox {
    let plugin = fake_provider();
    let text = DEPLOYMENT.replace("PLUGIN", &plugin.to_string_lossy());
    let mut sandbox = Sandbox::with_deployment(&text);
    let place = |name: &str| sandbox.path().join(name).to_string_lossy().into_owned();
    let (store, log) = (place("world.json"), place("calls"));
    sandbox.set("FAKE_PROVIDER_STORE", store);
    sandbox.set("FAKE_PROVIDER_LOG", log);
    sandbox.set("FAKE_PROVIDER_SCRIPT", script);
    sandbox
}

fn events(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a JSON line"))
        .collect()
}

fn types(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["type"].as_str().expect("a type"))
        .collect()
}

#[test]
fn are_listed_where_none_is_named() {
    let sandbox = sandbox("{}");
    let all = sandbox.ok(&["run"]).stdout;
    assert_eq!(
        all,
        "empty\nflood\ntwo\ntypo\nwrong\nbox ping  Says its identifier\n"
    );
    assert_eq!(
        sandbox.ok(&["run", "box"]).stdout,
        "box ping  Says its identifier\n"
    );
    let said = sandbox.fails(&["run", "box", "pnig", "--yes"]);
    assert!(said.contains("did you mean \"ping\"?"), "{said}");
}

#[test]
fn use_what_exists_and_say_what_does_not() {
    let sandbox = sandbox("{}");
    let said = sandbox.fails(&["run", "box", "ping", "--yes"]);
    assert!(
        said.contains("the operation `ping` needs box, and that does not exist yet"),
        "{said}"
    );
    assert!(said.contains("[dir]/nixops4.nix:9:18"), "{said}");
    assert!(
        said.contains("hint: `nixops4 apply box` makes it"),
        "{said}"
    );

    sandbox.ok(&["apply", "--yes"]);
    // What is planned for the object is not what is.
    let text = sandbox.read("nixops4.nix");
    let other_name = text.replace("inputs.name = \"n\"", "inputs.name = \"other\"");
    sandbox.write("nixops4.nix", &other_name);
    let ran = sandbox.ok(&["run", "box", "ping", "--yes"]);
    assert!(
        ran.stdout
            .contains("Operation ping of box: Says its identifier\n  > fake_ping  by fake\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("message  \"it is thing-1\""),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("box.ping  it is thing-1 2"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("fake_ping done"), "{}", ran.stderr);
}

#[test]
fn are_asked_about() {
    let sandbox = sandbox("{}");
    let said = sandbox.fails(&["run", "two"]);
    assert!(said.contains("--yes is not given"), "{said}");
}

#[test]
fn are_checked_before_anything_is_done() {
    let sandbox = sandbox("{}");
    for (name, message, place) in [
        ("empty", "Empty message", ":12:"),
        (
            "wrong",
            "provider fake has no action \"fake_pong\"",
            ":13:24",
        ),
        ("typo", "did you mean", ":14:"),
    ] {
        let said = sandbox.fails(&["run", name, "--yes"]);
        assert!(said.contains(message) && said.contains(place), "{said}");
    }
    assert!(!sandbox.read("calls").contains("InvokeAction"));
}

#[test]
fn tell_events_as_json() {
    let sandbox = sandbox("{}");
    let events = events(&sandbox.ok(&["run", "two", "--yes", "--json"]).stdout);
    assert_eq!(
        types(&events),
        [
            "runStarted",
            "evaluationStarted",
            "actionPlanned",
            "actionPlanned",
            "actionStarted",
            "actionProgress",
            "actionDone",
            "actionStarted",
            "actionProgress",
            "actionDone",
            "runSummary"
        ]
    );
    assert_eq!(events[0]["command"], "run");
    assert_eq!(events[8]["message"], "two 1");
    assert_eq!(events[10]["actions"], 2);
}

#[test]
fn a_step_that_fails_ends_them() {
    let script = r#"{"rpcs":{"InvokeAction":{"call":1,
        "diagnostics":[{"summary":"It is full","path":["message"]}]}}}"#;
    let sandbox = sandbox(script);
    let ran = sandbox.run(&["run", "two", "--yes"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in [
        "two  fake_ping failed",
        "two  fake_ping not done, because of what comes before it",
        "error: It is full",
        "nixops4.nix:17:",
        "Not all is done: 1 failed, 1 skipped",
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn an_end_without_an_answer_is_said_to_be_in_doubt() {
    for (behaviour, message) in [
        (
            r#"{"without_end":true}"#,
            "it did not say how the action ended",
        ),
        (r#"{"crash":"mid_answer"}"#, "the plugin's process ended"),
    ] {
        let sandbox = sandbox(&format!(r#"{{"rpcs":{{"InvokeAction":{behaviour}}}}}"#));
        let ran = sandbox.run(&["run", "two", "--yes"]);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        let said = ran.stderr;
        assert!(said.contains("what it has done is not known"), "{said}");
        assert!(
            said.contains(message) && said.contains("1 in doubt"),
            "{said}"
        );
    }
}

#[test]
fn a_flood_of_progress_comes_through() {
    let sandbox = sandbox("{}");
    let ran = sandbox.ok(&["run", "flood", "--yes"]);
    assert_eq!(ran.stderr.matches("flood  again ").count(), 20000);
}

#[test]
fn an_interrupt_asks_the_plugin_to_stop() {
    let sandbox = sandbox(r#"{"rpcs":{"InvokeAction":{"until_stop":true}}}"#);
    let child = sandbox
        .command(&["run", "two", "--yes", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("nixops4 starts");
    let start = Instant::now();
    while !sandbox.has("calls") || !sandbox.read("calls").contains("InvokeAction") {
        assert!(start.elapsed() < Duration::from_secs(60), "never invoked");
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = i32::try_from(child.id()).expect("a process id");
    let told = std::process::Command::new("kill")
        .args(["-INT", &id.to_string()])
        .status();
    assert!(told.expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    let ran = sandbox.ran(&["run"], &output);
    assert_eq!(ran.code, Some(130), "{ran:?}");
    assert!(sandbox.read("calls").contains("StopProvider"));
    let events = events(&ran.stdout);
    let types = types(&events);
    assert!(types.contains(&"interrupted"), "{types:?}");
    assert!(types.contains(&"actionSkipped"), "{types:?}");
}
