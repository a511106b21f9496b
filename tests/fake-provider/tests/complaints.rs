//! The fake plugin behind core's provider trait: what people are told when it misbehaves, and what
//! is remembered of its objects all the same.

mod common;

use std::sync::Arc;

use nixops4_core::AttrPath;
use nixops4_core::diagnostic::Diagnostics;
use nixops4_core::provider::{
    Action, ApplyKind, ApplyRequest, ApplyResponse, ConfiguredProvider, Failure, Identifier,
    ImportRequest, Mode, PlanRequest, PlannedChange, Provider, ProviderError, ReadDataRequest,
    ResourceState,
};
use nixops4_core::value::Value;
use nixops4_tfproto::provider::{PluginOptions, TfProvider};
use serde_json::{Value as Json, json};

const THING: &str = "fake_thing";

struct Fake {
    provider: Arc<TfProvider>,
    instance: Arc<dyn ConfiguredProvider>,
}

fn plain(json: &Json) -> Value {
    Value::from_plain_json(json).unwrap()
}

fn unconfigured(script: &Json) -> Arc<TfProvider> {
    TfProvider::new(PluginOptions {
        env: vec![("FAKE_PROVIDER_SCRIPT".into(), script.to_string().into())],
        ..PluginOptions::new("fake", env!("CARGO_BIN_EXE_fake-provider"))
    })
}

async fn fake(script: Json) -> Fake {
    let provider = unconfigured(&script);
    let configured = provider
        .clone()
        .configure(&plain(&json!({})))
        .await
        .unwrap();
    Fake {
        provider,
        instance: configured.value,
    }
}

/// A provider with one behaviour for one call.
async fn fake_with(rpc: &str, behaviour: Json) -> Fake {
    fake(json!({"rpcs": {rpc: behaviour}})).await
}

impl Fake {
    async fn try_plan(
        &self,
        prior: Option<&ResourceState>,
        inputs: &Value,
    ) -> Result<PlannedChange, Failure> {
        let request = PlanRequest {
            type_name: THING,
            prior,
            inputs,
            stateful: true,
            ignore_changes: &[],
            ignore_all_changes: false,
            force_replace: false,
        };
        self.instance
            .plan(request)
            .await
            .map(|planned| planned.value)
    }

    async fn plan(&self, prior: Option<&ResourceState>, inputs: &Value) -> PlannedChange {
        self.try_plan(prior, inputs).await.unwrap()
    }

    async fn apply(
        &self,
        kind: ApplyKind,
        prior: Option<&ResourceState>,
        inputs: &Value,
        change: &PlannedChange,
    ) -> Result<ApplyResponse, ProviderError> {
        let request = ApplyRequest {
            kind,
            type_name: THING,
            prior,
            inputs,
            stateful: true,
            change,
            progress: Default::default(),
        };
        self.instance.apply(request).await
    }

    /// Plans and makes a thing.
    async fn try_create(&self, inputs: &Value) -> Result<ApplyResponse, ProviderError> {
        let change = self.plan(None, inputs).await;
        assert_eq!(change.action, Action::Create);
        self.apply(ApplyKind::Create, None, inputs, &change).await
    }

    async fn create(&self, inputs: &Value) -> ResourceState {
        settled(self.try_create(inputs).await.unwrap()).unwrap()
    }

    async fn delete(&self, state: &ResourceState) -> Result<ApplyResponse, ProviderError> {
        let change = self.instance.plan_delete(state).await.unwrap().value;
        self.apply(ApplyKind::Delete, Some(state), &Value::null(), &change)
            .await
    }
}

/// The state after a change that nobody complained about.
fn settled(response: ApplyResponse) -> Option<ResourceState> {
    assert_eq!(response.diagnostics, Diagnostics::default());
    response.state
}

fn texts(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics.0.iter().map(ToString::to_string).collect()
}

fn output(state: &ResourceState, name: &str) -> Json {
    state
        .outputs
        .get(&AttrPath::root().child(name))
        .unwrap()
        .to_plain_json()
}

fn web() -> Value {
    plain(&json!({"name": "web", "size": 1}))
}

/// What a plan with a behaviour fails with.
async fn plan_failure(behaviour: Json) -> String {
    let fake = fake_with("PlanResourceChange", behaviour).await;
    match fake.try_plan(None, &web()).await.unwrap_err() {
        Failure::Diagnostics(diagnostics) => texts(&diagnostics).join("\n"),
        Failure::Provider(error) => error.to_string(),
    }
}

/// What making a thing with a behaviour leads to.
async fn made_with(behaviour: Json) -> ApplyResponse {
    fake_with("ApplyResourceChange", behaviour)
        .await
        .try_create(&web())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_thing_lives_through_its_life_in_both_protocols() {
    for protocol in [5, 6] {
        let fake = fake(json!({"protocol": protocol})).await;
        let mut inputs = json!({
            "name": "web", "size": 2.5, "tags": {"a": "b"}, "ports": [80], "labels": ["y", "x"],
            "extra": {"any": [1, "two"]}, "rule": [{"port": 80}, {"port": 443, "cidr": "::/0"}],
            "timeouts": {"create": "1m"}, "secret": "hidden", "password": "never stored",
        });
        if protocol == 6 {
            inputs["settings"] = json!({"mode": "fast"});
            inputs["disks"] = json!([{"size": 10}]);
        }
        let inputs = plain(&inputs);
        let planned = fake.plan(None, &inputs).await;
        let unknown = |name: &str| {
            planned
                .outputs
                .get(&AttrPath::root().child(name))
                .unwrap()
                .is_unknown()
        };
        assert!(unknown("id") && unknown("note") && !unknown("enabled"));

        let made = fake.create(&inputs).await;
        assert_eq!(output(&made, "id"), json!("thing-1"));
        assert_eq!(output(&made, "password"), Json::Null);
        let secret = made.outputs.get(&AttrPath::root().child("secret")).unwrap();
        assert!(secret.marks.sensitive);
        let read = fake.instance.read(&made).await.unwrap().value.unwrap();
        assert_eq!(fake.plan(Some(&read), &inputs).await.action, Action::NoOp);

        let mut bigger = inputs.clone();
        if let nixops4_core::value::Kind::Attrs(attrs) = &mut bigger.kind {
            attrs.insert("size".to_owned(), Value::from(3));
        }
        let change = fake.plan(Some(&read), &bigger).await;
        assert_eq!(change.action, Action::Update);
        let updated = fake
            .apply(ApplyKind::Update, Some(&read), &bigger, &change)
            .await
            .unwrap();
        let updated = settled(updated).unwrap();
        assert_eq!(output(&updated, "revision"), json!(2));

        let renamed = plain(&json!({"name": "db"}));
        let change = fake.plan(Some(&updated), &renamed).await;
        assert_eq!(change.action, Action::Replace);
        assert_eq!(change.replace_paths, [AttrPath::root().child("name")]);

        assert_eq!(settled(fake.delete(&updated).await.unwrap()), None);
        assert_eq!(fake.instance.read(&updated).await.unwrap().value, None);
        fake.instance.close().await;
    }
}

#[tokio::test]
async fn data_sources_and_imports() {
    let fake = fake(json!({})).await;
    let made = fake.create(&web()).await;
    let read = |name: &str| plain(&json!({"name": name}));
    let inputs = read("web");
    let request = ReadDataRequest {
        type_name: THING,
        inputs: &inputs,
    };
    let data = fake.instance.read_data(request).await.unwrap().value;
    assert_eq!(data.to_plain_json()["id"], json!("thing-1"));
    let inputs = read("none");
    let request = ReadDataRequest {
        type_name: THING,
        inputs: &inputs,
    };
    let failure = fake
        .instance
        .read_data(request)
        .await
        .unwrap_err()
        .into_diagnostics();
    assert_eq!(texts(&failure), ["No such thing (at name)"]);

    let inputs = web();
    let import = |object| ImportRequest {
        type_name: THING,
        object,
        inputs: &inputs,
    };
    let [there, absent] = ["thing-1", "none"].map(|id| Identifier::Id(id.to_owned()));
    let imported = fake.instance.import(import(&there)).await.unwrap().value;
    assert_eq!(imported.outputs, made.outputs);
    let failure = fake
        .instance
        .import(import(&absent))
        .await
        .unwrap_err()
        .into_diagnostics();
    assert_eq!(texts(&failure), ["No such thing"]);
}

#[tokio::test]
async fn inputs_that_the_provider_refuses_are_named() {
    let fake = fake(json!({})).await;
    let inputs = plain(&json!({"name": "", "ports": [1, 70_000]}));
    let found = fake
        .provider
        .validate(Mode::Managed, THING, &inputs)
        .await
        .unwrap();
    assert_eq!(
        texts(&found),
        ["Empty name (at name)", "Invalid port (at ports[1])"]
    );
    let config = plain(&json!({"endpoint": "invalid"}));
    let found = fake.provider.validate_config(&config).await.unwrap();
    assert_eq!(texts(&found), ["Invalid endpoint (at endpoint)"]);
}

#[tokio::test]
async fn configuration_that_fails() {
    let script = json!({"rpcs": {"ConfigureProvider": {"diagnostics": [
        {"summary": "bad credentials", "path": ["token"]},
    ]}}});
    let provider = unconfigured(&script);
    let config = plain(&json!({"token": "x"}));
    let failure = provider
        .configure(&config)
        .await
        .unwrap_err()
        .into_diagnostics();
    assert_eq!(texts(&failure), ["bad credentials (at token)"]);
}

#[tokio::test]
async fn plugin_that_cannot_start() {
    let provider = unconfigured(&json!({"start": {"exit": {"code": 1, "stderr": "no license"}}}));
    let error = provider
        .validate_config(&plain(&json!({})))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("provider fake: cannot start the plugin /"),
        "{text}"
    );
    assert!(
        text.contains("it ended before its handshake (exit status 1)"),
        "{text}"
    );
    assert!(text.ends_with("no license"), "{text}");
}

#[tokio::test]
async fn schema_that_fails() {
    let diagnostics = json!([{"summary": "out of tables"}]);
    let provider =
        unconfigured(&json!({"rpcs": {"GetProviderSchema": {"diagnostics": diagnostics}}}));
    let error = provider
        .validate_config(&plain(&json!({})))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "provider fake: it cannot describe its types: out of tables"
    );
}

#[tokio::test]
async fn plan_that_changes_a_configured_value() {
    let message = plan_failure(json!({"set": {"size": 7}})).await;
    let start = "provider fake made an invalid plan for fake_thing: size: ";
    assert!(message.starts_with(start), "{message}");
}

#[tokio::test]
async fn plan_that_drops_a_required_value() {
    let message = plan_failure(json!({"set": {"name": null}})).await;
    let start = "provider fake made an invalid plan for fake_thing: name: ";
    assert!(message.starts_with(start), "{message}");
}

#[tokio::test]
async fn plan_that_adds_a_block() {
    let message = plan_failure(json!({"set": {"rule": [{"port": 1}]}})).await;
    assert!(
        message.contains("invalid plan for fake_thing: rule"),
        "{message}"
    );
}

#[tokio::test]
async fn plan_that_stores_what_must_not_be() {
    let message = plan_failure(json!({"set": {"password": "leaked"}})).await;
    assert!(
        message.contains("planned to store password, which must not be"),
        "{message}"
    );
    assert!(!message.contains("leaked"), "{message}");
}

#[tokio::test]
async fn plan_of_nothing() {
    let message = plan_failure(json!({"null": true})).await;
    assert!(
        message.starts_with("provider fake made an invalid plan for fake_thing: "),
        "{message}"
    );
}

#[tokio::test]
async fn plan_that_cannot_be_read() {
    let message = plan_failure(json!({"msgpack": "81 a4 73 69 7a 65 c3"})).await;
    let reason = "its answer does not follow its own schema: size: expected a number, found true";
    assert!(message.contains(reason), "{message}");
}

#[tokio::test]
async fn plan_that_crashes() {
    let message = plan_failure(json!({"crash": "during"})).await;
    assert!(
        message.contains("the plugin's process ended: exit status 2"),
        "{message}"
    );
    assert!(message.contains("panic: fake crash"), "{message}");
}

#[tokio::test]
async fn legacy_plans_are_tolerated() {
    let behaviour = json!({"set": {"size": 7}, "legacy_type_system": true});
    let fake = fake_with("PlanResourceChange", behaviour).await;
    assert_eq!(
        fake.plan(None, &web()).await.outputs.to_plain_json()["size"],
        json!(7)
    );
}

#[tokio::test]
async fn replacement_because_of_nothing() {
    let rpc = "PlanResourceChange";
    let behaviour = json!([{"call": 2, "requires_replace": [["nowhere"]]}]);
    let fake = fake_with(rpc, behaviour).await;
    let made = fake.create(&web()).await;
    let failure = fake
        .try_plan(Some(&made), &web())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        failure.starts_with("provider fake planned fake_thing: "),
        "{failure}"
    );
    assert!(failure.contains("nowhere"), "{failure}");
}

#[tokio::test]
async fn deferred_plans_say_why() {
    let fake = fake_with("PlanResourceChange", json!({"deferred": 3})).await;
    let reason = fake.plan(None, &web()).await.deferred.unwrap();
    assert_eq!(reason, "something that does not exist yet");
}

#[tokio::test]
async fn unknown_left_after_apply() {
    let response = made_with(json!({"set": {"note": {"$unknown": true}}})).await;
    let start = "fake_thing: provider fake left note unknown after the change";
    assert!(
        texts(&response.diagnostics)[0].starts_with(start),
        "{:?}",
        response.diagnostics
    );
    let state = response.state.unwrap();
    assert_eq!(
        output(&state, "id"),
        json!("thing-1"),
        "what was made is remembered"
    );
    assert_eq!(output(&state, "note"), Json::Null);
}

#[tokio::test]
async fn apply_that_contradicts_the_plan() {
    let response = made_with(json!({"set": {"enabled": false}})).await;
    let start = "fake_thing: provider fake did not do what it had planned: enabled: ";
    assert!(
        texts(&response.diagnostics)[0].starts_with(start),
        "{:?}",
        response.diagnostics
    );
    assert_eq!(output(&response.state.unwrap(), "enabled"), json!(false));
}

#[tokio::test]
async fn apply_that_returns_a_value_never_to_be_stored() {
    let response = made_with(json!({"set": {"password": "leaked"}})).await;
    let text = texts(&response.diagnostics).join("\n");
    assert!(
        text.contains("returned a value for password, which must never be stored"),
        "{text}"
    );
    assert!(!text.contains("leaked"), "{text}");
    assert_eq!(output(&response.state.unwrap(), "password"), Json::Null);
}

#[tokio::test]
async fn apply_that_returns_nothing() {
    let response = made_with(json!({"null": true})).await;
    let text = "fake_thing: provider fake made it, but returned nothing of it";
    assert_eq!(texts(&response.diagnostics), [text]);
    assert_eq!(response.state, None);
}

#[tokio::test]
async fn apply_that_fails_half_way_is_remembered() {
    let diagnostics = json!([{"summary": "quota", "detail": "of disks", "path": ["size"]}]);
    let response = made_with(json!({"diagnostics": diagnostics})).await;
    assert_eq!(texts(&response.diagnostics), ["quota (at size)"]);
    assert_eq!(output(&response.state.unwrap(), "id"), json!("thing-1"));
}

#[tokio::test]
async fn apply_that_fails_wholly() {
    let diagnostics = json!([{"summary": "quota"}]);
    let response = made_with(json!({"diagnostics": diagnostics, "null": true})).await;
    assert_eq!(texts(&response.diagnostics), ["quota"]);
    assert_eq!(response.state, None);
}

#[tokio::test]
async fn apply_that_cannot_be_read_is_in_doubt() {
    let fake = fake_with("ApplyResourceChange", json!({"msgpack": "c1"})).await;
    let error = fake.try_create(&web()).await.unwrap_err();
    assert!(error.in_doubt);
    assert!(
        error.to_string().contains("the byte c1 is reserved"),
        "{error}"
    );
}

#[tokio::test]
async fn apply_that_crashes_is_in_doubt() {
    for crash in ["before", "during", "mid_answer"] {
        let fake = fake_with("ApplyResourceChange", json!({"crash": crash})).await;
        let error = fake.try_create(&web()).await.unwrap_err();
        assert!(error.in_doubt);
        assert_eq!(error.call, "ApplyResourceChange");
        assert!(
            error.to_string().contains("the plugin's process ended"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn update_that_fails_keeps_the_old_inputs() {
    let behaviour = json!([{"call": 2, "diagnostics": [{"summary": "busy"}]}]);
    let fake = fake_with("ApplyResourceChange", behaviour).await;
    let made = fake.create(&web()).await;
    let bigger = plain(&json!({"name": "web", "size": 2}));
    let change = fake.plan(Some(&made), &bigger).await;
    let response = fake
        .apply(ApplyKind::Update, Some(&made), &bigger, &change)
        .await
        .unwrap();
    assert_eq!(texts(&response.diagnostics), ["busy"]);
    assert_eq!(response.state.unwrap().inputs, made.inputs);
}

#[tokio::test]
async fn deletion_that_deletes_nothing() {
    let behaviour = json!([{"call": 2, "msgpack": "c0", "diagnostics": [{"summary": "in use"}]}]);
    let fake = fake_with("ApplyResourceChange", behaviour).await;
    let made = fake.create(&web()).await;
    let response = fake.delete(&made).await.unwrap();
    assert_eq!(texts(&response.diagnostics), ["in use"]);
    assert_eq!(
        response.state,
        Some(made),
        "what could not be deleted is still there"
    );
}

#[tokio::test]
async fn private_data_of_any_size_comes_back() {
    let fake = fake_with("ApplyResourceChange", json!({"private": 10_000_000})).await;
    let made = fake.create(&web()).await;
    assert!(made.private.as_ref().unwrap().len() >= 10_000_000);
    let read = fake.instance.read(&made).await.unwrap().value.unwrap();
    assert_eq!(read.private, made.private);
}

#[tokio::test]
async fn state_of_other_versions() {
    let old = fake(json!({"schema_version": 1})).await;
    let made = old.create(&web()).await;
    let new = fake(json!({"schema_version": 3})).await;
    let upgraded = new.instance.upgrade(made).await.unwrap().value;
    assert_eq!(upgraded.schema_version, 3);
    let failure = old
        .instance
        .upgrade(upgraded)
        .await
        .unwrap_err()
        .to_string();
    let text = "the state of this fake_thing was written by a newer version of provider fake";
    assert_eq!(failure, text);
}

#[tokio::test]
async fn upgrade_that_fails() {
    let behaviour = json!({"diagnostics": [{"summary": "cannot upgrade"}]});
    let made = self::fake(json!({})).await.create(&web()).await;
    let rpcs = json!({"UpgradeResourceState": behaviour});
    let fake = fake(json!({"schema_version": 2, "rpcs": rpcs})).await;
    let failure = fake
        .instance
        .upgrade(made)
        .await
        .unwrap_err()
        .into_diagnostics();
    assert_eq!(texts(&failure), ["cannot upgrade"]);
}

#[tokio::test]
async fn import_of_several_or_none() {
    for count in [0, 2] {
        let fake = fake(json!({"imported": count})).await;
        fake.create(&web()).await;
        let inputs = web();
        let import = ImportRequest {
            type_name: THING,
            object: &Identifier::Id("thing-1".to_owned()),
            inputs: &inputs,
        };
        let failure = fake.instance.import(import).await.unwrap_err().to_string();
        assert!(failure.contains("fake"), "{failure}");
    }
}

#[tokio::test]
async fn schema_of_many_attributes() {
    let fake = fake(json!({"wide": 1_000_000})).await;
    let described = fake
        .provider
        .resource_type(Mode::Managed, "fake_wide")
        .await
        .unwrap();
    assert_eq!(described.outputs.as_ref().unwrap().len(), 1_000_001);
}
