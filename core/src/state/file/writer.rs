//! The one thread that writes a state file.
//!
//! ```text
//! begin, finish, record ──Job──► [queue] ──► writer: take all that wait, one write, one sync
//!        ▲                                     │
//!        └─────────── answer per job ◄─────────┘ publish the snapshot
//! ```
//!
//! A thread rather than a task: writing blocks. The queue is unbounded, because each caller waits
//! for its answer and so has at most one job in it. The writer ends when a job tells it to, or
//! when the store is gone.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::oneshot;

use super::log::LogFile;
use super::rescue;
use crate::state::ledger::{Change, Ledger};
use crate::state::{Snapshot, StateError, Unwritten};

/// The snapshot that readers get.
pub(super) type Published = Arc<RwLock<Arc<Snapshot>>>;

/// What the writer is asked to do.
pub(super) enum Job {
    /// Let all of these happen, or none.
    Commit(Vec<Change>, Answer),
    /// Write what is still to be written, and end.
    Close(Answer),
}

pub(super) type Answer = oneshot::Sender<Result<(), StateError>>;

/// What the thread owns.
pub(super) struct Writer {
    pub place: String,
    pub log: LogFile,
    pub ledger: Ledger,
    pub published: Published,
    pub rescue_places: Vec<PathBuf>,
    /// Why nothing new is begun any more.
    pub stopped: Option<StateError>,
    /// What happened and is not in the file.
    pub backlog: Vec<Unwritten>,
}

impl Writer {
    /// Works until it is told to end.
    pub fn run(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let mut commits = Vec::new();
            let mut close = None;
            for job in std::iter::once(first).chain(jobs.try_iter()) {
                match job {
                    Job::Commit(changes, answer) => commits.push((changes, answer)),
                    Job::Close(answer) => close = Some(answer),
                }
            }
            self.commit(commits);
            if let Some(answer) = close {
                // Nobody waits for the answer if the caller is gone.
                let _ = answer.send(self.flush());
                return;
            }
        }
        let _ = self.flush();
    }

    /// Lets everything happen that is asked for at the moment.
    fn commit(&mut self, commits: Vec<(Vec<Change>, Answer)>) {
        if self.stopped.is_some() {
            return self.commit_stopped(commits);
        }
        let mut ledger = self.ledger.clone();
        let mut lines = String::new();
        let mut waiting = Vec::new();
        for (changes, answer) in commits {
            match happen(&mut ledger, changes.clone()) {
                Ok(events) => {
                    lines.extend(events.iter().map(|event| event.json.as_str()));
                    waiting.push((changes, answer));
                }
                Err(error) => drop(answer.send(Err(error))),
            }
        }
        let written = match lines.is_empty() {
            true => Ok(()),
            false => self.log.append(lines.as_bytes()),
        };
        match written {
            Ok(()) => {
                self.ledger = ledger;
                self.publish();
                waiting
                    .into_iter()
                    .for_each(|(_, answer)| drop(answer.send(Ok(()))));
            }
            Err(error) => {
                self.stopped = Some(error);
                self.commit_stopped(waiting);
            }
        }
    }

    /// The same after a write failed: nothing is begun, and what has happened all the same is
    /// written if that is possible again, and otherwise kept.
    fn commit_stopped(&mut self, commits: Vec<(Vec<Change>, Answer)>) {
        let mut waiting = Vec::new();
        for (changes, answer) in commits {
            let begins = changes
                .iter()
                .any(|change| matches!(change, Change::Begin(..)));
            let happened = match &self.stopped {
                Some(cause) if begins => Err(StateError::Stopped {
                    place: self.place.clone(),
                    source: Box::new(cause.clone()),
                }),
                _ => happen(&mut self.ledger, changes),
            };
            match happened {
                Ok(events) => {
                    self.backlog.extend(events);
                    waiting.push(answer);
                }
                Err(error) => drop(answer.send(Err(error))),
            }
        }
        self.publish();
        if !waiting.is_empty() {
            let result = self.flush();
            waiting
                .into_iter()
                .for_each(|answer| drop(answer.send(result.clone())));
        }
    }

    /// Writes the backlog, or keeps it elsewhere.
    fn flush(&mut self) -> Result<(), StateError> {
        if self.backlog.is_empty() {
            return Ok(());
        }
        let lines: String = self
            .backlog
            .iter()
            .map(|event| event.json.as_str())
            .collect();
        match self.log.append(lines.as_bytes()) {
            Ok(()) => {
                self.backlog.clear();
                for place in &self.rescue_places {
                    // What was kept there is in the file now.
                    let _ = std::fs::remove_file(place);
                }
                Ok(())
            }
            Err(error) => Err(StateError::NotRecorded {
                place: self.place.clone(),
                source: Box::new(error),
                rescued_to: rescue::keep(&self.rescue_places, &lines),
                unwritten: self.backlog.clone(),
            }),
        }
    }

    fn publish(&self) {
        let snapshot = Arc::new(self.ledger.snapshot.clone());
        *self
            .published
            .write()
            .unwrap_or_else(PoisonError::into_inner) = snapshot;
    }
}

/// Lets all changes happen, or none: the lines for them.
fn happen(ledger: &mut Ledger, changes: Vec<Change>) -> Result<Vec<Unwritten>, StateError> {
    let events = ledger.commit_all(changes)?;
    Ok(events.iter().map(Unwritten::of).collect())
}
