//! Run events: what a run of `nixops4` tells of itself, one JSON object a line with `--json`.
//!
//! Every line is an [`EventLine`]: `{"@version":1,"type":"applyStarted","member":"vpc",…}`. Within
//! one version, new types of events and new fields may appear; readers skip what they do not know.
//! A secret never stands in an event: a leaf that is secret is `{"sensitive":true}`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evaluator::{Mode, Position};
use crate::path::{AttrPath, MemberPath, OutputRef};

/// The newest version of this stream.
pub const EVENTS_VERSION: u32 = 1;

/// A line of the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventLine {
    /// [`EVENTS_VERSION`] of the writer.
    #[serde(rename = "@version")]
    pub version: u32,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

impl From<Event> for EventLine {
    fn from(event: Event) -> Self {
        Self {
            version: EVENTS_VERSION,
            event,
        }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Event {
    /// The run has begun. Comes first.
    RunStarted {
        /// What is to be done.
        command: Command,
    },
    /// The deployment is being evaluated.
    EvaluationStarted {},
    /// The deployment has been evaluated as far as that is possible without outputs.
    EvaluationDone {
        /// How many components were told of.
        components: usize,
    },
    /// An object is being read.
    ReadStarted {
        /// The resource.
        member: MemberPath,
    },
    /// An object has been read.
    ReadDone {
        /// The resource.
        member: MemberPath,
        /// What was found.
        found: Found,
    },
    /// A wave of planning has ended; what it found follows.
    WavePlanned {
        /// Counted from 1.
        wave: u32,
    },
    /// Something is to be done.
    PlannedChange(PlannedChange),
    /// Something is for a later wave.
    Deferred {
        /// The component.
        member: MemberPath,
        /// Why, in words.
        reason: String,
        /// The outputs that it waits for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        waits_for: Vec<OutputRef>,
    },
    /// Something is left alone because of an operation in doubt.
    HeldBack {
        /// The member.
        member: MemberPath,
        /// The member in doubt, if it is another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<MemberPath>,
        /// What is known of the operation.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        known: String,
    },
    /// Something could not be planned.
    PlanFailed {
        /// The member.
        member: MemberPath,
        /// The member whose error it is, if it is another.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<MemberPath>,
    },
    /// A plan in figures.
    PlanSummary(PlanSummary),
    /// A plan is being carried out.
    ApplyStarted {
        /// Which wave.
        wave: u32,
        /// How many operations it has.
        operations: usize,
    },
    /// A provider is being asked to do something.
    OperationStarted {
        /// The resource.
        member: MemberPath,
        /// What.
        operation: Operation,
    },
    /// What the provider tells while it does it.
    OperationProgress {
        /// The resource.
        member: MemberPath,
        /// What is being done.
        operation: Operation,
        /// In the provider's words.
        message: String,
    },
    /// It is still being done; told from time to time.
    OperationRunning {
        /// The resource.
        member: MemberPath,
        /// What is being done.
        operation: Operation,
        /// Since how many seconds.
        seconds: u64,
    },
    /// It has been done.
    OperationDone {
        /// The resource.
        member: MemberPath,
        /// What.
        operation: Operation,
    },
    /// It has not been done, or not wholly.
    OperationFailed {
        /// The resource.
        member: MemberPath,
        /// What.
        operation: Operation,
        /// What is left of it.
        result: FailedResult,
    },
    /// It was not begun.
    OperationSkipped {
        /// The resource.
        member: MemberPath,
        /// What.
        operation: Operation,
        /// Why.
        reason: SkipReason,
        /// The member because of which.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<MemberPath>,
    },
    /// An action of an operation is to be done.
    ActionPlanned {
        /// Which.
        #[serde(flatten)]
        step: StepRef,
        /// The provider instance.
        provider: String,
        /// What it is told.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        leaves: Vec<Leaf>,
    },
    /// A provider has been told to do it.
    ActionStarted {
        /// Which.
        #[serde(flatten)]
        step: StepRef,
    },
    /// A provider tells how far it has got.
    ActionProgress {
        /// Which.
        #[serde(flatten)]
        step: StepRef,
        /// What it says, in one line.
        message: String,
    },
    /// An action has been done.
    ActionDone {
        /// Which.
        #[serde(flatten)]
        step: StepRef,
    },
    /// It has not been done, or not wholly.
    ActionFailed {
        /// Which.
        #[serde(flatten)]
        step: StepRef,
        /// What is left of it.
        result: FailedResult,
    },
    /// It was not begun.
    ActionSkipped {
        /// Which.
        #[serde(flatten)]
        step: StepRef,
        /// Why.
        reason: SkipReason,
    },
    /// The user has asked for an end.
    Interrupted {
        /// Whether what runs is no longer waited for.
        at_once: bool,
    },
    /// Something to say about the user's text, a provider or an object.
    Diagnostic(Diagnostic),
    /// The run has ended. Comes last.
    RunSummary(RunSummary),
}

/// A step of an operation that a component offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepRef {
    /// The component.
    pub member: MemberPath,
    /// The operation's name there.
    pub operation: String,
    /// Counted from 0.
    pub step: usize,
    /// The provider's name for the type of action.
    pub action: String,
}

/// What a run is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "named after the commands")]
pub enum Command {
    Plan,
    Apply,
    Destroy,
    Run,
}

/// What reading an object found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Found {
    /// It is as it was.
    Same,
    /// It has been changed.
    Changed,
    /// It is gone.
    Gone,
}

/// What is to be done about a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the words say it")]
pub enum Action {
    NoOp,
    Read,
    Create,
    Update,
    Replace,
    Delete,
    Forget,
}

/// What a provider is asked to do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the words say it")]
pub enum Operation {
    Read,
    Create,
    Update,
    Delete,
    /// Only what is remembered changes.
    Remember,
    /// What is remembered of an object that is gone is dropped.
    Forget,
}

/// What is left of an operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FailedResult {
    /// What there was before.
    Failed,
    /// An object that is to be replaced.
    Tainted,
    /// No one knows.
    InDoubt,
}

/// Why an operation was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SkipReason {
    /// What comes before it failed.
    Dependency,
    /// The run was interrupted, or its state could not be written.
    Cancelled,
    /// It is for a later wave.
    Deferred,
}

/// A change that is planned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedChange {
    /// The resource.
    pub member: MemberPath,
    /// What is to be done.
    pub action: Action,
    /// Why, in words.
    pub reason: String,
    /// What kind of object it is.
    pub mode: Mode,
    /// The provider's name for its type.
    pub resource_type: String,
    /// The provider instance.
    pub provider: String,
    /// Where it was before it moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_from: Option<MemberPath>,
    /// The states that it moves between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_state: Option<StateMove>,
    /// The object left over from a replacement that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<String>,
    /// Whether a replacement is created before the old object is deleted.
    #[serde(default)]
    pub create_before_destroy: bool,
    /// The leaves that change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<Leaf>,
    /// Where it is defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// A resource is to be remembered in another state than it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateMove {
    /// The state that remembers it: a file, or the path of a state handler.
    pub from: String,
    /// The state that is to.
    pub to: String,
}

/// A leaf that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Leaf {
    /// Whether the user sets it or the provider reports it.
    pub side: Side,
    /// Where.
    pub path: AttrPath,
    /// As it is.
    pub before: Shown,
    /// As it will be.
    pub after: Shown,
    /// Whether it forces a replacement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forces_replacement: bool,
}

/// Whose a leaf is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// The user's.
    Input,
    /// The provider's.
    Output,
}

/// A leaf as it may be shown: exactly one of the fields, or none where there is no value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Shown {
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
    /// It is secret.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
    /// It is known after apply, from these outputs of others, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Vec<OutputRef>>,
}

/// A plan in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[allow(missing_docs, reason = "the words say it")]
pub struct PlanSummary {
    pub wave: u32,
    pub create: usize,
    pub update: usize,
    pub replace: usize,
    pub delete: usize,
    pub read: usize,
    pub forget: usize,
    pub import: usize,
    pub remember: usize,
    pub unchanged: usize,
    pub deferred: usize,
    pub held_back: usize,
    pub failed: usize,
}

/// How bad a [`Diagnostic`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Worth knowing.
    Warning,
    /// What it is about does not go on.
    Error,
}

/// Something to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// One line.
    pub summary: String,
    /// More lines.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The component it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberPath>,
    /// The input leaf it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<AttrPath>,
    /// Where that is defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

/// A run in figures: how many operations ended how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RunSummary {
    /// How many waves there were.
    pub waves: u32,
    /// Objects made.
    pub created: usize,
    /// Objects changed in place.
    pub updated: usize,
    /// Objects deleted.
    pub deleted: usize,
    /// Actions of an operation done.
    pub actions: usize,
    /// Operations that failed.
    pub failed: usize,
    /// Operations of which no one knows how they ended.
    pub in_doubt: usize,
    /// Operations that were not begun because something before them failed.
    pub skipped: usize,
    /// Operations that were not begun because of an interruption.
    pub cancelled: usize,
    /// Components that no wave could plan.
    pub deferred: usize,
    /// Members left alone because of operations in doubt.
    pub held_back: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_version_and_type() {
        let event = Event::OperationSkipped {
            member: "web.a".parse().expect("path"),
            operation: Operation::Create,
            reason: SkipReason::Dependency,
            because: Some("vpc".parse().expect("path")),
        };
        let line = serde_json::to_string(&EventLine::from(event.clone())).expect("json");
        assert_eq!(
            line,
            r#"{"@version":1,"type":"operationSkipped","member":"web.a","operation":"create","reason":"dependency","because":"vpc"}"#
        );
        let back: EventLine = serde_json::from_str(&line).expect("round trip");
        assert_eq!(back.event, event);
    }
}
