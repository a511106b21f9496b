//! [`Coordinator`]: which steps may start, and what the end of one means for the others. Pure: told
//! what happens, it says what follows.

use std::collections::{BTreeSet, VecDeque};

use nixops4_proto::events::Operation;

use super::model::Outcome;
use super::steps::{Step, StepId, Steps};
use crate::graph::Graph;

/// A step, and what became of it.
pub(crate) type Ended = (StepId, Outcome);

/// The truth about a wave that is being applied.
#[derive(Debug)]
pub(crate) struct Coordinator {
    steps: Vec<Step>,
    graph: Graph,
    /// How many others each node of the graph waits for.
    open: Vec<usize>,
    state: Vec<State>,
    ready: VecDeque<StepId>,
    started: usize,
    stopped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Started,
    Ended,
}

impl Coordinator {
    pub(crate) fn new(Steps { steps, graph }: Steps) -> Self {
        let open: Vec<_> = (0..graph.len()).map(|id| graph.needs(id).len()).collect();
        let free: Vec<_> = (0..graph.len()).filter(|&id| open[id] == 0).collect();
        let mut coordinator = Self {
            state: vec![State::Waiting; graph.len()],
            steps,
            graph,
            open,
            ready: VecDeque::new(),
            started: 0,
            stopped: false,
        };
        free.into_iter().for_each(|id| coordinator.free(id));
        coordinator
    }

    /// Nothing is left that a step waits for. What is no step of its own is passed at once.
    fn free(&mut self, id: usize) {
        match id < self.steps.len() {
            true => self.ready.push_back(id),
            false => {
                self.state[id] = State::Ended;
                self.release(id);
            }
        }
    }

    pub(crate) fn step(&self, id: StepId) -> &Step {
        &self.steps[id]
    }

    /// Takes a step that may start now. Whoever takes it tells how it ends.
    pub(crate) fn next_ready(&mut self) -> Option<StepId> {
        if self.stopped {
            return None;
        }
        while let Some(id) = self.ready.pop_front() {
            if self.state[id] == State::Waiting {
                self.state[id] = State::Started;
                self.started += 1;
                return Some(id);
            }
        }
        None
    }

    /// Whether steps have been taken that have not ended.
    pub(crate) fn is_busy(&self) -> bool {
        self.started > 0
    }

    /// Starts nothing more, and gives what is therefore not done.
    pub(crate) fn stop(&mut self) -> Vec<Ended> {
        self.stopped = true;
        let waiting: Vec<_> = (0..self.steps.len())
            .filter(|&id| self.state[id] == State::Waiting)
            .collect();
        waiting
            .into_iter()
            .map(|id| self.end_unstarted(id, Outcome::Cancelled))
            .collect()
    }

    /// A step that was taken has ended. Gives what became of it and of those that it takes along.
    pub(crate) fn ended(&mut self, id: StepId, outcome: Outcome) -> Vec<Ended> {
        self.state[id] = State::Ended;
        self.started -= 1;
        let mut results = vec![(id, outcome.clone())];
        match outcome {
            Outcome::Applied => self.release(id),
            Outcome::Deferred => self.take_along(id, &mut results, |_| Outcome::Deferred),
            Outcome::Cancelled => self.take_along(id, &mut results, |_| Outcome::Cancelled),
            Outcome::Failed | Outcome::Tainted | Outcome::InDoubt | Outcome::SkippedBecause(_) => {
                self.take_along(id, &mut results, |step| {
                    Outcome::SkippedBecause(step.change.member.clone())
                });
            }
        }
        results
    }

    fn release(&mut self, id: usize) {
        let mut freed = Vec::new();
        for next in self.graph.needed_by(id) {
            self.open[next] -= 1;
            freed.extend((self.open[next] == 0).then_some(next));
        }
        freed.into_iter().for_each(|next| self.free(next));
    }

    /// Ends everything that comes after a step.
    fn take_along(
        &mut self,
        id: StepId,
        results: &mut Vec<Ended>,
        outcome: impl Fn(&Step) -> Outcome,
    ) {
        let outcome = outcome(&self.steps[id]);
        // What has been ended this way has taken along what comes after it, so that however many
        // fail, each is passed once.
        let mut after: BTreeSet<usize> = self.graph.needed_by(id).collect();
        while let Some(next) = after.pop_first() {
            if self.state[next] != State::Waiting {
                continue;
            }
            self.state[next] = State::Ended;
            after.extend(self.graph.needed_by(next));
            if next < self.steps.len() {
                results.push((next, outcome.clone()));
            }
        }
    }

    fn end_unstarted(&mut self, id: StepId, outcome: Outcome) -> Ended {
        self.state[id] = State::Ended;
        (id, outcome)
    }

    /// How many steps a person would count: what only changes what is remembered is left out.
    pub(crate) fn operations(&self) -> usize {
        let counts = |step: &&Step| step.operation != Operation::Remember;
        self.steps.iter().filter(counts).count()
    }
}
