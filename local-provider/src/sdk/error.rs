//! [`Error`]: what a resource type says when it cannot do something.

use std::fmt::Display;
use std::io;

use nixops4_proto::native;
use nixops4_proto::path::AttrPath;
use serde::Serialize;

/// Why something could not be done.
///
/// Made with `?` from any error (whose sources become part of the message), or with
/// [`Error::new`].
#[derive(Debug)]
pub struct Error(pub(crate) Box<native::Error>);

impl Error {
    /// An error with a message.
    pub fn new(message: impl Into<String>) -> Self {
        Self(Box::new(native::Error::new(message)))
    }

    /// With more lines.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.complaint.detail = detail.into();
        self
    }

    /// About an input.
    pub fn at(mut self, input: &str) -> Self {
        self.0.complaint.path = Some(AttrPath::root().child(input));
        self
    }

    /// With advice.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.complaint.hints.push(hint.into());
        self
    }

    /// With what was made or changed before it happened, so that it is not lost.
    pub fn partial<O: Serialize>(mut self, outputs: &O) -> Self {
        // Outputs that cannot be written as JSON could not be reported after a success either.
        if let Ok(outputs) = serde_json::to_value(outputs) {
            self.0.partial = Some(Box::new(native::Object {
                outputs,
                ..native::Object::default()
            }));
        }
        self
    }

    /// The message.
    pub fn message(&self) -> &str {
        &self.0.complaint.message
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            message += &format!(": {inner}");
            source = inner.source();
        }
        Self::new(message)
    }
}

/// Says what was being done with what when the system refused it.
pub trait IoContext<T> {
    /// `cannot write /etc/motd: permission denied`.
    fn context(self, doing: &str, what: impl Display) -> Result<T, Error>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn context(self, doing: &str, what: impl Display) -> Result<T, Error> {
        self.map_err(|error| Error::new(format!("cannot {doing} {what}: {error}")))
    }
}
