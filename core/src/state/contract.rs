//! What every store has to do, run on all of them.

use std::sync::Arc;

use super::samples::{create, intent, path, sample};
use super::{
    DeposedKey, Illegal, MemoryStore, Operation, Outcome, StateError, StateEvent, StateStore,
    StoredObject,
};

type Store = Arc<dyn StateStore>;

/// Runs every case on a new store each.
pub(super) async fn check(make: impl AsyncFn() -> Store) {
    an_intent_is_seen_until_its_outcome(&make().await).await;
    what_is_stored_comes_back(&make().await).await;
    an_outcome_needs_its_intent(&make().await).await;
    an_object_in_doubt_is_held_back(&make().await).await;
    a_replaced_object_waits_to_be_deleted(&make().await).await;
    an_object_comes_back_if_none_replaces_it(&make().await).await;
    what_needs_an_object_is_refused_without_one(&make().await).await;
    moves_keep_everything(&make().await).await;
    an_intent_can_be_forgotten(&make().await).await;
    of_several_events_all_or_none_are_recorded(&make().await).await;
    concurrent_writers_all_get_their_answer(&make().await).await;
    a_closed_store_refuses(&make().await).await;
}

async fn put(store: &Store, member: &str, seed: u8) {
    let object = sample(seed).into();
    let event = StateEvent::Found {
        member: path(member),
        deposed: None,
        object,
    };
    store.record(event).await.expect("recorded");
}

fn current(store: &Store, member: &str) -> Option<Arc<StoredObject>> {
    store.snapshot().object(&path(member)).cloned()
}

fn illegal(result: Result<impl Sized, StateError>) -> Illegal {
    match result {
        Err(StateError::Illegal(illegal)) => illegal,
        Err(error) => panic!("failed in another way: {error}"),
        Ok(_) => panic!("went well"),
    }
}

async fn an_intent_is_seen_until_its_outcome(store: &Store) {
    let before = store.snapshot();
    let id = store.begin(create("web.a", 1)).await.expect("begun");
    let open = store.snapshot().intent(&id).cloned().expect("open");
    assert_eq!(open.intent.member, path("web.a"));
    assert_eq!(&open.run, store.run());
    assert_eq!(current(store, "web.a"), None);
    store
        .finish(id.clone(), Outcome::object(sample(1)))
        .await
        .expect("finished");
    assert_eq!(store.snapshot().intent(&id), None);
    assert!(current(store, "web.a").is_some());
    assert!(before.is_empty(), "a snapshot never changes");
}

async fn what_is_stored_comes_back(store: &Store) {
    put(store, "a", 1).await;
    put(store, "a", 2).await;
    let object = current(store, "a").expect("stored");
    let attrs = object.state.inputs.as_attrs().expect("attrs");
    assert!(attrs["secret"].marks.sensitive && attrs["token"].marks.ephemeral);
    assert!(attrs["token"].is_null(), "what is ephemeral is not stored");
    let config = &object.provider.as_ref().expect("provider").config;
    assert!(
        config.as_attrs().expect("attrs")["key"].is_unknown(),
        "nor are provider's secrets"
    );
    assert_eq!(object.state.outputs, sample(2).state.outputs);
    assert_eq!(object.dependencies, sample(2).dependencies);
    assert!(object.prevent_destroy);
}

async fn an_outcome_needs_its_intent(store: &Store) {
    let unknown = super::IntentId::from("nobody-0");
    let finished = store.finish(unknown.clone(), Outcome::Gone).await;
    assert_eq!(illegal(finished), Illegal::UnknownIntent(unknown));
    let id = store.begin(create("a", 1)).await.expect("begun");
    store
        .finish(id.clone(), Outcome::Gone)
        .await
        .expect("finished");
    let again = store.finish(id.clone(), Outcome::Gone).await;
    assert_eq!(illegal(again), Illegal::UnknownIntent(id));
    assert!(store.snapshot().is_empty());
}

async fn an_object_in_doubt_is_held_back(store: &Store) {
    put(store, "a", 1).await;
    let id = store
        .begin(intent("a", Operation::Update, 2))
        .await
        .expect("begun");
    let in_doubt = Illegal::InDoubt {
        member: path("a"),
        operation: super::OperationKind::Update,
        id: id.clone(),
    };
    let delete = Operation::Delete { deposed: None };
    assert_eq!(illegal(store.begin(intent("a", delete, 2)).await), in_doubt);
    let forgotten = StateEvent::Forgotten { member: path("a") };
    assert_eq!(illegal(store.record(forgotten).await), in_doubt);
    store
        .begin(create("b", 1))
        .await
        .expect("everything else goes on");
    store
        .finish(id, Outcome::Unchanged)
        .await
        .expect("finished");
    assert_eq!(
        current(store, "a").map(|o| o.state.outputs.clone()),
        Some(sample(1).state.outputs)
    );
}

async fn a_replaced_object_waits_to_be_deleted(store: &Store) {
    put(store, "web.a", 1).await;
    let key = DeposedKey::from("0a1b2c3d");
    let replace = Operation::Create {
        depose: Some(key.clone()),
    };
    let id = store
        .begin(intent("web.a", replace, 2))
        .await
        .expect("begun");
    assert_eq!(current(store, "web.a"), None);
    store
        .finish(id, Outcome::object(sample(2)))
        .await
        .expect("finished");
    let entry = store
        .snapshot()
        .resource(&path("web.a"))
        .cloned()
        .expect("entry");
    assert_eq!(entry.deposed[&key].state.outputs, sample(1).state.outputs);
    assert!(entry.current.is_some());
    let delete = Operation::Delete { deposed: Some(key) };
    let id = store
        .begin(intent("web.a", delete, 1))
        .await
        .expect("begun");
    store.finish(id, Outcome::Gone).await.expect("finished");
    let entry = store
        .snapshot()
        .resource(&path("web.a"))
        .cloned()
        .expect("entry");
    assert!(entry.deposed.is_empty() && entry.current.is_some());
}

async fn an_object_comes_back_if_none_replaces_it(store: &Store) {
    put(store, "a", 1).await;
    let before = current(store, "a");
    let replace = Operation::Create {
        depose: Some(DeposedKey::random()),
    };
    let id = store.begin(intent("a", replace, 2)).await.expect("begun");
    store.finish(id, Outcome::Gone).await.expect("finished");
    assert_eq!(current(store, "a"), before);
}

async fn what_needs_an_object_is_refused_without_one(store: &Store) {
    put(store, "a", 1).await;
    let exists = Illegal::Exists {
        member: path("a"),
        deposed: None,
    };
    assert_eq!(illegal(store.begin(create("a", 1)).await), exists);
    let missing = Illegal::Missing {
        member: path("b"),
        deposed: None,
    };
    assert_eq!(
        illegal(store.begin(intent("b", Operation::Update, 1)).await),
        missing
    );
    let gone = StateEvent::Gone {
        member: path("b"),
        deposed: None,
    };
    assert_eq!(illegal(store.record(gone).await), missing);
    let moved = StateEvent::Moved {
        from: path("b"),
        to: path("c"),
    };
    assert_eq!(illegal(store.record(moved).await), missing);
    let moved = StateEvent::Moved {
        from: path("a"),
        to: path("a"),
    };
    assert_eq!(illegal(store.record(moved).await), exists);
    let nameless = store.begin(create("web.\"\"", 1)).await;
    assert_eq!(illegal(nameless), Illegal::EmptyName(path("web.\"\"")));
}

async fn moves_keep_everything(store: &Store) {
    put(store, "web.a", 1).await;
    let before = store.snapshot().resource(&path("web.a")).cloned();
    let event = StateEvent::Moved {
        from: path("web.a"),
        to: path("net.in.b"),
    };
    store.record(event).await.expect("moved");
    let after = store.snapshot();
    assert_eq!(after.resource(&path("web.a")), None);
    assert_eq!(after.resource(&path("net.in.b")), before.as_ref());
}

async fn an_intent_can_be_forgotten(store: &Store) {
    put(store, "a", 1).await;
    for (with_object, left) in [(false, true), (true, false)] {
        let id = store
            .begin(intent("a", Operation::Update, 2))
            .await
            .expect("begun");
        let event = StateEvent::IntentForgotten { id, with_object };
        store.record(event).await.expect("forgotten");
        assert_eq!(current(store, "a").is_some(), left);
    }
    assert!(store.snapshot().is_empty());
}

async fn of_several_events_all_or_none_are_recorded(store: &Store) {
    let found = |member| StateEvent::Found {
        member: path(member),
        deposed: None,
        object: sample(1).into(),
    };
    let gone = StateEvent::Gone {
        member: path("c"),
        deposed: None,
    };
    illegal(store.record_all(vec![found("a"), gone, found("b")]).await);
    assert!(store.snapshot().is_empty());
    store
        .record_all(vec![found("a"), found("b")])
        .await
        .expect("recorded");
    assert_eq!(store.snapshot().len(), 2);
}

async fn concurrent_writers_all_get_their_answer(store: &Store) {
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..20u8 {
        let store = store.clone();
        tasks.spawn(async move {
            let id = store
                .begin(create(&format!("web.m{i}"), i))
                .await
                .expect("begun");
            store
                .finish(id, Outcome::object(sample(i)))
                .await
                .expect("finished");
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no panic");
    }
    assert_eq!(store.snapshot().within(&path("web")).count(), 20);
}

async fn a_closed_store_refuses(store: &Store) {
    put(store, "a", 1).await;
    store.close().await.expect("closed");
    let refused = store.begin(create("b", 1)).await.expect_err("refused");
    assert!(matches!(refused, StateError::Closed { .. }), "{refused}");
    assert_eq!(store.snapshot().len(), 1);
    store.close().await.expect("closing again is no error");
}

#[tokio::test]
async fn the_store_in_memory_does() {
    check(async || Arc::new(MemoryStore::new()) as Store).await;
}
