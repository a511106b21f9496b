//! The native provider protocol: `nixops4` asks, a provider program answers.
//!
//! # Framing
//! One JSON object a line (UTF-8, ended by a newline, no newline inside), both ways, over the
//! program's standard input and output. Its standard error is log text, shown when something fails.
//! The end of its standard input asks the program to end.
//!
//! | line | direction | meaning |
//! |---|---|---|
//! | `{"id":7,"method":"read","params":{…}}` | to the program | a request: [`Request`] |
//! | `{"id":7,"result":{…}}` | from it | the answer: [`Reply`]; `"warnings":[…]` may stand beside the result |
//! | `{"id":7,"error":{"message":"…"}}` | from it | the answer: it could not be done: [`Error`] |
//! | `{"log":{"level":"info","message":"…","request":7}}` | from it | something to tell: [`Log`] |
//!
//! Requests may be answered in any order, and a program may work on several at once; one that
//! answers them one after the other is as good. A field that a program does not know is to be
//! ignored; a method that it does not know is answered with an error.
//!
//! # A session
//! The first request is [`Hello`], which agrees on a version; then [`Describe`]; then
//! [`Configure`], once. Everything else comes after that, except [`ValidateConfig`], [`Validate`]
//! and [`CallFunction`], which may come before.
//!
//! ```
//! use nixops4_proto::native::*;
//! # fn request<M: Method>(line: &str) -> Result<M, serde_json::Error> {
//! #     let request: Request = serde_json::from_str(line)?;
//! #     assert_eq!(request.method, M::NAME);
//! #     serde_json::from_value(request.params)
//! # }
//! # fn reply<M: Method>(line: &str) -> Result<M::Response, serde_json::Error> {
//! #     let reply: Reply = serde_json::from_str(line)?;
//! #     let ReplyBody::Result(result) = reply.body else { panic!("an error") };
//! #     serde_json::from_value(result)
//! # }
//! let hello: Hello = request(r#"{"id":0,"method":"hello","params":{"protocolVersions":[1],"client":"nixops4 0.1.0"}}"#)?;
//! let welcome = reply::<Hello>(r#"{"id":0,"result":{"protocolVersion":1,"provider":"greeter","version":"2.0"}}"#)?;
//! assert!(hello.protocol_versions.contains(&welcome.protocol_version));
//!
//! let describe: Describe = request(r#"{"id":1,"method":"describe","params":{}}"#)?;
//! let described = reply::<Describe>(r#"{"id":1,"result":{"resourceTypes":{"greeting":{
//!     "inputs":{"whom":{"type":"string","required":true,"replaces":true}},
//!     "outputs":{"text":{"type":"string"}},
//!     "operations":["read","delete"]}}}}"#)?;
//! assert!(described.resource_types["greeting"].inputs["whom"].replaces);
//!
//! let create: Create = request(r#"{"id":2,"method":"create","params":{"type":"greeting","inputs":{"whom":"you"},"stateful":true}}"#)?;
//! let created = reply::<Create>(r#"{"id":2,"result":{"outputs":{"text":"hello, you"}}}"#)?;
//! assert_eq!(created.outputs["text"], "hello, you");
//!
//! let failed: Reply = serde_json::from_str(
//!     r#"{"id":3,"error":{"message":"nobody is called that","path":["whom"],"hints":["try `you`"]}}"#)?;
//! assert!(matches!(failed.body, ReplyBody::Error(error) if error.complaint.path.is_some()));
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! # Values
//! Where everything is known, values are plain JSON. Where leaves may be unknown (in a plan and
//! before), they are trees as in [`crate::tree`], without `from`. `null` and absence mean "not set".
//!
//! # Nothing may be lost
//! An object that was made or changed before something failed is reported in the error, as
//! [`Error::partial`]. A program that ends without having answered leaves its caller in doubt.
//!
//! Programs of protocol version 0 are spoken to as in [`v0`].

mod describe;
mod error;
mod function;
mod resource;
mod state;
pub mod v0;

pub use describe::{
    DataSourceSpec, Describe, Described, InputSpec, OptionalOperation, OutputSpec,
    ResourceTypeSpec, ValueType,
};
pub use error::{Complaint, Error};
pub use function::{CallFunction, Called, FunctionSpec, ParameterSpec};
pub use resource::{
    Create, DataRead, Delete, Deleted, Import, Object, Plan, PlanAction, Planned, Read, ReadData,
    ReadState, State, Update, Upgrade, Validate, Validated,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
pub use state::{
    EventWritten, StateEvent, StateLock, StateLocked, StateRead, StateReadResult, StateUnlock,
    StateUnlocked,
};

use crate::tree::Tree;

/// The newest version of this protocol.
pub const PROTOCOL_VERSION: u32 = 1;

/// A request and the type of its answer; ties one to the other at compile time.
pub trait Method: Serialize + DeserializeOwned + JsonSchema {
    /// The name on the wire.
    const NAME: &'static str;
    /// The answer.
    type Response: Serialize + DeserializeOwned + JsonSchema;
}

macro_rules! methods {
    ($($params:ty => $name:literal -> $response:ty,)*) => {
        $(impl Method for $params {
            const NAME: &'static str = $name;
            type Response = $response;
        })*

        /// Every method: its name, and the schemas of its parameters and of its result.
        pub fn method_schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema, Schema)> {
            vec![$((
                $name,
                generator.subschema_for::<$params>(),
                generator.subschema_for::<$response>(),
            ),)*]
        }
    };
}

methods! {
    Hello => "hello" -> Welcome,
    Describe => "describe" -> Described,
    ValidateConfig => "validateConfig" -> Validated,
    Configure => "configure" -> Configured,
    Validate => "validate" -> Validated,
    Upgrade => "upgrade" -> Object,
    Read => "read" -> ReadState,
    Plan => "plan" -> Planned,
    Create => "create" -> Object,
    Update => "update" -> Object,
    Delete => "delete" -> Deleted,
    Import => "import" -> Object,
    ReadData => "readData" -> DataRead,
    CallFunction => "callFunction" -> Called,
    StateRead => "stateRead" -> StateReadResult,
    StateEvent => "stateEvent" -> EventWritten,
    StateLock => "stateLock" -> StateLocked,
    StateUnlock => "stateUnlock" -> StateUnlocked,
    Stop => "stop" -> Stopped,
}

/// A line to the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// Chosen by the caller; comes back in the answer.
    pub id: u64,
    /// [`Method::NAME`].
    pub method: String,
    /// The method's parameters.
    #[serde(default)]
    pub params: serde_json::Value,
}

/// A line from the program that answers a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// The request's.
    pub id: u64,
    /// The answer.
    #[serde(flatten)]
    pub body: ReplyBody,
    /// What is worth knowing although it was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Complaint>,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReplyBody {
    /// It was done: the method's response.
    Result(serde_json::Value),
    /// It could not be done, or not wholly.
    Error(Error),
}

/// A line from the program that answers nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Notification {
    /// What it has to tell.
    pub log: Log,
}

/// Something a program tells while it works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Log {
    /// How much it matters.
    #[serde(default)]
    pub level: Level,
    /// What it says.
    pub message: String,
    /// The request it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
}

/// How much a [`Log`] matters.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// For those who write the provider.
    Trace,
    /// For those who look for a mistake.
    Debug,
    /// For those who watch.
    #[default]
    Info,
    /// Something is odd.
    Warn,
    /// Something is wrong.
    Error,
}

/// The first request: agrees on a version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// Versions the caller speaks.
    pub protocol_versions: Vec<u32>,
    /// Name and version of the caller, for logs.
    #[serde(default)]
    pub client: String,
}

/// Answer to [`Hello`]; an error if there is no version in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    /// The version chosen.
    pub protocol_version: u32,
    /// Name of the provider, for messages.
    #[serde(default)]
    pub provider: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
}

/// Checks a configuration without talking to any service. Asked only where
/// [`Described::validates_config`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ValidateConfig {
    /// The configuration, with unknown leaves.
    pub config: Tree,
}

/// Gives the provider its configuration. Sent once, also where there is none to give.
///
/// Paths in inputs that are relative are relative to the working directory of the program, which
/// is the directory of the deployment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Configure {
    /// The configuration; an object.
    #[serde(default)]
    pub config: serde_json::Value,
}

/// Answer to [`Configure`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Configured {}

/// Asks the program to bring what it is working on to an early end; those requests are still
/// answered, and with an error if they are not done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stop {}

/// Answer to [`Stop`]; need not wait for the requests that are being worked on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stopped {}

#[cfg(test)]
mod tests;
