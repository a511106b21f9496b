//! The life of a resource, in both protocols, with a plugin that does what it should.

use nixops4_core::provider::{Identifier, ImportRequest, Mode, ReadDataRequest};

use super::*;

async fn both() -> Vec<(Fake, Arc<dyn ConfiguredProvider>)> {
    let mut instances = Vec::new();
    for protocol in [5, 6] {
        instances.push(good(json!({ "protocol": protocol })).await);
    }
    instances
}

#[tokio::test]
async fn from_creation_to_deletion() {
    for (_fake, instance) in both().await {
        let inputs = plain(json!({ "name": "a", "size": 1, "tags": { "k": "v" },
            "labels": ["y", "x", "y"], "rule": { "port": "80" } }));
        let planned = plan(&instance, None, &inputs).await;
        assert_eq!(planned.action, Action::Create);
        assert!(output(&planned.outputs, "id").is_unknown());
        assert_eq!(output(&planned.outputs, "size"), &1.into());

        let state = create(&instance, &inputs).await;
        assert_eq!(output(&state.outputs, "id"), &"thing-1".into());
        assert_eq!(
            output(&state.outputs, "labels").to_plain_json(),
            json!(["x", "y"])
        );
        assert_eq!(output(&state.outputs, "rule.0.port"), &80.into());
        assert_eq!(state.identity, Some(json!({ "id": "thing-1" })));
        assert!(
            state
                .private
                .as_ref()
                .is_some_and(|private| private.ends_with(b"planned"))
        );
        assert_eq!(state.schema_version, 1);
        let (state, action) = settled(&instance, &state).await;
        assert_eq!(action, Action::NoOp);

        let bigger = plain(json!({ "name": "a", "size": 2 }));
        let change = plan(&instance, Some(&state), &bigger).await;
        assert_eq!(change.action, Action::Update);
        assert!(output(&change.outputs, "revision").is_unknown());
        let state = apply(&instance, ApplyKind::Update, Some(&state), &bigger, &change).await;
        let (state, action) = settled(&instance, &state.expect("an object")).await;
        assert_eq!(
            (action, output(&state.outputs, "revision")),
            (Action::NoOp, &2.into())
        );
        assert!(output(&state.outputs, "tags").is_null());

        let renamed = plain(json!({ "name": "b" }));
        let change = plan(&instance, Some(&state), &renamed).await;
        assert_eq!(
            (change.action, &change.replace_paths[..]),
            (Action::Replace, &[path("name")][..])
        );
        assert!(output(&change.outputs, "id").is_unknown());
        let null = Value::null();
        let left = apply(&instance, ApplyKind::Delete, Some(&state), &null, &change).await;
        assert_eq!(left, None);
        let state = apply(&instance, ApplyKind::Create, None, &renamed, &change).await;
        let state = state.expect("an object");
        assert_eq!(output(&state.outputs, "id"), &"thing-2".into());

        let change = instance.plan_delete(&state).await.expect("a plan").value;
        assert_eq!((change.action, &change.outputs), (Action::Delete, &null));
        assert_eq!(
            apply(&instance, ApplyKind::Delete, Some(&state), &null, &change).await,
            None
        );
        assert_eq!(instance.read(&state).await.expect("read").value, None);
    }
}

#[tokio::test]
async fn nested_attributes_of_protocol_6() {
    let (_fake, instance) = good(json!({})).await;
    let inputs = plain(json!({ "name": "a", "settings": { "mode": "m" },
        "disks": [{ "size": 1 }, { "size": 2 }] }));
    let planned = plan(&instance, None, &inputs).await;
    assert!(output(&planned.outputs, "settings.level").is_unknown());
    assert!(output(&planned.outputs, "disks.1.device").is_unknown());
    let state = create(&instance, &inputs).await;
    assert_eq!(
        output(&state.outputs, "disks.1.device"),
        &"/dev/disks[1].device".into()
    );
    assert_eq!(settled(&instance, &state).await.1, Action::NoOp);
}

#[tokio::test]
async fn unknown_inputs_give_unknown_outputs() {
    let (_fake, instance) = good(json!({})).await;
    let inputs = Value::attrs([
        ("name", "a".into()),
        ("size", Value::unknown()),
        (
            "tags",
            Value::attrs([("known", "x".into()), ("later", Value::unknown())]),
        ),
    ]);
    let planned = plan(&instance, None, &inputs).await.outputs;
    assert!(output(&planned, "size").is_unknown() && output(&planned, "tags.later").is_unknown());
    assert_eq!(output(&planned, "tags.known"), &"x".into());
}

#[tokio::test]
async fn any_value_keeps_its_type() {
    for (_fake, instance) in both().await {
        for extra in [
            json!(["a", 1, null]),
            json!({ "x": [true], "y": {} }),
            json!("text"),
            json!(1.5),
        ] {
            let inputs = plain(json!({ "name": "a", "extra": extra }));
            let state = create(&instance, &inputs).await;
            assert_eq!(output(&state.outputs, "extra").to_plain_json(), extra);
            assert_eq!(settled(&instance, &state).await.1, Action::NoOp, "{extra}");
        }
    }
}

#[tokio::test]
async fn secrets_are_marked_and_write_only_ones_not_kept() {
    let fake = Fake::new(json!({}));
    let instance = fake.configured().await;
    let inputs = Value::attrs([
        ("name", "a".into()),
        ("secret", "s3cret".into()),
        ("password", "pass".into()),
        (
            "tags",
            Value::attrs([("k", Value::from("t0ken").sensitive())]),
        ),
    ]);
    let planned = plan(&instance, None, &inputs).await.outputs;
    assert!(
        output(&planned, "secret").marks.sensitive && output(&planned, "tags.k").marks.sensitive
    );
    let state = create(&instance, &inputs).await;
    assert!(output(&state.outputs, "password").is_null());
    let read = instance
        .read(&state)
        .await
        .expect("read")
        .value
        .expect("an object");
    for outputs in [&state.outputs, &read.outputs] {
        assert!(output(outputs, "secret").marks.sensitive);
        assert!(output(outputs, "tags.k").marks.sensitive);
        assert!(!output(outputs, "name").marks.sensitive);
    }
    let described = fake
        .provider()
        .resource_type(Mode::Managed, THING)
        .await
        .expect("a type");
    // What is never stored is not shown either.
    assert_eq!(
        described.sensitive_inputs,
        [path("password"), path("secret")]
    );
}

#[tokio::test]
async fn taint_and_force_replace() {
    let (_fake, instance) = good(json!({})).await;
    let inputs = plain(json!({ "name": "a" }));
    let mut state = create(&instance, &inputs).await;
    let forced = PlanRequest {
        force_replace: true,
        ..request(Some(&state), &inputs)
    };
    let change = instance.plan(forced).await.expect("a plan").value;
    assert_eq!(
        (change.action, change.replace_paths.len()),
        (Action::Replace, 0)
    );
    state.tainted = true;
    let read = instance
        .read(&state)
        .await
        .expect("read")
        .value
        .expect("an object");
    assert!(read.tainted);
    let change = plan(&instance, Some(&read), &inputs).await;
    assert_eq!(change.action, Action::Replace);
    assert!(output(&change.outputs, "id").is_unknown());
}

#[tokio::test]
async fn ignored_changes_are_not_acted_upon() {
    let (_fake, instance) = good(json!({})).await;
    let state = create(
        &instance,
        &plain(json!({ "name": "a", "tags": { "k": "1" }, "size": 1 })),
    )
    .await;
    let inputs = plain(json!({ "name": "b", "tags": { "k": "2", "l": "3" }, "size": 2 }));
    let ignore = [path("name"), path("tags.k")];
    let ignoring = PlanRequest {
        ignore_changes: &ignore,
        ..request(Some(&state), &inputs)
    };
    let change = instance.plan(ignoring).await.expect("a plan").value;
    assert_eq!(change.action, Action::Update);
    let updated = apply(&instance, ApplyKind::Update, Some(&state), &inputs, &change).await;
    let outputs = updated.expect("an object").outputs;
    assert_eq!(output(&outputs, "name"), &"a".into());
    assert_eq!(
        output(&outputs, "tags").to_plain_json(),
        json!({ "k": "1", "l": "3" })
    );
    assert_eq!(output(&outputs, "size"), &2.into());
    let all = PlanRequest {
        ignore_all_changes: true,
        ..request(Some(&state), &inputs)
    };
    assert_eq!(
        instance.plan(all).await.expect("a plan").value.action,
        Action::NoOp
    );
}

#[tokio::test]
async fn data_sources_are_read() {
    for (_fake, instance) in both().await {
        let inputs = plain(json!({ "input": "hello" }));
        let request = ReadDataRequest {
            type_name: "fake_echo",
            inputs: &inputs,
        };
        let read = instance.read_data(request).await.expect("read").value;
        assert_eq!(output(&read, "output"), &"hello".into());
    }
}

#[tokio::test]
async fn existing_objects_are_imported() {
    let (_fake, instance) = good(json!({})).await;
    let inputs = plain(json!({ "name": "a" }));
    let state = create(&instance, &inputs).await;
    let import = |object| ImportRequest {
        type_name: THING,
        object,
        inputs: &inputs,
    };
    let [there, absent] = ["thing-1", "thing-9"].map(|id| Identifier::Id(id.to_owned()));
    let imported = instance
        .import(import(&there))
        .await
        .expect("imported")
        .value;
    assert_eq!(imported.outputs, state.outputs);
    assert!(
        imported
            .private
            .as_ref()
            .is_some_and(|private| private.ends_with(b"imported"))
    );
    assert_eq!(
        plan(&instance, Some(&imported), &inputs).await.action,
        Action::NoOp
    );
    let missing = failed(instance.import(import(&absent)).await);
    assert_eq!(
        missing,
        "No such thing: There is no thing with the id \"thing-9\"."
    );
    for count in [0, 2] {
        let fake = Fake::new(json!({ "imported": count }));
        let instance = fake.configured().await;
        create(&instance, &inputs).await;
        let error = failed(instance.import(import(&there)).await);
        let expected =
            format!("importing the fake_thing \"thing-1\" gave {count} objects instead of one");
        assert_eq!(error, expected);
    }
}
