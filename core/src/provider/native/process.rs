//! A provider program as a child process: how it is found, started, listened to and ended.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::lines::{Next, next_line};
use crate::child::{Minder, describe_status, spawn};
use crate::guard;
use crate::provider::ProviderError;
use crate::provider::Secrets;

/// How many lines of standard error are kept for the message when the program dies.
const LAST_WORDS: usize = 20;
/// Longest piece of a line that is taken at once.
const MAX_LINE: usize = 64 * 1024;
/// Longest piece of a line that is kept or shown.
const MAX_SHOWN: usize = 400;
/// How long a program whose output has ended may take to end.
const GRACE: Duration = Duration::from_secs(2);

/// A program that speaks the native provider protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NativeProgram {
    /// What the user calls the provider, for messages.
    pub name: String,
    /// A path, or a name to be looked for in `PATH`. A relative path is relative to `dir`.
    pub executable: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its working directory: that of the deployment, to which paths in inputs are relative.
    /// `None` for ours.
    pub dir: Option<PathBuf>,
    /// How long it may take to answer the first request.
    pub hello_timeout: Duration,
}

impl NativeProgram {
    /// A program with the usual patience.
    pub fn new(name: impl Into<String>, executable: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            executable: executable.into(),
            args: Vec::new(),
            dir: None,
            hello_timeout: Duration::from_secs(10),
        }
    }

    /// With arguments.
    pub fn args<S: Into<OsString>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args = args.into_iter().map(Into::into).collect();
        self
    }

    /// With a working directory.
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    fn command(&self) -> Command {
        // A relative path would be looked for from our directory or from `dir`, depending on the
        // system: make it one of them.
        let has_folder = self.executable.components().count() > 1;
        let program = match &self.dir {
            Some(dir) if has_folder => dir.join(&self.executable),
            _ => self.executable.clone(),
        };
        let mut command = Command::new(program);
        command.args(&self.args);
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        // Its own group: an interrupt on the terminal is ours to pass on, and what it starts can be
        // ended with it.
        command.process_group(0);
        command
    }

    /// An error about this program.
    pub(super) fn error(&self, call: &str, message: impl Into<String>) -> ProviderError {
        ProviderError {
            provider: self.name.clone(),
            call: call.to_owned(),
            message: message.into(),
            hints: Vec::new(),
            in_doubt: false,
        }
    }

    fn start_error(&self, error: &io::Error) -> ProviderError {
        let path = self.executable.display();
        let message = format!("its program {path} cannot be started: {error}");
        let mut result = self.error("", message);
        let in_path = self.executable.components().count() == 1;
        let hint = match error.kind() {
            io::ErrorKind::NotFound if in_path => {
                format!("no folder in PATH has a program `{path}`")
            }
            io::ErrorKind::NotFound if self.dir.as_deref().is_some_and(|d| !d.is_dir()) => {
                let dir = self.dir.as_deref().unwrap_or(Path::new(""));
                format!("its working directory {} does not exist", dir.display())
            }
            io::ErrorKind::NotFound => {
                format!("there is no file {path}, or not the interpreter that it asks for")
            }
            io::ErrorKind::PermissionDenied => format!("is the file {path} executable?"),
            _ => return result,
        };
        result.hints.push(hint);
        result
    }

    /// Starts it.
    pub(super) async fn start(&self) -> Result<Process, ProviderError> {
        let start_error = |error| self.start_error(&error);
        // Not SIGKILL: it is to end what it has started, which we could no longer do.
        let spawned = spawn(self.command(), libc::SIGTERM).await;
        let (mut child, minder) = spawned.map_err(start_error)?;
        if let Some(pid) = child.id() {
            guard::watch(pid, guard::End::Later);
        }
        let missing = || start_error(io::Error::other("a standard stream is missing"));
        let stdin = child.stdin.take().ok_or_else(missing)?;
        let stdout = child.stdout.take().ok_or_else(missing)?;
        let stderr = child.stderr.take().ok_or_else(missing)?;
        let unread = stdin.as_fd().try_clone_to_owned().map_err(start_error)?;
        Ok(Process {
            stdin,
            stdout,
            stderr,
            unread: Unread(unread),
            running: Running {
                pid: child.id(),
                child,
                _minder: minder,
                reaped: false,
            },
        })
    }
}

/// A program that was started.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
    pub(super) unread: Unread,
    pub(super) running: Running,
}

/// Tells whether a program has read what was sent to it. As long as it exists, the program does
/// not see the end of its input.
#[derive(Debug)]
pub(super) struct Unread(OwnedFd);

impl Unread {
    /// Whether something that was sent has not been read, as far as the system tells.
    pub(super) fn any(&self) -> bool {
        let mut bytes: libc::c_int = 0;
        // SAFETY: the descriptor is open, and FIONREAD writes one integer.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
        result == 0 && bytes > 0
    }
}

/// The process itself. Dropping it kills it, and whatever it has started in its group.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    pid: Option<u32>,
    _minder: Minder,
    reaped: bool,
}

impl Running {
    /// Waits for a program whose output has ended (and ends it if it does not end by itself); says
    /// how it ended.
    pub(super) async fn wait(&mut self) -> Ending {
        let status = match tokio::time::timeout(GRACE, self.child.wait()).await {
            Ok(status) => status,
            Err(_) => {
                self.kill();
                return Ending::Killed;
            }
        };
        self.ended();
        match status {
            Ok(status) => Ending::Exited {
                how: describe_status(status),
                by_itself: status.code().is_some(),
            },
            Err(error) => Ending::Exited {
                how: format!("unknown exit status: {error}"),
                by_itself: false,
            },
        }
    }

    fn ended(&mut self) {
        self.reaped = true;
        if let Some(pid) = self.pid.take() {
            guard::forget(pid);
        }
    }

    fn kill(&mut self) {
        if self.reaped {
            return;
        }
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // SAFETY: a system call on numbers. The child has not been waited for, so its group
            // still has this number.
            unsafe { libc::kill(-pid, libc::SIGKILL) };
        }
        if let Some(pid) = self.pid.take() {
            guard::forget(pid);
        }
        let _ = self.child.start_kill();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// It exited, or was killed by someone else.
    Exited {
        /// In words.
        how: String,
        /// Whether it meant to: with an exit status, not by a signal.
        by_itself: bool,
    },
    /// It closed its output and went on, so we killed it.
    Killed,
    /// There is no process, only streams.
    Streams,
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exited { how, .. } => write!(f, "its program ended ({how})"),
            Self::Killed => {
                f.write_str("its program closed its output and went on, and was killed")
            }
            Self::Streams => f.write_str("its output ended"),
        }
    }
}

/// The last lines of standard error.
#[derive(Clone, Debug, Default)]
pub(super) struct LastWords {
    lines: Arc<Mutex<VecDeque<String>>>,
    secrets: Secrets,
}

impl LastWords {
    /// None yet; `secrets` are left out of them.
    pub(super) fn new(secrets: Secrets) -> Self {
        Self {
            lines: Arc::default(),
            secrets,
        }
    }

    /// Keeps (and logs) what comes from `stderr` until it ends.
    pub(super) fn keep(
        &self,
        provider: String,
        stderr: impl AsyncRead + Send + Unpin + 'static,
    ) -> JoinHandle<()> {
        let this = self.clone();
        tokio::spawn(async move {
            let mut stderr = BufReader::new(stderr);
            let mut line = Vec::new();
            // A line without end is taken in pieces.
            while let Ok(next) = next_line(&mut stderr, &mut line, MAX_LINE).await {
                if next == Next::End && line.is_empty() {
                    break;
                }
                let line = std::mem::take(&mut line);
                let line = this.secrets.hide(shown(&line));
                tracing::debug!(target: "nixops4::provider", provider, "{line}");
                this.push(line);
            }
        })
    }

    fn push(&self, line: String) {
        let mut words = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if words.len() == LAST_WORDS {
            words.pop_front();
        }
        words.push_back(line);
    }

    /// Takes them, in order, as the end of a message.
    pub(super) fn take(&self) -> String {
        let mut words = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = words.drain(..).collect();
        match lines.is_empty() {
            true => String::new(),
            false => format!("; it last said:\n{}", lines.join("\n")),
        }
    }
}

/// A line as it can be shown.
pub(super) fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Waits until standard error has been read; not for long, as a grandchild may keep it open.
pub(super) async fn finish_words(words: JoinHandle<()>) {
    let _ = tokio::time::timeout(Duration::from_millis(500), words).await;
}
