//! [`EvaluatorProcess`]: the client of the evaluator process.
//!
//! Four tasks serve it: one writes requests (so that a dropped caller never leaves half a line),
//! one reads answers and hands them to whoever waits, one answers what the evaluator asks back, and
//! one keeps the last lines of standard error. When the output ends, the reader notes how the process ended and fails everything that waits.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use nixops4_proto::evaluator::{
    Cancel, Configure, DescribeOperation, DescribeProvider, Eval, EvalError, Hello, ListOperations,
    ListProviders, Load, Locate, Method, OperationDescription, OperationHead, OperationsListed,
    PROTOCOL_VERSION, Position, Printed, ProviderInstance, ProvidersListed, ResourceOutputs,
    SetOutputs, Subject, Walk,
};
use nixops4_proto::functions::{Answer, AnswerLine, Call, FunctionError};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::error::{Death, EvaluateError};
use super::{Evaluate, Functions, WalkSender, describe_eval, describe_locate, describe_walk};
use crate::AttrPath;
use crate::child::describe_status;

/// How many lines of standard error are kept for the message when the process dies.
const LAST_WORDS: usize = 20;

/// The program to start.
#[derive(Clone, Debug)]
pub struct EvaluatorProgram {
    /// Path or name.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Takes what evaluated text says with `builtins.trace`.
    pub traces: Traces,
}

type TakeText = Arc<dyn Fn(&str) + Send + Sync>;

/// Takes what evaluated text says; drops it, by default.
#[derive(Clone, Default)]
pub struct Traces(Option<TakeText>);

impl Traces {
    /// Calls `take` with each message.
    pub fn to(take: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(take)))
    }
}

impl std::fmt::Debug for Traces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Traces")
    }
}

/// A running evaluator.
#[derive(Debug)]
pub struct EvaluatorProcess {
    shared: Arc<Shared>,
    requests: mpsc::UnboundedSender<Vec<u8>>,
    tasks: Vec<JoinHandle<()>>,
    pid: Option<u32>,
    functions: Option<Arc<dyn Functions>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    last_words: Mutex<VecDeque<String>>,
    /// Someone wants the process to end at once.
    kill: Notify,
    traces: Traces,
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
    #[serde(borrow)]
    call: Option<&'a RawValue>,
    error: Option<EvalError>,
    trace: Option<String>,
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

    /// Hands a line to whoever waits for it; gives a call, which is to be answered.
    fn receive(&self, line: &[u8]) -> Result<Option<(u64, Call)>, String> {
        let malformed = |error: serde_json::Error| {
            let text: String = String::from_utf8_lossy(line).chars().take(200).collect();
            format!("{error} in the line {text}")
        };
        let line_: Line<'_> = serde_json::from_slice(line).map_err(malformed)?;
        if let Some(trace) = line_.trace {
            if let Some(take) = &self.traces.0 {
                take(&trace);
            }
            return Ok(None);
        }
        let mut state = self.state();
        let unasked = || format!("an answer to the request {}, which was not made", line_.id);
        if let Some(item) = line_.item {
            let pending = state.pending.get_mut(&line_.id).ok_or_else(unasked)?;
            return (pending.item)(item).map(|()| None).map_err(malformed);
        }
        if let Some(call) = line_.call {
            state.pending.get(&line_.id).ok_or_else(unasked)?;
            let call = serde_json::from_str(call.get()).map_err(malformed)?;
            return Ok(Some((line_.id, call)));
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
        Ok(None)
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
    /// Starts the process and agrees on a version. Without `functions`, text that calls those of
    /// providers is in error.
    pub async fn start(
        program: &EvaluatorProgram,
        functions: Option<Arc<dyn Functions>>,
    ) -> Result<Self, EvaluateError> {
        // It ends by itself when nobody reads its answers any more. With nothing to be arranged in the
        // child before the program is there, that is started without a copy of our address space.
        let mut command = Command::new(&program.program);
        command
            .args(&program.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let start_error = |error| EvaluateError::Start {
            program: program.program.clone(),
            error: Arc::new(error),
        };
        let mut child = command.spawn().map_err(start_error)?;
        let missing = || start_error(std::io::Error::other("a standard stream is missing"));
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let pid = child.id();
        let shared = Shared {
            traces: program.traces.clone(),
            ..Shared::default()
        };
        let mut this = Self::over(shared, stdin, stdout, stderr, Some(child), functions);
        this.pid = pid;
        this.hello().await?;
        Ok(this)
    }

    /// A client over streams; `child` is waited for when the output ends.
    fn over(
        shared: Shared,
        stdin: impl AsyncWrite + Send + Unpin + 'static,
        stdout: impl AsyncRead + Send + Unpin + 'static,
        stderr: impl AsyncRead + Send + Unpin + 'static,
        child: Option<Child>,
        functions: Option<Arc<dyn Functions>>,
    ) -> Self {
        let shared = Arc::new(shared);
        let (requests, to_write) = mpsc::unbounded_channel();
        // There is one call at a time.
        let (calls, to_answer) = mpsc::unbounded_channel();
        let words = tokio::spawn(keep_last_words(shared.clone(), stderr));
        let tasks = vec![
            tokio::spawn(write_requests(to_write, stdin)),
            tokio::spawn(read_answers(shared.clone(), stdout, child, words, calls)),
            tokio::spawn(answer_calls(functions.clone(), to_answer, requests.clone())),
        ];
        Self {
            shared,
            requests,
            tasks,
            pid: None,
            functions,
        }
    }

    /// Ends the process, whatever it is doing: whoever waits for it is told so.
    pub fn kill(&self) {
        self.shared.kill.notify_one();
    }

    /// Whether the process has ended, so that no question is answered any more.
    pub fn is_gone(&self) -> bool {
        self.shared.state().death.is_some()
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
    mut child: Option<Child>,
    words: JoinHandle<()>,
    calls: mpsc::UnboundedSender<(u64, Call)>,
) {
    let mut stdout = BufReader::with_capacity(256 * 1024, stdout);
    let mut line = Vec::new();
    let broken = loop {
        line.clear();
        let read = tokio::select! {
            read = stdout.read_until(b'\n', &mut line) => read,
            () = shared.kill.notified() => {
                // Nothing that it still says would be true.
                child.as_mut().map(|child| child.start_kill());
                break None;
            }
        };
        match read {
            Ok(0) | Err(_) => break None,
            Ok(_) if line.last() != Some(&b'\n') => break None,
            Ok(_) => {}
        }
        match shared.receive(&line) {
            // Whoever answers lives as long as this.
            Ok(Some(call)) => drop(calls.send(call)),
            Ok(None) => {}
            Err(what) => break Some(what),
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

/// Answers what the evaluator asks back, in the midst of its requests.
async fn answer_calls(
    functions: Option<Arc<dyn Functions>>,
    mut calls: mpsc::UnboundedReceiver<(u64, Call)>,
    lines: mpsc::UnboundedSender<Vec<u8>>,
) {
    while let Some((id, call)) = calls.recv().await {
        let answer = match &functions {
            Some(functions) => functions.answer(call).await,
            None => Answer::Error(FunctionError {
                message: "functions of providers cannot be called here".to_owned(),
                ..FunctionError::default()
            }),
        };
        if let Ok(mut line) = serde_json::to_vec(&AnswerLine { id, answer }) {
            line.push(b'\n');
            let _ = lines.send(line);
        }
    }
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

    async fn providers(&self, ask: ListProviders) -> Result<ProvidersListed, EvaluateError> {
        self.ask(ask, "the providers".to_owned(), |()| {}).await
    }

    async fn operations(
        &self,
        ask: ListOperations,
    ) -> Result<(Vec<OperationHead>, OperationsListed), EvaluateError> {
        let doing = match ask.path.is_root() {
            true => "the operations".to_owned(),
            false => format!("the operations of {}", ask.path),
        };
        let (heads, mut items) = mpsc::unbounded_channel();
        let listed = self
            .ask(ask, doing, move |head| drop(heads.send(head)))
            .await?;
        let mut found = Vec::new();
        while let Ok(head) = items.try_recv() {
            found.push(head);
        }
        Ok((found, listed))
    }

    async fn operation(
        &self,
        ask: DescribeOperation,
    ) -> Result<OperationDescription, EvaluateError> {
        let doing = format!("the operation {} of {}", ask.name, ask.member);
        self.ask(ask, doing, |()| {}).await
    }

    async fn configure(&self, configure: Configure) -> Result<(), EvaluateError> {
        let doing = "the settings".to_owned();
        self.ask(configure, doing, |()| {}).await?;
        Ok(())
    }

    async fn eval(
        &self,
        eval: Eval,
        printed: mpsc::UnboundedSender<String>,
    ) -> Result<(), EvaluateError> {
        let doing = describe_eval(&eval);
        // Whoever asked may have lost interest.
        let print = move |item: Printed| drop(printed.send(item.text));
        self.ask(eval, doing, print).await?;
        Ok(())
    }

    async fn cancel(&self) -> Result<(), EvaluateError> {
        self.ask(Cancel {}, "a cancellation".to_owned(), |()| {})
            .await?;
        Ok(())
    }

    async fn close(&self) {
        if let Some(functions) = &self.functions {
            functions.close().await;
        }
    }
}

mod prompt;
#[cfg(test)]
mod tests;
