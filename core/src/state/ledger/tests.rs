//! Whatever happens, the lines fold to the snapshot.

use proptest::prelude::*;

use super::*;
use crate::state::format::Fold;
use crate::state::run::intent_id;
use crate::state::samples::sample;
use crate::state::{Operation, new_run, samples};

fn member(seed: u8) -> MemberPath {
    let paths = ["a", "web.a", "web.b", "web.in.c", "\"x/~.y\"", ""];
    paths[usize::from(seed) % paths.len()]
        .parse()
        .expect("path")
}

fn key(seed: u8) -> Option<DeposedKey> {
    match seed % 3 {
        0 => None,
        n => Some(DeposedKey::from(format!("k{n}"))),
    }
}

fn outcome(seed: u8) -> Outcome {
    match seed % 4 {
        0 => Outcome::Gone,
        1 => Outcome::Unchanged,
        _ => Outcome::object(sample(seed)),
    }
}

/// Something that may or may not be legal after what was so far.
fn change(snapshot: &Snapshot, run: &Run, (kind, place, seed): (u8, u8, u8)) -> Change {
    let member = member(place);
    let deposed = key(seed);
    let open = snapshot
        .intents()
        .nth(usize::from(place) % 3)
        .map(|(id, _)| id.clone());
    let id = open.unwrap_or_else(|| intent_id(run));
    let begin = |operation| {
        let intent = samples::intent(&member.to_string(), operation, seed);
        Change::Begin(intent_id(run), intent)
    };
    match kind % 12 {
        0 | 1 => begin(Operation::Create { depose: deposed }),
        2 => begin(Operation::Update),
        3 => begin(Operation::Delete { deposed }),
        4..=6 => Change::Finish(id, outcome(seed)),
        7 => Change::Record(StateEvent::Found {
            member,
            deposed,
            object: sample(seed).into(),
        }),
        8 => Change::Record(StateEvent::Gone { member, deposed }),
        9 => Change::Record(StateEvent::Moved {
            from: member,
            to: self::member(seed),
        }),
        10 => Change::Record(StateEvent::Forgotten { member }),
        _ => {
            let with_object = seed.is_multiple_of(2);
            Change::Record(StateEvent::IntentForgotten { id, with_object })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_fold_of_the_lines_is_the_snapshot(
        happenings in prop::collection::vec(any::<(u8, u8, u8)>(), 1..60)
    ) {
        let run = new_run();
        let mut ledger = Ledger::new(Snapshot::default(), 0, run.clone());
        let mut lines = Vec::new();
        for happening in happenings {
            let before = ledger.snapshot.clone();
            match ledger.commit(change(&before, &run, happening)) {
                Ok(events) => lines.extend(events.iter().map(format::line)),
                Err(_) => prop_assert_eq!(&before, &ledger.snapshot),
            }
        }
        let mut fold = Fold::default();
        for line in &lines {
            let event = serde_json::from_str(line).expect(line);
            prop_assert_eq!(fold.push(event), Ok(()), "{}", line);
        }
        prop_assert_eq!(fold.next_index(), ledger.next_index);
        prop_assert_eq!(&fold.into_snapshot().expect("a document"), &ledger.snapshot);
        let whole = format::write(&ledger.snapshot).to_string();
        let read = format::read(format::Node::Text(&whole)).expect("a document");
        prop_assert_eq!(read.resources, ledger.snapshot.resources);
        prop_assert_eq!(read.intents, ledger.snapshot.intents);
    }
}
