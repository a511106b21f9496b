//! Why a flake cannot be had.

use std::path::PathBuf;

use nixops4_lang::HostError;

/// Why a flake or source cannot be had, locked or read.
#[derive(Debug, thiserror::Error)]
pub enum FlakeError {
    /// Not a URL.
    #[error("'{0}' is not a valid URL")]
    BadUrl(String),
    /// A reference that breaks a rule; the text says which.
    #[error("{0}")]
    BadReference(String),
    /// A lock file that cannot be used.
    #[error("lock file '{}': {problem}", .path.display())]
    BadLock {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// `flake.nix` is not as it has to be.
    #[error("{0}")]
    BadFlake(String),
    /// What was fetched is not what was pinned.
    #[error("NAR hash mismatch in input '{input}', expected '{expected}' but got '{found}'")]
    HashMismatch {
        /// The source.
        input: String,
        /// As pinned.
        expected: String,
        /// As fetched.
        found: String,
    },
    /// The operating system said no.
    #[error("{action} '{}': {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The answer.
        source: std::io::Error,
    },
    /// A server could not be asked, or refused.
    #[error("cannot download '{url}': {problem}")]
    Download {
        /// From where.
        url: String,
        /// Why not.
        problem: String,
    },
    /// An archive that cannot be unpacked.
    #[error("cannot unpack '{archive}': {problem}")]
    Archive {
        /// Which.
        archive: String,
        /// Why not.
        problem: String,
    },
    /// There is no `git`.
    #[error("the program 'git' is needed for '{0}', and it cannot be found on PATH")]
    GitMissing(String),
    /// `git` failed.
    #[error("'git {command}' failed: {problem}")]
    Git {
        /// Its arguments.
        command: String,
        /// What it said.
        problem: String,
    },
    /// The language's own words.
    #[error(transparent)]
    Host(#[from] HostError),
    /// What was being done.
    #[error("{doing}: {source}")]
    Context {
        /// A clause: "while fetching the input 'x'".
        doing: String,
        /// What went wrong.
        source: Box<FlakeError>,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl FlakeError {
    /// Says what was being done.
    pub fn doing(self, doing: impl Into<String>) -> FlakeError {
        FlakeError::Context {
            doing: doing.into(),
            source: Box::new(self),
        }
    }

    pub(crate) fn io(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> FlakeError {
        let path = path.into();
        move |source| FlakeError::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn other(message: impl Into<String>) -> FlakeError {
        FlakeError::Other(message.into())
    }
}

impl From<FlakeError> for HostError {
    fn from(error: FlakeError) -> HostError {
        match error {
            FlakeError::Host(error) => error,
            error => HostError::Other(error.to_string()),
        }
    }
}

impl From<nixops4_lang::content::NarError> for FlakeError {
    fn from(error: nixops4_lang::content::NarError) -> FlakeError {
        FlakeError::Other(error.to_string())
    }
}
