//! A store that knows whole states only keeps a state as well as a file does.

use super::*;
use crate::state::format::{Node, read};
use crate::state::samples::{create, path, sample};
use crate::state::{MemoryStore, Outcome, StateEvent, StateStore};

/// The events of some runs, and what they come to.
async fn events() -> (Vec<Event>, Json) {
    let memory = MemoryStore::new();
    let id = memory.begin(create("web.a", 1)).await.expect("begun");
    let made = Outcome::object(sample(1));
    memory.finish(id, made).await.expect("finished");
    memory.begin(create("b", 2)).await.expect("begun");
    let found = StateEvent::Found {
        member: path("web.c"),
        deposed: None,
        object: Box::new(sample(3)),
    };
    memory.record(found).await.expect("recorded");
    let lines = memory.lines();
    let events = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect("an event"));
    (events.collect(), memory.document().await.expect("read"))
}

#[tokio::test]
async fn it_is_one_event_however_much_was_done() {
    let (events, document) = events().await;
    let mut log = String::new();
    for event in &events {
        log = appended(&log, event).expect("fits");
        assert_eq!(log.lines().count(), 1);
    }
    let text = fold(&log).expect("a log").document().to_string();
    let expected = document.to_string();
    let snapshot = |text: &str| read(Node::Text(text)).expect("a state");
    assert_eq!(snapshot(&text), snapshot(&expected));
    // Two indices an event: its own and that of the one that stands for all.
    assert!(log.contains(&format!("\"index\":{}", 2 * events.len() - 1)));
}

#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    let (events, _) = events().await;
    for (log, reason) in [
        (
            "{\"terraform_version\":\"1.14.0\"}\n",
            "missing field `index`",
        ),
        ("%PDF", "expected value"),
    ] {
        for said in [fold(log).map(drop), appended(log, &events[0]).map(drop)] {
            let said = said.expect_err("refused");
            assert!(said.contains("is no state of nixops4"), "{said}");
            assert!(said.contains(reason), "{said}");
        }
    }
}
