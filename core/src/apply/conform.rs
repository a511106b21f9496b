//! Whether what is planned now, with more known, is what was approved: what was unknown may have
//! become known, and an update may turn out to be needless; nothing else may differ.

use crate::diagnostic::Diagnostic;
use crate::plan::Change;
use crate::plan::values::contradiction;
use crate::provider::{Action, PlannedChange};
use crate::value::Value;

/// Checks the inputs, now that more of them are known.
///
/// # Errors
/// Says what differs.
pub(crate) fn inputs(approved: &Change, now: &Value) -> Result<(), Box<Diagnostic>> {
    match contradiction(&approved.inputs, now) {
        None => Ok(()),
        Some(path) => Err(Box::new(
            Diagnostic::error("an input is not what the plan said it would be")
                .detail(
                    "An output on which it depends differs from what its provider had planned. \
                     Nothing was done to this resource.",
                )
                .hint("plan again: the new plan starts from what is now known")
                .at(path),
        )),
    }
}

/// Checks a plan that was made again.
///
/// # Errors
/// Says what differs.
pub(crate) fn plan(approved: &Change, now: &PlannedChange) -> Result<(), Box<Diagnostic>> {
    if !may_become(approved.action, now.action) {
        let text = format!(
            "the provider `{}` now wants to {}, but the plan says {}",
            approved.provider,
            verb(now.action),
            verb(approved.action)
        );
        return Err(refused(text));
    }
    match contradiction(&approved.planned.outputs, &now.outputs) {
        None => Ok(()),
        Some(path) => {
            let text = format!(
                "the provider `{}` now plans another value for the output `{path}` than before",
                approved.provider
            );
            Err(refused(text))
        }
    }
}

fn refused(text: String) -> Box<Diagnostic> {
    Box::new(
        Diagnostic::error(text)
            .detail(
                "What was approved is not what would be done. Nothing was done to this resource.",
            )
            .hint("plan again: the new plan starts from what is now known"),
    )
}

fn may_become(approved: Action, now: Action) -> bool {
    match approved {
        Action::Update => matches!(now, Action::Update | Action::NoOp),
        // By then the old object is gone or set aside.
        Action::Replace => matches!(now, Action::Replace | Action::Create),
        other => other == now,
    }
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::NoOp => "leave it as it is",
        Action::Read => "read it",
        Action::Create => "create it",
        Action::Update => "update it in place",
        Action::Replace => "replace it",
        Action::Delete => "delete it",
        Action::Forget => "forget it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_may_turn_out_needless_and_nothing_else_may_change() {
        use Action::*;
        let all = [NoOp, Read, Create, Update, Replace, Delete, Forget];
        for approved in all {
            for now in all {
                let fine = approved == now
                    || (approved, now) == (Update, NoOp)
                    || (approved, now) == (Replace, Create);
                assert_eq!(may_become(approved, now), fine, "{approved:?} {now:?}");
            }
        }
    }
}
