//! The evaluator protocol: `nixops4` asks, the evaluator process answers.
//!
//! One JSON object a line, both ways, over the process's stdin and stdout. A request is
//! `{"id":7,"method":"walk","params":{…}}`. The answer to it is any number of
//! `{"id":7,"item":…}` lines followed by exactly one `{"id":7,"result":…}` or
//! `{"id":7,"error":…}`; `{"id":7,"trace":"…"}` lines between tell what evaluated text says.
//! Requests are answered in the order in which they came. The end of its standard input ends the
//! process. Only expressions on their own ([`Eval`]) and at a prompt ([`OpenScope`]) are in a
//! language; the rest knows no Nix. While it answers, the evaluator may ask back what a provider's
//! function returns: see [`crate::functions`].
//!
//! Requests are read while one is answered: [`Cancel`] ends it, and those between it and the
//! cancellation, with an error of the kind `cancelled`.
//!
//! An output is *pending* until it is set with [`SetOutputs`]; whatever needs a pending or unknown
//! output is reported as unknown together with what it waits for, and costs nothing to ask again.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::functions::Call;
use crate::path::{AttrPath, MemberPath, OutputRef};
use crate::tree::Tree;

macro_rules! method {
    ($params:ty, $name:literal, $item:ty, $response:ty) => {
        impl Method for $params {
            const NAME: &'static str = $name;
            type Item = $item;
            type Response = $response;
        }
    };
}

mod expression;
mod process;

pub use expression::{Eval, EvalArg, EvalArgValue, EvalFormat, EvalSource, Evaluated, Printed};
pub use process::{Cancel, Cancelled, Configure, Configured, SearchEntry};

/// The newest version of this protocol.
pub const PROTOCOL_VERSION: u32 = 1;

/// A question and the type of its answer; ties a request to its response at compile time.
pub trait Method: Serialize + DeserializeOwned {
    /// The name on the wire.
    const NAME: &'static str;
    /// What streams before the answer; `()` where nothing does.
    type Item: Serialize + DeserializeOwned;
    /// The answer.
    type Response: Serialize + DeserializeOwned;
}

/// A request line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// Chosen by the asker; comes back in every line of the answer.
    pub id: u64,
    /// [`Method::NAME`].
    pub method: String,
    /// The method's parameters.
    #[serde(default)]
    pub params: serde_json::Value,
}

/// A line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// The request's.
    pub id: u64,
    /// What the line says.
    #[serde(flatten)]
    pub body: ReplyBody,
}

/// What a line of an answer says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ReplyBody {
    /// One of several parts; more lines follow.
    Item(serde_json::Value),
    /// What evaluated text says meanwhile, with `builtins.trace` or `builtins.warn`; more lines
    /// follow.
    Trace(String),
    /// A question back, which wants an answer before there are more lines.
    Call(Box<Call>),
    /// The end of the answer.
    Result(serde_json::Value),
    /// The end of the answer: the question could not be answered.
    Error(EvalError),
}

/// A place in a source text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The file, or a name such as `«string»`.
    pub file: String,
    /// Counted from 1.
    pub line: u32,
    /// Counted from 1, in characters.
    pub column: u32,
    /// The text of that line, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_line: Option<String>,
}

/// One step of a trace, innermost first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frame {
    /// What was being done.
    pub message: String,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// Why a question could not be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EvalError {
    /// The kind of error, as a stable word: `throw`, `assertion`, `type`, `undefinedVariable`,
    /// `missingAttribute`, `infiniteRecursion`, `syntax`, `io`, `limit`, `protocol`, ….
    pub kind: String,
    /// What went wrong, without position or trace.
    pub message: String,
    /// Where it went wrong in the user's text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// How it came to that; frames of the module system are left out unless asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trace: Vec<Frame>,
    /// What to do next: `did you mean …`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

mod flakes;
mod operations;
mod providers;
mod repl;

pub use flakes::LockFlags;
pub use operations::{
    DescribeOperation, ListOperations, OperationDescription, OperationHead, OperationStep,
    OperationsListed, StepPath, Untold,
};
pub use providers::{ListProviders, ProvidersListed, UntoldProvider};
pub use repl::{
    CheckInput, CompleteInput, Completions, Dependencies, DependentLeaf, EnterInput, Entered,
    ExtendScope, InScope, InputChecked, ListDependencies, OpenScope, ReadOutput, Show,
};

/// The first request: agrees on a version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// Versions the asker speaks.
    pub protocol_versions: Vec<u32>,
}

/// Answer to [`Hello`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    /// The version chosen.
    pub protocol_version: u32,
    /// Name of the engine, for messages.
    pub evaluator: String,
    /// Its version.
    pub version: String,
}
method!(Hello, "hello", (), Welcome);

/// Where the text of the deployment is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum RootSource {
    /// A file whose value is the root.
    File {
        /// Absolute path.
        path: PathBuf,
    },
    /// An output of a flake.
    Flake {
        /// Absolute path of the directory with `flake.nix`; or, with a reference, of the one where
        /// relative paths start.
        dir: PathBuf,
        /// The flake's reference, as it was typed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// What is wanted of its lock file.
        #[serde(default)]
        lock: LockFlags,
        /// The output, `nixops4` by default.
        attr: String,
    },
}

/// Loads the root. Comes before every question about components.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// What to load.
    pub root: RootSource,
    /// Whether traces keep the frames of the module system.
    #[serde(default)]
    pub show_trace: bool,
}

/// Answer to [`Load`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Loaded {}
method!(Load, "load", (), Loaded);

/// Asks about components; each comes as an item, parents before members.
///
/// A component that cannot be described (unknown, or in error) is an item too, so one bad member
/// never hides the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Walk {
    /// Where to start.
    pub paths: Vec<MemberPath>,
    /// Whether to go on into the members of composites.
    pub recursive: bool,
    /// Whether to evaluate the inputs of resources.
    pub inputs: bool,
}

/// Answer to [`Walk`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Walked {}
method!(Walk, "walk", WalkItem, Walked);

/// An item of [`Walk`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::large_enum_variant, reason = "items are read one at a time")]
pub enum WalkItem {
    /// A provider instance; comes before the first resource that names it, once per walk.
    Provider(ProviderInstance),
    /// A component.
    Component(Component),
}

/// Asks for one provider instance again, for example because its configuration waited for outputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DescribeProvider {
    /// [`ProviderInstance::id`].
    pub id: String,
}
method!(DescribeProvider, "provider", (), ProviderInstance);

/// A provider with one configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderInstance {
    /// Names it within this session, and in the state: the member path of the composite that
    /// declares it, `#`, and its name (`#aws`, `net#aws`); for a resource that brings its own
    /// executable, a text made from that.
    pub id: String,
    /// How its program is found and spoken to.
    pub program: ProviderProgram,
    /// Its configuration, with unknown leaves; `null` if none.
    pub config: Tree,
    /// The outputs that `config` refers to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<OutputRef>,
    /// How it is to be used.
    #[serde(default, skip_serializing_if = "ProviderSettings::is_none")]
    pub settings: ProviderSettings,
    /// Where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// How a provider instance is to be used: how much may be asked of it, and what it is told with every
/// call. Only calls count that may reach the world outside: checking and describing do not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ProviderSettings {
    /// How many calls may run at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
    /// How many calls may begin in a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// How long it may take.
    #[serde(skip_serializing_if = "Timeouts::is_none")]
    pub timeouts: Timeouts,
    /// What a plugin is told beside its configuration, following a schema of its own:
    /// `provider_meta`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<serde_json::Value>,
}

/// After how many seconds a provider that does not answer is given up; what is not set is as the
/// kind of provider has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Timeouts {
    /// Until its program, once started, can be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<f64>,
    /// For an answer to what changes nothing: checking, reading, planning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<f64>,
    /// For an answer to what changes something, which is in doubt afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apply: Option<f64>,
}

impl Timeouts {
    /// Whether nothing is set.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl ProviderSettings {
    /// Whether nothing is set.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// How many calls may begin in any span of a length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RateLimit {
    /// How many.
    pub calls: u32,
    /// The length of the span, in seconds.
    pub per_seconds: f64,
}

/// How a provider's program is found and spoken to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ProviderProgram {
    /// The built-in local provider.
    Local {},
    /// A program that speaks the native provider protocol.
    Stdio {
        /// Path or name of the program.
        executable: String,
        /// Its arguments.
        #[serde(default)]
        args: Vec<String>,
    },
    /// A Terraform or OpenTofu provider plugin.
    Tfplugin {
        /// Path of the program, where the user names it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        executable: Option<String>,
        /// Source address, `hashicorp/aws`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// Version constraint, `~> 5.0`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
}

/// A node of the deployment tree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    /// Its address.
    pub path: MemberPath,
    /// What it is.
    #[serde(flatten)]
    pub kind: ComponentKind,
    /// The outputs that `from` and trees in this message refer to, by index.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refs: Vec<OutputRef>,
    /// Where it is defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// What a component is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ComponentKind {
    /// Has a type from a provider.
    Resource(Box<Resource>),
    /// Has members.
    Composite(Composite),
    /// Its kind, type, provider or set of members needs outputs that do not exist yet.
    Unknown {
        /// Which part is unknown: `kind`, `members`, `type` or `provider`.
        what: String,
        /// The outputs it waits for.
        from: Vec<u32>,
    },
    /// It cannot be evaluated.
    Failed {
        /// Why.
        error: EvalError,
    },
}

/// A component with members.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Composite {
    /// The names of the members, sorted.
    pub members: Vec<String>,
    /// What the set of names depended on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<u32>,
    /// The state handler that it names for what is below it.
    #[serde(default)]
    pub state: StateChoice,
}

/// Which state handler a component names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StateChoice {
    /// It says nothing: the nearest enclosing component's choice holds.
    #[default]
    Inherit,
    /// It is to have no state.
    Stateless,
    /// The resource that handles its state.
    Member(MemberPath),
}

/// What kind of object of a provider a resource is.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Created, updated and deleted by us.
    #[default]
    Managed,
    /// Only read.
    Data,
    /// Opened for the length of a run and closed again.
    Ephemeral,
    /// Keeps the state of others, as a whole.
    StateStore,
}

/// A component that has a type from a provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// [`ProviderInstance::id`].
    pub provider: String,
    /// The provider's name for the type: `aws_vpc`, `file`.
    #[serde(rename = "type")]
    pub type_name: String,
    /// What kind of object it is.
    #[serde(default)]
    pub mode: Mode,
    /// The inputs; left out where they were not asked for or are in error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<Tree>,
    /// Why the inputs cannot be evaluated, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs_error: Option<EvalError>,
    /// What its existence, type and settings depended on (not its inputs).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<u32>,
    /// The names of its outputs, where its declaration fixes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs_skeleton: Option<Vec<String>>,
    /// Its state handler.
    #[serde(default)]
    pub state: StateChoice,
    /// Whether it cannot do without state.
    #[serde(default)]
    pub require_state: bool,
    /// How changes to it are made.
    #[serde(default)]
    pub lifecycle: Lifecycle,
    /// Earlier member paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<MemberPath>,
    /// Components it is to come after, beyond what its inputs tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<MemberPath>,
    /// The provider's identifier of an existing object to take over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_id: Option<String>,
    /// What identifies an existing object to take over, wholly known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import_identity: Option<Tree>,
}

/// How changes to a resource are made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Lifecycle {
    /// A replacement is created before the old object is deleted.
    pub create_before_destroy: bool,
    /// A plan that deletes or replaces it is an error.
    pub prevent_destroy: bool,
    /// Inputs whose changes are not acted upon.
    pub ignore_changes: Vec<AttrPath>,
    /// No input's change is acted upon.
    pub ignore_all_changes: bool,
    /// It is replaced when one of these changes.
    pub replace_triggered_by: Vec<OutputRef>,
}

/// Tells the evaluator the outputs of resources.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SetOutputs {
    /// The outputs, one entry a resource.
    pub outputs: Vec<ResourceOutputs>,
}

/// The outputs of one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResourceOutputs {
    /// The resource.
    pub member: MemberPath,
    /// An attribute set with known and unknown leaves and marks (`from` is ignored: whatever reads
    /// an output depends on that output); absent makes the outputs pending again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Tree>,
}

/// Answer to [`SetOutputs`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OutputsSet {}
method!(SetOutputs, "setOutputs", (), OutputsSet);

/// Asks where a leaf of a resource's inputs is defined.
///
/// Positions are asked for only when something is to be said about a leaf, so the many leaves about
/// which nothing is said cost nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Locate {
    /// What `path` goes into.
    pub subject: Subject,
    /// The leaf; the nearest enclosing position is given where it has none of its own.
    pub path: AttrPath,
}

/// What a [`Locate`] is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Subject {
    /// The inputs of a resource.
    Inputs(MemberPath),
    /// The `type` of a resource; the path is empty.
    Type(MemberPath),
    /// The configuration of a provider instance, by id.
    ProviderConfig(String),
    /// The inputs of a step of an operation.
    Operation(StepPath),
}

/// Answer to [`Locate`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Located {
    /// Where, as far as known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}
method!(Locate, "locate", (), Located);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_reads_naturally_on_the_wire() {
        let component = Component {
            path: "net.vpc".parse().expect("path"),
            kind: ComponentKind::Resource(Box::new(Resource {
                provider: "#aws".into(),
                type_name: "aws_vpc".into(),
                inputs: Some(Tree(serde_json::json!({ "cidr_block": "10.0.0.0/16" }))),
                ..Resource::default()
            })),
            refs: vec![],
            position: None,
        };
        let json = serde_json::to_value(&component).expect("json");
        assert_eq!(json["kind"], "resource");
        assert_eq!(json["path"], "net.vpc");
        assert_eq!(json["type"], "aws_vpc");
        let back: Component = serde_json::from_value(json).expect("round trip");
        assert_eq!(back, component);
    }

    #[test]
    fn numbers_survive_inside_tagged_enums() {
        let line = r#"{"path":"a","kind":"unknown","what":"kind","from":[0,18446744073709551616]}"#;
        assert!(
            serde_json::from_str::<Component>(line).is_err(),
            "out of range"
        );
        let line = r#"{"path":"a","kind":"resource","provider":"p","type":"t","from":[1],
            "inputs":{"n":18446744073709551616.5},"refs":[{"member":"b","path":["l",0]}]}"#;
        let component: Component = serde_json::from_str(line).expect("component");
        let ComponentKind::Resource(resource) = component.kind else {
            panic!("resource")
        };
        assert_eq!(resource.from, [1]);
        assert_eq!(
            resource.inputs.expect("inputs").0["n"].to_string(),
            "18446744073709551616.5"
        );
    }

    #[test]
    fn an_answer_is_an_item_a_result_or_an_error() {
        let line = r#"{"id":3,"error":{"kind":"throw","message":"no"}}"#;
        let reply: Reply = serde_json::from_str(line).expect("reply");
        assert!(matches!(reply.body, ReplyBody::Error(error) if error.message == "no"));
    }
}
