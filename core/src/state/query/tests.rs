//! Lists name everything, and secrets are hidden unless asked for.

use serde_json::json;

use super::*;
use crate::state::samples::{create, intent, path, sample};
use crate::state::{MemoryStore, Operation, StateEvent, StateStore};

async fn store() -> MemoryStore {
    let store = MemoryStore::new();
    let object = sample(1).into();
    let found = StateEvent::Found {
        member: path("web.a"),
        deposed: None,
        object,
    };
    store.record(found).await.expect("recorded");
    store.begin(create("web", 3)).await.expect("begun");
    store
        .begin(intent("web.a", Operation::Update, 2))
        .await
        .expect("begun");
    store
}

#[tokio::test]
async fn a_list_has_what_exists_and_what_may_exist() {
    let store = store().await;
    let lines: Vec<_> = list(&store.snapshot())
        .into_iter()
        .map(|listed| {
            (
                listed.member.to_string(),
                listed.exists,
                listed.intents.len(),
            )
        })
        .collect();
    assert_eq!(
        lines,
        [("web".to_owned(), false, 1), ("web.a".to_owned(), true, 1)]
    );
}

#[tokio::test]
async fn secrets_are_hidden_unless_asked_for() {
    let store = store().await;
    let snapshot = store.snapshot();
    let shown = show(&snapshot, &path("web.a"), Secrets::Shown).expect("known");
    assert_eq!(shown["inputProperties"]["secret"], 1);
    let hidden = show(&snapshot, &path("web.a"), Secrets::Hidden).expect("known");
    assert_eq!(hidden["inputProperties"]["secret"], "(sensitive)");
    assert_eq!(hidden["inputProperties"]["name"], "x/y~z");
    assert_eq!(
        hidden["provider"]["config"],
        json!({ "key": "(sensitive)", "region": "eu" })
    );
    let mut document = store.document().await.expect("document");
    hide_secrets(&mut document);
    let resource = &document["deployments"]["web"]["resources"]["a"];
    assert_eq!(*resource, hidden);
    for intent in document["intents"].as_object().expect("intents").values() {
        assert_eq!(intent["inputProperties"]["secret"], "(sensitive)");
    }
}

#[tokio::test]
async fn what_a_living_run_does_is_not_in_doubt() {
    let store = store().await;
    let snapshot = store.snapshot();
    assert_eq!(in_doubt(&snapshot, &[]).count(), 2);
    assert_eq!(in_doubt(&snapshot, &[store.run()]).count(), 0);
}
