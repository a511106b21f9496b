//! Objects and intents for tests.

use std::sync::Arc;

use nixops4_proto::evaluator::{Mode, ProviderProgram};
use serde_json::json;

use super::{Intent, Operation, ProviderRecord, StoredObject};
use crate::provider::ResourceState;
use crate::value::Value;
use crate::{AttrPath, MemberPath, OutputRef};

/// An object that differs with `seed` in every field.
pub(super) fn sample(seed: u8) -> StoredObject {
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
        .map(|i| OutputRef {
            member: MemberPath::from_names([format!("m{i}")]),
            path: AttrPath::root().child("id"),
        })
        .collect();
    object.prevent_destroy = seed.is_multiple_of(2);
    object.create_before_destroy = seed.is_multiple_of(11);
    object
}

/// An intent for an object like [`sample`]'s.
pub(super) fn intent(member: &str, operation: Operation, seed: u8) -> Intent {
    let object = sample(seed);
    Intent {
        member: path(member),
        operation,
        type_name: object.state.type_name,
        provider: object.provider,
        inputs: object.state.inputs,
        planned_id: seed.is_multiple_of(2).then(|| json!("i-1")),
    }
}

/// An intent to create.
pub(super) fn create(member: &str, seed: u8) -> Intent {
    intent(member, Operation::Create { depose: None }, seed)
}

/// A member path.
pub(super) fn path(text: &str) -> MemberPath {
    text.parse().expect("a member path")
}
