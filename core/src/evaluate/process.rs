//! [`EvaluatorProcess`]: the client of the evaluator process.
//!
//! Three tasks serve it: one writes requests (so that a dropped caller never leaves half a line),
//! one reads answers and hands them to whoever waits, one keeps the last lines of standard error.
//! When the output ends, the reader notes how the process ended and fails everything that waits.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use nixops4_proto::evaluator::{
    DescribeProvider, Eval, EvalError, Hello, Load, Locate, Method, PROTOCOL_VERSION, Position,
    ProviderInstance, ResourceOutputs, SetOutputs, Subject, Walk,
};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::error::{Death, EvaluateError};
use super::spawn::{Minder, describe_status, spawn};
use super::{Evaluate, WalkSender, describe_locate, describe_walk};
use crate::AttrPath;

/// How many lines of standard error are kept for the message when the process dies.
const LAST_WORDS: usize = 20;

/// The program to start.
#[derive(Clone, Debug)]
pub struct EvaluatorProgram {
    /// Path or name.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// A running evaluator.
#[derive(Debug)]
pub struct EvaluatorProcess {
    shared: Arc<Shared>,
    requests: mpsc::UnboundedSender<Vec<u8>>,
    tasks: Vec<JoinHandle<()>>,
    pid: Option<u32>,
    _minder: Option<Minder>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    last_words: Mutex<VecDeque<String>>,
}

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    /// Asked and not answered; the lowest is the one being worked on.
    pending: BTreeMap<u64, Pending>,
    /// Set once, when the process is gone.
    death: Option<EvaluateError>,
}

/// Parses an item and hands it on.
type OnItem = Box<dyn FnMut(&RawValue) -> Result<(), serde_json::Error> + Send>;

struct Pending {
    /// What it is about.
    doing: String,
    item: OnItem,
    answer: oneshot::Sender<Result<Box<RawValue>, EvaluateError>>,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.doing)
    }
}

/// A line of an answer, its contents not looked into yet: they are parsed once, as their own type.
#[derive(Deserialize)]
struct Line<'a> {
    id: u64,
    #[serde(borrow)]
    item: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    error: Option<EvalError>,
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // Nothing panics with the lock held; were it so, the state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last_words(&self) -> std::sync::MutexGuard<'_, VecDeque<String>> {
        self.last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a line to whoever waits for it.
    fn receive(&self, line: &[u8]) -> Result<(), String> {
        let malformed = |error: serde_json::Error| {
            let text: String = String::from_utf8_lossy(line).chars().take(200).collect();
            format!("{error} in the line {text}")
        };
        let line_: Line<'_> = serde_json::from_slice(line).map_err(malformed)?;
        let mut state = self.state();
        let unasked = || format!("an answer to the request {}, which was not made", line_.id);
        if let Some(item) = line_.item {
            let pending = state.pending.get_mut(&line_.id).ok_or_else(unasked)?;
            return (pending.item)(item).map_err(malformed);
        }
        let answer = match (line_.result, line_.error) {
            (Some(result), None) => Ok(result.to_owned()),
            (None, Some(error)) => Err(EvaluateError::Eval(Box::new(error))),
            _ => return Err("a line without item, result or error".to_owned()),
        };
        let pending = state.pending.remove(&line_.id).ok_or_else(unasked)?;
        drop(state);
        // Whoever asked may have gone away.
        let _ = pending.answer.send(answer);
        Ok(())
    }

    /// Notes that nothing more will come, and fails whoever waits.
    fn end(&self, how: String, broken: Option<String>) {
        let last_words = self.last_words().iter().cloned().collect();
        let mut state = self.state();
        let doing = state.pending.values().next().map(|p| p.doing.clone());
        let death = match broken {
            Some(what) => EvaluateError::Protocol(what),
            None => EvaluateError::Died(Arc::new(Death {
                doing: doing.unwrap_or_default(),
                how,
                last_words,
            })),
        };
        state.death = Some(death.clone());
        let pending = std::mem::take(&mut state.pending);
        drop(state);
        for (_, pending) in pending {
            let _ = pending.answer.send(Err(death.clone()));
        }
    }
}

impl EvaluatorProcess {
    /// Starts the process and agrees on a version.
    pub async fn start(program: &EvaluatorProgram) -> Result<Self, EvaluateError> {
        let mut command = Command::new(&program.program);
        command.args(&program.args);
        let start_error = |error| EvaluateError::Start {
            program: program.program.clone(),
            error: Arc::new(error),
        };
        let (mut child, minder) = spawn(command, libc::SIGKILL).await.map_err(start_error)?;
        let missing = || start_error(std::io::Error::other("a standard stream is missing"));
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let pid = child.id();
        let mut this = Self::over(stdin, stdout, stderr, Some(child));
        this.pid = pid;
        this._minder = Some(minder);
        this.hello().await?;
        Ok(this)
    }

    /// A client over streams; `child` is waited for when the output ends.
    fn over(
        stdin: impl AsyncWrite + Send + Unpin + 'static,
        stdout: impl AsyncRead + Send + Unpin + 'static,
        stderr: impl AsyncRead + Send + Unpin + 'static,
        child: Option<Child>,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let (requests, to_write) = mpsc::unbounded_channel();
        let words = tokio::spawn(keep_last_words(shared.clone(), stderr));
        let tasks = vec![
            tokio::spawn(write_requests(to_write, stdin)),
            tokio::spawn(read_answers(shared.clone(), stdout, child, words)),
        ];
        Self {
            shared,
            requests,
            tasks,
            pid: None,
            _minder: None,
        }
    }

    /// The process id, for messages and tests.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    async fn hello(&self) -> Result<(), EvaluateError> {
        let hello = Hello {
            protocol_versions: vec![PROTOCOL_VERSION],
        };
        let welcome = self.ask(hello, String::new(), |()| {}).await?;
        match welcome.protocol_version {
            PROTOCOL_VERSION => Ok(()),
            other => Err(EvaluateError::Protocol(format!(
                "{} {} speaks version {other}, we speak {PROTOCOL_VERSION}",
                welcome.evaluator, welcome.version
            ))),
        }
    }

    /// Asks one question. `doing` says what it is about.
    async fn ask<M: Method>(
        &self,
        method: M,
        doing: String,
        mut item: impl FnMut(M::Item) + Send + 'static,
    ) -> Result<M::Response, EvaluateError> {
        let (answer, answered) = oneshot::channel();
        let pending = Pending {
            doing,
            item: Box::new(move |raw| serde_json::from_str(raw.get()).map(&mut item)),
            answer,
        };
        self.send(&method, pending)?;
        let died = || EvaluateError::Protocol("the answer was lost".to_owned());
        let raw = answered.await.map_err(|_| died())??;
        serde_json::from_str(raw.get())
            .map_err(|error| EvaluateError::Protocol(format!("in the answer: {error}")))
    }

    /// Queues the request. Not asynchronous, so requests are made in the order of the calls.
    fn send<M: Method>(&self, method: &M, pending: Pending) -> Result<(), EvaluateError> {
        #[derive(serde::Serialize)]
        struct Request<'a, M> {
            id: u64,
            method: &'static str,
            params: &'a M,
        }
        let mut state = self.shared.state();
        if let Some(death) = &state.death {
            return Err(death.clone());
        }
        let id = state.next_id;
        let request = Request {
            id,
            method: M::NAME,
            params: method,
        };
        let mut line = serde_json::to_vec(&request)
            .map_err(|error| EvaluateError::Protocol(format!("in a request: {error}")))?;
        line.push(b'\n');
        state.next_id += 1;
        state.pending.insert(id, pending);
        // Where the writer has ended, the reader is about to say why, and fails the request.
        let _ = self.requests.send(line);
        Ok(())
    }
}

impl Drop for EvaluatorProcess {
    fn drop(&mut self) {
        // The reader owns the child, which is killed when it is dropped.
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

async fn write_requests(
    mut requests: mpsc::UnboundedReceiver<Vec<u8>>,
    mut stdin: impl AsyncWrite + Unpin,
) {
    while let Some(line) = requests.recv().await {
        if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
            // The process is gone or has closed its input; the reader finds out how it ended.
            return;
        }
    }
}

async fn read_answers(
    shared: Arc<Shared>,
    stdout: impl AsyncRead + Unpin,
    child: Option<Child>,
    words: JoinHandle<()>,
) {
    let mut stdout = BufReader::with_capacity(256 * 1024, stdout);
    let mut line = Vec::new();
    let broken = loop {
        line.clear();
        match stdout.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => break None,
            Ok(_) if line.last() != Some(&b'\n') => break None,
            Ok(_) => {}
        }
        if let Err(what) = shared.receive(&line) {
            break Some(what);
        }
    };
    let how = match child {
        Some(child) => wait(child).await,
        None => "end of output".to_owned(),
    };
    // The last words are what standard error still holds; a grandchild may keep it open.
    let _ = tokio::time::timeout(std::time::Duration::from_millis(500), words).await;
    shared.end(how, broken);
}

/// Waits for a process whose output has ended, and ends it if it does not end by itself.
async fn wait(mut child: Child) -> String {
    let grace = std::time::Duration::from_secs(2);
    let status = match tokio::time::timeout(grace, child.wait()).await {
        Ok(status) => status,
        Err(_) => {
            let _ = child.start_kill();
            return "it closed its output and went on; killed".to_owned();
        }
    };
    match status {
        Ok(status) => describe_status(status),
        Err(error) => format!("unknown exit status: {error}"),
    }
}

async fn keep_last_words(shared: Arc<Shared>, stderr: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(stderr).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let mut words = shared.last_words();
        if words.len() == LAST_WORDS {
            words.pop_front();
        }
        words.push_back(String::from_utf8_lossy(&line).into_owned());
    }
}

#[async_trait]
impl Evaluate for EvaluatorProcess {
    async fn load(&self, load: Load) -> Result<(), EvaluateError> {
        self.ask(load, "the root".to_owned(), |()| {}).await?;
        Ok(())
    }

    async fn walk(&self, walk: Walk, items: WalkSender) -> Result<(), EvaluateError> {
        let doing = describe_walk(&walk);
        // Whoever asked may have lost interest.
        self.ask(walk, doing, move |item| drop(items.send(item)))
            .await?;
        Ok(())
    }

    async fn provider(&self, id: &str) -> Result<ProviderInstance, EvaluateError> {
        let doing = format!("the provider {id}");
        self.ask(DescribeProvider { id: id.to_owned() }, doing, |()| {})
            .await
    }

    async fn set_outputs(&self, outputs: Vec<ResourceOutputs>) -> Result<(), EvaluateError> {
        let doing = "outputs of resources".to_owned();
        self.ask(SetOutputs { outputs }, doing, |()| {}).await?;
        Ok(())
    }

    async fn locate(
        &self,
        subject: Subject,
        path: &AttrPath,
    ) -> Result<Option<Position>, EvaluateError> {
        let path = path.clone();
        let locate = Locate { subject, path };
        let doing = describe_locate(&locate);
        Ok(self.ask(locate, doing, |()| {}).await?.position)
    }

    async fn eval(&self, eval: Eval) -> Result<String, EvaluateError> {
        let doing = "an expression".to_owned();
        Ok(self.ask(eval, doing, |()| {}).await?.text)
    }
}

#[cfg(test)]
mod tests;
