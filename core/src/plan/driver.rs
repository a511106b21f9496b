//! The asynchronous shell around the [`Session`]: asks the evaluator one batch at a time, runs
//! workers up to the bound, and tells the session what came of it.
//!
//! While the evaluator answers a batch the next one gathers, so the more there is to ask the fewer
//! and larger the batches.

use std::pin::Pin;
use std::sync::Arc;

use nixops4_proto::evaluator::{ProviderInstance, Subject, Walk, WalkItem};
use nixops4_proto::events::{Event, Found};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::nodes::ProviderId;
use super::session::{Batch, Session};
use super::values::has_drifted;
use super::work::{Done, Work};
use crate::engine::{Interrupt, StateAccess, Tools, Urgency};
use crate::evaluate::{Evaluate, EvaluateError};

/// What came of a batch: the provider instances that were asked about.
type Answers = Vec<(ProviderId, Result<ProviderInstance, EvaluateError>)>;
type Asking = Pin<Box<dyn Future<Output = Result<Answers, EvaluateError>> + Send>>;

/// Why a wave was not planned to its end.
#[derive(Clone, Debug)]
pub(crate) enum Stopped {
    /// The evaluator cannot go on.
    Evaluator(EvaluateError),
    /// The user has asked for an end.
    Interrupted,
}

impl From<EvaluateError> for Stopped {
    fn from(error: EvaluateError) -> Self {
        Self::Evaluator(error)
    }
}

/// Plans a wave: runs until nothing more can be found out.
pub(crate) async fn run(
    session: &mut Session,
    tools: &Tools,
    interrupt: &Interrupt,
) -> Result<(), Stopped> {
    Driver {
        session,
        tools,
        running: JoinSet::new(),
        locking: JoinSet::new(),
        bounded: 0,
        asking: None,
        items: None,
    }
    .run(interrupt)
    .await
}

struct Driver<'a> {
    session: &'a mut Session,
    tools: &'a Tools,
    running: JoinSet<(bool, Done)>,
    /// Of states that are opened to be written. They are apart because they have an effect: a lock.
    locking: JoinSet<Done>,
    /// How many of those count against the bound.
    bounded: usize,
    asking: Option<Asking>,
    items: Option<mpsc::UnboundedReceiver<WalkItem>>,
}

/// What the shell waits for.
enum News {
    Item(Box<WalkItem>),
    Answered(Result<Answers, EvaluateError>),
    Done(bool, Box<Done>),
    Locked(Box<Done>),
    Interrupted,
}

impl Driver<'_> {
    async fn run(mut self, interrupt: &Interrupt) -> Result<(), Stopped> {
        let result = self.plan(interrupt).await;
        if result.is_err() {
            self.finish_locking(interrupt).await;
        }
        result
    }

    async fn plan(&mut self, interrupt: &Interrupt) -> Result<(), Stopped> {
        loop {
            self.start_work();
            self.start_batch();
            if self.running.is_empty() && self.locking.is_empty() && self.asking.is_none() {
                match self.session.advance() {
                    true => continue,
                    false => return Ok(()),
                }
            }
            match self.news(interrupt).await {
                News::Item(item) => self.session.heard(*item),
                News::Answered(result) => self.answered(result?),
                News::Done(bounded, done) => {
                    self.bounded -= usize::from(bounded);
                    self.done(*done);
                }
                News::Locked(done) => self.done(*done),
                // But for locks, nothing of planning has an effect: what runs is simply dropped.
                News::Interrupted => return Err(Stopped::Interrupted),
            }
        }
    }

    fn start_work(&mut self) {
        while let Some(work) = self.session.work.front() {
            let bounded = work.is_bounded();
            if bounded && self.bounded >= self.tools.parallelism {
                return;
            }
            let Some(work) = self.session.work.pop_front() else {
                return;
            };
            self.bounded += usize::from(bounded);
            if let Work::Read(read) = &work {
                let member = self.session.nodes[read.node].path.clone();
                self.session.reporter.send(Event::ReadStarted { member });
            }
            let tools = self.tools.clone();
            if matches!(work, Work::OpenStore(_)) && tools.access == StateAccess::Write {
                self.locking.spawn(work.run(tools));
                continue;
            }
            self.running.spawn(async move {
                let done = work.run(tools).await;
                (bounded, done)
            });
        }
    }

    /// Lets states that are being locked get there, for what is open is closed with the run: a lock
    /// that nobody knows of would keep everybody out.
    async fn finish_locking(&mut self, interrupt: &Interrupt) {
        if !self.locking.is_empty() && interrupt.urgency() == Urgency::Stop {
            let at_once = false;
            self.session.reporter.send(Event::Interrupted { at_once });
        }
        loop {
            tokio::select! {
                biased;
                () = interrupt.reached(Urgency::AtOnce) => return,
                done = self.locking.join_next() => match done {
                    Some(Ok(done)) => self.done(done),
                    Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                    None => return,
                },
            }
        }
    }

    fn start_batch(&mut self) {
        if self.asking.is_some() {
            return;
        }
        if let Some(batch) = self.session.next_batch() {
            let (sender, receiver) = mpsc::unbounded_channel();
            let providers = batch
                .providers
                .iter()
                .map(|&id| (id, self.session.providers[id].instance.id.clone()))
                .collect();
            let evaluator = self.tools.evaluator.clone();
            let inputs = !self.session.destroy;
            self.asking = Some(Box::pin(ask(evaluator, batch, providers, inputs, sender)));
            self.items = Some(receiver);
        }
    }

    async fn news(&mut self, interrupt: &Interrupt) -> News {
        let next_item = async {
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
        tokio::select! {
            biased;
            () = interrupt.requested() => News::Interrupted,
            // Items before the end of their batch.
            Some(item) = next_item => News::Item(Box::new(item)),
            answers = answered => News::Answered(answers),
            Some(done) = self.running.join_next() => match done {
                Ok((bounded, done)) => News::Done(bounded, Box::new(done)),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
            Some(done) = self.locking.join_next() => match done {
                Ok(done) => News::Locked(Box::new(done)),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
        }
    }

    fn answered(&mut self, answers: Answers) {
        self.asking = None;
        if let Some(mut items) = self.items.take() {
            while let Ok(item) = items.try_recv() {
                self.session.heard(item);
            }
        }
        for (id, answer) in answers {
            match answer {
                Ok(instance) => self.session.heard_provider(instance),
                Err(error) => {
                    let name = self.session.providers[id].instance.id.clone();
                    let subject = Subject::ProviderConfig(name);
                    self.session.complain(Some(subject), error.to_diagnostic());
                    self.session.provider_failed(id);
                }
            }
        }
        self.session.batch_done();
    }

    fn done(&mut self, done: Done) {
        let session = &mut *self.session;
        match done {
            Done::ProviderOpened(id, result) => session.provider_opened(id, result),
            Done::StoreOpened(id, result) => session.store_opened(id, result),
            Done::Described(id, mode, name, result) => {
                session.type_described(id, mode, name, result);
            }
            Done::PriorRead(id, result) => {
                let recorded = session.resource(id).object.clone();
                let found = match (&result, &recorded) {
                    (Ok(read), Some(object)) => match &read.value {
                        None => Found::Gone,
                        Some(state)
                            if has_drifted(&object.state.outputs, &state.outputs)
                                || has_drifted(&object.state.inputs, &state.inputs) =>
                        {
                            Found::Changed
                        }
                        Some(_) => Found::Same,
                    },
                    _ => Found::Same,
                };
                let member = session.nodes[id].path.clone();
                session.reporter.send(Event::ReadDone { member, found });
                session.prior_read(id, result);
            }
            Done::Imported(id, result) => session.imported(id, result),
            Done::Planned(id, result) => session.planned(id, result),
            Done::DataRead(id, result) => session.data_read(id, result),
            Done::EphemeralOpened(id, result) => session.ephemeral_opened(id, result),
        }
    }
}

/// Asks everything of a batch, in the order in which the answers can be understood.
async fn ask(
    evaluator: Arc<dyn Evaluate>,
    batch: Batch,
    providers: Vec<(ProviderId, String)>,
    inputs: bool,
    items: mpsc::UnboundedSender<WalkItem>,
) -> Result<Answers, EvaluateError> {
    if !batch.outputs.is_empty() {
        evaluator.set_outputs(batch.outputs).await?;
    }
    let mut answers = Answers::new();
    for (id, name) in providers {
        match evaluator.provider(&name).await {
            Err(error @ EvaluateError::Eval(_)) => answers.push((id, Err(error))),
            other => answers.push((id, Ok(other?))),
        }
    }
    if !batch.flat.is_empty() {
        let walk = Walk {
            paths: batch.flat.into_iter().collect(),
            recursive: false,
            inputs: true,
        };
        evaluator.walk(walk, items.clone()).await?;
    }
    if !batch.deep.is_empty() {
        let walk = Walk {
            paths: batch.deep.into_iter().collect(),
            recursive: true,
            inputs,
        };
        evaluator.walk(walk, items).await?;
    }
    Ok(answers)
}
