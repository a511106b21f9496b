//! The asynchronous shell around the [`Coordinator`]: starts workers, asks the evaluator about
//! inputs again, passes interruptions on, and tells of everything.

use std::collections::{HashMap, HashSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use nixops4_proto::evaluator::{Component, Walk, WalkItem};
use nixops4_proto::events::{Event, FailedResult, Operation, SkipReason};
use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};

use super::conform;
use super::coordinator::{Coordinator, Ended};
use super::model::{ApplyReport, MemberResult, Outcome};
use super::steps::{Step, StepId, Steps};
use super::watch::watched;
use super::worker::Finished;
use crate::MemberPath;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::{Interrupt, Tools, Urgency};
use crate::evaluate::{Evaluate, EvaluateError};
use crate::plan::nodes::ProviderStatus;
use crate::plan::session::{Batch, Session};
use crate::plan::values::{contradiction, same};
use crate::value::Value;

/// How long calls have to fail after their providers were ended.
const GRACE: Duration = Duration::from_secs(10);

type Asking = Pin<Box<dyn Future<Output = Result<(), EvaluateError>> + Send>>;

/// How a wave ended.
#[derive(Debug, Default)]
pub(crate) struct Wave {
    /// How many operations were done that a later wave could build upon.
    pub(crate) applied: usize,
    /// Nothing more may be done in this run.
    pub(crate) halted: bool,
}

/// Carries out what the session has planned.
pub(crate) async fn run(
    session: &mut Session,
    steps: Steps,
    tools: &Tools,
    interrupt: &Interrupt,
    report: &mut ApplyReport,
) -> Wave {
    let coordinator = Coordinator::new(steps);
    session.reporter.send(Event::ApplyStarted {
        wave: session.wave,
        operations: coordinator.operations(),
    });
    Driver {
        session,
        tools,
        coordinator,
        report,
        wave: Wave::default(),
        running: JoinSet::new(),
        tasks: HashMap::new(),
        aside: JoinSet::new(),
        runnable: VecDeque::new(),
        asked: HashMap::new(),
        asking: None,
        items: None,
        dirty: HashSet::new(),
        evaluator_failed: false,
        heeded: Urgency::None,
    }
    .run(interrupt)
    .await
}

struct Driver<'a> {
    session: &'a mut Session,
    tools: &'a Tools,
    coordinator: Coordinator,
    report: &'a mut ApplyReport,
    wave: Wave,
    running: JoinSet<Finished>,
    tasks: HashMap<Id, StepId>,
    /// Calls that ask providers to stop or end.
    aside: JoinSet<()>,
    /// Steps whose inputs are known, and whether they have to be planned again.
    runnable: VecDeque<(StepId, Arc<Value>, bool)>,
    /// Steps whose inputs are being asked about.
    asked: HashMap<MemberPath, StepId>,
    asking: Option<Asking>,
    items: Option<mpsc::UnboundedReceiver<WalkItem>>,
    /// Members whose outputs are not what was planned.
    dirty: HashSet<MemberPath>,
    evaluator_failed: bool,
    heeded: Urgency,
}

enum News {
    Item(Box<WalkItem>),
    Answered(Result<(), EvaluateError>),
    Finished(Result<(Id, Finished), JoinError>),
    Interrupted(Urgency),
    OutOfPatience,
}

impl Driver<'_> {
    async fn run(mut self, interrupt: &Interrupt) -> Wave {
        let mut deadline = None;
        loop {
            self.start();
            if !self.coordinator.is_busy() {
                break;
            }
            match self.news(interrupt, deadline).await {
                News::Item(item) => self.heard(*item),
                News::Answered(result) => self.answered(result),
                News::Finished(Ok((task, finished))) => self.finished(task, finished),
                News::Finished(Err(error)) => self.lost(&error),
                News::Interrupted(urgency) => {
                    self.interrupted(urgency);
                    if urgency == Urgency::AtOnce {
                        deadline = Some(tokio::time::Instant::now() + GRACE);
                    }
                }
                News::OutOfPatience => {
                    deadline = None;
                    self.running.abort_all();
                }
            }
        }
        while self.aside.join_next().await.is_some() {}
        self.wave
    }

    /// Starts what can be started.
    fn start(&mut self) {
        while self.running.len() < self.tools.parallelism {
            if let Some((id, inputs, again)) = self.runnable.pop_front() {
                self.launch(id, inputs, again);
            } else if let Some(id) = self.coordinator.next_ready() {
                self.prepare(id);
            } else {
                break;
            }
        }
        if self.asking.is_none()
            && let Some(batch) = self.session.next_batch()
        {
            let (sender, receiver) = mpsc::unbounded_channel();
            let evaluator = self.tools.evaluator.clone();
            self.asking = Some(Box::pin(ask(evaluator, batch, sender)));
            self.items = Some(receiver);
        }
    }

    /// Finds out the inputs of a step that may start.
    fn prepare(&mut self, id: StepId) {
        let step = self.coordinator.step(id);
        let change = step.change.clone();
        let makes = matches!(
            step.operation,
            Operation::Create | Operation::Update | Operation::Read
        );
        let dirty = || {
            let mut members = change.depends_on.iter().map(|output| &output.member);
            !self.dirty.is_empty() && members.any(|member| self.dirty.contains(member))
        };
        if !makes || (change.inputs.is_wholly_known() && !dirty()) {
            self.runnable.push_back((id, change.inputs.clone(), false));
            return;
        }
        if self.evaluator_failed {
            let text = "its inputs cannot be evaluated any more";
            return self.ended(id, Finished::failed(Diagnostic::error(text)));
        }
        self.asked.insert(change.member.clone(), id);
        self.session.batch.flat.insert(change.member.clone());
    }

    fn launch(&mut self, id: StepId, inputs: Arc<Value>, again: bool) {
        let step = self.coordinator.step(id).clone();
        let depose = step.depose.clone();
        let job = self.session.job(
            step.node,
            step.operation,
            &step.change,
            depose,
            inputs,
            again,
        );
        let Some(job) = job else {
            let text = "its provider is not there any more";
            return self.ended(id, Finished::failed(Diagnostic::error(text)));
        };
        if step.operation != Operation::Remember {
            self.session.reporter.send(Event::OperationStarted {
                member: job.member().clone(),
                operation: step.operation,
            });
        }
        let task = self
            .running
            .spawn(watched(job, self.session.reporter.clone()));
        self.tasks.insert(task.id(), id);
    }

    async fn news(
        &mut self,
        interrupt: &Interrupt,
        deadline: Option<tokio::time::Instant>,
    ) -> News {
        let item = async {
            match &mut self.items {
                Some(items) => items.recv().await,
                None => None,
            }
        };
        let answered = async {
            match &mut self.asking {
                Some(asking) => asking.await,
                None => std::future::pending().await,
            }
        };
        let next = match self.heeded {
            Urgency::None => Some(Urgency::Stop),
            Urgency::Stop => Some(Urgency::AtOnce),
            Urgency::AtOnce => None,
        };
        let interrupted = async {
            match next {
                Some(next) => {
                    interrupt.reached(next).await;
                    next
                }
                None => std::future::pending().await,
            }
        };
        let out_of_patience = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            urgency = interrupted => News::Interrupted(urgency),
            Some(item) = item => News::Item(Box::new(item)),
            result = answered => News::Answered(result),
            Some(finished) = self.running.join_next_with_id() => News::Finished(finished),
            () = out_of_patience => News::OutOfPatience,
        }
    }

    fn heard(&mut self, item: WalkItem) {
        if let WalkItem::Component(component) = item {
            self.heard_again(component);
        }
    }

    /// A step's inputs are known, or as known as they will be in this wave.
    fn heard_again(&mut self, component: Component) {
        let Some(id) = self.asked.remove(&component.path) else {
            return;
        };
        let change = self.coordinator.step(id).change.clone();
        let inputs = match self.session.inputs_again(component) {
            Ok(inputs) => inputs,
            Err(diagnostic) => return self.ended(id, Finished::failed(*diagnostic)),
        };
        // An output of something that is only known of now, and is planned in the next wave.
        if !inputs.is_wholly_known() {
            return self.ended(id, Finished::deferred());
        }
        if let Err(diagnostic) = conform::inputs(&change, &inputs) {
            return self.ended(id, Finished::failed(*diagnostic));
        }
        let again = !(change.inputs.is_wholly_known() && same(&change.inputs, &inputs));
        self.runnable.push_back((id, inputs, again));
    }

    fn answered(&mut self, result: Result<(), EvaluateError>) {
        self.asking = None;
        if let Some(mut items) = self.items.take() {
            while let Ok(item) = items.try_recv() {
                self.heard(item);
            }
        }
        let unanswered = match result {
            Ok(()) => return,
            Err(error) => error,
        };
        self.evaluator_failed = true;
        self.wave.halted = true;
        self.session.complain(None, unanswered.to_diagnostic());
        for (_, id) in std::mem::take(&mut self.asked) {
            let finished = Finished::failed(Diagnostics::default());
            self.ended(id, finished);
        }
    }

    fn finished(&mut self, task: Id, finished: Finished) {
        if let Some(id) = self.tasks.remove(&task) {
            self.ended(id, finished);
        }
    }

    /// A worker has been ended from outside, or has a bug. What it was doing is in doubt.
    fn lost(&mut self, error: &JoinError) {
        let Some(id) = self.tasks.remove(&error.id()) else {
            return;
        };
        let text = match error.is_panic() {
            true => "a worker of ours broke down: this is a bug",
            false => "the provider did not end in time after it was told to",
        };
        let mut finished = Finished::failed(Diagnostic::error(text));
        finished.outcome = Outcome::InDoubt;
        self.ended(id, finished);
    }

    fn ended(&mut self, id: StepId, finished: Finished) {
        let step = self.coordinator.step(id).clone();
        let member = step.change.member.clone();
        for mut diagnostic in finished.diagnostics.0 {
            diagnostic.member.get_or_insert_with(|| member.clone());
            let subject = nixops4_proto::evaluator::Subject::Inputs(member.clone());
            self.session.complain(Some(subject), diagnostic);
        }
        if finished.outcome == Outcome::Applied {
            let listed = step.operation != Operation::Remember;
            self.wave.applied += usize::from(listed);
            if let Some(outputs) = &finished.outputs {
                if contradiction(&step.change.planned.outputs, outputs).is_some() {
                    self.dirty.insert(member);
                }
                self.session.set_outputs(step.node, outputs);
            }
        }
        let results = self.coordinator.ended(id, finished.outcome);
        self.tell(results);
        if finished.state_failed {
            self.halt();
        }
    }

    /// Starts nothing more.
    fn halt(&mut self) {
        self.wave.halted = true;
        let cancelled = self.coordinator.stop();
        self.tell(cancelled);
        let unstarted: Vec<_> = self
            .runnable
            .drain(..)
            .map(|(id, ..)| id)
            .chain(self.asked.drain().map(|(_, id)| id))
            .collect();
        for id in unstarted {
            let results = self.coordinator.ended(id, Outcome::Cancelled);
            self.tell(results);
        }
    }

    fn interrupted(&mut self, urgency: Urgency) {
        self.heeded = urgency;
        self.report.interrupted = true;
        let at_once = urgency == Urgency::AtOnce;
        self.session.reporter.send(Event::Interrupted { at_once });
        self.halt();
        for provider in &self.session.providers {
            if let ProviderStatus::Ready(ready) = &provider.status {
                let configured = ready.configured.clone();
                self.aside.spawn(async move {
                    match at_once {
                        true => configured.close().await,
                        false => configured.stop().await,
                    }
                });
            }
        }
    }

    fn tell(&mut self, ended: Vec<Ended>) {
        for (id, outcome) in ended {
            let Step {
                node,
                operation,
                ref change,
                ..
            } = *self.coordinator.step(id);
            let result = MemberResult {
                member: change.member.clone(),
                operation,
                outcome,
            };
            self.session.step_ended(node, operation, &result.outcome);
            let silent = operation == Operation::Remember && result.outcome == Outcome::Applied;
            if !silent {
                self.session.reporter.send(event(&result));
                self.report.add(result);
            }
        }
    }
}

fn event(result: &MemberResult) -> Event {
    let member = result.member.clone();
    let operation = result.operation;
    let failed = |result| Event::OperationFailed {
        member: member.clone(),
        operation,
        result,
    };
    let skipped = |reason, because| Event::OperationSkipped {
        member: member.clone(),
        operation,
        reason,
        because,
    };
    match &result.outcome {
        Outcome::Applied => Event::OperationDone {
            member: member.clone(),
            operation,
        },
        Outcome::Failed => failed(FailedResult::Failed),
        Outcome::Tainted => failed(FailedResult::Tainted),
        Outcome::InDoubt => failed(FailedResult::InDoubt),
        Outcome::SkippedBecause(because) => skipped(SkipReason::Dependency, Some(because.clone())),
        Outcome::Cancelled => skipped(SkipReason::Cancelled, None),
        Outcome::Deferred => skipped(SkipReason::Deferred, None),
    }
}

/// Tells outputs and asks about inputs.
async fn ask(
    evaluator: Arc<dyn Evaluate>,
    batch: Batch,
    items: mpsc::UnboundedSender<WalkItem>,
) -> Result<(), EvaluateError> {
    if !batch.outputs.is_empty() {
        evaluator.set_outputs(batch.outputs).await?;
    }
    let walk = Walk {
        paths: batch.flat.into_iter().collect(),
        recursive: false,
        inputs: true,
    };
    evaluator.walk(walk, items).await
}
