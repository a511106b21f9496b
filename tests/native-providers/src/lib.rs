//! Native provider programs for tests, written without the SDK, as a stranger would write them from
//! the documentation:
//!
//! | program | what it is |
//! |---|---|
//! | `native-scripted` | version 1; behaves or misbehaves as its first argument says |
//! | `native-v0` | version 0; ends with an error whenever it does not like something |
//!
//! This library is the script that the first one obeys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What a test wants of `native-scripted`. Everything left out is as a good provider does it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// What to do before anything is read.
    pub start: Vec<Act>,
    /// What to do in place of, or beside, answering: by method, or by `method NAME` for the object
    /// of that name.
    pub on: BTreeMap<String, Vec<Act>>,
    /// The operations of the type `thing`, if not all.
    pub operations: Option<Vec<String>>,
}

/// Something that a provider does, or should not do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Act {
    /// Prints a line to standard output.
    Stdout(String),
    /// Prints a line to standard error.
    Stderr(String),
    /// Tells something about the request.
    Tell(String),
    /// Ends before anything is done.
    Exit(i32),
    /// Ends after everything is done, without an answer.
    ExitAfter(i32),
    /// Is killed before anything is done.
    Die,
    /// Does everything and ends in the middle of the answer.
    HalfReply,
    /// Does nothing and never answers.
    Silent,
    /// Answers with an error.
    Fail(Json),
    /// Does everything and answers with an error that says what there is now.
    Partial(String),
    /// Answers with this line, in which `ID` stands for the request's.
    Raw(String),
    /// Waits until a file of that name exists.
    Await(String),
    /// Closes standard output.
    CloseStdout,
    /// Stops reading, and closes standard input.
    CloseStdin,
    /// Starts a process that lives long, and writes its number into the file `grandchild`.
    Grandchild,
}
