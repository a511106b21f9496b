//! What must hold of every plan, whatever it was made from: checked by tests, and before a plan is
//! applied, so that a mistake of ours stops before it does anything.

use std::collections::BTreeSet;

use crate::plan::{Change, Plan, Reason};
use crate::provider::{Action, Mode};

/// What does not hold of a plan; nothing, unless we made a mistake.
pub fn check(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    for change in &plan.changes {
        for wrong in change_problems(change) {
            found.push(format!("{}: {wrong}", change.member));
        }
    }
    found.extend(plan_problems(plan));
    found
}

/// Panics with what does not hold of a plan.
///
/// # Panics
/// If something does not.
pub fn assert_sound(plan: &Plan) {
    let problems = check(plan);
    assert!(problems.is_empty(), "{problems:#?}");
}

fn change_problems(change: &Change) -> Vec<&'static str> {
    let exists = change.before.is_some();
    let mut rules = vec![
        (
            change.action == change.planned.action,
            "the provider has planned another action",
        ),
        (
            change.planned.deferred.is_none(),
            "the provider cannot plan it yet",
        ),
        (
            change.action == Action::Replace || change.planned.replace_paths.is_empty(),
            "leaves force a replacement, and it is none",
        ),
        (
            change.deposed.is_none() || is_removal(change.action),
            "a left-over object is to be kept",
        ),
    ];
    rules.push(match change.action {
        Action::Create => (!exists, "something that exists is to be made"),
        Action::Update | Action::Replace | Action::Delete => {
            (exists, "something that does not exist is to be changed")
        }
        Action::Forget => (!exists, "something that exists is to be forgotten"),
        Action::Read => (
            change.mode != Mode::Managed,
            "something that is managed is to be read only",
        ),
        Action::NoOp => (
            change.planned.outputs.is_wholly_known(),
            "outputs of something that stays as it is are unknown",
        ),
    });
    rules.push((
        change.mode == Mode::Managed || matches!(change.action, Action::Read | Action::NoOp),
        "something that is only read is to be changed",
    ));
    rules.push((
        !is_removal(change.action) || change.planned.outputs.is_null(),
        "something that goes away has outputs",
    ));
    rules
        .into_iter()
        .filter(|(holds, _)| !holds)
        .map(|(_, wrong)| wrong)
        .collect()
}

fn is_removal(action: Action) -> bool {
    matches!(action, Action::Delete | Action::Forget)
}

fn plan_problems(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let changed: BTreeSet<_> = plan.changes.iter().map(|change| &change.member).collect();
    for change in &plan.changes {
        // A copy in another state goes beside whatever becomes of the object.
        let copy = change.reason == Reason::LeftBehind;
        let removed = is_removal(change.action);
        let what = (&change.member, removed, &change.deposed, copy);
        if !seen.insert(what) {
            found.push(format!("{}: is changed twice", change.member));
        }
        if plan.destroy && !is_removal(change.action) {
            found.push(format!("{}: is kept by a destruction", change.member));
        }
    }
    for held in &plan.held_back {
        if changed.contains(&held.member) {
            found.push(format!("{}: is held back and changed", held.member));
        }
    }
    for failed in &plan.failed {
        let live = |change: &&Change| change.member == failed.member && !is_removal(change.action);
        if plan.changes.iter().any(|change| live(&change)) {
            found.push(format!("{}: is in error and changed", failed.member));
        }
    }
    found
}
