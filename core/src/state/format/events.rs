//! Which [`Meta`] stands for which [`Step`].

use nixops4_proto::state::{Event, EventKind, Meta, OutcomeKind};
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use serde_json::Value as Json;

use crate::MemberPath;
use crate::state::transition::{Doing, ObjectRef, Step};
use crate::state::{DeposedKey, IntentId};

/// An event as a line, with the final newline.
pub(in crate::state) fn line(event: &Event) -> String {
    let mut line = serde_json::to_string(event)
        .unwrap_or_else(|error| unreachable!("an event holds texts, numbers and JSON: {error}"));
    line.push('\n');
    line
}

/// The patch of an event.
pub(in crate::state) fn patch_json(event: &Event) -> Json {
    serde_json::to_value(&event.patch)
        .unwrap_or_else(|error| unreachable!("a patch holds texts and JSON: {error}"))
}

/// The name of a kind of event.
fn event_name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Begin => "begin",
        EventKind::Finish => "finish",
        EventKind::Found => "found",
        EventKind::Gone => "gone",
        EventKind::Moved => "moved",
        EventKind::Forgotten => "forgotten",
        EventKind::IntentForgotten => "intentForgotten",
    }
}

/// Describes a step; `doing` is what the intent that it settles was about.
pub(in crate::state) fn meta(step: &Step, doing: Option<&Doing>, time: String) -> Meta {
    let mut meta = Meta {
        time,
        event: Some(event_name(step.kind()).to_owned()),
        ..Meta::default()
    };
    match step {
        Step::Begin(id, doing) => about(&mut meta, id, doing),
        Step::Finish(id, outcome) => {
            meta.outcome = Some(*outcome);
            settles(&mut meta, id, doing);
        }
        Step::IntentForgotten { id, with_object } => {
            meta.outcome = Some(match with_object {
                true => OutcomeKind::Gone,
                false => OutcomeKind::Unchanged,
            });
            settles(&mut meta, id, doing);
        }
        Step::Found((member, deposed)) | Step::Gone((member, deposed)) => {
            meta.member = Some(member.clone());
            meta.deposed = deposed.as_ref().map(ToString::to_string);
        }
        Step::Moved(from, to) => {
            meta.member = Some(from.clone());
            meta.to = Some(to.clone());
        }
        Step::Forgotten(member) => meta.member = Some(member.clone()),
    }
    meta
}

fn settles(meta: &mut Meta, id: &IntentId, doing: Option<&Doing>) {
    match doing {
        Some(doing) => about(meta, id, doing),
        None => meta.intent = Some(id.to_string()),
    }
}

fn about(meta: &mut Meta, id: &IntentId, doing: &Doing) {
    meta.intent = Some(id.to_string());
    meta.member = Some(doing.member.clone());
    meta.operation = Some(doing.operation);
    meta.deposed = doing.key.as_ref().map(ToString::to_string);
}

/// The step that is described; `None` for events that change nothing that [`Step`] is about.
pub(super) fn step(meta: &Meta) -> Result<Option<Step>, String> {
    let Some(kind) = meta.event.as_deref().and_then(parse_kind) else {
        return Ok(None);
    };
    let key = meta.deposed.as_deref().map(DeposedKey::from);
    Ok(Some(match kind {
        EventKind::Begin => {
            let operation = need(meta.operation, "operation")?;
            Step::Begin(
                id(meta)?,
                Doing {
                    member: member(meta)?,
                    operation,
                    key,
                },
            )
        }
        EventKind::Finish => Step::Finish(id(meta)?, need(meta.outcome, "outcome")?),
        EventKind::Found => Step::Found(object(meta)?),
        EventKind::Gone => Step::Gone(object(meta)?),
        EventKind::Moved => Step::Moved(member(meta)?, need(meta.to.clone(), "to")?),
        EventKind::Forgotten => Step::Forgotten(member(meta)?),
        EventKind::IntentForgotten => Step::IntentForgotten {
            id: id(meta)?,
            with_object: need(meta.outcome, "outcome")? == OutcomeKind::Gone,
        },
    }))
}

fn parse_kind(name: &str) -> Option<EventKind> {
    EventKind::deserialize(StrDeserializer::<Error>::new(name)).ok()
}

fn member(meta: &Meta) -> Result<MemberPath, String> {
    need(meta.member.clone(), "member")
}

fn object(meta: &Meta) -> Result<ObjectRef, String> {
    Ok((member(meta)?, meta.deposed.as_deref().map(DeposedKey::from)))
}

fn id(meta: &Meta) -> Result<IntentId, String> {
    need(meta.intent.clone(), "intent").map(IntentId::from)
}

fn need<T>(value: Option<T>, name: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("`meta.{name}` is missing"))
}
