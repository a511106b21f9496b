//! Why a flake cannot be had.

use std::path::PathBuf;

use nixops4_lang::{HostError, Location};

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
    /// Where what it is about was written.
    #[error("{source}{}", written(.source, .place))]
    At {
        /// The place.
        place: Box<Location>,
        /// What went wrong.
        source: Box<FlakeError>,
    },
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// An error taken apart, for those who show places and what was being done on lines of their own.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// What went wrong.
    pub message: String,
    /// Where what is to be mended was written.
    pub place: Option<&'a Location>,
    /// What was being done, the innermost first.
    pub doing: Vec<&'a str>,
}

/// The place as the end of a sentence, if the sentence does not name one already.
fn written(error: &FlakeError, place: &Location) -> String {
    match error.explain().place {
        Some(_) => String::new(),
        None => at(place),
    }
}

impl FlakeError {
    /// Says what was being done.
    pub fn doing(self, doing: impl Into<String>) -> FlakeError {
        FlakeError::Context {
            doing: doing.into(),
            source: Box::new(self),
        }
    }

    /// Says where what it is about was written. A place that is known already is nearer.
    pub(crate) fn at(self, place: Option<&Location>) -> FlakeError {
        match place {
            None => self,
            Some(place) => FlakeError::At {
                place: Box::new(place.clone()),
                source: Box::new(self),
            },
        }
    }

    /// Takes it apart.
    pub fn explain(&self) -> Explanation<'_> {
        let (mut place, mut doing) = (None, Vec::new());
        let mut error = self;
        loop {
            error = match error {
                FlakeError::Context {
                    doing: what,
                    source,
                } => {
                    doing.push(what.as_str());
                    source
                }
                FlakeError::At { place: at, source } => {
                    place = Some(&**at);
                    source
                }
                innermost => {
                    doing.reverse();
                    return Explanation {
                        message: innermost.to_string(),
                        place,
                        doing,
                    };
                }
            };
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
        host(error, String::new())
    }
}

/// In the language's words, which have no places in the texts that it did not read.
fn host(error: FlakeError, written: String) -> HostError {
    match error {
        FlakeError::Context { doing, source } => HostError::While {
            doing,
            source: Box::new(host(*source, written)),
        },
        FlakeError::At { place, source } => host(*source, at(&place)),
        FlakeError::Host(error) if written.is_empty() => error,
        error => HostError::Other(format!("{error}{written}")),
    }
}

/// A place as the end of a sentence.
fn at(place: &Location) -> String {
    format!(", at {}:{}:{}", place.origin, place.line, place.column)
}

impl From<nixops4_lang::content::NarError> for FlakeError {
    fn from(error: nixops4_lang::content::NarError) -> FlakeError {
        FlakeError::Other(error.to_string())
    }
}
