//! The local provider, as core speaks to it: over its process.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nixops4_core::AttrPath;
use nixops4_core::diagnostic::Severity;
use nixops4_core::provider::native::{NativeProgram, NativeProvider};
use nixops4_core::provider::{
    Action, ApplyKind, ApplyRequest, ApplyResponse, ConfiguredProvider, Mode, PlanRequest,
    Provider, ResourceState, StateEvent, StateHandle,
};
use nixops4_core::value::Value;
use nixops4_testutils::{Subject, provider_contract};
use serde_json::json;
use tempfile::TempDir;

fn program(dir: &Path) -> NativeProgram {
    NativeProgram::new("local", env!("CARGO_BIN_EXE_nixops4-resources-local")).dir(dir)
}

fn start(dir: &Path) -> Arc<dyn Provider> {
    NativeProvider::new(program(dir))
}

async fn configured(dir: &Path) -> Arc<dyn ConfiguredProvider> {
    let configured = start(dir).configure(&Value::null()).await;
    configured.expect("configured").value
}

fn input(name: &str) -> AttrPath {
    AttrPath::root().child(name)
}

fn output_path(state: &ResourceState) -> PathBuf {
    let path = state.outputs.get(&input("path")).and_then(Value::as_str);
    path.expect("a path").into()
}

async fn apply(
    provider: &dyn ConfiguredProvider,
    type_name: &str,
    prior: Option<&ResourceState>,
    inputs: &Value,
) -> ApplyResponse {
    let change = provider
        .plan(PlanRequest {
            type_name,
            prior,
            inputs,
            stateful: true,
            ignore_changes: &[],
            ignore_all_changes: false,
            force_replace: false,
        })
        .await
        .expect("planned")
        .value;
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
        stateful: true,
        change: &change,
        progress: Default::default(),
    };
    provider.apply(request).await.expect("it answers")
}

#[tokio::test]
async fn files_keep_the_contract() {
    let folder = TempDir::new().expect("a folder");
    let dir = folder.path().to_owned();
    let file = |name: &str, contents: &str| {
        Value::attrs([
            ("name", name.into()),
            ("sensitive_contents", Value::from(contents).sensitive()),
            ("mode", "0640".into()),
        ])
    };
    let subject = Subject {
        updated: Some(file("a/b", "other")),
        replaced: Some((file("c", "text"), input("name"))),
        invalid: Some((
            Value::attrs([("name", "a".into()), ("contents", 1.into())]),
            input("contents"),
        )),
        may_be_unknown: Some("sensitive_contents".into()),
        secret_output: Some("sha256".into()),
        drift: Some(Box::new(|state| {
            std::fs::write(output_path(state), "drifted").expect("written");
        })),
        vanish: Some(Box::new(|state| {
            std::fs::remove_file(output_path(state)).expect("removed");
        })),
        ..Subject::new(move || start(&dir), "file", file("a/b", "text"))
    };
    provider_contract(&subject).await;
    assert!(!folder.path().join("a/b").exists() && !folder.path().join("c").exists());
}

#[tokio::test]
async fn imported_files_are_as_if_made_here() {
    let folder = TempDir::new().expect("a folder");
    let dir = folder.path().to_owned();
    let inputs = Value::attrs([
        ("name", "a".into()),
        ("contents", "text".into()),
        ("mode", "0600".into()),
    ]);
    let subject = Subject {
        import_id: Some(Box::new(|_| "a".to_owned())),
        ..Subject::new(move || start(&dir), "file", inputs)
    };
    provider_contract(&subject).await;
}

#[tokio::test]
async fn memos_keep_the_contract_and_their_secrets() {
    let folder = TempDir::new().expect("a folder");
    let dir = folder.path().to_owned();
    let secret = Value::attrs([("inner", Value::from("s").sensitive())]);
    let subject = Subject {
        secret_output: Some("value".into()),
        ..Subject::new(
            move || start(&dir),
            "memo",
            Value::attrs([("initialize_with", secret)]),
        )
    };
    provider_contract(&subject).await;
}

#[tokio::test]
async fn commands_run_at_every_apply_in_the_folder_of_the_deployment() {
    let folder = TempDir::new().expect("a folder");
    let provider = configured(folder.path()).await;
    let inputs = Value::attrs([
        ("executable", "sh".into()),
        (
            "args",
            Value::list([
                "-c".into(),
                "echo x >> runs; wc -l < runs; echo stray >&2".into(),
            ]),
        ),
    ]);
    let stdout = |state: &ResourceState| state.outputs.get(&input("stdout")).cloned();
    let first = apply(&*provider, "exec", None, &inputs)
        .await
        .state
        .expect("made");
    assert_eq!(stdout(&first), Some("1\n".into()));
    let second = apply(&*provider, "exec", Some(&first), &inputs).await;
    assert_eq!(stdout(&second.state.expect("made")), Some("2\n".into()));
    provider.close().await;
}

#[tokio::test]
async fn a_command_that_fails_keeps_what_there_was() {
    let folder = TempDir::new().expect("a folder");
    let provider = configured(folder.path()).await;
    let script = |text: &str| {
        let args = Value::list(["-c".into(), text.into()]);
        Value::attrs([("executable", "sh".into()), ("args", args)])
    };
    let made = apply(&*provider, "exec", None, &script("echo 1")).await;
    let made = made.state.expect("made");
    let failed = apply(
        &*provider,
        "exec",
        Some(&made),
        &script("echo oh >&2; exit 3"),
    )
    .await;
    assert_eq!(failed.state.as_ref(), Some(&made));
    let error = &failed.diagnostics.0[0];
    assert_eq!(error.severity, Severity::Error);
    assert_eq!(error.summary, "sh failed: exit status: 3");
    assert_eq!(error.detail, "oh");
    provider.close().await;
}

#[tokio::test]
async fn interrupted_commands_end_early_and_say_so() {
    let folder = TempDir::new().expect("a folder");
    let provider = configured(folder.path()).await;
    let fifo = folder.path().join("started");
    let script = "echo > started; sleep 1000; sleep 1000";
    let args = Value::list(["-c".into(), script.into()]);
    let inputs = Value::attrs([("executable", "sh".into()), ("args", args)]);
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo runs").success());
    let running = apply(&*provider, "exec", None, &inputs);
    let stopping = async {
        let started = tokio::task::spawn_blocking(move || std::fs::read(fifo)).await;
        started.expect("joined").expect("read");
        provider.stop().await;
    };
    let (response, ()) = tokio::join!(running, stopping);
    assert_eq!(response.state, None);
    assert_eq!(response.diagnostics.0[0].summary, "sh was interrupted");
    provider.close().await;
}

#[tokio::test]
async fn wrong_inputs_are_named_with_the_nearest() {
    let folder = TempDir::new().expect("a folder");
    let provider = start(folder.path());
    let inputs = Value::attrs([("name", "a".into()), ("content", "b".into())]);
    let found = provider.validate(Mode::Managed, "file", &inputs).await;
    let found = found.expect("it answers");
    assert_eq!(
        found.0[0].to_string(),
        "there is no input `content` (at content)"
    );
    assert_eq!(found.0[0].hints, ["did you mean `contents`?"]);
    let no_type = provider.resource_type(Mode::Managed, "flie").await;
    let found = no_type.expect_err("none").into_diagnostics();
    assert_eq!(
        found.0[0].summary,
        "the provider local has no resource type `flie`"
    );
    assert_eq!(found.0[0].hints, ["did you mean `file`?"]);
    let found = provider
        .validate_config(&Value::attrs([("region", "x".into())]))
        .await
        .expect("it answers");
    assert_eq!(found.0[0].summary, "there is no setting `region`");
    provider.close().await;
}

#[tokio::test]
async fn a_state_file_handles_state() {
    let folder = TempDir::new().expect("a folder");
    let provider = configured(folder.path()).await;
    let inputs = Value::attrs([("name", "s".into())]);
    let handle = StateHandle {
        type_name: "state_file",
        inputs: &inputs,
        outputs: &Value::null(),
    };
    let read = provider.state_read(handle).await.expect("read").value;
    assert!(read.is_null());
    let patch = json!([{ "op": "add", "path": "/resources/a", "value": { "type": "x" } }]);
    let event = StateEvent {
        event: "create",
        patch: &patch,
    };
    provider.state_event(handle, event).await.expect("written");
    let read = provider.state_read(handle).await.expect("read").value;
    assert_eq!(read["resources"]["a"]["type"], "x");
    let other = StateHandle {
        type_name: "memo",
        ..handle
    };
    assert!(provider.state_read(other).await.is_err());
    provider.close().await;
}

#[tokio::test]
async fn commands_do_not_outlive_whoever_asked_for_them() {
    let folder = TempDir::new().expect("a folder");
    let fifo = folder.path().join("started");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo runs").success());
    let ended = async |end: fn(std::process::Child)| {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_nixops4-resources-local"))
            .current_dir(folder.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .process_group(0)
            .spawn()
            .expect("started");
        let request = json!({ "id": 1, "method": "create", "params": {
            "type": "exec", "stateful": true,
            "inputs": { "executable": "sh", "args": ["-c", "sleep 1000 & echo $! > started; wait"] },
        } });
        let stdin = child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{request}").expect("written");
        let pid = std::fs::read_to_string(&fifo).expect("started");
        end(child);
        while runs(pid.trim()) {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    ended(|mut child| {
        drop(child.stdin.take());
        child.wait().expect("ended");
    })
    .await;
    ended(|mut child| {
        // Waiting would close it.
        let _stdin = child.stdin.take();
        let pid = child.id().to_string();
        let killed = std::process::Command::new("kill").arg(pid).status();
        assert!(killed.expect("kill runs").success());
        assert_eq!(child.wait().expect("ended").code(), Some(143));
    })
    .await;
}

/// Whether a process runs: not one that has ended and whose parent has not looked yet.
fn runs(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
}
