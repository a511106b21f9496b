//! The adapter as core sees it, over the fake plugin: values in, values out.

mod contract;
mod faults;
mod life;
mod native;
mod processes;
mod schema;
mod stored;

use std::sync::Arc;
use std::time::Duration;

use nixops4_core::AttrPath;
use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::provider::{
    Action, ApplyKind, ApplyRequest, ApplyResponse, ConfiguredProvider, Failure, PlanRequest,
    PlannedChange, Provider, ProviderError, ResourceState,
};
use nixops4_core::value::Value;
use nixops4_tfproto::provider::{PluginOptions, TfProvider};
use serde_json::{Value as Json, json};

const THING: &str = "fake_thing";

/// A fake plugin with a script, a log of its calls, and a cache.
/// Invariant: lives as long as its plugins, whose world is in its folder.
struct Fake {
    dir: tempfile::TempDir,
    script: Json,
}

impl Fake {
    fn new(script: Json) -> Self {
        settled_program();
        Self {
            dir: tempfile::tempdir().expect("a directory"),
            script,
        }
    }

    fn options(&self) -> PluginOptions {
        let file = |name: &str| self.dir.path().join(name).into_os_string();
        PluginOptions {
            env: vec![
                (
                    "FAKE_PROVIDER_SCRIPT".into(),
                    self.script.to_string().into(),
                ),
                ("FAKE_PROVIDER_LOG".into(), file("log")),
                ("FAKE_PROVIDER_STORE".into(), file("store")),
            ],
            cache_dir: Some(self.dir.path().join("cache")),
            ..PluginOptions::new("fake", env!("CARGO_BIN_EXE_fake-provider"))
        }
    }

    fn provider(&self) -> Arc<TfProvider> {
        TfProvider::new(self.options())
    }

    async fn configured(&self) -> Arc<dyn ConfiguredProvider> {
        self.provider()
            .configure(&Value::null())
            .await
            .expect("configured")
            .value
    }

    /// The calls that were made, each a word.
    fn calls(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        log.lines()
            .filter_map(|line| line.split_whitespace().next())
            .map(str::to_owned)
            .collect()
    }

    fn count(&self, call: &str) -> usize {
        self.calls().iter().filter(|made| *made == call).count()
    }
}

/// Waits until the plugin is older than the grain of file times: before, nothing is remembered of it.
fn settled_program() {
    let program = std::fs::metadata(env!("CARGO_BIN_EXE_fake-provider")).expect("the plugin");
    let built = program.modified().expect("a time");
    while built
        .elapsed()
        .is_ok_and(|age| age < Duration::from_secs(2))
    {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A configured provider with a script.
async fn good(script: Json) -> (Fake, Arc<dyn ConfiguredProvider>) {
    let fake = Fake::new(script);
    let instance = fake.configured().await;
    (fake, instance)
}

/// A provider that behaves in one call as given.
async fn misbehaving(call: &str, behaviour: Json) -> (Fake, Arc<dyn ConfiguredProvider>) {
    good(json!({ "rpcs": { call: behaviour } })).await
}

fn plain(json: Json) -> Value {
    Value::from_plain_json(&json).expect("a value")
}

fn path(text: &str) -> AttrPath {
    AttrPath(
        text.split('.')
            .map(|name| match name.parse::<u64>() {
                Ok(index) => nixops4_core::Step::Index(index),
                Err(_) => name.into(),
            })
            .collect(),
    )
}

fn output<'a>(outputs: &'a Value, at: &str) -> &'a Value {
    outputs.get(&path(at)).expect("an output")
}

fn request<'a>(prior: Option<&'a ResourceState>, inputs: &'a Value) -> PlanRequest<'a> {
    PlanRequest {
        type_name: THING,
        prior,
        inputs,
        stateful: true,
        ignore_changes: &[],
        ignore_all_changes: false,
        force_replace: false,
    }
}

async fn plan(
    instance: &Arc<dyn ConfiguredProvider>,
    prior: Option<&ResourceState>,
    inputs: &Value,
) -> PlannedChange {
    instance
        .plan(request(prior, inputs))
        .await
        .expect("a plan")
        .value
}

async fn try_apply(
    instance: &Arc<dyn ConfiguredProvider>,
    kind: ApplyKind,
    prior: Option<&ResourceState>,
    inputs: &Value,
    change: &PlannedChange,
) -> Result<ApplyResponse, ProviderError> {
    let type_name = THING;
    instance
        .apply(ApplyRequest {
            kind,
            type_name,
            prior,
            inputs,
            stateful: true,
            change,
            progress: Default::default(),
        })
        .await
}

async fn apply(
    instance: &Arc<dyn ConfiguredProvider>,
    kind: ApplyKind,
    prior: Option<&ResourceState>,
    inputs: &Value,
    change: &PlannedChange,
) -> Option<ResourceState> {
    let response = try_apply(instance, kind, prior, inputs, change)
        .await
        .expect("an answer");
    assert_eq!(response.diagnostics, Diagnostics::default());
    response.state
}

async fn create(instance: &Arc<dyn ConfiguredProvider>, inputs: &Value) -> ResourceState {
    let change = plan(instance, None, inputs).await;
    assert_eq!(change.action, Action::Create);
    apply(instance, ApplyKind::Create, None, inputs, &change)
        .await
        .expect("an object")
}

/// Reads the object and plans it again with its inputs.
async fn settled(
    instance: &Arc<dyn ConfiguredProvider>,
    state: &ResourceState,
) -> (ResourceState, Action) {
    let read = instance
        .read(state)
        .await
        .expect("read")
        .value
        .expect("an object");
    let change = plan(instance, Some(&read), &state.inputs).await;
    (read, change.action)
}

fn shown(diagnostics: &Diagnostics) -> String {
    let one = |diagnostic: &Diagnostic| match diagnostic.detail.is_empty() {
        true => diagnostic.to_string(),
        false => format!("{diagnostic}: {}", diagnostic.detail),
    };
    diagnostics.0.iter().map(one).collect::<Vec<_>>().join("\n")
}

fn failed<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    shown(&result.expect_err("a failure").into_diagnostics())
}
