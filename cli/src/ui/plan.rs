//! A plan as text: the summary first, then each change with its leaves, then what waits.

mod leaves;
mod words;

use std::fmt::Write as _;

use nixops4_core::plan::{Change, Plan};
use nixops4_core::provider::{Action, Mode};

use super::style::{BOLD, DIM, HINT, READ, WARNING, paint};

/// The whole plan, with a final newline. Errors and warnings are shown by their own renderer.
pub fn render(plan: &Plan) -> String {
    let mut text = String::new();
    for note in &plan.notes {
        let _ = writeln!(text, "{} {}", paint(HINT, "note:"), words::note(note));
    }
    let _ = writeln!(text, "{}", paint(BOLD, summary(plan)));
    for change in &plan.changes {
        text.push('\n');
        render_change(&mut text, plan, change);
    }
    if !plan.deferred.is_empty() {
        let _ = writeln!(text, "\n{}", paint(BOLD, "Later in the same run:"));
        for deferred in &plan.deferred {
            let reason = &deferred.reason;
            let _ = writeln!(
                text,
                "  {} {}  {reason}",
                paint(READ, "…"),
                name(&deferred.member)
            );
        }
    }
    if !plan.held_back.is_empty() {
        let _ = writeln!(text, "\n{}", paint(BOLD, "Left alone:"));
        for held in &plan.held_back {
            let reason = words::hold_reason(&held.reason);
            let _ = writeln!(
                text,
                "  {} {}  {reason}",
                paint(WARNING, "!"),
                name(&held.member)
            );
        }
        let _ = writeln!(
            text,
            "  {} `nixops4 state repair MEMBER --forget` or `--adopt ID` settles what is in doubt",
            paint(HINT, "hint:")
        );
    }
    text
}

/// The root has no name of its own.
fn name(member: &nixops4_core::MemberPath) -> String {
    if member.is_root() {
        "the root".to_owned()
    } else {
        member.to_string()
    }
}

/// One line: how much is to be done.
pub fn summary(plan: &Plan) -> String {
    let counts = plan.counts();
    let parts: Vec<_> = [
        (counts.create, "to create"),
        (counts.update, "to update"),
        (counts.replace, "to replace"),
        (counts.delete, "to delete"),
        (counts.read, "to read"),
        (counts.forget, "to forget"),
        (counts.import, "to import"),
        (counts.remember, "to be remembered otherwise"),
        (plan.deferred.len(), "later"),
        (plan.held_back.len(), "left alone"),
        (plan.failed.len(), "in error"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    let unchanged = match plan.unchanged {
        0 => String::new(),
        count => format!(" ({count} unchanged)"),
    };
    let wave = match plan.wave {
        0 | 1 => String::new(),
        wave => format!(", wave {wave}"),
    };
    match parts.is_empty() {
        true => format!("Nothing to do{unchanged}"),
        false => format!("Plan{wave}: {}{unchanged}", parts.join(", ")),
    }
}

fn render_change(text: &mut String, plan: &Plan, change: &Change) {
    let look = words::look(change);
    let kind = match change.mode {
        Mode::Managed => change.type_name.clone(),
        Mode::Data => format!("data {}", change.type_name),
        Mode::Ephemeral => format!("ephemeral {}", change.type_name),
        Mode::StateStore => format!("state store {}", change.type_name),
    };
    let sign = paint(look.style, format!("{:>3}", look.sign));
    let member = paint(look.style.bold(), &change.member);
    let _ = write!(text, "{sign} {member}  {}", paint(DIM, kind));
    let why = words::reason(change);
    match why.is_empty() {
        true => text.push('\n'),
        false => {
            let _ = writeln!(text, "  {}", paint(look.style, why));
        }
    }
    if !matches!(change.action, Action::Delete | Action::Forget) {
        leaves::render(text, plan, change);
    }
}
