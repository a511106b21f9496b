//! What the adapter makes of a plugin's faults and complaints.

use nixops4_core::provider::Mode;

use super::*;

fn thing() -> Value {
    plain(json!({ "name": "a", "size": 1 }))
}

#[tokio::test]
async fn complaints_are_placed_at_inputs() {
    let fake = Fake::new(json!({}));
    let provider = fake.provider();
    let validate = async |inputs: Json| {
        shown(
            &provider
                .validate(Mode::Managed, THING, &plain(inputs))
                .await
                .expect("validated"),
        )
    };
    assert_eq!(
        validate(json!({ "name": "", "ports": [1, 99999] })).await,
        "Empty name (at name): A thing must have a name.\n\
         Invalid port (at ports[1]): Ports end at 65535."
    );
    assert_eq!(
        validate(json!({ "nam": "x", "id": "y", "rule": [{ "port": "http" }] })).await,
        "fake_thing has no input \"nam\" (at nam)\n\
         id is decided by the provider and cannot be set (at id)\n\
         fake_thing needs the input \"name\"\n\
         rule[0].port must be a number; the string \"http\" is not (at rule[0].port)"
    );
    let other = provider
        .validate(Mode::Data, "fake_thin", &Value::null())
        .await
        .expect("validated");
    assert_eq!(
        shown(&other),
        "provider fake has no data source \"fake_thin\""
    );
    assert_eq!(other.0[0].hints, ["did you mean \"fake_thing\"?"]);
    let misplaced = provider.resource_type(Mode::Managed, "fake_echo").await;
    let Err(Failure::Diagnostics(found)) = misplaced else {
        panic!("a type")
    };
    assert_eq!(found.0[0].hints, ["there is a data source of that name"]);
}

#[tokio::test]
async fn errors_of_the_configuration_leave_the_provider_usable() {
    let complaint =
        json!({ "call": 1, "diagnostics": [{ "summary": "Bad token", "path": ["token"] }] });
    let fake = Fake::new(json!({ "rpcs": { "ConfigureProvider": complaint } }));
    let provider = fake.provider();
    let config = plain(json!({ "token": "x" }));
    let error = failed(
        provider
            .clone()
            .configure(&config)
            .await
            .map(|found| found.value),
    );
    assert_eq!(error, "Bad token (at token)");
    let unknown = plain(json!({ "tokn": "x" }));
    let error = failed(
        provider
            .clone()
            .configure(&unknown)
            .await
            .map(|found| found.value),
    );
    assert_eq!(error, "provider fake has no input \"tokn\" (at tokn)");
    provider
        .configure(&config)
        .await
        .expect("configured")
        .value
        .close()
        .await;
}

#[tokio::test]
async fn a_plan_that_decides_what_the_user_decides_is_refused() {
    let changed = json!({ "set": { "size": 7 } });
    let (_fake, instance) = misbehaving("PlanResourceChange", changed.clone()).await;
    let result = instance.plan(request(None, &thing())).await;
    let Err(Failure::Diagnostics(found)) = result else {
        panic!("a plan")
    };
    assert_eq!(
        shown(&found),
        "provider fake made an invalid plan for fake_thing: size: planned as neither the configured \
         nor the prior value (at size)"
    );
    // Old providers may.
    let mut old = changed;
    old["legacy_type_system"] = json!(true);
    let (_fake, instance) = misbehaving("PlanResourceChange", old).await;
    let planned = plan(&instance, None, &thing()).await;
    assert_eq!(output(&planned.outputs, "size"), &7.into());
}

#[tokio::test]
async fn what_must_not_be_stored_is_refused() {
    let kept = json!({ "set": { "password": "p" } });
    let (_fake, instance) = misbehaving("PlanResourceChange", kept.clone()).await;
    let error = failed(instance.plan(request(None, &thing())).await);
    assert!(
        error.starts_with("provider fake planned to store password"),
        "{error}"
    );
    // After creation there is an object, which must not be lost.
    let (_fake, instance) = misbehaving("ApplyResourceChange", kept).await;
    let change = plan(&instance, None, &thing()).await;
    let response = try_apply(&instance, ApplyKind::Create, None, &thing(), &change).await;
    let response = response.expect("an answer");
    assert_eq!(
        shown(&response.diagnostics),
        "fake_thing: provider fake returned a value for password, which must never be stored (at password)"
    );
    assert!(output(&response.state.expect("an object").outputs, "password").is_null());
}

#[tokio::test]
async fn replacement_by_something_that_is_not_there() {
    let behaviour = json!({ "call": 2, "requires_replace": [["nothing", 0]] });
    let (_fake, instance) = misbehaving("PlanResourceChange", behaviour).await;
    let state = create(&instance, &thing()).await;
    let error = failed(instance.plan(request(Some(&state), &thing())).await);
    assert!(
        error.contains("nothing[0] forces a replacement, but there is no such attribute"),
        "{error}"
    );
}

#[tokio::test]
async fn a_result_that_contradicts_its_plan_is_kept_and_reported() {
    for (set, complaint) in [
        (
            json!({ "size": 9 }),
            "did not do what it had planned: size: is not the planned value (at size)",
        ),
        (
            json!({ "note": { "$unknown": true } }),
            "left note unknown after the change (at note)",
        ),
    ] {
        let (_fake, instance) = misbehaving("ApplyResourceChange", json!({ "set": set })).await;
        let change = plan(&instance, None, &thing()).await;
        let response = try_apply(&instance, ApplyKind::Create, None, &thing(), &change).await;
        let response = response.expect("an answer");
        assert_eq!(
            shown(&response.diagnostics),
            format!("fake_thing: provider fake {complaint}")
        );
        let outputs = response.state.expect("an object").outputs;
        assert_eq!(output(&outputs, "id"), &"thing-1".into());
    }
}

#[tokio::test]
async fn a_failed_creation_that_left_something_is_remembered() {
    let behaviour = json!({ "diagnostics": [{ "summary": "Half done", "path": ["size"] }] });
    let (_fake, instance) = misbehaving("ApplyResourceChange", behaviour).await;
    let change = plan(&instance, None, &thing()).await;
    let response = try_apply(&instance, ApplyKind::Create, None, &thing(), &change).await;
    let response = response.expect("an answer");
    assert_eq!(shown(&response.diagnostics), "Half done (at size)");
    assert!(response.state.is_some());
}

#[tokio::test]
async fn a_failed_update_keeps_the_old_inputs() {
    let failing = json!({ "call": 2, "diagnostics": [{ "summary": "Half done" }] });
    let (_fake, instance) = misbehaving("ApplyResourceChange", failing.clone()).await;
    let state = create(&instance, &thing()).await;
    let wanted = plain(json!({ "name": "a", "size": 2 }));
    let change = plan(&instance, Some(&state), &wanted).await;
    let response = try_apply(&instance, ApplyKind::Update, Some(&state), &wanted, &change).await;
    let kept = response.expect("an answer").state.expect("an object");
    assert_eq!(
        (&kept.inputs, output(&kept.outputs, "size")),
        (&thing(), &2.into())
    );

    // Without an object in the answer the old one stays.
    let mut nothing = failing;
    nothing["null"] = json!(true);
    let (_fake, instance) = misbehaving("ApplyResourceChange", nothing).await;
    let state = create(&instance, &thing()).await;
    let change = plan(&instance, Some(&state), &wanted).await;
    let response = try_apply(&instance, ApplyKind::Update, Some(&state), &wanted, &change).await;
    assert_eq!(response.expect("an answer").state, Some(state));
}

#[tokio::test]
async fn a_deletion_that_did_not_happen_keeps_the_object() {
    let behaviour = json!({ "call": 2, "msgpack": "c0", "diagnostics": [{ "summary": "In use" }] });
    let (_fake, instance) = misbehaving("ApplyResourceChange", behaviour).await;
    let state = create(&instance, &thing()).await;
    let change = instance.plan_delete(&state).await.expect("a plan").value;
    let null = Value::null();
    let response = try_apply(&instance, ApplyKind::Delete, Some(&state), &null, &change).await;
    let response = response.expect("an answer");
    assert_eq!(
        (shown(&response.diagnostics).as_str(), response.state),
        ("In use", Some(state))
    );
}

#[tokio::test]
async fn a_crash_during_a_change_leaves_doubt_and_one_before_none() {
    for (behaviour, in_doubt) in [
        (json!({ "crash": "before" }), true),
        (json!({ "crash": "during" }), true),
        (json!({ "msgpack": "93ff" }), true),
        (json!({ "unimplemented": true }), false),
    ] {
        let (_fake, instance) = misbehaving("ApplyResourceChange", behaviour.clone()).await;
        let change = plan(&instance, None, &thing()).await;
        let error = try_apply(&instance, ApplyKind::Create, None, &thing(), &change).await;
        let error = error.expect_err("no answer");
        assert_eq!(
            (error.call.as_str(), error.in_doubt),
            ("ApplyResourceChange", in_doubt),
            "{behaviour}"
        );
    }
    // What is wrong with the request is found before anything is sent.
    let (fake, instance) = misbehaving("PlanResourceChange", json!({})).await;
    let change = plan(&instance, None, &thing()).await;
    let response = try_apply(&instance, ApplyKind::Create, None, &Value::null(), &change).await;
    let response = response.expect("an answer");
    assert_eq!(
        shown(&response.diagnostics),
        "fake_thing needs the input \"name\""
    );
    assert_eq!(
        (response.state, fake.count("ApplyResourceChange")),
        (None, 0)
    );
}

#[tokio::test]
async fn answers_that_do_not_follow_the_schema_name_the_place() {
    // A fixed map of one entry, of a type with many.
    let behaviour = json!({ "msgpack": "81a26964c0" });
    let (_fake, instance) = misbehaving("PlanResourceChange", behaviour).await;
    let Err(Failure::Provider(error)) = instance.plan(request(None, &thing())).await else {
        panic!("a plan")
    };
    assert!(
        error
            .message
            .starts_with("its answer does not follow its own schema"),
        "{error}"
    );
    assert!(!error.in_doubt && error.hints.len() == 1);
}

#[tokio::test]
async fn plans_may_have_to_wait() {
    let (_fake, instance) = misbehaving("PlanResourceChange", json!({ "deferred": 3 })).await;
    let change = plan(&instance, None, &thing()).await;
    assert_eq!(
        change.deferred.as_deref(),
        Some("something that does not exist yet")
    );
}

#[tokio::test]
async fn stopping_ends_what_runs() {
    let (_fake, instance) = misbehaving("ApplyResourceChange", json!({ "until_stop": true })).await;
    let change = plan(&instance, None, &thing()).await;
    let inputs = thing();
    let running = try_apply(&instance, ApplyKind::Create, None, &inputs, &change);
    let stopping = async {
        // Asking again is harmless where the first came before the call.
        loop {
            instance.stop().await;
            tokio::task::yield_now().await;
        }
    };
    let response = tokio::select! {
        response = running => response,
        () = stopping => unreachable!("it never ends"),
    };
    let error = response.expect_err("cancelled");
    assert!(
        error.message.contains("cancelled by a request to stop"),
        "{error}"
    );
}
