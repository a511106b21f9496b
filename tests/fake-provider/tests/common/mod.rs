//! What the tests share: starting the fake plugin with a script.
#![allow(dead_code, reason = "each test file uses a part")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use nixops4_proto::tfplugin::v6;
use nixops4_tfproto::client::Client;
use nixops4_tfproto::convert::{from_wire, to_wire};
use nixops4_tfproto::cty::{Type, Value};
use nixops4_tfproto::launch::Launch;
use serde_json::{Value as Json, json};

/// How to launch the fake plugin with a script.
pub fn launch(script: &Json) -> Launch {
    let mut launch = Launch::new(Arc::from("fake"), env!("CARGO_BIN_EXE_fake-provider"));
    launch
        .env
        .push(("FAKE_PROVIDER_SCRIPT".into(), script.to_string().into()));
    launch
}

/// Starts the fake plugin with a script.
pub async fn start(script: Json) -> Client {
    Client::launch(&launch(&script)).await.unwrap()
}

/// Starts a plugin with one behaviour for one call.
pub async fn start_with(rpc: &str, behaviour: Json) -> Client {
    start(json!({"flat": true, "rpcs": {rpc: behaviour}})).await
}

/// Waits for a condition that comes true by itself.
pub async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "{what} did not happen"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Tells whether a process is there, be it as a zombie.
pub fn is_there(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// The type of things, as their schema implies it in protocol 5.
pub fn thing_type() -> Type {
    let rule = Type::object([("port", Type::Number), ("cidr", Type::String)]);
    Type::object([
        ("id", Type::String),
        ("name", Type::String),
        ("size", Type::Number),
        ("enabled", Type::Bool),
        ("tags", Type::map(Type::String)),
        ("ports", Type::list(Type::Number)),
        ("labels", Type::set(Type::String)),
        ("extra", Type::Dynamic),
        ("note", Type::String),
        ("revision", Type::Number),
        ("secret", Type::String),
        ("password", Type::String),
        ("volume", Type::Number),
        ("rule", Type::list(rule)),
        ("timeouts", Type::object([("create", Type::String)])),
    ])
}

/// A thing with everything null but the given attributes.
pub fn thing<'a>(attributes: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let Type::Object(ty) = thing_type() else {
        panic!("not an object")
    };
    let nulls = ty.iter().map(|(name, _)| (name.clone(), Value::Null));
    let Value::Object(mut thing) = Value::object(nulls) else {
        panic!("not an object")
    };
    *thing.get_mut("rule").unwrap() = Value::List(Vec::new());
    for (name, value) in attributes {
        *thing.get_mut(name).unwrap() = value;
    }
    Value::Object(thing)
}

/// A thing as a message.
pub fn wire(value: &Value) -> Option<v6::DynamicValue> {
    Some(to_wire(&thing_type(), value).unwrap())
}

/// A thing from a message.
pub fn unwire(value: Option<&v6::DynamicValue>) -> Value {
    from_wire(&thing_type(), value).unwrap()
}

/// A request to plan a thing from what there is and what is wanted.
pub fn plan_request(prior: &Value, config: &Value) -> v6::plan_resource_change::Request {
    v6::plan_resource_change::Request {
        type_name: "fake_thing".to_owned(),
        prior_state: wire(prior),
        proposed_new_state: wire(config),
        config: wire(config),
        ..Default::default()
    }
}

/// A request to make what was planned.
pub fn apply_request(
    prior: &Value,
    config: &Value,
    plan: v6::plan_resource_change::Response,
) -> v6::apply_resource_change::Request {
    v6::apply_resource_change::Request {
        type_name: "fake_thing".to_owned(),
        prior_state: wire(prior),
        planned_state: plan.planned_state,
        config: wire(config),
        planned_private: plan.planned_private,
        ..Default::default()
    }
}

/// Plans and makes a thing.
pub async fn create(client: &Client, config: &Value) -> Value {
    let plan = client
        .plan_resource_change(plan_request(&Value::Null, config))
        .await
        .unwrap();
    let request = apply_request(&Value::Null, config, plan);
    let answer = client.apply_resource_change(request).await.unwrap();
    assert_eq!(answer.diagnostics, []);
    unwire(answer.new_state.as_ref())
}
