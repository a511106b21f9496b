//! State that other versions of a provider have written.

use super::*;

fn state(outputs: Json, schema_version: u64) -> ResourceState {
    ResourceState {
        type_name: THING.to_owned(),
        inputs: plain(json!({ "name": "a" })),
        outputs: plain(outputs),
        private: Some(b"p".to_vec()),
        schema_version,
        ..ResourceState::default()
    }
}

#[tokio::test]
async fn older_state_is_upgraded() {
    let fake = Fake::new(json!({}));
    let instance = fake.configured().await;
    let old = state(json!({ "id": "i", "title": "a", "rule": [] }), 0);
    let upgraded = instance.upgrade(old.clone()).await.expect("upgraded").value;
    assert_eq!(
        (output(&upgraded.outputs, "name"), upgraded.schema_version),
        (&"a".into(), 1)
    );
    assert_eq!(upgraded.private.as_deref(), Some(&b"p"[..]));
    // The upgraded state needs no more upgrade.
    let calls = fake.count("UpgradeResourceState");
    assert_eq!(
        instance
            .upgrade(upgraded.clone())
            .await
            .expect("upgraded")
            .value,
        upgraded
    );
    assert_eq!(fake.count("UpgradeResourceState"), calls);
}

#[tokio::test]
async fn what_the_schema_has_no_more_is_dropped() {
    let (_fake, instance) = good(json!({})).await;
    let present = state(
        json!({ "id": "i", "name": "a", "gone": 1, "rule": [{ "port": 1, "old": 2 }] }),
        1,
    );
    let upgraded = instance.upgrade(present).await.expect("upgraded").value;
    assert!(upgraded.outputs.get(&path("gone")).is_none());
    assert_eq!(
        output(&upgraded.outputs, "rule").to_plain_json(),
        json!([{ "cidr": null, "port": 1 }])
    );
}

#[tokio::test]
async fn state_from_a_newer_provider_is_refused() {
    let fake = Fake::new(json!({}));
    let instance = fake.configured().await;
    let error = failed(instance.read(&state(json!({ "id": "i" }), 9)).await);
    assert_eq!(
        error,
        "the state of this fake_thing was written by a newer version of provider fake: its schema \
         version is 9, this provider knows up to 1"
    );
    assert_eq!(fake.count("UpgradeResourceState"), 0);
}

#[tokio::test]
async fn a_failed_upgrade_is_told() {
    let (_fake, instance) = good(json!({})).await;
    let error = failed(instance.read(&state(json!({ "id": ["no"] }), 0)).await);
    assert!(
        error.starts_with("State does not fit: id: expected string"),
        "{error}"
    );
}
