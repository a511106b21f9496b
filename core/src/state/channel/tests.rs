//! A channel that folds what it is told keeps a state as well as a file does.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::state::format::{Fold, TextEvent};
use crate::state::samples::{create, path, sample};
use crate::state::{contract, new_run};

/// Keeps a state in memory, or refuses to.
#[derive(Debug, Default)]
struct Keeper {
    patches: std::sync::Mutex<Vec<String>>,
    refuses: AtomicBool,
}

#[async_trait]
impl StateChannel for Keeper {
    async fn read(&self) -> Result<Json, String> {
        let patches = self.patches.lock().expect("no panic");
        let mut fold = Fold::default();
        for (index, patch) in patches.iter().enumerate() {
            let patch = serde_json::from_str(patch).map_err(|error| error.to_string())?;
            let event = TextEvent {
                index: index as u64,
                meta: Default::default(),
                patch,
            };
            fold.push(event).map_err(|error| error.to_string())?;
        }
        Ok(fold.document())
    }

    async fn event(&self, event: &Event) -> Result<(), String> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err("the bucket is gone".into());
        }
        self.patches
            .lock()
            .expect("no panic")
            .push(format::patch_json(event).to_string());
        self.read().await.map(drop)
    }
}

async fn open(keeper: &Arc<Keeper>) -> ChannelStore {
    let owner = LockOwner::default();
    let store = ChannelStore::open("state".into(), new_run(), keeper.clone(), Some(&owner));
    store.await.expect("opens")
}

#[tokio::test]
async fn a_channel_does_what_every_store_does() {
    contract::check(async || Arc::new(open(&Arc::default()).await) as Arc<dyn StateStore>).await;
}

#[tokio::test]
async fn what_was_sent_is_there_when_it_is_opened_again() {
    let keeper = Arc::default();
    let store = open(&keeper).await;
    let id = store.begin(create("web.a", 1)).await.expect("begun");
    store
        .finish(id, Outcome::object(sample(1)))
        .await
        .expect("finished");
    store.begin(create("web.b", 2)).await.expect("begun");
    assert_eq!(open(&keeper).await.snapshot(), store.snapshot());
    assert_eq!(
        open(&keeper).await.document().await.expect("read")["version"],
        1
    );
}

#[tokio::test]
async fn a_handler_that_fails_starts_nothing_new_and_loses_nothing() {
    let keeper = Arc::<Keeper>::default();
    let store = open(&keeper).await;
    let id = store.begin(create("a", 1)).await.expect("begun");
    keeper.refuses.store(true, Ordering::SeqCst);
    let error = store.begin(create("b", 2)).await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        "the state handler state failed: the bucket is gone"
    );
    let error = store
        .finish(id, Outcome::object(sample(1)))
        .await
        .expect_err("not recorded");
    let StateError::NotRecorded { unwritten, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(unwritten[0].member, Some(path("a")));
    assert!(store.snapshot().object(&path("a")).is_some());
    let error = store.begin(create("b", 2)).await.expect_err("refused");
    assert!(matches!(error, StateError::Stopped { .. }), "{error}");
}
