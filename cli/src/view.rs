//! What a run tells of itself, shown: as JSON lines, or as text and live progress.

use std::collections::HashMap;
use std::time::Instant;

use nixops4_core::MemberPath;
use nixops4_proto::events::{
    Event, EventLine, FailedResult, Found, Operation, RunSummary, SkipReason, StepRef,
};

use crate::ui::print::{errln, outln};
use crate::ui::progress::{Progress, finished};
use crate::ui::style::{BOLD, CREATE, DELETE, DIM, ERROR, READ, UPDATE, WARNING, paint};

/// Shows events.
#[derive(Debug)]
pub struct View {
    json: bool,
    progress: Progress,
    since: HashMap<MemberPath, Instant>,
}

impl View {
    /// One that prints JSON lines, or text.
    pub fn new(json: bool) -> Self {
        Self {
            json,
            progress: Progress::default(),
            since: HashMap::new(),
        }
    }

    /// Shows one event.
    pub fn event(&mut self, event: Event) {
        if self.json {
            if let Ok(line) = serde_json::to_string(&EventLine::from(event)) {
                outln!("{line}");
            }
            return;
        }
        match event {
            Event::ReadStarted { member } => self.progress.begin(&member, "reading"),
            Event::ReadDone { member, found } => self.read(&member, found),
            Event::OperationStarted { member, operation } => {
                self.since.insert(member.clone(), Instant::now());
                self.progress.begin(&member, words(operation).doing);
            }
            Event::OperationProgress {
                member,
                operation,
                message,
            } => self
                .progress
                .tell(&member, words(operation).doing, &message),
            Event::OperationRunning {
                member,
                operation,
                seconds,
            } => self
                .progress
                .still(&member, words(operation).doing, seconds),
            Event::OperationDone { member, operation } => self.done(&member, operation),
            Event::OperationFailed {
                member,
                operation,
                result,
            } => {
                self.failed(&member, operation, result);
            }
            Event::OperationSkipped {
                member,
                operation,
                reason,
                because,
            } => {
                self.skipped(&member, operation, reason, because.as_ref());
            }
            Event::ActionStarted { step } => self.action_started(&step),
            Event::ActionProgress { step, message } => {
                let line = format!("    {}  {message}", paint(DIM, address(&step)));
                self.progress.line(&line);
            }
            Event::ActionDone { step } => self.action_done(&step),
            Event::ActionFailed { step, result } => self.action_failed(&step, result),
            Event::ActionSkipped { step, reason } => {
                let because = match reason {
                    SkipReason::Cancelled => "because the run was ended",
                    _ => "because of what comes before it",
                };
                let what = paint(DIM, format!("{} not done, {because}", step.action));
                let line = format!("{} {}  {what}", paint(DIM, "  ."), address(&step));
                self.progress.line(&line);
            }
            Event::Interrupted { at_once } => self.progress.line(&paint(
                WARNING,
                match at_once {
                    true => "Interrupted again: ending the providers",
                    false => {
                        "Interrupted: nothing new is begun; waiting for what runs (again to end it)"
                    }
                },
            )),
            Event::RunSummary(summary) => {
                self.progress.clear();
                let line = summary_line(&summary);
                if !line.is_empty() {
                    errln!("\n{}", paint(BOLD, line));
                }
            }
            // Plans and diagnostics are shown whole, by whoever gets them.
            _ => {}
        }
    }

    /// Takes what is live away, so that something else can be printed.
    pub fn pause(&mut self) {
        self.progress.clear();
    }

    fn read(&mut self, member: &MemberPath, found: Found) {
        let line = match found {
            Found::Same => None,
            Found::Changed => Some("has been changed by someone else"),
            Found::Gone => Some("is gone"),
        };
        let line = line.map(|what| paint(DIM, format!("  {member} {what}")));
        self.progress.end(member, line);
    }

    fn done(&mut self, member: &MemberPath, operation: Operation) {
        let took = self
            .since
            .remove(member)
            .map(|since| since.elapsed())
            .unwrap_or_default();
        let words = words(operation);
        let line = finished(words.style, words.sign, member, words.done, took);
        self.progress.end(member, Some(line));
    }

    fn action_started(&mut self, step: &StepRef) {
        let address = address(step);
        self.since.insert(address.clone(), Instant::now());
        self.progress.begin(&address, &step.action);
    }

    fn action_done(&mut self, step: &StepRef) {
        let address = address(step);
        let took = self
            .since
            .remove(&address)
            .map(|since| since.elapsed())
            .unwrap_or_default();
        let done = format!("{} done", step.action);
        let line = finished(UPDATE, ">", &address, &done, took);
        self.progress.end(&address, Some(line));
    }

    fn action_failed(&mut self, step: &StepRef, result: FailedResult) {
        let address = address(step);
        let what = match result {
            FailedResult::InDoubt => "ended without an answer; what it has done is not known",
            FailedResult::Failed | FailedResult::Tainted => "failed",
        };
        let line = format!(
            "{} {}  {} {what}",
            paint(ERROR, "  !"),
            paint(ERROR, &address),
            step.action
        );
        self.since.remove(&address);
        self.progress.end(&address, Some(line));
    }

    fn failed(&mut self, member: &MemberPath, operation: Operation, result: FailedResult) {
        let what = match result {
            FailedResult::Failed => "failed",
            FailedResult::Tainted => "failed half-way; it will be replaced",
            FailedResult::InDoubt => "ended without an answer; it is in doubt",
        };
        let line = format!(
            "{} {}  {} {what}",
            paint(ERROR, "  !"),
            paint(ERROR, member),
            words(operation).doing
        );
        self.since.remove(member);
        self.progress.end(member, Some(line));
    }

    fn skipped(
        &mut self,
        member: &MemberPath,
        operation: Operation,
        reason: SkipReason,
        because: Option<&MemberPath>,
    ) {
        let because = match (reason, because) {
            (SkipReason::Dependency, Some(because)) => format!("because of {because}"),
            (SkipReason::Dependency, None) => "because of what comes before it".to_owned(),
            (SkipReason::Cancelled, _) => "because the run was ended".to_owned(),
            (SkipReason::Deferred, _) => "for a later wave".to_owned(),
        };
        let line = format!(
            "{} {}  {}",
            paint(DIM, "  ."),
            member,
            paint(DIM, format!("not {}, {because}", words(operation).done))
        );
        self.progress.end(member, Some(line));
    }
}

/// An operation, as a member of its component would be called.
fn address(step: &StepRef) -> MemberPath {
    step.member.child(&step.operation)
}

struct Words {
    sign: &'static str,
    style: anstyle::Style,
    doing: &'static str,
    done: &'static str,
}

fn words(operation: Operation) -> Words {
    let (sign, style, doing, done) = match operation {
        Operation::Read => ("<", READ, "reading", "read"),
        Operation::Create => ("+", CREATE, "creating", "created"),
        Operation::Update => ("~", UPDATE, "updating", "updated"),
        Operation::Delete => ("-", DELETE, "deleting", "deleted"),
        Operation::Remember => ("=", DIM, "remembering", "remembered"),
        Operation::Forget => (".", DIM, "forgetting", "forgotten"),
    };
    Words {
        sign,
        style,
        doing,
        done,
    }
}

/// `Done: 3 created, 1 deleted`; empty where nothing was to be done.
fn summary_line(summary: &RunSummary) -> String {
    let parts: Vec<_> = [
        (summary.created, "created"),
        (summary.updated, "updated"),
        (summary.deleted, "deleted"),
        (summary.actions, "run"),
        (summary.failed, "failed"),
        (summary.in_doubt, "in doubt"),
        (summary.skipped, "skipped because of those"),
        (summary.cancelled, "not begun"),
        (summary.deferred, "still to come"),
        (summary.held_back, "left alone"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{count} {what}"))
    .collect();
    if parts.is_empty() {
        return String::new();
    }
    let whole = summary.failed + summary.in_doubt + summary.skipped + summary.cancelled == 0;
    let word = if whole { "Done" } else { "Not all is done" };
    format!("{word}: {}", parts.join(", "))
}
