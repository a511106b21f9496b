//! Reasons in words, and what each action looks like.

use anstyle::Style;
use nixops4_core::OutputRef;
use nixops4_core::plan::{Change, DeferReason, HoldReason, Reason, StateNote};
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
        Reason::New | Reason::InputsChanged | Reason::Destroy => String::new(),
        Reason::Vanished => "its object is gone".to_owned(),
        Reason::Stateless => "it is done every time".to_owned(),
        Reason::Drifted => "its object has been changed".to_owned(),
        Reason::Provider => "the provider wants it so".to_owned(),
        Reason::CannotUpdate => {
            let paths: Vec<_> =
                change.planned.replace_paths.iter().map(ToString::to_string).collect();
            format!("replaced because of {}", paths.join(", "))
        }
        Reason::Tainted => "replaced because its creation failed half-way".to_owned(),
        Reason::Triggered(output) => format!("replaced because {output} changes"),
        Reason::LeftDeployment => "it is no longer in the deployment".to_owned(),
        Reason::Deposed => "left over from a replacement".to_owned(),
        Reason::Import(id) => format!("takes over {id}"),
        Reason::Moved => String::new(),
        Reason::UnknownInputs => "read once its inputs are known".to_owned(),
        Reason::PendingDependency(member) => format!("read after {member}"),
    };
    match &change.moved_from {
        None => reason,
        Some(from) if reason.is_empty() => format!("moved from {from}"),
        Some(from) => format!("{reason}; moved from {from}"),
    }
}

pub fn note(note: &StateNote) -> String {
    match note {
        StateNote::DefaultState { path } => {
            format!("no component names a state handler: what is done is remembered in {path}")
        }
        StateNote::Remark(text) => text.clone(),
    }
}

pub fn defer_reason(reason: &DeferReason) -> String {
    match reason {
        DeferReason::Structure { what, outputs } => match what.as_str() {
            "members" => format!("its members depend on {}", list(outputs)),
            "kind" => format!("what it is depends on {}", list(outputs)),
            other => format!("its {other} depends on {}", list(outputs)),
        },
        DeferReason::ProviderConfig { provider, outputs } => {
            format!("the configuration of its provider {provider} depends on {}", list(outputs))
        }
        DeferReason::State { handler, outputs } => {
            format!("its state handler {handler} depends on {}", list(outputs))
        }
        DeferReason::Dependency(member) => format!("it depends on {member}, which is for later"),
        DeferReason::Inputs(outputs) => format!("its inputs depend on {}", list(outputs)),
        DeferReason::Provider(words) => format!("the provider says: {words}"),
    }
}

pub fn hold_reason(reason: &HoldReason) -> String {
    match reason {
        HoldReason::InDoubt(known) => format!("in doubt: {known}"),
        HoldReason::Because(member) => format!("because of {member}, which is in doubt"),
    }
}

/// `a.id, b.id`
pub fn list(outputs: &[OutputRef]) -> String {
    let names: Vec<_> = outputs.iter().map(ToString::to_string).collect();
    names.join(", ")
}
