//! [`FileStore`]: a state in a file.
//!
//! | beside `nixops4.state` | what it is |
//! |---|---|
//! | `nixops4.state.lock` | who is writing ([`lock`]) |
//! | `nixops4.state.torn` | beginnings of events whose write was cut short ([`log`]) |
//! | `nixops4.state.rescue` | events that could not be written ([`rescue`]) |
//! | `nixops4.state.compact` | a shorter log that is being written ([`compact`]) |
//!
//! Readers neither lock nor wait. A file is made at the first write, not before.
mod compact;
#[cfg(test)]
mod faults;
mod lock;
mod log;
mod read;
mod rescue;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use async_trait::async_trait;
use nixops4_proto::state::{LockOwner, Run};
use tokio::sync::oneshot;

use self::compact::Draft;
use self::lock::Lock;
pub use self::lock::lock_owner;
use self::log::{LogFile, Opener, Tail, opener};
use self::writer::{Answer, Job, Published, Writer};
use super::ledger::{Change, Ledger};
use super::run::intent_id;
use super::{Intent, IntentId, Outcome, Snapshot, StateError, StateEvent, StateStore};
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics};

/// A state in a file.
pub struct FileStore {
    path: PathBuf,
    run: Run,
    published: Published,
    /// Who else was writing when it was opened for reading.
    busy: Option<LockOwner>,
    writing: Mutex<Option<Writing>>,
    read_only: bool,
}

/// What a store has that is written to.
struct Writing {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
    lock: Lock,
}

/// How to open a state file for writing.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// The command line, for others who find the state locked; without secrets.
    pub command: String,
    /// Folders for what cannot be written beside the file, best first.
    pub rescue_directories: Vec<PathBuf>,
}

impl FileStore {
    /// Opens a file for reading: its snapshot is that of this moment. A file that does not exist
    /// is an empty state. Warnings tell of a torn end.
    pub fn open_read(
        path: &Path,
        run: Run,
        rescue_directories: &[PathBuf],
    ) -> Result<Diagnosed<Self>, StateError> {
        let path = real_path(path);
        // Looked at first: whoever ends between this and the reading is taken for still writing,
        // and its intents not for in doubt.
        let busy = lock::current_owner(&path);
        let loaded = Loaded::load(&path, rescue_directories, false)?;
        let store = Self {
            published: Arc::new(RwLock::new(Arc::new(loaded.snapshot))),
            path,
            run,
            busy,
            writing: Mutex::new(None),
            read_only: true,
        };
        Ok(Diagnosed {
            value: store,
            warnings: loaded.warnings,
        })
    }

    /// Locks a file and opens it for writing. Warnings tell of a torn end, of a lock whose owner
    /// died, and of events that an earlier run could not write and that are written now.
    pub fn open_write(
        path: &Path,
        run: Run,
        options: &WriteOptions,
    ) -> Result<Diagnosed<Self>, StateError> {
        Self::open_on(path, run, options, opener())
    }

    fn open_on(
        path: &Path,
        run: Run,
        options: &WriteOptions,
        opener: Opener,
    ) -> Result<Diagnosed<Self>, StateError> {
        let path = real_path(path);
        let (lock, broken) = Lock::take(&path, &run, &options.command)?;
        compact::clean_up(&path);
        let mut loaded = Loaded::load(&path, &options.rescue_directories, true)?;
        loaded
            .warnings
            .0
            .extend(broken.map(|owner| broken_lock(&path, &owner)));
        let mut log = LogFile::new(path.clone(), loaded.tail, opener);
        write_kept(loaded.kept, &mut log)?;
        let published = Published::new(RwLock::new(Arc::new(loaded.snapshot.clone())));
        let writer = Writer {
            place: path.display().to_string(),
            log,
            ledger: Ledger::new(loaded.snapshot, loaded.next_index, run.clone()),
            published: published.clone(),
            rescue_places: rescue::places(&path, &options.rescue_directories),
            stopped: None,
            backlog: Vec::new(),
        };
        let (jobs, queue) = channel();
        let thread = std::thread::Builder::new()
            .name("state writer".into())
            .spawn(move || writer.run(&queue))
            .map_err(|error| read::io_error("start a thread for", &path, error))?;
        let store = Self {
            path,
            run,
            published,
            busy: None,
            writing: Mutex::new(Some(Writing { jobs, thread, lock })),
            read_only: false,
        };
        Ok(Diagnosed {
            value: store,
            warnings: loaded.warnings,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    async fn commit(&self, changes: Vec<Change>) -> Result<(), StateError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Commit(changes, answer))?;
        answered.await.unwrap_or_else(|_| Err(self.closed()))
    }

    fn send(&self, job: Job) -> Result<(), StateError> {
        let writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let writing = writing.as_ref().ok_or_else(|| self.closed())?;
        writing.jobs.send(job).map_err(|_| self.closed())
    }

    fn closed(&self) -> StateError {
        let place = self.place();
        match self.read_only {
            true => StateError::ReadOnly { place },
            false => StateError::Closed { place },
        }
    }

    fn take_writing(&self) -> Option<Writing> {
        self.writing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Writing {
    /// Ends the thread, and only then gives up the lock.
    fn end(self) {
        let Self {
            jobs,
            thread,
            mut lock,
        } = self;
        drop(jobs);
        // A panic of the thread has been reported where it happened.
        let _ = thread.join();
        lock.release();
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        if let Some(writing) = self.take_writing() {
            writing.end();
        }
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl StateStore for FileStore {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn run(&self) -> &Run {
        &self.run
    }

    fn busy(&self) -> Option<&LockOwner> {
        self.busy.as_ref()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.published
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    async fn begin(&self, intent: Intent) -> Result<IntentId, StateError> {
        let id = intent_id(&self.run);
        self.commit(vec![Change::Begin(id.clone(), intent)]).await?;
        Ok(id)
    }

    async fn finish(&self, id: IntentId, outcome: Outcome) -> Result<(), StateError> {
        self.commit(vec![Change::Finish(id, outcome)]).await
    }

    async fn record_all(&self, events: Vec<StateEvent>) -> Result<(), StateError> {
        self.commit(events.into_iter().map(Change::Record).collect())
            .await
    }

    async fn document(&self) -> Result<serde_json::Value, StateError> {
        let bytes = read_file(&self.path)?.unwrap_or_default();
        Ok(read::parse(&self.path, &bytes)?.fold.document())
    }

    async fn close(&self) -> Result<(), StateError> {
        let Some(writing) = self.take_writing() else {
            return Ok(());
        };
        let (answer, answered): (Answer, _) = oneshot::channel();
        let sent = writing.jobs.send(Job::Close(answer));
        let result = match sent {
            Ok(()) => answered.await.unwrap_or_else(|_| Err(self.closed())),
            Err(_) => Err(self.closed()),
        };
        writing.end();
        result
    }
}

/// A file that was read, with what was kept elsewhere.
struct Loaded {
    snapshot: Snapshot,
    next_index: u64,
    tail: Tail,
    /// Where events were kept, and the lines for them.
    kept: Vec<(PathBuf, String)>,
    warnings: Diagnostics,
}

impl Loaded {
    /// Reads a file; a log that has grown long is compacted on the way, if it is to be written to.
    fn load(
        path: &Path,
        rescue_directories: &[PathBuf],
        to_write: bool,
    ) -> Result<Self, StateError> {
        let file = read_file(path)?;
        let bytes = file.as_deref().unwrap_or_default();
        let kept_texts = rescue::texts(&rescue::places(path, rescue_directories));
        let mut contents = read::parse(path, bytes)?;
        let mut warnings = Diagnostics::default();
        if !contents.torn.is_empty() {
            warnings.push(torn(path));
        }
        let mut kept = Vec::new();
        for (place, text) in &kept_texts {
            match rescue::take_over(bytes, &mut contents.fold, text) {
                Ok(lines) => {
                    warnings.push(taken_over(path, place));
                    kept.push((place.clone(), lines));
                }
                Err(reason) => warnings.push(misfit(path, place, &reason)),
            }
        }
        // What is kept elsewhere is compared with the lines of the log.
        let whole = kept_texts.is_empty() && contents.torn.is_empty();
        let compact = to_write && whole;
        let draft = match compact && compact::is_worthwhile(bytes.len() as u64, &contents.fold) {
            // Where there is no room for a shorter log the long one does.
            true => Draft::write(path, &contents.fold).unwrap_or_default(),
            false => None,
        };
        let mut tail = Tail {
            exists: file.is_some(),
            good_len: contents.good_len as u64,
            unfinished_line: contents.unfinished_line,
            torn: contents.torn.to_owned(),
        };
        let mut next_index = contents.fold.next_index();
        let snapshot = contents.fold.into_snapshot();
        let snapshot =
            snapshot.map_err(|reason| read::corrupt(path, bytes, contents.good_len, reason))?;
        if let Some(draft) = draft
            && let Some(len) = draft.put_in_place(&snapshot)?
        {
            tail = Tail {
                exists: true,
                good_len: len,
                ..Tail::default()
            };
            next_index += 1;
        }
        Ok(Self {
            snapshot,
            next_index,
            tail,
            kept,
            warnings,
        })
    }
}

/// Writes what was kept elsewhere.
fn write_kept(kept: Vec<(PathBuf, String)>, log: &mut LogFile) -> Result<(), StateError> {
    for (place, lines) in kept {
        if !lines.is_empty() {
            log.append(lines.as_bytes())?;
        }
        // It is in the file now; found again, it would be known for that.
        let _ = std::fs::remove_file(place);
    }
    Ok(())
}

/// The bytes of a file, if there is one.
fn read_file(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(read::io_error("read", path, error)),
    }
}

/// The path without symbolic links, so that the lock is the same by whatever name.
fn real_path(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new(".")).canonicalize();
    match (parent, path.file_name()) {
        (Ok(parent), Some(name)) => parent.join(name),
        _ => path.to_owned(),
    }
}

fn torn(path: &Path) -> Diagnostic {
    Diagnostic::warning(format!(
        "the last line of {} is cut short: an earlier run was interrupted while writing it",
        path.display()
    ))
    .detail(format!(
        "Nothing relied on it yet. The next write keeps it in {} and goes on after the line before.",
        log::torn_path(path).display()
    ))
}

fn broken_lock(path: &Path, owner: &LockOwner) -> Diagnostic {
    Diagnostic::warning(format!(
        "process {} on {}, which locked {} at {}, is gone: its lock is broken",
        owner.run.pid,
        owner.run.host,
        path.display(),
        owner.since
    ))
}

fn taken_over(path: &Path, place: &Path) -> Diagnostic {
    Diagnostic::warning(format!(
        "an earlier run could not write to {} and kept what happened in {}: it is taken over",
        path.display(),
        place.display()
    ))
}

fn misfit(path: &Path, place: &Path, reason: &str) -> Diagnostic {
    Diagnostic::warning(format!(
        "{} holds what an earlier run could not write to {}, and it does not fit: {reason}",
        place.display(),
        path.display()
    ))
    .hint(format!("compare the two, and remove {}", place.display()))
}

#[cfg(test)]
mod tests;
