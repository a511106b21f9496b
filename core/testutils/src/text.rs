//! Plans as text, for expectations beside the test.

use nixops4_core::plan::{Change, HoldReason, LeafChange, Plan, Shown, Side, StateNote};
use nixops4_core::provider::Action;

/// A plan, a line a fact.
pub fn plan_text(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for change in &plan.changes {
        lines.push(change_line(change));
        lines.extend(change.leaves().iter().map(leaf_line));
    }
    for deferred in &plan.deferred {
        lines.push(format!("> {}: {}", deferred.member, deferred.reason));
    }
    for held in &plan.held_back {
        lines.push(match &held.reason {
            HoldReason::InDoubt(_) => format!("? {}: in doubt", held.member),
            HoldReason::Because(because) => format!("? {}: because of {because}", held.member),
        });
    }
    for failed in &plan.failed {
        lines.push(match &failed.because {
            None => format!("! {}", failed.member),
            Some(because) => format!("! {}: because of {because}", failed.member),
        });
    }
    for diagnostic in &plan.diagnostics.0 {
        lines.push(format!("{:?}: {diagnostic}", diagnostic.severity));
    }
    for note in &plan.notes {
        if let StateNote::Remark(text) = note {
            lines.push(format!("note: {text}"));
        }
    }
    if plan.unchanged > 0 {
        lines.push(format!("= {}", plan.unchanged));
    }
    lines.join("\n")
}

fn change_line(change: &Change) -> String {
    let sign = match change.action {
        Action::NoOp => "=",
        Action::Read => "<",
        Action::Create => "+",
        Action::Update => "~",
        Action::Replace if change.create_before_destroy => "+-",
        Action::Replace => "-+",
        Action::Delete => "-",
        Action::Forget => "x",
    };
    let moved = change.moved_from.as_ref();
    let moved = moved.map_or_else(String::new, |from| format!(" (was {from})"));
    let state = change.moved_state.as_ref();
    let state = state.map_or_else(String::new, |_| " (to another state)".to_owned());
    format!("{sign} {}{moved}{state}: {}", change.member, change.reason)
}

fn leaf_line(leaf: &LeafChange) -> String {
    let side = match leaf.side {
        Side::Input => "",
        Side::Output => "out ",
    };
    let force = if leaf.forces_replacement { " !" } else { "" };
    let (before, after) = (shown(&leaf.before), shown(&leaf.after));
    format!("    {side}{}: {before} -> {after}{force}", leaf.path)
}

fn shown(shown: &Shown) -> String {
    match shown {
        Shown::Absent => "-".to_owned(),
        Shown::Sensitive => "(sensitive)".to_owned(),
        Shown::Value(value) => value.to_plain_json().to_string(),
        Shown::Unknown(outputs) => {
            let outputs: Vec<_> = outputs.iter().map(ToString::to_string).collect();
            format!("?{}", outputs.join(","))
        }
    }
}
