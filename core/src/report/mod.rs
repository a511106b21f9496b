//! [`Reporter`]: tells whoever started a run what goes on, as [`Event`]s through one channel.
//!
//! The channel is unbounded: events are small, and a run must not wait for a slow screen. Nothing
//! secret goes in: leaves are shown as [`Shown`](crate::plan::Shown) says.

mod describe;

use nixops4_proto::events::{Event, Leaf, PlanSummary, Side};
use tokio::sync::mpsc;

use crate::diagnostic::{Diagnostic, Severity};
use crate::plan::{self, Change, Plan};
use crate::provider::Action;

/// Sends events; does nothing where nobody listens.
#[derive(Clone, Debug, Default)]
pub struct Reporter(Option<mpsc::UnboundedSender<Event>>);

impl Reporter {
    /// A reporter, and where its events come out.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(Some(sender)), receiver)
    }

    /// A reporter to which nobody listens.
    pub fn silent() -> Self {
        Self(None)
    }

    /// Tells of something.
    pub fn send(&self, event: Event) {
        if let Some(sender) = &self.0 {
            // Whoever listened may have gone; the run goes on.
            let _ = sender.send(event);
        }
    }

    /// Tells of something that takes work to say, if somebody listens.
    pub fn send_with(&self, event: impl FnOnce() -> Event) {
        if self.0.is_some() {
            self.send(event());
        }
    }

    /// Tells of a diagnostic.
    pub fn diagnostic(&self, diagnostic: &Diagnostic) {
        self.send_with(|| Event::Diagnostic(diagnostic.into()));
    }

    /// Tells what a plan says.
    pub fn plan(&self, plan: &Plan) {
        self.send(Event::WavePlanned { wave: plan.wave });
        for change in &plan.changes {
            self.send_with(|| Event::PlannedChange(planned_change(plan, change)));
        }
        for deferred in &plan.deferred {
            self.send_with(|| Event::Deferred {
                member: deferred.member.clone(),
                reason: deferred.reason.to_string(),
                waits_for: deferred.reason.outputs().to_vec(),
            });
        }
        for held in &plan.held_back {
            self.send_with(|| match &held.reason {
                plan::HoldReason::InDoubt(known) => Event::HeldBack {
                    member: held.member.clone(),
                    because: None,
                    known: known.clone(),
                },
                plan::HoldReason::Because(because) => Event::HeldBack {
                    member: held.member.clone(),
                    because: Some(because.clone()),
                    known: String::new(),
                },
            });
        }
        for failed in &plan.failed {
            self.send_with(|| Event::PlanFailed {
                member: failed.member.clone(),
                because: failed.because.clone(),
            });
        }
        self.send_with(|| Event::PlanSummary(plan.into()));
    }
}

impl From<&Plan> for PlanSummary {
    fn from(plan: &Plan) -> Self {
        let counts = plan.counts();
        Self {
            wave: plan.wave,
            create: counts.create,
            update: counts.update,
            replace: counts.replace,
            delete: counts.delete,
            read: counts.read,
            forget: counts.forget,
            import: counts.import,
            remember: counts.remember,
            unchanged: plan.unchanged,
            deferred: plan.deferred.len(),
            held_back: plan.held_back.len(),
            failed: plan.failed.len(),
        }
    }
}

/// A change of a plan, as events and plan files tell of it.
pub(crate) fn planned_change(plan: &Plan, change: &Change) -> nixops4_proto::events::PlannedChange {
    nixops4_proto::events::PlannedChange {
        member: change.member.clone(),
        action: change.action.into(),
        reason: change.reason.to_string(),
        mode: change.mode,
        resource_type: change.type_name.clone(),
        provider: change.provider.clone(),
        moved_from: change.moved_from.clone(),
        moved_state: change
            .moved_state
            .as_ref()
            .map(|moved| nixops4_proto::events::StateMove {
                from: moved.from.clone(),
                to: moved.to.clone(),
            }),
        deposed: change.deposed.as_ref().map(ToString::to_string),
        create_before_destroy: change.create_before_destroy && change.action == Action::Replace,
        leaves: plan.leaves(change).iter().map(Leaf::from).collect(),
        position: change.position.clone(),
    }
}

impl From<&plan::LeafChange> for Leaf {
    fn from(leaf: &plan::LeafChange) -> Self {
        Self {
            side: match leaf.side {
                plan::Side::Input => Side::Input,
                plan::Side::Output => Side::Output,
            },
            path: leaf.path.clone(),
            before: (&leaf.before).into(),
            after: (&leaf.after).into(),
            forces_replacement: leaf.forces_replacement,
        }
    }
}

impl From<&plan::Shown> for nixops4_proto::events::Shown {
    fn from(shown: &plan::Shown) -> Self {
        match shown {
            plan::Shown::Absent => Self::default(),
            plan::Shown::Value(value) => Self {
                value: Some(value.to_plain_json()),
                ..Self::default()
            },
            plan::Shown::Sensitive => Self {
                sensitive: true,
                ..Self::default()
            },
            plan::Shown::Unknown(outputs) => Self {
                unknown: Some(outputs.clone()),
                ..Self::default()
            },
        }
    }
}

impl From<Action> for nixops4_proto::events::Action {
    fn from(action: Action) -> Self {
        match action {
            Action::NoOp => Self::NoOp,
            Action::Read => Self::Read,
            Action::Create => Self::Create,
            Action::Update => Self::Update,
            Action::Replace => Self::Replace,
            Action::Delete => Self::Delete,
            Action::Forget => Self::Forget,
        }
    }
}

impl From<&Diagnostic> for nixops4_proto::events::Diagnostic {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            severity: match diagnostic.severity {
                Severity::Warning => nixops4_proto::events::Severity::Warning,
                Severity::Error => nixops4_proto::events::Severity::Error,
            },
            summary: diagnostic.summary.clone(),
            detail: diagnostic.detail.clone(),
            member: diagnostic.member.clone(),
            path: diagnostic.path.clone(),
            position: diagnostic.position.clone(),
            hints: diagnostic.hints.clone(),
        }
    }
}
