//! Programs of protocol version 0, as they exist.

use std::path::Path;
use std::sync::Arc;

use nixops4_core::provider::native::{NativeProgram, NativeProvider};
use nixops4_core::provider::{
    Action, ApplyKind, ApplyRequest, ApplyResponse, ConfiguredProvider, Mode, PlanRequest,
    PlannedChange, Provider, ProviderError, ResourceState, StateEvent, StateHandle,
};
use nixops4_core::value::Value;
use serde_json::json;
use tempfile::TempDir;

fn provider(dir: &Path, manner: &str) -> Arc<NativeProvider> {
    let program = NativeProgram::new("old", env!("CARGO_BIN_EXE_native-v0"))
        .args([manner])
        .dir(dir);
    NativeProvider::new(program)
}

async fn configured(dir: &Path, manner: &str) -> Arc<dyn ConfiguredProvider> {
    let configured = provider(dir, manner).configure(&Value::null()).await;
    configured.expect("configured").value
}

async fn plan(
    provider: &dyn ConfiguredProvider,
    type_name: &str,
    prior: Option<&ResourceState>,
    inputs: &Value,
) -> PlannedChange {
    let planned = provider.plan(request(type_name, prior, inputs)).await;
    planned.expect("planned").value
}

fn request<'a>(
    type_name: &'a str,
    prior: Option<&'a ResourceState>,
    inputs: &'a Value,
) -> PlanRequest<'a> {
    PlanRequest {
        type_name,
        prior,
        inputs,
        stateful: true,
        ignore_changes: &[],
        ignore_all_changes: false,
        force_replace: false,
    }
}

async fn apply(
    provider: &dyn ConfiguredProvider,
    type_name: &str,
    prior: Option<&ResourceState>,
    inputs: &Value,
    stateful: bool,
) -> Result<ApplyResponse, ProviderError> {
    let change = plan(provider, type_name, prior, inputs).await;
    let kind = match change.action {
        Action::Create => ApplyKind::Create,
        Action::Update => ApplyKind::Update,
        other => panic!("{other:?}"),
    };
    let request = ApplyRequest {
        kind,
        type_name,
        prior,
        inputs,
        stateful,
        change: &change,
        progress: Default::default(),
    };
    provider.apply(request).await
}

fn say(text: &str) -> Value {
    Value::attrs([("say", text.into())])
}

#[tokio::test]
async fn it_is_recognised_whether_it_refuses_the_greeting_or_ends() {
    for manner in ["", "polite", "noisy"] {
        let folder = TempDir::new().expect("a folder");
        let provider = configured(folder.path(), manner).await;
        for stateful in [false, true] {
            let response = apply(&*provider, "echo", None, &say("hi"), stateful).await;
            let response = response.expect("it answers");
            let outputs = response.state.expect("made").outputs.to_plain_json();
            assert_eq!(
                outputs,
                json!({ "said": "hi", "stateful": stateful }),
                "{manner}"
            );
            assert_eq!(response.diagnostics.0.len(), usize::from(manner == "noisy"));
        }
        provider.close().await;
        let again = provider.plan(request("echo", None, &say("hi"))).await;
        assert!(again.is_err(), "it has been closed");
    }
}

#[tokio::test]
async fn an_error_is_an_error_and_the_next_request_is_answered() {
    for manner in ["", "polite"] {
        let folder = TempDir::new().expect("a folder");
        let provider = configured(folder.path(), manner).await;
        let memo = Value::attrs([("initialize_with", 1.into())]);
        let failed = apply(&*provider, "memo", None, &memo, false).await;
        let failed = failed.expect("not in doubt: it says why");
        assert_eq!(failed.state, None);
        let error = &failed.diagnostics.0[0];
        let text = format!("{}\n{}", error.summary, error.detail);
        assert!(text.contains("memo resources require state"), "{text}");
        let made = apply(&*provider, "memo", None, &memo, true)
            .await
            .expect("it answers");
        let made = made.state.expect("made");
        let other = Value::attrs([("initialize_with", 2.into())]);
        let updated = apply(&*provider, "memo", Some(&made), &other, true).await;
        let updated = updated.expect("it answers").state.expect("there");
        assert_eq!(updated.outputs, made.outputs);
        assert_eq!(updated.inputs, other);
        provider.close().await;
    }
}

#[tokio::test]
async fn a_program_that_is_killed_leaves_doubt() {
    let folder = TempDir::new().expect("a folder");
    let provider = configured(folder.path(), "").await;
    let error = apply(&*provider, "killed", None, &say("x"), true)
        .await
        .expect_err("killed");
    assert!(error.in_doubt);
    assert!(error.message.contains("killed by signal 9"), "{error}");
    let after = apply(&*provider, "echo", None, &say("x"), true).await;
    assert!(after.expect("started again").state.is_some());
}

#[tokio::test]
async fn what_it_cannot_do_is_done_without_it() {
    let folder = TempDir::new().expect("a folder");
    let provider = configured(folder.path(), "").await;
    let state = apply(&*provider, "echo", None, &say("a"), true)
        .await
        .expect("it answers");
    let state = state.state.expect("made");
    let read = provider.read(&state).await.expect("read").value;
    assert_eq!(
        read,
        Some(state.clone()),
        "it is taken to be as it was left"
    );
    assert_eq!(
        plan(&*provider, "echo", Some(&state), &say("a"))
            .await
            .action,
        Action::NoOp
    );
    assert_eq!(
        plan(&*provider, "echo", Some(&state), &say("b"))
            .await
            .action,
        Action::Update
    );
    let deletion = provider.plan_delete(&state).await.expect("planned");
    assert_eq!(deletion.value.action, Action::Forget);
    assert_eq!(
        deletion.warnings.0[0].summary,
        "the provider cannot delete objects of type `echo`: it is only forgotten"
    );
    provider.close().await;
}

#[tokio::test]
async fn secrets_that_go_in_are_secret_when_they_come_out() {
    let folder = TempDir::new().expect("a folder");
    let provider = configured(folder.path(), "").await;
    let secret = Value::attrs([("say", Value::from("s").sensitive())]);
    let made = apply(&*provider, "echo", None, &secret, true)
        .await
        .expect("it answers");
    assert!(made.state.expect("made").outputs.marks.sensitive);
    provider.close().await;
}

#[tokio::test]
async fn it_says_little_of_itself() {
    let folder = TempDir::new().expect("a folder");
    let provider = provider(folder.path(), "");
    let known = provider
        .resource_type(Mode::Managed, "anything")
        .await
        .expect("who knows");
    assert_eq!(known.outputs, None);
    assert!(known.stateless_unless_named);
    assert!(
        provider
            .resource_type(Mode::Data, "anything")
            .await
            .is_err()
    );
    let settings = Value::attrs([("region", "x".into())]);
    let found = provider
        .validate_config(&settings)
        .await
        .expect("it starts");
    assert_eq!(found.0[0].summary, "there is no setting `region`");
    Provider::close(&*provider).await;
}

#[tokio::test]
async fn its_state_handlers_work() {
    let folder = TempDir::new().expect("a folder");
    let provider = configured(folder.path(), "").await;
    let inputs = Value::attrs([("name", "s".into())]);
    let handle = StateHandle {
        type_name: "store",
        inputs: &inputs,
        outputs: &Value::null(),
    };
    let patch = json!([{ "op": "add", "path": "", "value": {} }]);
    let event = StateEvent {
        event: "create",
        patch: &patch,
    };
    provider.state_event(handle, event).await.expect("written");
    let read = provider.state_read(handle).await.expect("read").value;
    assert_eq!(read, json!({ "event": "create", "patch": patch }));
    let other = StateHandle {
        type_name: "other",
        ..handle
    };
    assert!(provider.state_read(other).await.is_err());
    provider.close().await;
}
