//! [`Connection`]: requests and answers in version 1 of the protocol.
//!
//! ```text
//! call ──line──► writer task ──► program ──► reader task ──answer──► call
//! ```
//!
//! The writer alone writes, so that a dropped caller never leaves half a line; it ends, and with it
//! the program's input, when the connection is closed. The reader matches answers with requests by
//! id. When the output ends it notes how the program ended and fails everything that waits; from
//! then on every call fails the same way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nixops4_proto::native::{self, Complaint, Level, Log, Method};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::lines::{Next, next_line};
use super::process::{Ending, LastWords, Running, finish_words, shown};
use crate::provider::{Progress, ProviderError, Secrets};

/// Longest line that is accepted from a program.
const MAX_LINE: usize = 256 << 20;
/// How many stray lines are kept until someone can be told.
const MAX_STRAY: usize = 20;
/// How long a program that has closed its input may go on writing.
const DEAF: Duration = Duration::from_secs(5);

/// A connection to a program.
#[derive(Debug)]
pub(super) struct Connection {
    shared: Arc<Shared>,
    /// `None` when it is closed.
    requests: Mutex<Option<mpsc::UnboundedSender<Vec<u8>>>>,
    reader: Mutex<Option<JoinHandle<()>>>,
    writer: JoinHandle<()>,
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer<T> {
    pub(super) value: T,
    /// What the program warns of.
    pub(super) warnings: Vec<Complaint>,
    /// Lines that it wrote beside the protocol since the last answer.
    pub(super) stray: Vec<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum CallError {
    /// The program said why.
    Refused(Box<Answer<native::Error>>),
    /// It was gone before the request was made.
    NotSent(Lost),
    /// It is gone, or does not keep to the protocol.
    Lost(Lost),
}

/// What became of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lost {
    /// In words, with what it last said.
    pub(super) message: String,
    /// Whether what it wrote looks like version 0 of the protocol.
    pub(super) speaks_zero: bool,
    /// Whether it ended by itself, with an exit status.
    pub(super) exited: bool,
}

#[derive(Debug)]
struct Shared {
    provider: String,
    words: LastWords,
    secrets: Secrets,
    state: Mutex<State>,
    /// Told when the program no longer takes input.
    deaf: Notify,
    /// Whether the first request could be written; nothing as long as that is not known.
    written: watch::Sender<Option<bool>>,
}

#[derive(Debug, Default)]
struct State {
    next_id: u64,
    pending: BTreeMap<u64, Pending>,
    /// Set once, when the program is gone.
    lost: Option<Lost>,
    /// Whether the first answer has come.
    greeted: bool,
    stray: Vec<String>,
}

/// Whoever waits for an answer.
#[derive(Debug)]
struct Pending {
    answer: oneshot::Sender<Result<RawReply, Lost>>,
    progress: Progress,
}

#[derive(Debug)]
struct RawReply {
    body: Result<Box<RawValue>, native::Error>,
    warnings: Vec<Complaint>,
    stray: Vec<String>,
}

/// A line from the program; its parts are parsed each by itself, so that an odd one does not leave
/// its request without an answer.
#[derive(Deserialize)]
struct Line<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(borrow)]
    warnings: Option<&'a RawValue>,
    log: Option<Log>,
}

/// What a line from the program was.
enum Received {
    Fine,
    /// Not a message at all.
    Stray,
    /// A message, but none of ours.
    Foreign,
    /// A message that breaks the protocol.
    Broken(String),
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics with the lock held; were it so, the state is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, line: &[u8]) -> Received {
        if line.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return Received::Stray;
        }
        let parsed: Line<'_> = match serde_json::from_slice(line) {
            Ok(parsed) => parsed,
            Err(_) if serde_json::from_slice::<&RawValue>(line).is_err() => return Received::Stray,
            Err(error) => return Received::Broken(format!("{error}: {}", shown(line))),
        };
        if let Some(log) = parsed.log {
            self.log(&log);
            return Received::Fine;
        }
        let Some(id) = parsed.id else {
            return Received::Foreign;
        };
        let body = match (parsed.result, parsed.error) {
            (Some(result), None) => Ok(result.to_owned()),
            (None, Some(error)) => Err(self.error(error)),
            _ if !self.state().greeted => return Received::Foreign,
            _ => {
                let text = "an answer with neither result nor error, or both";
                return Received::Broken(format!("{text}: {}", shown(line)));
            }
        };
        let mut state = self.state();
        let Some(pending) = state.pending.remove(&id) else {
            return Received::Broken(format!(
                "an answer to the request {id}, which was not made: {}",
                shown(line)
            ));
        };
        state.greeted = true;
        let stray = std::mem::take(&mut state.stray);
        drop(state);
        let warnings = parsed
            .warnings
            .map(|raw| self.warnings(raw))
            .unwrap_or_default();
        let reply = RawReply {
            body,
            warnings,
            stray,
        };
        // Whoever asked may have gone away.
        let _ = pending.answer.send(Ok(reply));
        Received::Fine
    }

    /// Programs are written by people: an error that is only a text is an error too.
    fn error(&self, raw: &RawValue) -> native::Error {
        let error = serde_json::from_str(raw.get()).unwrap_or_else(|_| {
            let text = serde_json::from_str::<String>(raw.get());
            native::Error::new(text.unwrap_or_else(|_| shown(raw.get().as_bytes())))
        });
        native::Error {
            complaint: self.secrets.hide_in(error.complaint),
            more: self.hidden(error.more),
            partial: error.partial,
        }
    }

    fn warnings(&self, raw: &RawValue) -> Vec<Complaint> {
        let warnings = serde_json::from_str(raw.get())
            .unwrap_or_else(|_| vec![Complaint::new(shown(raw.get().as_bytes()))]);
        self.hidden(warnings)
    }

    fn hidden(&self, complaints: Vec<Complaint>) -> Vec<Complaint> {
        let hide = |complaint| self.secrets.hide_in(complaint);
        complaints.into_iter().map(hide).collect()
    }

    fn log(&self, log: &Log) {
        let (provider, request) = (&self.provider, log.request);
        let text = self.secrets.hide(log.message.clone());
        let listener = request.filter(|_| log.level >= Level::Info).and_then(|id| {
            let state = self.state();
            state
                .pending
                .get(&id)
                .map(|pending| pending.progress.clone())
        });
        if let Some(progress) = listener {
            progress.tell(&text);
        }
        macro_rules! at {
            ($level:ident) => {
                tracing::event!(target: "nixops4::provider", tracing::Level::$level, provider, request, "{text}")
            };
        }
        match log.level {
            Level::Trace => at!(TRACE),
            Level::Debug => at!(DEBUG),
            Level::Info => at!(INFO),
            Level::Warn => at!(WARN),
            Level::Error => at!(ERROR),
        }
    }

    fn stray(&self, line: &[u8]) {
        let text = self.secrets.hide(shown(line));
        tracing::warn!(target: "nixops4::provider", provider = self.provider, "stray output: {text}");
        let mut state = self.state();
        if state.stray.len() < MAX_STRAY {
            state.stray.push(text);
        }
    }

    /// What the program wrote last, beside the protocol.
    fn last_words(&self) -> String {
        let stray = std::mem::take(&mut self.state().stray);
        let stray = match stray.is_empty() {
            true => String::new(),
            false => format!(
                "; to its standard output it had written:\n{}",
                stray.join("\n")
            ),
        };
        stray + &self.words.take()
    }

    /// Notes that nothing more will come, and fails whoever waits. The first reason counts.
    fn end(&self, mut lost: Lost) {
        lost.message += &self.last_words();
        lost.message = self.secrets.hide(lost.message);
        let mut state = self.state();
        let lost = state.lost.get_or_insert(lost).clone();
        let pending = std::mem::take(&mut state.pending);
        drop(state);
        for (_, pending) in pending {
            let _ = pending.answer.send(Err(lost.clone()));
        }
    }
}

impl Connection {
    /// A connection over streams; `running` is waited for when the output ends.
    pub(super) fn over(
        provider: &str,
        stdin: impl AsyncWrite + Send + Unpin + 'static,
        stdout: impl AsyncRead + Send + Unpin + 'static,
        stderr: impl AsyncRead + Send + Unpin + 'static,
        running: Option<Running>,
        secrets: Secrets,
    ) -> Self {
        let words = LastWords::new(secrets.clone());
        let keeping = words.keep(provider.to_owned(), stderr);
        let shared = Arc::new(Shared {
            provider: provider.to_owned(),
            words,
            secrets,
            state: Mutex::default(),
            deaf: Notify::new(),
            written: watch::Sender::new(None),
        });
        let (requests, to_write) = mpsc::unbounded_channel();
        let writer = tokio::spawn(write_requests(shared.clone(), to_write, stdin));
        let reader = tokio::spawn(read_answers(shared.clone(), stdout, running, keeping));
        Self {
            shared,
            requests: Mutex::new(Some(requests)),
            reader: Mutex::new(Some(reader)),
            writer,
        }
    }

    /// Asks. Dropping the future forgets the answer, not the request.
    pub(super) async fn call<M: Method>(
        &self,
        params: &M,
    ) -> Result<Answer<M::Response>, CallError> {
        self.call_telling(Progress::default(), params).await
    }

    /// Asks, and passes on what the program tells while it works on it.
    async fn call_telling<M: Method>(
        &self,
        progress: Progress,
        params: &M,
    ) -> Result<Answer<M::Response>, CallError> {
        let answered = self.send(progress, params).map_err(CallError::NotSent)?;
        let broken = |message: String| {
            CallError::Lost(Lost {
                message: self.shared.secrets.hide(message),
                speaks_zero: false,
                exited: false,
            })
        };
        let reply = match answered.await {
            Ok(reply) => reply.map_err(CallError::Lost)?,
            Err(_) => return Err(broken("its answer was lost".to_owned())),
        };
        let RawReply {
            body,
            warnings,
            stray,
        } = reply;
        match body {
            Err(value) => Err(CallError::Refused(Box::new(Answer {
                value,
                warnings,
                stray,
            }))),
            Ok(raw) => match serde_json::from_str(raw.get()) {
                Ok(value) => Ok(Answer {
                    value,
                    warnings,
                    stray,
                }),
                Err(error) => Err(broken(format!(
                    "its answer does not keep to the protocol: {error}: {}",
                    shown(raw.get().as_bytes())
                ))),
            },
        }
    }

    /// Asks, and does not wait for the answer longer than that.
    pub(super) async fn call_within<M: Method>(
        &self,
        limit: Option<Duration>,
        progress: Progress,
        params: &M,
    ) -> Result<Answer<M::Response>, CallError> {
        let call = self.call_telling(progress, params);
        let Some(limit) = limit else {
            return call.await;
        };
        match tokio::time::timeout(limit, call).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::Lost(Lost {
                message: format!(
                    "no answer within {} seconds{}",
                    limit.as_secs_f32(),
                    self.last_words()
                ),
                speaks_zero: false,
                exited: false,
            })),
        }
    }

    /// Whether the program is gone, or does not keep to the protocol.
    pub(super) fn is_lost(&self) -> bool {
        self.shared.state().lost.is_some()
    }

    /// Whether the first request could be written. Waits until that is known: a program may have
    /// read it, and ended, before the writer comes to say so.
    pub(super) async fn has_written(&self) -> bool {
        let mut written = self.shared.written.subscribe();
        let known = written.wait_for(Option::is_some).await;
        known.is_ok_and(|written| *written == Some(true))
    }

    /// What the program wrote last, beside the protocol.
    pub(super) fn last_words(&self) -> String {
        self.shared.last_words()
    }

    /// Queues the request.
    fn send<M: Method>(
        &self,
        progress: Progress,
        params: &M,
    ) -> Result<oneshot::Receiver<Result<RawReply, Lost>>, Lost> {
        #[derive(Serialize)]
        struct Request<'a, M> {
            id: u64,
            method: &'static str,
            params: &'a M,
        }
        let lost = |message: &str| Lost {
            message: message.to_owned(),
            speaks_zero: false,
            exited: false,
        };
        let (answer, answered) = oneshot::channel();
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let requests = requests
            .as_ref()
            .ok_or_else(|| lost("it has been closed"))?;
        let mut state = self.shared.state();
        if let Some(lost) = &state.lost {
            return Err(lost.clone());
        }
        let id = state.next_id;
        let request = Request {
            id,
            method: M::NAME,
            params,
        };
        let mut line = serde_json::to_vec(&request)
            .map_err(|error| lost(&format!("the request cannot be written: {error}")))?;
        line.push(b'\n');
        state.next_id += 1;
        state.pending.insert(id, Pending { answer, progress });
        // Where the writer has ended, the reader is about to say why, and fails the request.
        let _ = requests.send(line);
        Ok(answered)
    }

    /// Asks the program to end, by closing its input, and waits until it has; one that does not is
    /// killed.
    pub(super) async fn close(&self) {
        let requests = |this: &Self| {
            this.requests
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take()
        };
        drop(requests(self));
        let reader = self
            .reader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut reader) = reader else {
            return;
        };
        if tokio::time::timeout(DEAF, &mut reader).await.is_err() {
            // It owns the process, which is killed when it is dropped.
            reader.abort();
            let _ = reader.await;
            self.shared.end(Lost {
                message: "it did not end when it was closed, and was killed".to_owned(),
                speaks_zero: false,
                exited: false,
            });
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.writer.abort();
        let reader = self
            .reader
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(reader) = reader {
            reader.abort();
        }
    }
}

impl Lost {
    /// As the error of a call; `effect` says whether it may have changed something.
    pub(super) fn error(self, provider: &str, call: &str, effect: bool) -> ProviderError {
        ProviderError {
            provider: provider.to_owned(),
            call: call.to_owned(),
            message: self.message,
            hints: Vec::new(),
            in_doubt: effect,
        }
    }
}

async fn write_requests(
    shared: Arc<Shared>,
    mut requests: mpsc::UnboundedReceiver<Vec<u8>>,
    mut stdin: impl AsyncWrite + Unpin,
) {
    while let Some(line) = requests.recv().await {
        if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
            // Usually the program is gone, and the reader finds out how it ended.
            shared.deaf.notify_one();
            break;
        }
        shared.written.send_replace(Some(true));
    }
    shared.written.send_modify(|written| {
        written.get_or_insert(false);
    });
}

async fn read_answers(
    shared: Arc<Shared>,
    stdout: impl AsyncRead + Unpin,
    running: Option<Running>,
    words: JoinHandle<()>,
) {
    let broken = read_lines(&shared, stdout).await;
    let lost = match (broken, running) {
        // The process is killed here.
        (Some(lost), _) => lost,
        (None, running) => {
            let ending = match running {
                Some(mut running) => running.wait().await,
                None => Ending::Streams,
            };
            Lost {
                message: ending.to_string(),
                speaks_zero: false,
                exited: matches!(ending, Ending::Exited { by_itself, .. } if by_itself),
            }
        }
    };
    finish_words(words).await;
    shared.end(lost);
}

/// Reads until the output ends (`None`) or the protocol is broken.
async fn read_lines(shared: &Shared, stdout: impl AsyncRead + Unpin) -> Option<Lost> {
    let mut stdout = BufReader::with_capacity(64 * 1024, stdout);
    let mut line = Vec::new();
    let deaf = async {
        shared.deaf.notified().await;
        tokio::time::sleep(DEAF).await;
    };
    tokio::pin!(deaf);
    let broken = |message: String| {
        Some(Lost {
            message,
            speaks_zero: false,
            exited: false,
        })
    };
    loop {
        let next = tokio::select! {
            next = next_line(&mut stdout, &mut line, MAX_LINE) => next,
            () = &mut deaf => return broken("its program closed its input and went on".to_owned()),
        };
        match next {
            Ok(Next::Line) => {}
            Ok(Next::TooLong) => {
                return broken(format!("it wrote a line longer than {MAX_LINE} bytes"));
            }
            Ok(Next::End) | Err(_) => {
                if !line.is_empty() {
                    shared.stray(&line);
                }
                return None;
            }
        }
        match shared.receive(&line) {
            Received::Fine => {}
            Received::Stray => shared.stray(&line),
            Received::Foreign => {
                return Some(Lost {
                    message: format!(
                        "it does not speak the provider protocol; it wrote: {}",
                        shown(&line)
                    ),
                    speaks_zero: !shared.state().greeted,
                    exited: false,
                });
            }
            Received::Broken(what) => {
                return broken(format!("it does not keep to the provider protocol: {what}"));
            }
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests;
