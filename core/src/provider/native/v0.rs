//! [`ConnectionV0`]: programs of version 0 of the protocol.
//!
//! They answer in order, have no ids, and many end with an error on standard error instead of
//! answering: so there is one request at a time, an exit is an answer, and the next request starts
//! the program again.

use nixops4_proto::native::v0::{Request, Resource, Response, StateResourceReadRequest};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::lines::{Next, next_line};
use super::process::{Ending, LastWords, NativeProgram, Process, Running, finish_words, shown};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::provider::Secrets;
use crate::provider::{Failure, ProviderError};

/// Longest line that is accepted.
const MAX_LINE: usize = 256 << 20;
/// Stray lines after which an answer is no longer waited for.
const MAX_STRAY: usize = 1000;

/// A program of version 0, running or not.
#[derive(Debug)]
pub(super) struct ConnectionV0 {
    program: NativeProgram,
    secrets: Secrets,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Taken out while a request is being made.
    session: Option<Session>,
    closed: bool,
}

/// A running program.
#[derive(Debug)]
struct Session {
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    running: Running,
    words: LastWords,
    keeping: JoinHandle<()>,
}

/// An answer, with lines that the program wrote beside the protocol.
#[derive(Debug)]
pub(super) struct AnswerV0 {
    pub(super) response: Response,
    pub(super) stray: Vec<String>,
}

impl ConnectionV0 {
    /// Of a program that has been found to speak version 0. Starts nothing.
    pub(super) fn new(program: NativeProgram, secrets: Secrets) -> Self {
        Self {
            program,
            secrets,
            state: Mutex::default(),
        }
    }

    /// Whether the program answers at all: asks what no program has and none can be changed by.
    pub(super) async fn probe(&self) -> Result<(), ProviderError> {
        let request = Request::StateResourceReadRequest(StateResourceReadRequest {
            resource: Resource::default(),
        });
        match self.ask("start", &request, false).await {
            Ok(_) | Err(Failure::Diagnostics(_)) => Ok(()),
            Err(Failure::Provider(error)) => Err(error),
        }
    }

    /// Asks. An answer that is an error comes as diagnostics, as does an exit in place of one.
    pub(super) async fn ask(
        &self,
        call: &str,
        request: &Request,
        effect: bool,
    ) -> Result<AnswerV0, Failure> {
        let mut state = self.state.lock().await;
        // Taken out: where this future is dropped half-way, the program is killed and the next
        // request does not find the answer to this one.
        if state.closed {
            return Err(self.program.error(call, "it has been closed").into());
        }
        let session = match state.session.take() {
            Some(session) => session,
            None => Session::start(&self.program, &self.secrets).await?,
        };
        let (session, answer) = session.ask(&self.program, call, request, effect).await?;
        state.session = Some(session);
        match answer.response {
            Response::ErrorResponse(error) => {
                let mut diagnostics =
                    Diagnostics::from(Diagnostic::error(self.secrets.hide(error.message)));
                diagnostics.extend(stray_warnings(answer.stray));
                Err(diagnostics.into())
            }
            _ => Ok(answer),
        }
    }

    /// Ends the program by closing its input, and waits until it has ended.
    pub(super) async fn close(&self) {
        let mut state = self.state.lock().await;
        state.closed = true;
        if let Some(session) = state.session.take() {
            let Session {
                stdin,
                mut running,
                stdout,
                ..
            } = session;
            drop((stdin, stdout));
            running.wait().await;
        }
    }
}

impl Session {
    async fn start(program: &NativeProgram, secrets: &Secrets) -> Result<Self, ProviderError> {
        let Process {
            stdin,
            stdout,
            stderr,
            unread,
            running,
        } = program.start().await?;
        drop(unread);
        let words = LastWords::new(secrets.clone());
        let keeping = words.keep(program.name.clone(), stderr);
        Ok(Self {
            stdin,
            stdout: BufReader::new(stdout),
            running,
            words,
            keeping,
        })
    }

    async fn ask(
        mut self,
        program: &NativeProgram,
        call: &str,
        request: &Request,
        effect: bool,
    ) -> Result<(Self, AnswerV0), Failure> {
        let mut line = serde_json::to_vec(request).map_err(|error| {
            program.error(call, format!("the request cannot be written: {error}"))
        })?;
        line.push(b'\n');
        // Where that fails the program is gone, and reading tells how it ended.
        let _ = self.stdin.write_all(&line).await;
        let _ = self.stdin.flush().await;
        let mut stray = Vec::new();
        loop {
            line.clear();
            match next_line(&mut self.stdout, &mut line, MAX_LINE).await {
                Ok(Next::Line) => {}
                Ok(Next::TooLong) => {
                    let message = format!("it wrote a line longer than {MAX_LINE} bytes");
                    return Err(in_doubt(program.error(call, message), effect));
                }
                Ok(Next::End) | Err(_) => {
                    return Err(self.ended(program, call, stray, effect).await);
                }
            }
            match serde_json::from_slice(&line) {
                Ok(response) => return Ok((self, AnswerV0 { response, stray })),
                Err(_) if line.first() == Some(&b'{') || stray.len() == MAX_STRAY => {
                    let message = format!(
                        "it does not speak version 0 of the provider protocol; it wrote: {}",
                        shown(&line)
                    );
                    return Err(in_doubt(program.error(call, message), effect));
                }
                Err(_) => stray.push(shown(&line)),
            }
        }
    }

    /// What an end of the output means: with an exit status, the program says "no".
    async fn ended(
        mut self,
        program: &NativeProgram,
        call: &str,
        stray: Vec<String>,
        effect: bool,
    ) -> Failure {
        drop(self.stdin);
        let ending = self.running.wait().await;
        finish_words(self.keeping).await;
        let message = format!("{ending}{}", self.words.take());
        match ending {
            Ending::Exited {
                by_itself: true, ..
            } => {
                let (summary, detail) = message.split_once('\n').unwrap_or((&message, ""));
                let error = Diagnostic::error(format!("provider {}: {summary}", program.name));
                let mut diagnostics = Diagnostics::from(error.detail(detail));
                diagnostics.extend(stray_warnings(stray));
                diagnostics.into()
            }
            _ => in_doubt(program.error(call, message), effect),
        }
    }
}

fn in_doubt(error: ProviderError, effect: bool) -> Failure {
    Failure::Provider(ProviderError {
        in_doubt: effect,
        ..error
    })
}

/// Warns of what a program wrote beside the protocol.
pub(super) fn stray_warnings(stray: Vec<String>) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    if !stray.is_empty() {
        let warning =
            Diagnostic::warning("the provider wrote to its standard output beside the protocol")
                .detail(stray.join("\n"))
                .hint("a provider writes messages for people to standard error");
        diagnostics.push(warning);
    }
    diagnostics
}
