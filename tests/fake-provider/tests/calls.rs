//! Every call, in both protocols, with a plugin that does what it should.

mod common;

use common::{create, plan_request, start, thing, unwire, wire};
use nixops4_proto::tfplugin::v6;
use nixops4_tfproto::client::{Client, Events};
use nixops4_tfproto::convert::{complaints, complaints_of_function, from_wire, raw_state, to_wire};
use nixops4_tfproto::cty::{Type, Value};
use nixops4_tfproto::schema::{Image, Kind};
use serde_json::json;
use v6::invoke_action::event::Type as ActionEvent;

/// A plugin of protocol 5 and one of protocol 6. The type of things is the same in both, so that
/// the tests can be too.
async fn both() -> [Client; 2] {
    [
        start(json!({"protocol": 5})).await,
        start(json!({"protocol": 6, "flat": true})).await,
    ]
}

fn name() -> String {
    "fake_thing".to_owned()
}

fn string(text: &str) -> Value {
    Value::string(text)
}

#[tokio::test]
async fn metadata_and_schema() {
    for client in both().await {
        let metadata = client.get_metadata(Default::default()).await.unwrap();
        assert_eq!(metadata.resources.len(), 1);
        assert_eq!(metadata.data_sources.len(), 2);
        assert_eq!(metadata.functions.len(), 3);
        assert_eq!(metadata.actions[0].type_name, "fake_ping");
        assert!(
            metadata
                .server_capabilities
                .unwrap()
                .get_provider_schema_optional
        );

        let (protocol, description) = client.get_provider_schema().await.unwrap();
        let image = Image::build(protocol, &description, &Default::default());
        let schema: v6::Schema = image.read(Kind::Resource, "fake_thing").unwrap().unwrap();
        let block = schema.block.unwrap();
        let attribute = |name: &str| {
            block
                .attributes
                .iter()
                .find(|attribute| attribute.name == name)
                .unwrap()
        };
        assert!(attribute("password").write_only);
        assert!(attribute("secret").sensitive);
        assert_eq!(attribute("volume").deprecation_message, "Use size.");
        assert_eq!(
            block.block_types[0].nesting(),
            v6::schema::nested_block::NestingMode::List
        );
        assert!(image.contains(Kind::Action, "fake_ping"));

        let identities = client
            .get_resource_identity_schemas(Default::default())
            .await
            .unwrap();
        assert!(
            identities.identity_schemas["fake_thing"].identity_attributes[0].required_for_import
        );
    }
}

#[tokio::test]
async fn provider_configuration() {
    let ty = Type::object([
        ("endpoint", Type::String),
        ("region", Type::String),
        ("token", Type::String),
    ]);
    let config = |endpoint: Value| {
        let value = Value::object([
            ("endpoint", endpoint),
            ("region", Value::Null),
            ("token", Value::Null),
        ]);
        Some(to_wire(&ty, &value).unwrap())
    };
    for client in both().await {
        let validate = |endpoint| {
            client.validate_provider_config(v6::validate_provider_config::Request {
                config: config(endpoint),
            })
        };
        assert_eq!(validate(Value::UNKNOWN).await.unwrap().diagnostics, []);
        let found = complaints(&validate(string("invalid")).await.unwrap().diagnostics);
        assert_eq!(found[0].summary, "Invalid endpoint");
        assert_eq!(found[0].place.as_ref().unwrap().to_string(), "endpoint");

        let configure = |endpoint| {
            client.configure_provider(v6::configure_provider::Request {
                terraform_version: "1.13.0".to_owned(),
                config: config(endpoint),
                client_capabilities: Some(Default::default()),
            })
        };
        assert_eq!(
            configure(string("http://localhost"))
                .await
                .unwrap()
                .diagnostics,
            []
        );
        assert_eq!(
            configure(Value::UNKNOWN).await.unwrap().diagnostics.len(),
            1
        );
    }
}

#[tokio::test]
async fn the_life_of_a_resource() {
    for client in both().await {
        let config = thing([
            ("name", string("web")),
            ("size", Value::Number("0.1".parse().unwrap())),
            ("tags", Value::map([("Name", string("wé\u{301}b"))])),
            ("ports", Value::List(vec![Value::int(80), Value::int(443)])),
            ("labels", Value::set([string("b"), string("a")])),
            (
                "extra",
                Value::dynamic(
                    Type::tuple([Type::Bool]),
                    Value::Tuple(vec![Value::Bool(true)]),
                ),
            ),
            (
                "rule",
                Value::List(vec![Value::object([
                    ("port", Value::int(80)),
                    ("cidr", Value::Null),
                ])]),
            ),
            ("password", string("hidden")),
        ]);
        let validated = client
            .validate_resource_config(v6::validate_resource_config::Request {
                type_name: name(),
                config: wire(&config),
                client_capabilities: None,
            })
            .await
            .unwrap();
        assert_eq!(validated.diagnostics, []);

        let plan = client
            .plan_resource_change(plan_request(&Value::Null, &config))
            .await
            .unwrap();
        let planned = unwire(plan.planned_state.as_ref());
        let unknown: Vec<String> = planned
            .unknown_paths()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(unknown, ["id", "note", "revision"]);
        assert_eq!(plan.planned_private, b"planned");

        let made = create(&client, &config).await;
        let attribute = |value: &Value, name: &str| value.as_object().unwrap().get(name).cloned();
        assert_eq!(attribute(&made, "id"), Some(string("thing-1")));
        assert_eq!(attribute(&made, "size"), attribute(&config, "size"));
        assert_eq!(attribute(&made, "tags"), attribute(&config, "tags"));
        assert_eq!(attribute(&made, "extra"), attribute(&config, "extra"));
        assert_eq!(attribute(&made, "password"), Some(Value::Null));

        let read = client
            .read_resource(v6::read_resource::Request {
                type_name: name(),
                current_state: wire(&made),
                private: b"mine".to_vec(),
                ..Default::default()
            })
            .await
            .unwrap();
        assert_eq!(unwire(read.new_state.as_ref()), made);
        assert_eq!(read.private, b"mine");
        let identity = read.new_identity.unwrap().identity_data;
        let identity = from_wire(&Type::object([("id", Type::String)]), identity.as_ref());
        assert_eq!(
            identity.unwrap(),
            Value::object([("id", string("thing-1"))])
        );

        let Value::Object(mut renamed) = made.clone() else {
            panic!("not an object")
        };
        *renamed.get_mut("name").unwrap() = string("db");
        let plan = client
            .plan_resource_change(plan_request(&made, &Value::Object(renamed)))
            .await
            .unwrap();
        assert_eq!(plan.requires_replace.len(), 1);

        let gone = client
            .apply_resource_change(v6::apply_resource_change::Request {
                type_name: name(),
                prior_state: wire(&made),
                planned_state: wire(&Value::Null),
                config: wire(&Value::Null),
                ..Default::default()
            })
            .await
            .unwrap();
        assert!(unwire(gone.new_state.as_ref()).is_null());
        let read = client
            .read_resource(v6::read_resource::Request {
                type_name: name(),
                current_state: wire(&made),
                ..Default::default()
            })
            .await
            .unwrap();
        assert!(unwire(read.new_state.as_ref()).is_null());
    }
}

#[tokio::test]
async fn errors_name_the_attribute() {
    for client in both().await {
        let ports = Value::List(vec![Value::int(1), Value::int(70_000)]);
        let config = thing([("name", string("")), ("ports", ports)]);
        let answer = client
            .validate_resource_config(v6::validate_resource_config::Request {
                type_name: name(),
                config: wire(&config),
                client_capabilities: None,
            })
            .await
            .unwrap();
        let found: Vec<String> = complaints(&answer.diagnostics)
            .into_iter()
            .map(|c| format!("{}: {}", c.place.unwrap(), c.summary))
            .collect();
        assert_eq!(found, ["name: Empty name", "ports[1]: Invalid port"]);
    }
}

#[tokio::test]
async fn stored_state_is_upgraded() {
    for client in both().await {
        let upgrade = |version, json: serde_json::Value| {
            client.upgrade_resource_state(v6::upgrade_resource_state::Request {
                type_name: name(),
                version,
                raw_state: Some(raw_state(json.to_string())),
            })
        };
        let answer = upgrade(0, json!({"id": "thing-9", "title": "old", "rule": []}))
            .await
            .unwrap();
        let upgraded = unwire(answer.upgraded_state.as_ref());
        assert_eq!(
            upgraded,
            thing([("id", string("thing-9")), ("name", string("old"))])
        );
        assert_eq!(
            upgrade(7, json!({})).await.unwrap().diagnostics[0].summary,
            "State from the future"
        );

        let answer = client
            .upgrade_resource_identity(v6::upgrade_resource_identity::Request {
                type_name: name(),
                version: 0,
                raw_identity: Some(raw_state(r#"{"id":"thing-9"}"#)),
            })
            .await
            .unwrap();
        assert!(answer.upgraded_identity.unwrap().identity_data.is_some());
    }
}

#[tokio::test]
async fn objects_are_imported_moved_listed_and_written_down() {
    for client in both().await {
        let made = create(&client, &thing([("name", string("web"))])).await;
        create(&client, &thing([("name", string("db"))])).await;

        let request = |id: &str| v6::import_resource_state::Request {
            type_name: name(),
            id: id.to_owned(),
            ..Default::default()
        };
        let answer = client
            .import_resource_state(request("thing-1"))
            .await
            .unwrap();
        assert_eq!(unwire(answer.imported_resources[0].state.as_ref()), made);
        assert_eq!(answer.imported_resources[0].private, b"imported");
        let by_identity = v6::import_resource_state::Request {
            type_name: name(),
            identity: answer.imported_resources[0].identity.clone(),
            ..Default::default()
        };
        let answer = client.import_resource_state(by_identity).await.unwrap();
        assert_eq!(unwire(answer.imported_resources[0].state.as_ref()), made);
        let answer = client.import_resource_state(request("none")).await.unwrap();
        assert_eq!(answer.diagnostics[0].summary, "No such thing");

        let answer = client
            .move_resource_state(v6::move_resource_state::Request {
                source_type_name: "other_thing".to_owned(),
                source_state: Some(raw_state(r#"{"id":"thing-1","name":"web","color":"red"}"#)),
                source_private: b"kept".to_vec(),
                target_type_name: name(),
                ..Default::default()
            })
            .await
            .unwrap();
        assert_eq!(answer.target_private, b"kept");
        let moved = thing([("id", string("thing-1")), ("name", string("web"))]);
        assert_eq!(unwire(answer.target_state.as_ref()), moved);

        let answer = client
            .generate_resource_config(v6::generate_resource_config::Request {
                type_name: name(),
                state: wire(&made),
            })
            .await
            .unwrap();
        assert_eq!(
            unwire(answer.config.as_ref()),
            thing([("name", string("web"))])
        );

        let config = to_wire(
            &Type::object([("prefix", Type::String)]),
            &Value::object([("prefix", string("w"))]),
        );
        let config = Some(config.unwrap());
        let validated = client
            .validate_list_resource_config(v6::validate_list_resource_config::Request {
                type_name: name(),
                config: config.clone(),
                ..Default::default()
            })
            .await
            .unwrap();
        assert_eq!(validated.diagnostics, []);
        let mut events = client
            .list_resource(v6::list_resource::Request {
                type_name: name(),
                config,
                include_resource_object: true,
                limit: 10,
            })
            .await
            .unwrap();
        let event = events.next().await.unwrap().unwrap();
        assert_eq!(event.display_name, "web");
        assert_eq!(unwire(event.resource_object.as_ref()), made);
        assert_eq!(events.next().await.unwrap(), None);
    }
}

#[tokio::test]
async fn data_sources() {
    let ty = Type::object([
        ("name", Type::String),
        ("id", Type::String),
        ("size", Type::Number),
    ]);
    let config = |name: &str| {
        let value = Value::object([
            ("name", string(name)),
            ("id", Value::Null),
            ("size", Value::Null),
        ]);
        Some(to_wire(&ty, &value).unwrap())
    };
    for client in both().await {
        create(
            &client,
            &thing([("name", string("web")), ("size", Value::int(7))]),
        )
        .await;
        let validated = client
            .validate_data_resource_config(v6::validate_data_resource_config::Request {
                type_name: name(),
                config: config("web"),
            })
            .await
            .unwrap();
        assert_eq!(validated.diagnostics, []);
        let read = |name: &str| {
            client.read_data_source(v6::read_data_source::Request {
                type_name: "fake_thing".to_owned(),
                config: config(name),
                ..Default::default()
            })
        };
        let state = from_wire(&ty, read("web").await.unwrap().state.as_ref()).unwrap();
        assert_eq!(state.as_object().unwrap().get("size"), Some(&Value::int(7)));
        assert_eq!(
            read("none").await.unwrap().diagnostics[0].summary,
            "No such thing"
        );
    }
}

#[tokio::test]
async fn ephemeral_resources() {
    let ty = Type::object([("length", Type::Number), ("value", Type::String)]);
    let config = to_wire(
        &ty,
        &Value::object([("length", Value::int(3)), ("value", Value::Null)]),
    )
    .unwrap();
    for protocol in [5, 6] {
        let client = start(json!({"protocol": protocol, "renew_after_ms": 1000})).await;
        let type_name = "fake_token".to_owned();
        let validated = client
            .validate_ephemeral_resource_config(v6::validate_ephemeral_resource_config::Request {
                type_name: type_name.clone(),
                config: Some(config.clone()),
            })
            .await
            .unwrap();
        assert_eq!(validated.diagnostics, []);
        let opened = client
            .open_ephemeral_resource(v6::open_ephemeral_resource::Request {
                type_name: type_name.clone(),
                config: Some(config.clone()),
                client_capabilities: None,
            })
            .await
            .unwrap();
        let result = from_wire(&ty, opened.result.as_ref()).unwrap();
        assert_eq!(
            result.as_object().unwrap().get("value"),
            Some(&string("token-1"))
        );
        assert!(opened.renew_at.is_some());
        let renewed = client
            .renew_ephemeral_resource(v6::renew_ephemeral_resource::Request {
                type_name: type_name.clone(),
                private: opened.private.clone(),
            })
            .await
            .unwrap();
        assert_eq!(renewed.private, opened.private);
        let closed = client
            .close_ephemeral_resource(v6::close_ephemeral_resource::Request {
                type_name,
                private: renewed.private,
            })
            .await
            .unwrap();
        assert_eq!(closed.diagnostics, []);
    }
}

#[tokio::test]
async fn functions() {
    let argument = |text: &str| to_wire(&Type::String, &string(text)).unwrap();
    for client in both().await {
        let functions = client
            .get_functions(Default::default())
            .await
            .unwrap()
            .functions;
        assert!(functions["join"].variadic_parameter.is_some());
        let call = |name: &str, arguments: Vec<v6::DynamicValue>| {
            client.call_function(v6::call_function::Request {
                name: name.to_owned(),
                arguments,
            })
        };
        let answer = call("join", vec![argument("-"), argument("a"), argument("b")])
            .await
            .unwrap();
        assert_eq!(
            from_wire(&Type::String, answer.result.as_ref()),
            Ok(string("a-b"))
        );
        let value = Value::dynamic(Type::list(Type::Bool), Value::List(Vec::new()));
        let value = to_wire(&Type::Dynamic, &value).unwrap();
        let answer = call("describe", vec![value]).await.unwrap();
        assert_eq!(
            from_wire(&Type::String, answer.result.as_ref()),
            Ok(string("list(bool)"))
        );
        let error = call("fail", vec![argument("because")])
            .await
            .unwrap()
            .error
            .unwrap();
        let (complaint, argument) = complaints_of_function(&error);
        assert_eq!((complaint.summary.as_str(), argument), ("because", Some(0)));
    }
}

async fn collect<T: 'static>(mut events: Events<T>) -> Vec<T> {
    let mut all = Vec::new();
    while let Some(event) = events.next().await.unwrap() {
        all.push(event);
    }
    all
}

#[tokio::test]
async fn actions() {
    let ty = Type::object([("message", Type::String), ("count", Type::Number)]);
    let config = |message: &str| {
        let value = Value::object([("message", string(message)), ("count", Value::int(2))]);
        Some(to_wire(&ty, &value).unwrap())
    };
    for client in both().await {
        let validated = client
            .validate_action_config(v6::validate_action_config::Request {
                type_name: "fake_ping".to_owned(),
                config: config(""),
            })
            .await
            .unwrap();
        assert_eq!(validated.diagnostics[0].summary, "Empty message");
        let planned = client
            .plan_action(v6::plan_action::Request {
                action_type: "fake_ping".to_owned(),
                config: config("ping"),
                client_capabilities: None,
            })
            .await
            .unwrap();
        assert_eq!(planned.diagnostics, []);
        let events = client
            .invoke_action(v6::invoke_action::Request {
                action_type: "fake_ping".to_owned(),
                config: config("ping"),
                client_capabilities: None,
            })
            .await
            .unwrap();
        let texts: Vec<String> = collect(events)
            .await
            .into_iter()
            .map(|event| match event.r#type.unwrap() {
                ActionEvent::Progress(progress) => progress.message,
                ActionEvent::Completed(_) => "done".to_owned(),
            })
            .collect();
        assert_eq!(texts, ["ping 1", "ping 2", "done"]);
    }
}

#[tokio::test]
async fn state_stores_are_for_protocol_6() {
    let [old, client] = both().await;
    let store = || "fake_store".to_owned();
    let error = old.get_states(Default::default()).await.unwrap_err();
    assert!(error.is_unimplemented());
    assert!(!error.is_in_doubt());

    let configured = client
        .configure_state_store(v6::configure_state_store::Request {
            type_name: store(),
            config: None,
            capabilities: Some(v6::StateStoreClientCapabilities {
                chunk_size: 1 << 20,
            }),
        })
        .await
        .unwrap();
    assert_eq!(configured.capabilities.unwrap().chunk_size, 16);
    let validated = client
        .validate_state_store_config(Default::default())
        .await
        .unwrap();
    assert_eq!(validated.diagnostics, []);

    let id = || "prod".to_owned();
    let lock = || {
        client.lock_state(v6::lock_state::Request {
            type_name: store(),
            state_id: id(),
            operation: "apply".to_owned(),
        })
    };
    let lock_id = lock().await.unwrap().lock_id;
    assert_eq!(
        lock().await.unwrap().diagnostics[0].detail,
        "It is locked for apply (lock of prod)."
    );

    let text = b"a state of more than one chunk";
    let mut start = 0;
    let chunks = text.chunks(16).map(|piece| {
        let end = start + i64::try_from(piece.len()).unwrap();
        let range = v6::StateRange {
            start,
            end: end - 1,
        };
        let meta = v6::RequestChunkMeta {
            type_name: store(),
            state_id: id(),
        };
        let chunk = v6::write_state_bytes::RequestChunk {
            meta: (start == 0).then_some(meta),
            bytes: piece.to_vec(),
            total_length: 30,
            range: Some(range),
        };
        start = end;
        chunk
    });
    let written = client.write_state_bytes(chunks.collect()).await.unwrap();
    assert_eq!(written.diagnostics, []);
    let states = client
        .get_states(v6::get_states::Request { type_name: store() })
        .await
        .unwrap();
    assert_eq!(states.state_id, ["prod"]);
    let request = v6::read_state_bytes::Request {
        type_name: store(),
        state_id: id(),
    };
    let read = collect(client.read_state_bytes(request).await.unwrap()).await;
    assert_eq!(read.len(), 2);
    assert_eq!(
        read.into_iter()
            .flat_map(|chunk| chunk.bytes)
            .collect::<Vec<u8>>(),
        text
    );

    let unlocked = client
        .unlock_state(v6::unlock_state::Request {
            type_name: store(),
            state_id: id(),
            lock_id,
        })
        .await
        .unwrap();
    assert_eq!(unlocked.diagnostics, []);
    let request = v6::delete_state::Request {
        type_name: store(),
        state_id: id(),
    };
    client.delete_state(request).await.unwrap();
    assert_eq!(
        client
            .get_states(Default::default())
            .await
            .unwrap()
            .state_id
            .len(),
        0
    );
}

#[tokio::test]
async fn calls_run_concurrently_and_stop_ends_them() {
    for protocol in [5, 6] {
        let rpcs = json!({"ReadResource": {"until_stop": true}});
        let client = start(json!({"protocol": protocol, "flat": true, "rpcs": rpcs})).await;
        let request = v6::read_resource::Request {
            type_name: name(),
            current_state: wire(&thing([("id", string("x"))])),
            ..Default::default()
        };
        let mut reads = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (client, request) = (client.clone(), request.clone());
            reads.spawn(async move { client.read_resource(request).await });
        }
        // The other calls wait, this one goes through.
        assert_eq!(
            create(&client, &thing([("name", string("a"))]))
                .await
                .unknown_paths(),
            []
        );
        client.stop().await.unwrap();
        while let Some(read) = reads.join_next().await {
            let error = read.unwrap().unwrap_err().to_string();
            assert!(error.contains("cancelled by a request to stop"), "{error}");
        }
        // Later calls work.
        assert_eq!(
            client
                .get_metadata(Default::default())
                .await
                .unwrap()
                .resources
                .len(),
            1
        );
    }
}
