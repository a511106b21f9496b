//! What a test wants the plugin to do: read from `FAKE_PROVIDER_SCRIPT`, which holds JSON or the
//! path of a file of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

/// The whole script. Everything left out is as a good plugin does it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The protocol version to speak; else the highest that is offered.
    pub protocol: Option<u32>,
    /// How to start.
    pub start: Start,
    /// Leaves out the nested attributes, so that things are the same in both protocols.
    pub flat: bool,
    /// The version of the schema of `fake_thing`.
    pub schema_version: Option<i64>,
    /// Adds a type `fake_wide` with so many attributes.
    pub wide: usize,
    /// Capabilities that are not to be declared.
    pub without: Vec<String>,
    /// How long an ephemeral resource lives; it is not renewed if unset.
    pub renew_after_ms: Option<u64>,
    /// With how many objects an import is answered.
    pub imported: Option<usize>,
    /// What to do when called, by the name of the call in protocol 6.
    pub rpcs: BTreeMap<String, OneOrMany>,
}

/// How the plugin starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// As it should.
    #[default]
    Normal,
    /// Does not even look at the cookie.
    IgnoreCookie,
    /// Ends.
    Exit {
        /// The exit status.
        code: i32,
        /// What it prints before.
        stderr: String,
    },
    /// Crashes as Go programs do.
    Panic,
    /// Says nothing.
    Hang,
    /// Closes its output and hangs.
    CloseStdout,
    /// Prints without end and without line end.
    Endless,
    /// Prints this in place of the handshake.
    Line(String),
    /// Announces another certificate than it uses.
    WrongCertificate,
    /// Announces no certificate although it was asked for one.
    NoCertificate,
    /// Announces a socket that is not there.
    VanishedSocket,
    /// Accepts the connection and then says nothing.
    Deaf,
    /// Accepts the connection and closes it.
    HangUp,
    /// Answers the connection with something else than HTTP/2.
    NotHttp,
    /// Starts normally, with a child process that holds on to everything it has.
    Grandchild,
    /// Starts normally but does not end when asked to.
    Immortal,
    /// Starts normally and writes so many bytes to its log.
    Flood(usize),
}

/// One behaviour, or several of which the first that fits is taken.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(Box<Behaviour>),
    /// Several.
    Many(Vec<Behaviour>),
}

impl OneOrMany {
    /// The behaviours in order.
    pub fn as_slice(&self) -> &[Behaviour] {
        match self {
            Self::One(behaviour) => std::slice::from_ref(behaviour),
            Self::Many(behaviours) => behaviours,
        }
    }
}

/// When to crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crash {
    /// Before anything is done.
    Before,
    /// After it is done, before the answer.
    During,
    /// In the middle of the answer.
    MidAnswer,
    /// After the answer.
    After,
}

/// What to do when called.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    /// Only at this call of the process, counted from 1.
    pub call: Option<usize>,
    /// Only where the request names this type.
    pub type_name: Option<String>,

    /// Wait before doing anything.
    pub delay_ms: u64,
    /// Wait until the provider is asked to stop, then fail saying so.
    pub until_stop: bool,
    /// Never answer.
    pub hang: bool,
    /// Crash.
    pub crash: Option<Crash>,
    /// Print to the log.
    pub stderr: Option<String>,
    /// Close the connection without answer and live on.
    pub disconnect: bool,
    /// Answer that the call is not known.
    pub unimplemented: bool,
    /// Answer with a gRPC status.
    pub status: Option<(u32, String)>,
    /// Answer with bytes that are no message.
    pub junk: bool,
    /// Answer without saying whether it went well.
    pub no_trailers: bool,
    /// Claim that the answer is so large.
    pub oversize: Option<u32>,

    /// Complain.
    pub diagnostics: Vec<Complaint>,
    /// Answer with null as value.
    pub null: bool,
    /// Leave the value out.
    pub absent: bool,
    /// Answer with these bytes (in hexadecimal) as value.
    pub msgpack: Option<String>,
    /// Change attributes of the value; `{"$unknown": true}` stands for an unknown one.
    pub set: Map<String, Json>,
    /// Answer with so many bytes of private data.
    pub private: Option<usize>,
    /// Say that these attributes force a replacement.
    pub requires_replace: Vec<Vec<Json>>,
    /// Say that the rules for planned values are not kept.
    pub legacy_type_system: bool,
    /// Leave out the last message of an answer in pieces.
    pub without_end: bool,
    /// Say that the answer has to wait, for this reason.
    pub deferred: Option<i32>,
}

/// A diagnostic.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Complaint {
    /// A warning, not an error.
    pub warning: bool,
    /// The headline.
    pub summary: String,
    /// More.
    pub detail: String,
    /// What it is about: names and indices.
    pub path: Vec<Json>,
}

impl Script {
    /// Reads the script from the environment.
    pub fn from_env() -> Result<Self, String> {
        let Ok(text) = std::env::var("FAKE_PROVIDER_SCRIPT") else {
            return Ok(Self::default());
        };
        let text = match text.trim_start().starts_with('{') {
            true => text,
            false => std::fs::read_to_string(&text).map_err(|e| format!("{text}: {e}"))?,
        };
        serde_json::from_str(&text).map_err(|e| format!("FAKE_PROVIDER_SCRIPT: {e}"))
    }

    /// What to do at a call, which is the given one of its kind.
    pub fn behaviour(&self, rpc: &str, call: usize, type_name: &str) -> Behaviour {
        let fits = |behaviour: &&Behaviour| {
            behaviour.call.is_none_or(|wanted| wanted == call)
                && behaviour
                    .type_name
                    .as_deref()
                    .is_none_or(|wanted| wanted == type_name)
        };
        let behaviours = self
            .rpcs
            .get(rpc)
            .map(OneOrMany::as_slice)
            .unwrap_or_default();
        behaviours.iter().find(fits).cloned().unwrap_or_default()
    }
}
