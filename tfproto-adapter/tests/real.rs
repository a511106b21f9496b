//! Plugins made with the frameworks that real ones are made with: terraform-plugin-framework
//! (protocol 6) and terraform-plugin-sdk (protocol 5, the legacy type system).
//!
//! They are built with Go; where that is not possible the tests are skipped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use nixops4_core::AttrPath;
use nixops4_core::provider::{
    Action, ApplyKind, ApplyRequest, ApplyResponse, ConfiguredProvider, PlanRequest, PlannedChange,
    Provider, ResourceState,
};
use nixops4_core::value::Value;
use nixops4_testutils::{Subject, provider_contract, skipped};
use nixops4_tfproto::provider::{PluginOptions, TfProvider};
use serde_json::{Value as Json, json};

const FRAMEWORK: &str = "framework_object";
const LEGACY: &str = "legacy_thing";

/// Builds a plugin of this repository, or says why it cannot be.
fn build(name: &str) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/plugins")
        .join(name);
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("terraform-provider-{name}"));
    let built = Command::new("go")
        .arg("build")
        .arg("-o")
        .arg(&program)
        .arg(".")
        .current_dir(source)
        .output();
    match built {
        Ok(output) if output.status.success() => Ok(program),
        Ok(output) => Err(format!(
            "go build: {}",
            String::from_utf8_lossy(&output.stderr)
        )),
        Err(error) => Err(format!("go: {error}")),
    }
}

/// Builds it once for all tests; each says that it is skipped where that is not possible.
fn built(name: &str, once: &'static OnceLock<Result<PathBuf, String>>) -> Option<&'static Path> {
    let built = once.get_or_init(|| build(name)).as_deref();
    built.inspect_err(|why| skipped(why)).ok()
}

fn framework() -> Option<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    built("framework", &BUILT)
}

fn legacy() -> Option<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    built("legacy", &BUILT)
}

fn plain(json: Json) -> Value {
    Value::from_plain_json(&json).expect("a value")
}

fn path(text: &str) -> AttrPath {
    AttrPath(text.split('.').map(Into::into).collect())
}

fn provider(executable: &Path) -> Arc<TfProvider> {
    let (name, executable) = ("real".to_owned(), executable.to_owned());
    TfProvider::new(PluginOptions::new(name, executable))
}

/// A configured plugin with a folder for its objects.
struct World {
    dir: tempfile::TempDir,
    instance: Arc<dyn ConfiguredProvider>,
    type_name: &'static str,
}

impl World {
    async fn new(executable: &Path, type_name: &'static str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let config = plain(json!({ "directory": dir.path() }));
        let instance = provider(executable)
            .configure(&config)
            .await
            .expect("configured")
            .value;
        Self {
            dir,
            instance,
            type_name,
        }
    }

    async fn plan(&self, prior: Option<&ResourceState>, inputs: &Value) -> PlannedChange {
        let request = PlanRequest {
            type_name: self.type_name,
            prior,
            inputs,
            stateful: true,
            ignore_changes: &[],
            ignore_all_changes: false,
            force_replace: false,
        };
        self.instance.plan(request).await.expect("a plan").value
    }

    async fn try_apply(&self, prior: Option<&ResourceState>, inputs: &Value) -> ApplyResponse {
        let change = self.plan(prior, inputs).await;
        let kind = match change.action {
            Action::Create => ApplyKind::Create,
            Action::Update => ApplyKind::Update,
            other => panic!("planned {other:?}"),
        };
        let (type_name, change) = (self.type_name, &change);
        let request = ApplyRequest {
            kind,
            type_name,
            prior,
            inputs,
            stateful: true,
            change,
            progress: Default::default(),
        };
        self.instance.apply(request).await.expect("an answer")
    }

    async fn apply(&self, prior: Option<&ResourceState>, inputs: &Value) -> ResourceState {
        let response = self.try_apply(prior, inputs).await;
        assert!(
            !response.diagnostics.has_errors(),
            "{:?}",
            response.diagnostics
        );
        response.state.expect("an object")
    }

    /// Reads the object, and finds nothing to be done.
    async fn assert_settled(&self, state: &ResourceState) -> ResourceState {
        let read = self
            .instance
            .read(state)
            .await
            .expect("read")
            .value
            .expect("an object");
        let change = self.plan(Some(&read), &state.inputs).await;
        assert_eq!(
            change.action,
            Action::NoOp,
            "\nis      {}\nplanned {}",
            read.outputs.to_plain_json(),
            change.outputs.to_plain_json()
        );
        read
    }
}

fn output(state: &ResourceState, name: &str) -> Json {
    state
        .outputs
        .get(&path(name))
        .expect("an output")
        .to_plain_json()
}

fn every_kind() -> Json {
    json!({
        "name": "a", "kind": "k", "enabled": true, "size": "3", "ratio": 0.1,
        "big": 12345678901234567890u64, "names": ["x", "y"], "labels": { "k": "v" },
        "point": { "x": 1, "y": 2.5 }, "anything": { "list": [1, "two", [true]] },
        "single": { "name": "s" },
        "rule_list": [{ "name": "one" }, { "name": "two", "port": 22 }],
        "rule_set": [{ "name": "b" }, { "name": "a", "port": 443 }],
        "rule_map": { "m": { "name": "in map" } },
        "password": "p", "secret": "never stored", "secret_version": 1,
        "list_block": [{ "name": "l" }], "set_block": { "name": "alone", "port": 1 },
        "single_block": { "name": "sb" },
    })
}

#[tokio::test]
async fn every_kind_of_attribute_of_the_framework() {
    let Some(executable) = framework() else {
        return;
    };
    let world = World::new(executable, FRAMEWORK).await;
    let state = world.apply(None, &plain(every_kind())).await;
    for (name, expected) in [
        ("zones", json!(["here"])),
        ("single", json!({ "name": "s", "port": 80 })),
        (
            "rule_set",
            json!([{ "name": "a", "port": 443 }, { "name": "b", "port": 80 }]),
        ),
        ("set_block", json!([{ "name": "alone", "port": 1 }])),
        ("anything", json!({ "list": [1, "two", [true]] })),
        ("secret", Json::Null),
        ("secret_length", json!(12)),
    ] {
        assert_eq!(output(&state, name), expected, "{name}");
    }
    assert_eq!(output(&state, "big").to_string(), "12345678901234567890");
    assert!(
        state
            .outputs
            .get(&path("password"))
            .is_some_and(|value| value.marks.sensitive)
    );
    assert_eq!(state.identity, Some(json!({ "id": output(&state, "id") })));
    let state = world.assert_settled(&state).await;

    let mut changed = every_kind();
    changed["rule_set"] = json!([{ "name": "b" }, { "name": "c" }]);
    changed["anything"] = json!("text");
    let state = world.apply(Some(&state), &plain(changed.clone())).await;
    assert_eq!(
        output(&state, "rule_set"),
        json!([{ "name": "b", "port": 80 }, { "name": "c", "port": 80 }])
    );
    world.assert_settled(&state).await;
    changed["kind"] = json!("other");
    let change = world.plan(Some(&state), &plain(changed)).await;
    assert_eq!(
        (change.action, change.replace_paths),
        (Action::Replace, vec![path("kind")])
    );
}

#[tokio::test]
async fn every_kind_of_attribute_of_the_sdk() {
    let Some(executable) = legacy() else { return };
    let world = World::new(executable, LEGACY).await;
    let inputs = json!({
        "name": "a", "size": 3, "ratio": 0.5, "password": "p", "tags": { "k": "v" },
        "names": ["x", "y"], "ports": [3, 1, 2, 3], "lowercased": "ABC",
        "rule": [{ "port": 80 }, { "port": "443", "protocol": "udp", "note": "n" }],
        "timeouts": { "create": "10s" },
    });
    let state = world.apply(None, &plain(inputs.clone())).await;
    for (name, expected) in [
        ("zone", json!("a")),
        ("ports", json!([1, 2, 3])),
        ("lowercased", json!("abc")),
        ("upper_name", json!("A")),
        ("option", json!([{ "level": 3 }])),
        ("generation", json!(1)),
    ] {
        assert_eq!(output(&state, name), expected, "{name}");
    }
    let state = world.assert_settled(&state).await;
    let mut changed = inputs.clone();
    changed["rule"] = json!({ "port": 80, "protocol": "udp" });
    changed["name"] = json!("b");
    let change = world.plan(Some(&state), &plain(changed.clone())).await;
    assert!(
        change
            .outputs
            .get(&path("upper_name"))
            .is_some_and(Value::is_unknown)
    );
    let state = world.apply(Some(&state), &plain(changed.clone())).await;
    assert_eq!(
        (output(&state, "generation"), output(&state, "upper_name")),
        (json!(2), json!("B"))
    );
    let state = world.assert_settled(&state).await;

    // What the service refuses stays as it was, and the next plan sees it.
    changed["description"] = json!("refuse");
    let wanted = plain(changed);
    let refused = world.try_apply(Some(&state), &wanted).await;
    assert!(refused.diagnostics.has_errors());
    let kept = refused.state.expect("an object");
    assert_eq!(
        world.plan(Some(&kept), &wanted).await.action,
        Action::Update
    );
}

#[tokio::test]
async fn half_made_objects_are_kept() {
    for (executable, type_name) in [(framework(), FRAMEWORK), (legacy(), LEGACY)] {
        let Some(executable) = executable else {
            continue;
        };
        let world = World::new(executable, type_name).await;
        let inputs = plain(json!({ "name": "half-made" }));
        let ApplyResponse { state, diagnostics } = world.try_apply(None, &inputs).await;
        assert!(diagnostics.has_errors());
        let state = ResourceState {
            tainted: true,
            ..state.expect("an object")
        };
        assert_eq!(
            world.plan(Some(&state), &inputs).await.action,
            Action::Replace
        );
    }
}

#[tokio::test]
async fn states_of_older_versions_are_upgraded() {
    for (executable, type_name, version) in [(framework(), FRAMEWORK, 0), (legacy(), LEGACY, 1)] {
        let Some(executable) = executable else {
            continue;
        };
        let world = World::new(executable, type_name).await;
        let old = ResourceState {
            type_name: type_name.to_owned(),
            inputs: plain(json!({ "name": "a" })),
            outputs: plain(json!({ "id": "x", "title": "a" })),
            schema_version: version,
            ..ResourceState::default()
        };
        let upgraded = world.instance.upgrade(old).await.expect("upgraded").value;
        assert_eq!(
            (output(&upgraded, "name"), upgraded.schema_version),
            (json!("a"), 2)
        );
    }
}

#[tokio::test]
async fn a_resource_may_wait() {
    let Some(executable) = framework() else {
        return;
    };
    let world = World::new(executable, "framework_waiting").await;
    let file = world.dir.path().join("awaited");
    let inputs = plain(json!({ "waits_for": file }));
    let change = world.plan(None, &inputs).await;
    assert_eq!(
        change.deferred.as_deref(),
        Some("something that does not exist yet")
    );
    std::fs::write(&file, "").expect("a file");
    assert_eq!(world.plan(None, &inputs).await.deferred, None);
}

#[tokio::test]
async fn both_keep_the_contract() {
    for (executable, type_name, replacing) in
        [(framework(), FRAMEWORK, "kind"), (legacy(), LEGACY, "zone")]
    {
        let Some(executable) = executable else {
            continue;
        };
        let dir = tempfile::tempdir().expect("a directory");
        let with = |name: &str, value: Json| {
            let mut inputs = json!({ "name": "a", "size": 1, "password": "p" });
            inputs[name] = value;
            plain(inputs)
        };
        let subject = Subject {
            config: plain(json!({ "directory": dir.path() })),
            // An old plugin may plan one generation and make another.
            updated: (type_name == FRAMEWORK).then(|| with("size", json!(2))),
            replaced: Some((with(replacing, json!("other")), path(replacing))),
            invalid: Some((with("size", json!("much")), path("size"))),
            may_be_unknown: Some("size".to_owned()),
            secret_output: Some("password".to_owned()),
            ..Subject::new(
                move || provider(executable) as Arc<dyn Provider>,
                type_name,
                with("name", json!("a")),
            )
        };
        provider_contract(&subject).await;
    }
}

/// Functions with parameters and return types of every kind, called without a configuration.
#[tokio::test]
async fn functions_of_every_type() {
    let Some(executable) = framework() else {
        return;
    };
    let provider = provider(executable);
    let call = async |name: &str, arguments: Json| {
        let arguments: Vec<Value> = arguments
            .as_array()
            .expect("a list")
            .iter()
            .map(|argument| plain(argument.clone()))
            .collect();
        let called = provider.call_function(name, &arguments).await;
        called.map(|value| value.to_plain_json())
    };
    let same = [
        ("echo_string", json!("text")),
        ("echo_bool", json!(true)),
        ("echo_int64", json!(9007199254740993_i64)),
        ("echo_float64", json!(1.5)),
        ("echo_list", json!(["b", "a", "b"])),
        ("echo_map", json!({ "k": "v", "dots.and spaces": "" })),
        ("echo_object", json!({ "label": "l", "x": 3 })),
        ("echo_dynamic", json!({ "deep": [1, null, { "a": false }] })),
        ("echo_dynamic", json!(null)),
    ];
    for (name, value) in same {
        assert_eq!(call(name, json!([value])).await, Ok(value), "{name}");
    }
    let large: Json = serde_json::from_str("123456789012345678901234567890").expect("a number");
    assert_eq!(call("echo_number", json!([large])).await, Ok(large));
    assert_eq!(
        call("echo_set", json!([["b", "a", "b"]])).await,
        Ok(json!(["a", "b"]))
    );
    // Arguments are converted as Terraform does.
    assert_eq!(call("echo_string", json!([1])).await, Ok(json!("1")));
    assert_eq!(call("sum", json!([])).await, Ok(json!(0)));
    assert_eq!(call("sum", json!([1, 2.5, "3"])).await, Ok(json!(6.5)));
    assert_eq!(
        call("join", json!(["-", ["a", "b"]])).await,
        Ok(json!("a-b"))
    );

    let failures = [
        (
            "echo_string",
            json!([null]),
            "echo_string: value must not be null",
        ),
        (
            "echo_int64",
            json!([[]]),
            "echo_int64: value must be a number, not a list",
        ),
        ("sum", json!([1, "x"]), "sum: numbers[1] must be a number"),
        (
            "join",
            json!(["-", ["a", ""]]),
            "join: the argument texts: a text is empty",
        ),
        ("join", json!(["-"]), "join: it takes 2 arguments, not 1"),
        ("jion", json!([]), "provider real has no function \"jion\""),
    ];
    for (name, arguments, expected) in failures {
        let failure = call(name, arguments).await.expect_err(name);
        let diagnostic = failure.into_diagnostics().0.remove(0);
        assert!(diagnostic.summary.starts_with(expected), "{diagnostic}");
    }
    let signature = provider.function("sum").await.expect("a function");
    assert_eq!(
        signature.variadic.as_ref().expect("numbers").name,
        "numbers"
    );
}
