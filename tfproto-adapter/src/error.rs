//! What can go wrong with a plugin apart from what the plugin itself complains about.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::handshake::HandshakeError;
use crate::log::Tail;
use crate::process::Exit;

/// A plugin could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the plugin of provider {provider} ({executable}): {reason}{tail}", executable = executable.display())]
pub struct LaunchError {
    /// The provider.
    pub provider: Arc<str>,
    /// The program.
    pub executable: PathBuf,
    /// What went wrong.
    pub reason: LaunchFailure,
    /// What the plugin had to say.
    pub tail: Tail,
}

/// Why a plugin could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchFailure {
    /// There is no such file.
    #[error("there is no such file")]
    Missing,
    /// The file is there, but what it needs to run is not.
    #[error(
        "the file is there, but the program that has to load it is not \
         (it was built for another system, or its interpreter is missing)"
    )]
    NoLoader,
    /// The file may not be executed.
    #[error("the file may not be executed")]
    NotExecutable,
    /// It is a folder.
    #[error("this is a folder, not a program")]
    Folder,
    /// The file is no program, or one for another kind of machine.
    #[error("this is no program that this machine ({machine}) can run: {file}", machine = std::env::consts::ARCH)]
    WrongFormat {
        /// What the file is.
        file: String,
    },
    /// Something else prevented the start.
    #[error("{0}")]
    Spawn(io::Error),
    /// What the plugin needs could not be prepared.
    #[error("cannot prepare {what}: {error}")]
    Prepare {
        /// What was being prepared.
        what: &'static str,
        /// What went wrong.
        error: String,
    },
    /// It ended before it said how to reach it.
    #[error("it ended before its handshake ({0}){hint}", hint = ended_hint(*.0))]
    Ended(Exit),
    /// It closed its output before it said how to reach it.
    #[error("it closed its output without a handshake, and still runs")]
    Closed,
    /// It printed much and no line end.
    #[error("it printed more than {limit} KiB instead of a handshake line: {0:?}", limit = crate::handshake::MAX_LINE / 1024)]
    Endless(String),
    /// It took too long.
    #[error("no {awaited} within {} seconds", .limit.as_secs_f32())]
    Timeout {
        /// What did not come.
        awaited: &'static str,
        /// How long it was awaited.
        limit: Duration,
    },
    /// It said something else.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// It ignores our wish for an encrypted connection.
    #[error("it gave no certificate although one was asked for")]
    NoCertificate,
    /// Nobody listens where it said.
    #[error("it said to listen at {address}, but connecting failed: {error}")]
    Connect {
        /// Where it said it listens.
        address: String,
        /// What went wrong.
        error: io::Error,
    },
    /// Nobody listens where a plugin is said to be that runs already.
    #[error(
        "TF_REATTACH_PROVIDERS says that it listens at {address}, but connecting failed: {error}"
    )]
    Attach {
        /// Where it is said to listen.
        address: String,
        /// What went wrong.
        error: io::Error,
    },
    /// The encrypted connection failed.
    #[error("the encrypted connection to it failed: {0}{hint}", hint = tls_hint(.0))]
    Tls(io::Error),
    /// The HTTP/2 connection failed.
    #[error("the HTTP/2 connection to it failed: {0}")]
    Http(String),
}

fn ended_hint(exit: Exit) -> &'static str {
    match exit.success() {
        true => "; it may be no provider plugin",
        false => "",
    }
}

fn tls_hint(error: &io::Error) -> &'static str {
    let inner = error
        .get_ref()
        .and_then(|e| e.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(
            rustls::CertificateError::ApplicationVerificationFailure,
        )) => " (the server's certificate is not the one that the plugin announced)",
        _ => "",
    }
}

/// How a plugin's life ended, for every call that comes too late.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// How the process ended.
    pub exit: Exit,
    /// Its last words.
    pub tail: Tail,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.exit, self.tail)
    }
}

/// A call to a plugin that gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("provider {provider}: {rpc}: {failure}")]
pub struct RpcError {
    /// The provider.
    pub provider: Arc<str>,
    /// The call, by its name in protocol 6.
    pub rpc: &'static str,
    /// What went wrong.
    pub failure: RpcFailure,
    /// Whether the call was sent, so that the plugin may have acted on it.
    pub sent: bool,
}

impl RpcError {
    /// Tells whether the plugin is of a version that does not have this call.
    pub fn is_unimplemented(&self) -> bool {
        matches!(self.failure, RpcFailure::Unimplemented)
    }

    /// Tells whether the plugin may have acted on the call although no answer came.
    pub fn is_in_doubt(&self) -> bool {
        self.sent && !self.is_unimplemented()
    }
}

/// Why there is no process to call, for every call that would need one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotStarted {
    /// What went wrong, with what the plugin had to say.
    pub message: String,
    /// What to do next.
    pub hints: Vec<String>,
}

/// Why a call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RpcFailure {
    /// There is no process.
    #[error(transparent)]
    NotStarted(NotStarted),
    /// The plugin does not have this call.
    #[error("the plugin does not implement this call")]
    Unimplemented,
    /// The plugin's process ended.
    #[error("the plugin's process ended: {0}")]
    Died(Death),
    /// We ended the plugin ourselves.
    #[error("the plugin has been stopped")]
    Stopped,
    /// The process runs, but it cannot be talked to any more.
    #[error("the connection to the plugin broke although its process still runs: {message}{tail}")]
    Disconnected {
        /// What the connection says.
        message: String,
        /// What the plugin had to say.
        tail: Tail,
    },
    /// The answer did not come in time.
    #[error("no answer within {} seconds{tail}", .limit.as_secs_f32())]
    Timeout {
        /// How long it was awaited.
        limit: Duration,
        /// What the plugin had to say.
        tail: Tail,
    },
    /// The answer is larger than we read.
    #[error("the plugin's answer is too large: {0}")]
    TooLarge(String),
    /// The answer is no message of the protocol.
    #[error("the plugin's answer is malformed: {0}")]
    Malformed(String),
    /// The plugin reports a failure outside its diagnostics: a fault in the plugin.
    #[error("the plugin failed with {code}: {message}{tail}")]
    Status {
        /// The gRPC status code.
        code: String,
        /// What it says.
        message: String,
        /// What the plugin had to say.
        tail: Tail,
    },
    /// The plugin refused in its own words; only stopping has no diagnostics.
    #[error("the plugin refused: {0}")]
    Refused(String),
}
