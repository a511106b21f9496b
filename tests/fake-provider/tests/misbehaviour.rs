//! Plugins that start well and then do not do what they should: each call ends, with a readable
//! error that says who failed at what.

mod common;

use std::time::Duration;

use common::{apply_request, create, plan_request, start, start_with, thing, thing_type, wire};
use nixops4_core::provider::ProviderError;
use nixops4_proto::evaluator::Timeouts;
use nixops4_proto::tfplugin::v6;
use nixops4_tfproto::client::Client;
use nixops4_tfproto::convert::{complaints, from_wire, raw_state};
use nixops4_tfproto::cty::Value;
use nixops4_tfproto::error::{RpcError, RpcFailure};
use nixops4_tfproto::schema::{Image, Kind};
use serde_json::{Value as Json, json};

fn web() -> Value {
    thing([("name", Value::string("web"))])
}

async fn plan(client: &Client) -> Result<v6::plan_resource_change::Response, RpcError> {
    client
        .plan_resource_change(plan_request(&Value::Null, &web()))
        .await
}

async fn apply(client: &Client) -> Result<v6::apply_resource_change::Response, RpcError> {
    let plan = plan(client).await.unwrap();
    client
        .apply_resource_change(apply_request(&Value::Null, &web(), plan))
        .await
}

async fn plan_with(behaviour: Json) -> Result<v6::plan_resource_change::Response, RpcError> {
    plan(&start_with("PlanResourceChange", behaviour).await).await
}

async fn apply_with(behaviour: Json) -> Result<v6::apply_resource_change::Response, RpcError> {
    apply(&start_with("ApplyResourceChange", behaviour).await).await
}

/// What decoding the planned state of a tampered plan complains about.
async fn planned_with(behaviour: Json) -> Result<Value, String> {
    let answer = plan_with(behaviour).await.unwrap();
    from_wire(&thing_type(), answer.planned_state.as_ref()).map_err(|e| e.to_string())
}

const DIED: &str = "provider fake: ApplyResourceChange: the plugin's process ended: exit status 2\n\
                    the last lines of its log:\n  panic: fake crash\n  \n  goroutine 1 [running]:";

#[tokio::test]
async fn crash_before_apply() {
    let error = apply_with(json!({"crash": "before"})).await.unwrap_err();
    assert!(error.to_string().starts_with(DIED), "{error}");
    assert!(error.is_in_doubt());
}

#[tokio::test]
async fn crash_during_apply() {
    let error = apply_with(json!({"crash": "during"})).await.unwrap_err();
    assert!(error.to_string().starts_with(DIED), "{error}");
    let error = ProviderError::from(error);
    assert_eq!(
        (error.call.as_str(), error.in_doubt),
        ("ApplyResourceChange", true)
    );
}

#[tokio::test]
async fn crash_in_the_middle_of_the_answer() {
    let error = apply_with(json!({"crash": "mid_answer"}))
        .await
        .unwrap_err();
    assert!(error.to_string().starts_with(DIED), "{error}");
}

#[tokio::test]
async fn crash_after_apply() {
    let client = start_with("ApplyResourceChange", json!({"crash": "after"})).await;
    assert_eq!(apply(&client).await.unwrap().diagnostics, []);
    // Every later call fails in the same way, and at once.
    let error = loop {
        if let Err(error) = plan(&client).await {
            break error;
        }
    };
    assert!(
        error
            .to_string()
            .contains("the plugin's process ended: exit status 2"),
        "{error}"
    );
    let error = plan(&client).await.unwrap_err();
    assert!(matches!(error.failure, RpcFailure::Died(_)));
    assert!(!error.is_in_doubt(), "the call was not even sent");
}

#[tokio::test]
async fn a_crash_fails_all_running_calls() {
    let rpcs = json!({"ReadResource": {"hang": true}, "GetMetadata": {"crash": "before"}});
    let client = start(json!({"flat": true, "rpcs": rpcs})).await;
    let request = v6::read_resource::Request {
        type_name: "fake_thing".to_owned(),
        current_state: wire(&web()),
        ..Default::default()
    };
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (client, request) = (client.clone(), request.clone());
        reads.spawn(async move { client.read_resource(request).await });
    }
    client.get_metadata(Default::default()).await.unwrap_err();
    while let Some(read) = reads.join_next().await {
        let error = read.unwrap().unwrap_err();
        assert!(matches!(error.failure, RpcFailure::Died(_)), "{error}");
    }
}

#[tokio::test]
async fn killed_from_outside() {
    let client = start_with(
        "ApplyResourceChange",
        json!({"hang": true, "stderr": "called"}),
    )
    .await;
    let running = tokio::spawn({
        let client = client.clone();
        async move { apply(&client).await }
    });
    let pid = client.pid().to_string();
    // Only once the plugin has the call.
    common::until("the call", || client.log_tail().lines().len() == 2).await;
    let killed = std::process::Command::new("kill")
        .args(["-KILL", &pid])
        .status()
        .unwrap();
    assert!(killed.success());
    let error = running.await.unwrap().unwrap_err().to_string();
    assert!(
        error.contains("the plugin's process ended: killed by signal 9 (SIGKILL)"),
        "{error}"
    );
}

fn impatient() -> Timeouts {
    Timeouts {
        start: None,
        plan: Some(0.05),
        apply: Some(0.05),
    }
}

#[tokio::test]
async fn hang_in_each_call() {
    macro_rules! check {
        ($(($protocol:literal) $($rpc:literal $call:ident($($request:expr)?);)*)*) => {$(
            let rpcs = [$($rpc),*].map(|rpc| (rpc.to_owned(), json!({"hang": true})));
            let rpcs = Json::Object(rpcs.into_iter().collect());
            let client = start(json!({"rpcs": rpcs, "protocol": $protocol, "flat": true})).await;
            let client = client.with_timeouts(&impatient());
            $(
                let error = client.$call($($request)?).await.err().expect($rpc);
                let message = format!(
                    "provider fake: {}: no answer within 0.05 seconds\n\
                     the last lines of its log:\n  Starting fake-provider",
                    $rpc
                );
                assert_eq!(error.to_string(), message);
            )*
        )*};
        (both { $($both:tt)* } new { $($new:tt)* }) => {
            check! { (5) $($both)* (6) $($both)* $($new)* }
        };
    }
    check! {
        both {
            "GetMetadata" get_metadata(Default::default());
            "GetProviderSchema" get_provider_schema();
            "GetResourceIdentitySchemas" get_resource_identity_schemas(Default::default());
            "ValidateProviderConfig" validate_provider_config(Default::default());
            "ValidateResourceConfig" validate_resource_config(Default::default());
            "ValidateDataResourceConfig" validate_data_resource_config(Default::default());
            "UpgradeResourceState" upgrade_resource_state(Default::default());
            "UpgradeResourceIdentity" upgrade_resource_identity(Default::default());
            "ConfigureProvider" configure_provider(Default::default());
            "ReadResource" read_resource(Default::default());
            "PlanResourceChange" plan_resource_change(Default::default());
            "ApplyResourceChange" apply_resource_change(Default::default());
            "ImportResourceState" import_resource_state(Default::default());
            "MoveResourceState" move_resource_state(Default::default());
            "GenerateResourceConfig" generate_resource_config(Default::default());
            "ReadDataSource" read_data_source(Default::default());
            "ValidateEphemeralResourceConfig"
                validate_ephemeral_resource_config(Default::default());
            "OpenEphemeralResource" open_ephemeral_resource(Default::default());
            "RenewEphemeralResource" renew_ephemeral_resource(Default::default());
            "CloseEphemeralResource" close_ephemeral_resource(Default::default());
            "ValidateListResourceConfig" validate_list_resource_config(Default::default());
            "GetFunctions" get_functions(Default::default());
            "CallFunction" call_function(Default::default());
            "ValidateActionConfig" validate_action_config(Default::default());
            "PlanAction" plan_action(Default::default());
        }
        new {
            "ValidateStateStoreConfig" validate_state_store_config(Default::default());
            "ConfigureStateStore" configure_state_store(Default::default());
            "WriteStateBytes" write_state_bytes(vec![Default::default()]);
            "LockState" lock_state(Default::default());
            "UnlockState" unlock_state(Default::default());
            "GetStates" get_states(Default::default());
            "DeleteState" delete_state(Default::default());
        }
    }
    // An answer in pieces has begun, and its first piece does not come.
    let hang = || json!({"hang": true});
    let rpcs = json!({
        "ListResource": hang(), "InvokeAction": hang(), "ReadStateBytes": hang(),
    });
    let client = start(json!({"rpcs": rpcs}))
        .await
        .with_timeouts(&impatient());
    macro_rules! check_pieces {
        ($($rpc:literal $call:ident;)*) => {$(
            let error = match client.$call(Default::default()).await {
                Ok(mut pieces) => pieces.next().await.expect_err($rpc),
                Err(error) => error,
            };
            let message = concat!("provider fake: ", $rpc, ": no answer within 0.05 seconds");
            assert!(error.to_string().starts_with(message), "{error}");
        )*};
    }
    check_pieces! {
        "ListResource" list_resource;
        "InvokeAction" invoke_action;
        "ReadStateBytes" read_state_bytes;
    }
    let client = start_with("StopProvider", json!({"hang": true})).await;
    let client = client.with_pure_call_timeout(Duration::from_millis(50));
    let error = client.stop().await.unwrap_err().to_string();
    assert!(error.starts_with("provider fake: StopProvider: no answer within 0.05 seconds"));
}

#[tokio::test]
async fn hang_in_apply_ends_with_the_plugin() {
    let client = start_with(
        "ApplyResourceChange",
        json!({"hang": true, "stderr": "called"}),
    )
    .await;
    let running = tokio::spawn({
        let client = client.clone();
        async move { apply(&client).await }
    });
    common::until("the call", || client.log_tail().lines().len() == 2).await;
    client.shutdown().await;
    let error = running.await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("the plugin has been stopped"),
        "{error}"
    );
}

#[tokio::test]
async fn connection_that_is_closed_while_the_process_lives() {
    let error = plan_with(json!({"disconnect": true}))
        .await
        .unwrap_err()
        .to_string();
    let reason = "provider fake: PlanResourceChange: the connection to the plugin broke although \
                  its process still runs: ";
    assert!(error.starts_with(reason), "{error}");
}

#[tokio::test]
async fn grpc_status() {
    let error = plan_with(json!({"status": [13, "out of cheese"]}))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "provider fake: PlanResourceChange: the plugin failed with Internal: out of cheese\n\
         the last lines of its log:\n  Starting fake-provider"
    );
}

#[tokio::test]
async fn call_that_is_not_implemented() {
    let error = plan_with(json!({"unimplemented": true})).await.unwrap_err();
    assert!(error.is_unimplemented());
    let message = "provider fake: PlanResourceChange: the plugin does not implement this call";
    assert_eq!(error.to_string(), message);
}

#[tokio::test]
async fn junk_in_place_of_a_message() {
    let error = plan_with(json!({"junk": true}))
        .await
        .unwrap_err()
        .to_string();
    let reason = "provider fake: PlanResourceChange: the plugin's answer is malformed: ";
    assert!(error.starts_with(reason), "{error}");
}

#[tokio::test]
async fn answer_without_an_end() {
    let answer = plan_with(json!({"no_trailers": true})).await;
    // All of the answer came, so that nothing is lost; but the plugin said nothing of success.
    if let Err(error) = answer {
        assert!(
            error
                .to_string()
                .starts_with("provider fake: PlanResourceChange: "),
            "{error}"
        );
    }
}

#[tokio::test]
async fn oversize_answer() {
    let error = plan_with(json!({"oversize": 300 * 1024 * 1024}))
        .await
        .unwrap_err()
        .to_string();
    let reason = "provider fake: PlanResourceChange: the plugin's answer is too large: ";
    assert!(error.starts_with(reason), "{error}");
    assert!(error.contains("314572800"), "{error}");
}

#[tokio::test]
async fn answers_beyond_the_usual_limits() {
    let client = start(json!({"wide": 1_000_000})).await;
    let (protocol, description) = client.get_provider_schema().await.unwrap();
    let image = Image::build(protocol, &description, &Default::default());
    let schema: v6::Schema = image.read(Kind::Resource, "fake_wide").unwrap().unwrap();
    assert_eq!(schema.block.unwrap().attributes.len(), 1_000_001);

    let answer = plan_with(json!({"private": 10_000_000})).await.unwrap();
    assert_eq!(answer.planned_private.len(), 10_000_000);
}

#[tokio::test]
async fn malformed_msgpack() {
    let error = planned_with(json!({"msgpack": "8f a2"})).await.unwrap_err();
    assert_eq!(
        error,
        "malformed MessagePack: the data ends in the middle of a value"
    );
    let error = planned_with(json!({"msgpack": "c1"})).await.unwrap_err();
    assert_eq!(error, "malformed MessagePack: the byte c1 is reserved");
    let error = planned_with(json!({"msgpack": "c0 c0"})).await.unwrap_err();
    assert_eq!(error, "1 bytes follow the end of the value");
}

#[tokio::test]
async fn value_that_is_not_of_the_type() {
    let error = planned_with(json!({"msgpack": "93 01 02 03"}))
        .await
        .unwrap_err();
    assert_eq!(error, "expected an object, found an array of 3");
    let error = planned_with(json!({"msgpack": "81 a4 73 69 7a 65 c3"}))
        .await
        .unwrap_err();
    assert_eq!(error, "size: expected a number, found true");
    let error = planned_with(json!({"msgpack": "81 a5 63 6f 6c 6f 72 c0"}))
        .await
        .unwrap_err();
    assert!(error.starts_with("unexpected attribute \"color\" (expected: enabled, extra, id, "));
    let error = planned_with(json!({"msgpack": "80"})).await.unwrap_err();
    assert_eq!(error, "the attribute \"enabled\" is missing");
}

#[tokio::test]
async fn null_and_absent_values() {
    assert_eq!(planned_with(json!({"null": true})).await, Ok(Value::Null));
    assert_eq!(planned_with(json!({"absent": true})).await, Ok(Value::Null));
}

#[tokio::test]
async fn unknown_left_after_apply() {
    let answer = apply_with(json!({"set": {"note": {"$unknown": true}}}))
        .await
        .unwrap();
    let value = from_wire(&thing_type(), answer.new_state.as_ref()).unwrap();
    let unknown: Vec<String> = value
        .unknown_paths()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(unknown, ["note"]);
}

#[tokio::test]
async fn plan_and_apply_that_change_what_was_asked() {
    let planned = planned_with(json!({"set": {"size": 3}})).await.unwrap();
    assert_eq!(
        planned.as_object().unwrap().get("size"),
        Some(&Value::int(3))
    );
    let answer = apply_with(json!({"set": {"enabled": false}}))
        .await
        .unwrap();
    let value = from_wire(&thing_type(), answer.new_state.as_ref()).unwrap();
    assert_eq!(
        value.as_object().unwrap().get("enabled"),
        Some(&Value::Bool(false))
    );
}

#[tokio::test]
async fn duplicate_set_elements() {
    let planned = planned_with(json!({"set": {"labels": ["a", "a", "b"]}}))
        .await
        .unwrap();
    let labels = planned.as_object().unwrap().get("labels").unwrap();
    assert_eq!(
        labels,
        &Value::set([Value::string("a"), Value::string("b")])
    );
}

#[tokio::test]
async fn diagnostics_of_every_kind() {
    let diagnostics = json!([
        {"summary": "plain", "detail": "more"},
        {"warning": true, "summary": "just so"},
        {},
        {"detail": "only a detail\nof two lines"},
        {"summary": "into nothing", "path": ["nowhere", 99, ["key"]]},
        {"summary": "impossible", "path": ["ports", -1]},
    ]);
    let answer = plan_with(json!({"diagnostics": diagnostics}))
        .await
        .unwrap();
    let found: Vec<String> = complaints(&answer.diagnostics)
        .into_iter()
        .map(|complaint| {
            let place = complaint
                .place
                .map(|place| place.to_string())
                .unwrap_or_default();
            let (severity, detail) = (complaint.severity, complaint.detail);
            format!("{severity:?} [{place}] {}: {detail}", complaint.summary)
        })
        .collect();
    assert_eq!(
        found,
        [
            "Error [] plain: more",
            "Warning [] just so: ",
            "Error [] the provider complains without saying about what: ",
            "Error [] only a detail: of two lines",
            "Error [nowhere[99][\"key\"]] into nothing: ",
            "Error [ports] impossible: ",
        ]
    );
}

#[tokio::test]
async fn replacement_legacy_and_deferral() {
    let behaviour =
        json!({"requires_replace": [["size"]], "legacy_type_system": true, "deferred": 2});
    let answer = plan_with(behaviour).await.unwrap();
    assert_eq!(answer.requires_replace.len(), 1);
    assert!(answer.legacy_type_system);
    let reason = answer.deferred.unwrap().reason();
    assert_eq!(reason, v6::deferred::Reason::ProviderConfigUnknown);
}

#[tokio::test]
async fn version_that_goes_backwards() {
    let client = start(json!({"schema_version": 3})).await;
    let answer = client
        .upgrade_resource_state(v6::upgrade_resource_state::Request {
            type_name: "fake_thing".to_owned(),
            version: 4,
            raw_state: Some(raw_state("{}")),
        })
        .await
        .unwrap();
    assert_eq!(answer.diagnostics[0].summary, "State from the future");
}

#[tokio::test]
async fn import_of_several_or_none() {
    for count in [0, 2] {
        let client = start(json!({"flat": true, "imported": count})).await;
        create(&client, &web()).await;
        let request = v6::import_resource_state::Request {
            type_name: "fake_thing".to_owned(),
            id: "thing-1".to_owned(),
            ..Default::default()
        };
        let answer = client.import_resource_state(request).await.unwrap();
        assert_eq!(answer.imported_resources.len(), count);
    }
}

#[tokio::test]
async fn ephemeral_renewal_that_fails() {
    let rpc = "RenewEphemeralResource";
    let client = start_with(rpc, json!({"diagnostics": [{"summary": "expired"}]})).await;
    let request = v6::renew_ephemeral_resource::Request::default();
    let answer = client.renew_ephemeral_resource(request).await.unwrap();
    assert_eq!(answer.diagnostics[0].summary, "expired");
}

#[tokio::test]
async fn crash_while_events_come() {
    let client = start_with("ListResource", json!({"crash": "mid_answer"})).await;
    create(&client, &web()).await;
    let request = v6::list_resource::Request {
        type_name: "fake_thing".to_owned(),
        config: Some(v6::DynamicValue {
            msgpack: vec![0xc0],
            json: Vec::new(),
        }),
        ..Default::default()
    };
    let error = match client.list_resource(request).await {
        Ok(mut events) => events.next().await.unwrap_err(),
        Err(error) => error,
    };
    let reason = "provider fake: ListResource: the plugin's process ended: exit status 2\n";
    assert!(error.to_string().starts_with(reason), "{error}");
}

#[tokio::test]
async fn later_behaviours_by_number_and_type() {
    let behaviours = json!([
        {"call": 2, "status": [14, "second"]},
        {"type_name": "fake_other", "unimplemented": true},
    ]);
    let client = start_with("PlanResourceChange", behaviours).await;
    plan(&client).await.unwrap();
    let error = plan(&client).await.unwrap_err().to_string();
    assert!(error.contains("second"), "{error}");
    plan(&client).await.unwrap();
}
