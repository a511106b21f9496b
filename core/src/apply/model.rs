//! What becomes of a run: [`ApplyReport`].

use async_trait::async_trait;
use nixops4_proto::events::{Operation, RunSummary};

use crate::MemberPath;
use crate::diagnostic::Diagnostics;
use crate::plan::Plan;

/// What became of one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has been done.
    Applied,
    /// It has not been done; what there was is remembered.
    Failed,
    /// The object was made only half-way, and is to be replaced.
    Tainted,
    /// No one knows: the provider ended before it answered.
    InDoubt,
    /// It was not begun, because this member's operation did not succeed.
    SkippedBecause(MemberPath),
    /// It was not begun, because the run was interrupted or the state could not be written.
    Cancelled,
    /// It needs something that is for a later wave.
    Deferred,
}

/// What became of one operation on one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberResult {
    /// The member.
    pub member: MemberPath,
    /// What was to be done.
    pub operation: Operation,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a run.
#[derive(Clone, Debug, Default)]
pub struct ApplyReport {
    /// Every operation, in the order in which they ended.
    pub results: Vec<MemberResult>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
    /// All in figures.
    pub summary: RunSummary,
    /// Something could not be planned.
    pub plan_failed: bool,
    /// The user did not approve a wave; those before it have been applied.
    pub declined: bool,
    /// The run was interrupted.
    pub interrupted: bool,
}

impl ApplyReport {
    /// Whether everything that the deployment says is done.
    pub fn is_success(&self) -> bool {
        let RunSummary {
            failed,
            in_doubt,
            skipped,
            cancelled,
            deferred,
            held_back,
            ..
        } = self.summary;
        !self.declined
            && !self.interrupted
            && !self.plan_failed
            && !self.diagnostics.has_errors()
            && failed + in_doubt + skipped + cancelled + deferred + held_back == 0
    }

    pub(crate) fn add(&mut self, result: MemberResult) {
        let summary = &mut self.summary;
        let count = match (&result.outcome, result.operation) {
            (Outcome::Applied, Operation::Create) => Some(&mut summary.created),
            (Outcome::Applied, Operation::Update) => Some(&mut summary.updated),
            (Outcome::Applied, Operation::Delete) => Some(&mut summary.deleted),
            (Outcome::Failed | Outcome::Tainted, _) => Some(&mut summary.failed),
            (Outcome::InDoubt, _) => Some(&mut summary.in_doubt),
            (Outcome::SkippedBecause(_), _) => Some(&mut summary.skipped),
            (Outcome::Cancelled, _) => Some(&mut summary.cancelled),
            // Counted at the end, where no later wave has done it.
            (Outcome::Applied | Outcome::Deferred, _) => None,
        };
        if let Some(count) = count {
            *count += 1;
        }
        self.results.push(result);
    }
}

/// Decides whether a plan is carried out; asked once a wave, if there is something to do.
#[async_trait]
pub trait Approve: Send {
    /// Whether it is.
    async fn approve(&mut self, plan: &Plan) -> bool;
}

#[async_trait]
impl<F: FnMut(&Plan) -> bool + Send> Approve for F {
    async fn approve(&mut self, plan: &Plan) -> bool {
        self(plan)
    }
}

/// Approves everything.
pub fn approve_all(_: &Plan) -> bool {
    true
}
