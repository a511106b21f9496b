//! When a plugin is started, and when it is asked what it has.

use nixops4_core::provider::Mode;

use super::*;

#[tokio::test]
async fn what_was_described_once_is_known_without_starting_the_plugin() {
    let fake = Fake::new(json!({}));
    let first = fake.provider();
    first
        .resource_type(Mode::Managed, THING)
        .await
        .expect("a type");
    first.close().await;
    assert_eq!(fake.count("GetProviderSchema"), 1);
    let calls = fake.calls().len();

    let second = fake.provider();
    let described = second
        .resource_type(Mode::Managed, THING)
        .await
        .expect("a type");
    assert!(
        described.require_state && described.outputs.as_ref().is_some_and(|o| o.contains("id"))
    );
    assert_eq!(fake.calls().len(), calls);
    let instance = second
        .configure(&Value::null())
        .await
        .expect("configured")
        .value;
    create(&instance, &plain(json!({ "name": "a" }))).await;
    assert_eq!(fake.count("GetProviderSchema"), 1);
}

#[tokio::test]
async fn a_plugin_that_must_be_asked_is_asked_once_a_process() {
    let fake = Fake::new(json!({ "without": ["get_provider_schema_optional"] }));
    for processes in 1..=2 {
        let instance = fake.configured().await;
        let inputs = plain(json!({ "name": "a" }));
        tokio::join!(create(&instance, &inputs), create(&instance, &inputs));
        instance.close().await;
        assert_eq!(fake.count("GetProviderSchema"), processes);
    }
}

#[tokio::test]
async fn each_configuration_has_its_own_process() {
    let fake = Fake::new(json!({}));
    let provider = fake.provider();
    let configure = async |region: &str| {
        let config = plain(json!({ "region": region }));
        provider
            .clone()
            .configure(&config)
            .await
            .expect("configured")
            .value
    };
    let (one, other) = (configure("a").await, configure("b").await);
    assert_eq!(fake.count("ConfigureProvider"), 2);
    one.close().await;
    // The other one, and the provider itself, go on.
    let state = create(&other, &plain(json!({ "name": "a" }))).await;
    provider.close().await;
    assert_eq!(settled(&other, &state).await.1, Action::NoOp);
    other.close().await;
    let Err(Failure::Provider(error)) = other.read(&state).await else {
        panic!("it lives on")
    };
    assert!(error.message.contains("stopped"), "{error}");
}

#[tokio::test]
async fn deletions_are_planned_only_with_plugins_that_want_it() {
    for (without, planned) in [(json!([]), 2), (json!(["plan_destroy"]), 1)] {
        let fake = Fake::new(json!({ "without": without }));
        let instance = fake.configured().await;
        let state = create(&instance, &plain(json!({ "name": "a" }))).await;
        instance.plan_delete(&state).await.expect("a plan");
        assert_eq!(fake.count("PlanResourceChange"), planned);
    }
}

#[tokio::test]
async fn a_provider_that_cannot_be_started_says_so() {
    let fake = Fake::new(json!({}));
    let executable = fake.dir.path().join("nothing");
    let provider = TfProvider::new(PluginOptions {
        executable,
        ..fake.options()
    });
    let Err(Failure::Provider(error)) = provider.resource_type(Mode::Managed, THING).await else {
        panic!("described")
    };
    assert!(error.message.contains("there is no such file"), "{error}");
    assert!(error.call.is_empty() && !error.in_doubt);
}

#[tokio::test]
async fn a_configuration_that_was_found_right_is_not_checked_again() {
    let fake = Fake::new(json!({}));
    for (region, checks) in [("a", 1), ("a", 1), ("b", 2), ("a", 2)] {
        let provider = fake.provider();
        let config = plain(json!({ "region": region }));
        let found = provider.validate_config(&config).await;
        assert_eq!(found.expect("an answer"), Diagnostics::default());
        provider.close().await;
        assert_eq!(fake.count("ValidateProviderConfig"), checks, "{region}");
    }
}

#[tokio::test]
async fn what_a_plugin_remarks_it_remarks_each_time() {
    let remark = json!({ "warning": true, "summary": "this region is old" });
    let fake = Fake::new(json!({
        "rpcs": { "ValidateProviderConfig": { "diagnostics": [remark] } }
    }));
    for checks in 1..=2 {
        let provider = fake.provider();
        let found = provider.validate_config(&Value::null()).await;
        assert_ne!(found.expect("an answer"), Diagnostics::default());
        provider.close().await;
        assert_eq!(fake.count("ValidateProviderConfig"), checks);
    }
}
