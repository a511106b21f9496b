//! Whatever happens, the lines fold to the snapshot.

use nixops4_proto::evaluator::{Mode, ProviderProgram};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::provider::ResourceState;
use crate::state::format::Fold;
use crate::state::run::intent_id;
use crate::state::{Operation, new_run};
use crate::value::Value;

/// An object that differs with `seed` in every field.
pub(crate) fn sample(seed: u8) -> StoredObject {
    let secret = Value::from(i64::from(seed)).sensitive();
    let mut token = Value::from("t");
    token.marks.ephemeral = true;
    let config = Value::attrs([
        ("region", "eu".into()),
        ("key", Value::from("k").sensitive()),
    ]);
    let long = "a text that is worth not being written again";
    let mut object = StoredObject::new(
        if seed.is_multiple_of(5) {
            Mode::Data
        } else {
            Mode::Managed
        },
        ResourceState {
            type_name: "file".into(),
            inputs: Value::attrs([
                ("name", Value::from("x/y~z")),
                ("size", i64::from(seed % 3).into()),
                (
                    "list",
                    Value::list((0..seed % 4).map(|i| i64::from(i).into())),
                ),
                ("long", long.into()),
                ("secret", secret),
                ("token", token),
            ]),
            outputs: match seed % 4 {
                0 => Value::null(),
                _ => Value::attrs([
                    ("id", Value::from(i64::from(seed / 16))),
                    ("long", long.into()),
                ]),
            },
            private: seed.is_multiple_of(3).then(|| vec![seed, 255, 0]),
            schema_version: u64::from(seed % 2),
            identity: seed.is_multiple_of(7).then(|| json!({ "arn": seed })),
            tainted: seed.is_multiple_of(6),
        },
    );
    object.provider = (!seed.is_multiple_of(9)).then(|| {
        let program = ProviderProgram::Local {};
        Arc::new(ProviderRecord {
            id: format!("#p{}", seed % 2),
            program,
            config,
        })
    });
    object.dependencies = (0..seed % 3)
        .map(|i| crate::OutputRef {
            member: MemberPath::from_names([format!("m{i}")]),
            path: crate::AttrPath::root().child("id"),
        })
        .collect();
    object.prevent_destroy = seed.is_multiple_of(2);
    object.create_before_destroy = seed.is_multiple_of(11);
    object
}

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
        let sample = sample(seed);
        let intent = Intent {
            member: member.clone(),
            operation,
            type_name: "file".into(),
            provider: sample.provider,
            inputs: sample.state.inputs,
            planned_id: seed.is_multiple_of(2).then(|| json!("i-1")),
        };
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

fn folded(fold: Fold) -> Snapshot {
    format::read(fold.into_document()).expect("a document")
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
        prop_assert_eq!(&folded(fold), &ledger.snapshot);
        prop_assert_eq!(format::read(format::write(&ledger.snapshot)).map(|s| s.resources),
            Ok(ledger.snapshot.resources));
    }
}
