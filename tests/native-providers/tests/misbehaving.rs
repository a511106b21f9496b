//! Programs that misbehave: each way is told in words that help, and none hangs or loses anything.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nixops4_core::AttrPath;
use nixops4_core::provider::native::{NativeProgram, NativeProvider};
use nixops4_core::provider::{
    Action, ApplyKind, ApplyRequest, ApplyResponse, ConfiguredProvider, Mode, PlanRequest,
    Provider, ProviderError, ResourceState,
};
use nixops4_core::value::Value;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    fn dir(&self) -> &Path {
        self.0.path()
    }

    fn program(&self, script: &Json) -> NativeProgram {
        NativeProgram::new("p", env!("CARGO_BIN_EXE_native-scripted"))
            .args([script.to_string()])
            .dir(self.dir())
    }

    async fn configured(&self, script: Json) -> Arc<dyn ConfiguredProvider> {
        let provider = NativeProvider::new(self.program(&script));
        let configured = provider.configure(&Value::null()).await;
        configured.expect("configured").value
    }
}

/// How starting a program fails.
async fn start_error(program: NativeProgram) -> ProviderError {
    let provider = NativeProvider::new(program);
    let failure = provider.resource_type(Mode::Managed, "thing").await;
    match failure {
        Err(nixops4_core::provider::Failure::Provider(error)) => error,
        other => panic!("it started: {other:?}"),
    }
}

fn thing(name: &str) -> Value {
    Value::attrs([("name", name.into())])
}

async fn create(
    provider: &dyn ConfiguredProvider,
    name: &str,
) -> Result<ApplyResponse, ProviderError> {
    apply(provider, None, &thing(name)).await
}

async fn apply(
    provider: &dyn ConfiguredProvider,
    prior: Option<&ResourceState>,
    inputs: &Value,
) -> Result<ApplyResponse, ProviderError> {
    let request = PlanRequest {
        type_name: "thing",
        prior,
        inputs,
        stateful: true,
        ignore_changes: &[],
        ignore_all_changes: false,
        force_replace: false,
    };
    let change = provider.plan(request).await.expect("planned").value;
    let kind = match change.action {
        Action::Create => ApplyKind::Create,
        Action::Update => ApplyKind::Update,
        other => panic!("{other:?}"),
    };
    let request = ApplyRequest {
        kind,
        type_name: "thing",
        prior,
        inputs,
        stateful: true,
        change: &change,
        progress: Default::default(),
    };
    provider.apply(request).await
}

#[tokio::test]
async fn a_missing_program_is_named_with_what_to_look_for() {
    let place = Place::new();
    let error = start_error(NativeProgram::new("p", "no-such-program").dir(place.dir())).await;
    assert_eq!(
        error.to_string(),
        "provider p: its program no-such-program cannot be started: No such file or directory (os error 2)"
    );
    assert_eq!(
        error.hints,
        ["no folder in PATH has a program `no-such-program`"]
    );
    let error = start_error(NativeProgram::new("p", "./x").dir(place.dir())).await;
    assert_eq!(
        error.hints,
        ["there is no file ./x, or not the interpreter that it asks for"]
    );
    std::fs::write(place.dir().join("x"), "").expect("written");
    let error = start_error(NativeProgram::new("p", "./x").dir(place.dir())).await;
    assert_eq!(error.hints, ["is the file ./x executable?"]);
    let absent = place.dir().join("absent");
    let error = start_error(NativeProgram::new("p", "/bin/true").dir(&absent)).await;
    let hint = format!("its working directory {} does not exist", absent.display());
    assert_eq!(error.hints, [hint]);
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_told_with_its_last_words() {
    let place = Place::new();
    let script = json!({ "start": [{ "stderr": "libfoo.so: not found" }, { "exit": 127 }] });
    let error = start_error(place.program(&script)).await;
    assert_eq!(
        error.message,
        "its program ended (exit status 127); it last said:\nlibfoo.so: not found"
    );
    let script = json!({ "start": ["die"] });
    let error = start_error(place.program(&script)).await;
    assert!(error.message.contains("killed by signal 9"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_no_provider_is_told_as_such() {
    let place = Place::new();
    let error = start_error(NativeProgram::new("p", "cat").dir(place.dir())).await;
    assert!(
        error.message.starts_with("it does not speak version 0 of the provider protocol; it wrote: {\"stateResourceReadRequest\""),
        "{error}"
    );
    let mut program = NativeProgram::new("p", "sleep")
        .args(["1000"])
        .dir(place.dir());
    program.hello_timeout = Duration::from_millis(50);
    let error = start_error(program).await;
    assert_eq!(
        error.message,
        "its program sleep was started, but did not answer the greeting within 0.05 s"
    );
    assert_eq!(error.hints, ["is it a provider program at all?"]);
}

#[tokio::test]
async fn a_program_of_another_version_is_told_as_such() {
    let place = Place::new();
    let line = r#"{"id":ID,"result":{"protocolVersion":9,"provider":"x","version":"2"}}"#;
    let script = json!({ "on": { "hello": [{ "raw": line }] } });
    let error = start_error(place.program(&script)).await;
    assert_eq!(
        error.message,
        "its program (x 2) speaks version 9 of the provider protocol, we speak version 1"
    );
    let refusal = json!({ "message": "we speak version 9", "hints": ["update nixops4"] });
    let script = json!({ "on": { "hello": [{ "fail": refusal }] } });
    let error = start_error(place.program(&script)).await;
    assert_eq!(error.message, "we speak version 9");
    assert_eq!(error.hints, ["update nixops4"]);
}

#[tokio::test]
async fn stray_output_is_a_warning_that_quotes_it() {
    let place = Place::new();
    let script = json!({ "start": [{ "stdout": "Welcome!" }], "on": { "create": [{ "stdout": "debug: 1" }] } });
    let provider = place.configured(script).await;
    let response = create(&*provider, "a").await.expect("it answers");
    assert!(response.state.is_some());
    let warning = &response.diagnostics.0[0];
    assert_eq!(
        warning.summary,
        "the provider wrote to its standard output beside the protocol"
    );
    assert_eq!(warning.detail, "debug: 1");
    provider.close().await;
}

#[tokio::test]
async fn a_death_fails_what_is_under_way_and_nothing_after() {
    let place = Place::new();
    let script = json!({ "on": {
        "create a": ["silent"],
        "create b": [{ "stderr": "out of luck" }, { "exitAfter": 101 }],
    } });
    let provider = place.configured(script).await;
    let (a, b) = tokio::join!(create(&*provider, "a"), create(&*provider, "b"));
    for error in [a.expect_err("dead"), b.expect_err("dead")] {
        assert_eq!(
            error.to_string(),
            "provider p: its program ended (exit status 101); it last said:\nout of luck"
        );
        assert_eq!(error.call, "create");
        assert!(error.in_doubt, "the object may exist");
    }
    assert!(place.dir().join("thing-1.json").exists(), "as it does here");
    let later = create(&*provider, "c").await.expect("started again");
    assert!(later.state.is_some());
    provider.close().await;
}

#[tokio::test]
async fn half_an_answer_is_no_answer() {
    let place = Place::new();
    let provider = place
        .configured(json!({ "on": { "create": ["halfReply"] } }))
        .await;
    let error = create(&*provider, "a").await.expect_err("dead");
    assert!(error.in_doubt);
    assert!(
        error.message.contains("it had written:\n{\"id\":"),
        "{error}"
    );
}

#[tokio::test]
async fn a_program_that_closes_its_output_is_ended() {
    let place = Place::new();
    let script = json!({ "on": { "create": ["closeStdout", "grandchild", "silent"] } });
    let provider = place.configured(script).await;
    let error = create(&*provider, "a").await.expect_err("dead");
    assert_eq!(
        error.message,
        "its program closed its output and went on, and was killed"
    );
    assert!(error.in_doubt);
}

#[tokio::test]
async fn answers_that_make_no_sense_leave_the_call_in_doubt() {
    for (line, expected) in [
        (
            r#"{"id":ID,"result":{"outputs":[1]}}"#,
            "its answer does not keep to the protocol",
        ),
        (
            r#"{"id":ID,"result":5}"#,
            "its answer does not keep to the protocol",
        ),
        (
            r#"{"id":ID}"#,
            "it does not keep to the provider protocol: an answer with neither",
        ),
        (
            r#"{"id":4711,"result":{}}"#,
            "an answer to the request 4711, which was not made",
        ),
        (
            r#"{"answer":"yes"}"#,
            "it does not speak the provider protocol; it wrote:",
        ),
    ] {
        let place = Place::new();
        let provider = place
            .configured(json!({ "on": { "create": [{ "raw": line }] } }))
            .await;
        let error = create(&*provider, "a").await.expect_err("no sense");
        assert!(error.message.contains(expected), "{line}: {error}");
        assert!(error.in_doubt);
        provider.close().await;
    }
}

#[tokio::test]
async fn an_error_names_its_leaf_and_keeps_what_was_made() {
    let place = Place::new();
    let script = json!({ "on": {
        "create a": [{ "fail": { "message": "no", "detail": "really", "path": ["tags", "x"], "hints": ["do not"] } }],
        "create b": [{ "partial": "half-way" }],
        "update c": [{ "partial": "half-way" }],
        "update d": [{ "fail": { "message": "no" } }],
    } });
    let provider = place.configured(script).await;
    let response = create(&*provider, "a").await.expect("it answers");
    let error = &response.diagnostics.0[0];
    assert_eq!(error.to_string(), "no (at tags.x)");
    assert_eq!(
        (error.detail.as_str(), &*error.hints[0]),
        ("really", "do not")
    );
    assert_eq!(response.state, None);

    let response = create(&*provider, "b").await.expect("it answers");
    assert!(response.diagnostics.has_errors());
    let half = response.state.expect("what was made");
    assert_eq!(
        half.outputs.get(&AttrPath::root().child("id")),
        Some(&"thing-1".into())
    );
    assert_eq!(half.inputs, thing("b"));

    for (name, revision) in [("c", 2), ("d", 1)] {
        let made = create(&*provider, name)
            .await
            .expect("it answers")
            .state
            .expect("made");
        let wanted = Value::attrs([("name", name.into()), ("note", "n".into())]);
        let response = apply(&*provider, Some(&made), &wanted)
            .await
            .expect("it answers");
        assert!(response.diagnostics.has_errors());
        let state = response.state.expect("there");
        let found = state.outputs.get(&AttrPath::root().child("revision"));
        assert_eq!(found, Some(&revision.into()), "{name}");
        assert_eq!(state.inputs, thing(name), "it is still to be changed");
    }
    provider.close().await;
}

#[tokio::test]
async fn calls_run_at_the_same_time() {
    let place = Place::new();
    let script = json!({ "on": { "create a": [{ "await": "thing-1.json" }] } });
    let provider = place.configured(script).await;
    let (a, b) = tokio::join!(create(&*provider, "a"), create(&*provider, "b"));
    assert!(a.expect("it answers").state.is_some());
    assert!(b.expect("it answers").state.is_some());
    provider.close().await;
}

#[tokio::test]
async fn nothing_outlives_a_provider_that_is_dropped() {
    let place = Place::new();
    let script = json!({ "on": { "create": ["grandchild", "silent"] } });
    let provider = place.configured(script).await;
    let pid = {
        let call = create(&*provider, "a");
        let started = async {
            loop {
                let text = std::fs::read_to_string(place.dir().join("grandchild"));
                match text.ok().filter(|text| !text.is_empty()) {
                    Some(pid) => break pid,
                    None => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
        };
        tokio::select! {
            _ = call => panic!("it does not answer"),
            pid = started => pid,
        }
    };
    assert!(runs(&pid));
    drop(provider);
    while runs(&pid) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Whether a process runs: not one that has ended and whose parent has not looked yet.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}

#[tokio::test]
async fn secrets_do_not_come_back_in_what_a_program_says() {
    let place = Place::new();
    let refusal =
        json!({ "message": "no: s3cret", "detail": "given: hidden-too", "hints": ["not s3cret"] });
    let script = json!({ "on": {
        "create a": [{ "stdout": "log s3cret" }, { "fail": refusal }],
        "create b": [{ "stderr": "last: s3cret" }, { "exit": 1 }],
    } });
    let provider = place.configured(script).await;
    let wanted = |name: &str| {
        let tags = Value::attrs([("t", Value::from("hidden-too").sensitive())]);
        // The type says that this one is secret; nobody marked it.
        Value::attrs([
            ("name", name.into()),
            ("secret", "s3cret".into()),
            ("tags", tags),
        ])
    };
    let refused = apply(&*provider, None, &wanted("a"))
        .await
        .expect("it answers");
    let text = format!("{:?}", refused.diagnostics);
    assert!(
        text.contains("no: (sensitive)") && text.contains("not (sensitive)"),
        "{text}"
    );
    assert!(
        text.contains("given: (sensitive)") && text.contains("log (sensitive)"),
        "{text}"
    );
    assert!(
        !text.contains("s3cret") && !text.contains("hidden-too"),
        "{text}"
    );
    let died = apply(&*provider, None, &wanted("b"))
        .await
        .expect_err("dead");
    assert!(
        died.message.ends_with("it last said:\nlast: (sensitive)"),
        "{died}"
    );
}
