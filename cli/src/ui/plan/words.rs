//! What each action looks like, and the reasons that are worth a place in its line.

use anstyle::Style;
use nixops4_core::OutputRef;
use nixops4_core::plan::{Change, HoldReason, Reason, StateMove, StateNote};
use nixops4_core::provider::Action;

use crate::ui::style::{CREATE, DELETE, DIM, READ, REPLACE, UPDATE};

/// What an action looks like.
pub struct Look {
    pub sign: &'static str,
    pub style: Style,
}

pub fn look(change: &Change) -> Look {
    let (sign, style) = match change.action {
        Action::Create => ("+", CREATE),
        Action::Update => ("~", UPDATE),
        Action::Replace if change.create_before_destroy => ("+/-", REPLACE),
        Action::Replace => ("-/+", REPLACE),
        Action::Delete => ("-", DELETE),
        Action::Read => ("<", READ),
        Action::Forget => (".", DIM),
        Action::NoOp => ("=", DIM),
    };
    Look { sign, style }
}

/// Why, where that is not plain from the action itself; else empty.
pub fn reason(change: &Change) -> String {
    let reason = match &change.reason {
        Reason::New | Reason::InputsChanged | Reason::Destroy | Reason::Moved => String::new(),
        Reason::CannotUpdate => {
            let paths: Vec<_> = change
                .planned
                .replace_paths
                .iter()
                .map(ToString::to_string)
                .collect();
            format!("replaced because of {}", paths.join(", "))
        }
        other => other.to_string(),
    };
    let state = change.moved_state.as_ref();
    let parts = [
        (!reason.is_empty()).then_some(reason),
        change
            .moved_from
            .as_ref()
            .map(|from| format!("moved from {from}")),
        state.map(|StateMove { from, to }| format!("moves from the state {from} to {to}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

pub fn note(note: &StateNote) -> String {
    match note {
        StateNote::DefaultState { path } => {
            format!("no component names a state handler: what is done is remembered in {path}")
        }
        StateNote::Remark(text) => text.clone(),
    }
}

pub fn hold_reason(reason: &HoldReason) -> String {
    match reason {
        HoldReason::InDoubt(known) => known.clone(),
        HoldReason::Because(member) => format!("because of {member}, which is not settled"),
    }
}

/// `a.id, b.id`
pub fn list(outputs: &[OutputRef]) -> String {
    let names: Vec<_> = outputs.iter().map(ToString::to_string).collect();
    names.join(", ")
}
