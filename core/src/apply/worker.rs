//! What a worker does: one step, with its intent before and its outcome after.

use std::sync::Arc;

use nixops4_proto::events::Operation;

use super::conform;
use super::model::Outcome;
use crate::MemberPath;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::{Ephemerals, ToOpen};
use crate::plan::Change;
use crate::plan::nodes::Ready;
use crate::plan::values::same;
use crate::plan::work::{OpenEphemeral, PlanWork, read_data, state_diagnostics};
use crate::provider::{
    Action, ApplyKind, ApplyRequest, ApplyResponse, Mode, PlannedChange, Progress, ResourceState,
};
use crate::state::{
    self, DeposedKey, Intent, ProviderRecord, StateError, StateEvent, StateStore, StoredObject,
};
use crate::value::Value;

/// A step to be done, with all it takes.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) operation: Operation,
    pub(crate) change: Arc<Change>,
    pub(crate) ready: Ready,
    /// Where it is remembered; `None` where it has no state.
    pub(crate) store: Option<Arc<dyn StateStore>>,
    /// Where it has been remembered until now, if elsewhere.
    pub(crate) from_store: Option<Arc<dyn StateStore>>,
    pub(crate) provider: Arc<ProviderRecord>,
    /// What is remembered of it now.
    pub(crate) object: Option<Arc<StoredObject>>,
    pub(crate) depose: Option<DeposedKey>,
    /// The inputs, wholly known.
    pub(crate) inputs: Arc<Value>,
    /// How to plan it again; `None` where nothing has become known since.
    pub(crate) plan: Option<PlanWork>,
    pub(crate) prevent_destroy: bool,
    /// Who keeps what is opened.
    pub(crate) ephemerals: Arc<Ephemerals>,
    /// Where the provider tells what it is doing.
    pub(crate) progress: Progress,
}

/// What became of a step.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) outcome: Outcome,
    /// The outputs, for those that depend on it.
    pub(crate) outputs: Option<Value>,
    pub(crate) diagnostics: Diagnostics,
    /// The state could not be written: nothing more may begin.
    pub(crate) state_failed: bool,
}

impl Finished {
    fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            outputs: None,
            diagnostics: Diagnostics::default(),
            state_failed: false,
        }
    }

    pub(crate) fn failed(diagnostics: impl Into<Diagnostics>) -> Self {
        Self {
            diagnostics: diagnostics.into(),
            ..Self::new(Outcome::Failed)
        }
    }

    /// It needs something that is not planned yet.
    pub(crate) fn deferred() -> Self {
        Self::new(Outcome::Deferred)
    }

    /// The state could not be written before anything was done.
    fn unwritten(error: &StateError) -> Self {
        Self {
            state_failed: !matches!(error, StateError::Illegal(_)),
            ..Self::failed(state_diagnostics(error))
        }
    }
}

impl Job {
    /// Does it.
    pub(crate) async fn run(self) -> Finished {
        let result = match self.operation {
            Operation::Read => self.read().await,
            Operation::Create | Operation::Update => self.make().await,
            Operation::Delete => self.delete().await,
            Operation::Remember => self.remember().await,
            Operation::Forget => self.forget().await,
        };
        result.unwrap_or_else(|finished| *finished)
    }

    /// Reads a data source, or opens what is ephemeral.
    async fn read(&self) -> Result<Finished, Box<Finished>> {
        if self.change.mode == Mode::Ephemeral {
            return self.open().await;
        }
        let read = read_data(&self.ready, &self.change.type_name, &self.inputs, true).await;
        let read = read.map_err(|f| Box::new(Finished::failed(f.into_diagnostics())))?;
        Ok(Finished {
            outputs: read.value,
            diagnostics: read.warnings,
            ..Finished::new(Outcome::Applied)
        })
    }

    async fn open(&self) -> Result<Finished, Box<Finished>> {
        let open = OpenEphemeral {
            node: 0,
            ready: self.ready.clone(),
            to_open: ToOpen {
                member: self.change.member.clone(),
                configured: self.ready.configured.clone(),
                type_name: self.change.type_name.clone(),
                inputs: self.inputs.clone(),
            },
            ephemerals: Some(self.ephemerals.clone()),
        };
        let opened = open.run().await;
        let opened = opened.map_err(|f| Box::new(Finished::failed(f.into_diagnostics())))?;
        Ok(Finished {
            outputs: opened.value,
            diagnostics: opened.warnings,
            ..Finished::new(Outcome::Applied)
        })
    }

    async fn make(&self) -> Result<Finished, Box<Finished>> {
        let (planned, mut warnings) = self.final_plan().await?;
        if planned.action == Action::NoOp {
            let finished = self.remember().await?;
            return Ok(Finished {
                diagnostics: {
                    warnings.extend(finished.diagnostics);
                    warnings
                },
                outputs: Some(planned.outputs),
                ..finished
            });
        }
        self.make_way().await?;
        let create = self.operation == Operation::Create;
        let operation = match create {
            true => state::Operation::Create {
                depose: self.depose.clone(),
            },
            false => state::Operation::Update,
        };
        let (kind, prior) = match create {
            true => (ApplyKind::Create, None),
            false => (ApplyKind::Update, self.change.before.as_deref()),
        };
        let request = ApplyRequest {
            kind,
            type_name: &self.change.type_name,
            prior,
            inputs: &self.inputs,
            stateful: self.store.is_some(),
            change: &planned,
            progress: self.progress.clone(),
        };
        let mut finished = self.effect(operation, request).await?;
        warnings.extend(std::mem::take(&mut finished.diagnostics));
        finished.diagnostics = warnings;
        Ok(finished)
    }

    /// The plan that is carried out: the approved one, or one made again with more known, which
    /// has to say the same.
    async fn final_plan(&self) -> Result<(PlannedChange, Diagnostics), Box<Finished>> {
        let Some(plan) = &self.plan else {
            return Ok((self.change.planned.clone(), Diagnostics::default()));
        };
        let planned = plan.run().await;
        let planned = planned.map_err(|f| Box::new(Finished::failed(f.into_diagnostics())))?;
        if let Some(reason) = planned.value.deferred {
            let text = format!("the provider cannot plan it any more: {reason}");
            return Err(Box::new(Finished::failed(Diagnostic::error(text))));
        }
        conform::plan(&self.change, &planned.value)
            .map_err(|diagnostic| Box::new(Finished::failed(*diagnostic)))?;
        Ok((planned.value, planned.warnings))
    }

    /// Brings what is remembered to where the operation starts from.
    async fn make_way(&self) -> Result<(), Box<Finished>> {
        self.settle_in().await?;
        let vanished = self.object.is_some() && self.change.before.is_none();
        if vanished && self.operation == Operation::Create && self.from_store.is_none() {
            let (member, deposed) = (self.change.member.clone(), None);
            self.record(vec![StateEvent::Gone { member, deposed }])
                .await?;
        }
        Ok(())
    }

    /// Brings what is remembered to the member's path, its state and its type, where it is not
    /// there yet.
    async fn settle_in(&self) -> Result<(), Box<Finished>> {
        // Of the two halves of a replacement, the first has done it.
        let second = self.change.action == Action::Replace
            && self.change.create_before_destroy != (self.operation == Operation::Create);
        if second || self.store.is_none() {
            return Ok(());
        }
        match &self.from_store {
            Some(from) => self.change_state(from.as_ref()).await,
            None => self.record(self.settled_in()).await,
        }
    }

    /// What settles it in, in the state that it stays in.
    fn settled_in(&self) -> Vec<StateEvent> {
        let (change, mut events) = (&self.change, Vec::new());
        if let Some(from) = &change.moved_from {
            events.push(StateEvent::Moved {
                from: from.clone(),
                to: change.member.clone(),
            });
        }
        match (&self.object, &change.before) {
            // What it was is nothing that its provider could read again.
            (Some(object), Some(before)) if self.was_other(object) => {
                events.push(self.found(before.as_ref().clone()));
            }
            // An object that is taken over.
            (None, Some(before)) => events.push(self.found(before.as_ref().clone())),
            _ => {}
        }
        events
    }

    /// Moves what is remembered from one state to another. It is in the new one before it leaves the
    /// old one: what is cut off in between is in both, and seen to be one object.
    async fn change_state(&self, from: &dyn StateStore) -> Result<(), Box<Finished>> {
        let change = &self.change;
        if let (Some(object), Some(before)) = (&self.object, &change.before) {
            let found = match self.was_other(object) {
                true => self.found(before.as_ref().clone()),
                false => StateEvent::Found {
                    member: change.member.clone(),
                    deposed: None,
                    object: Box::new(object.as_ref().clone()),
                },
            };
            self.record(vec![found]).await?;
        }
        let former = change.moved_from.as_ref().unwrap_or(&change.member);
        let gone = StateEvent::Gone {
            member: former.clone(),
            deposed: None,
        };
        let left = from.record(gone).await;
        left.map_err(|error| Box::new(Finished::unwritten(&error)))
    }

    /// Whether what is remembered was of another type, or made by another program.
    fn was_other(&self, object: &StoredObject) -> bool {
        let program = object.provider.as_ref().map(|record| &record.program);
        object.state.type_name != self.change.type_name
            || program.is_some_and(|program| *program != self.provider.program)
    }

    fn found(&self, state: ResourceState) -> StateEvent {
        StateEvent::Found {
            member: self.change.member.clone(),
            deposed: None,
            object: Box::new(self.stored(state)),
        }
    }

    async fn record(&self, events: Vec<StateEvent>) -> Result<(), Box<Finished>> {
        match &self.store {
            Some(store) if !events.is_empty() => store
                .record_all(events)
                .await
                .map_err(|error| Box::new(Finished::unwritten(&error))),
            _ => Ok(()),
        }
    }

    async fn delete(&self) -> Result<Finished, Box<Finished>> {
        let deposed = self.depose.clone().or_else(|| self.change.deposed.clone());
        let request = ApplyRequest {
            kind: ApplyKind::Delete,
            type_name: self
                .change
                .before
                .as_ref()
                .map_or(&*self.change.type_name, |before| &before.type_name),
            prior: self.change.before.as_deref(),
            inputs: &Value::null(),
            stateful: self.store.is_some(),
            change: &self.change.planned,
            progress: self.progress.clone(),
        };
        self.settle_in().await?;
        self.effect(state::Operation::Delete { deposed }, request)
            .await
    }

    async fn remember(&self) -> Result<Finished, Box<Finished>> {
        self.settle_in().await?;
        if let (Some(before), Some(_)) = (&self.change.before, &self.object) {
            self.record(vec![self.found(before.as_ref().clone())])
                .await?;
        }
        Ok(Finished::new(Outcome::Applied))
    }

    async fn forget(&self) -> Result<Finished, Box<Finished>> {
        self.record(vec![StateEvent::Gone {
            member: self.change.member.clone(),
            deposed: self.change.deposed.clone(),
        }])
        .await?;
        Ok(Finished::new(Outcome::Applied))
    }

    /// Calls the provider, with the intent written down before and the outcome after.
    async fn effect(
        &self,
        operation: state::Operation,
        request: ApplyRequest<'_>,
    ) -> Result<Finished, Box<Finished>> {
        let Some(store) = &self.store else {
            let response = self.ready.configured.apply(request.clone()).await;
            return Ok(judge(request.kind, request.prior, response).0);
        };
        let intent = Intent {
            member: self.change.member.clone(),
            operation,
            type_name: request.type_name.to_owned(),
            provider: Some(self.provider.clone()),
            inputs: request.inputs.clone(),
            planned_id: known_id(request.prior, &request.change.outputs),
        };
        let id = store
            .begin(intent)
            .await
            .map_err(|error| Box::new(Finished::unwritten(&error)))?;
        let response = self.ready.configured.apply(request.clone()).await;
        let (mut finished, left) = judge(request.kind, request.prior, response);
        let outcome = match left {
            Left::Object(state) => state::Outcome::object(self.stored_as(*state, request.kind)),
            Left::Nothing => state::Outcome::Gone,
            Left::AsBefore => state::Outcome::Unchanged,
            // The intent stays open: that is how the next run knows.
            Left::Unknown => return Ok(finished),
        };
        if let Err(error) = store.finish(id, outcome).await {
            finished.state_failed = true;
            finished.diagnostics.extend(state_diagnostics(&error));
        }
        Ok(finished)
    }

    fn stored_as(&self, state: ResourceState, kind: ApplyKind) -> StoredObject {
        match (kind, &self.object) {
            // It is still what it was, only not deleted.
            (ApplyKind::Delete, Some(object)) => {
                let mut object = object.as_ref().clone();
                object.state = state;
                object
            }
            _ => self.stored(state),
        }
    }

    /// An object as it is to be remembered.
    fn stored(&self, state: ResourceState) -> StoredObject {
        let fresh = || StoredObject::new(Mode::Managed, ResourceState::default());
        let mut object = self
            .object
            .as_deref()
            .filter(|_| self.operation != Operation::Create)
            .cloned()
            .unwrap_or_else(fresh);
        object.mode = self.change.mode;
        object.provider = Some(self.provider.clone());
        object.state = state;
        object.dependencies = self.change.depends_on.clone();
        object.create_before_destroy = self.change.create_before_destroy;
        object.prevent_destroy = self.prevent_destroy;
        object
    }
}

/// What there is after a call.
enum Left {
    Object(Box<ResourceState>),
    Nothing,
    AsBefore,
    Unknown,
}

/// What to do about an operation in doubt.
const SETTLE: &str = "find out whether it was done, and settle it: `nixops4 state repair MEMBER \
                      --adopt ID` if there is a new object, `--forget` if nothing was done";

/// What a provider's answer comes to.
fn judge(
    kind: ApplyKind,
    prior: Option<&ResourceState>,
    response: Result<ApplyResponse, crate::provider::ProviderError>,
) -> (Finished, Left) {
    let ApplyResponse {
        state,
        mut diagnostics,
    } = match response {
        Ok(response) => response,
        Err(error) => {
            let in_doubt = error.in_doubt;
            let failure = crate::provider::Failure::from(error);
            let mut finished = Finished::failed(failure.into_diagnostics());
            if in_doubt {
                if let Some(diagnostic) = finished.diagnostics.0.last_mut() {
                    diagnostic.hints.push(SETTLE.to_owned());
                }
                finished.outcome = Outcome::InDoubt;
            }
            let left = if in_doubt {
                Left::Unknown
            } else {
                Left::AsBefore
            };
            return (finished, left);
        }
    };
    let failed = diagnostics.has_errors();
    let outputs = state.as_ref().map(|state| state.outputs.clone());
    let (outcome, left) = match (kind, state, failed) {
        (ApplyKind::Create, Some(mut state), failed) => {
            state.tainted = failed;
            let outcome = if failed {
                Outcome::Tainted
            } else {
                Outcome::Applied
            };
            (outcome, Left::Object(Box::new(state)))
        }
        (ApplyKind::Create, None, true) => (Outcome::Failed, Left::Nothing),
        (ApplyKind::Create, None, false) => {
            diagnostics.push(Diagnostic::error(
                "the provider says that it made an object, but not what came of it",
            ));
            (Outcome::Failed, Left::Nothing)
        }
        (ApplyKind::Update, Some(state), failed) => {
            let outcome = if failed {
                Outcome::Failed
            } else {
                Outcome::Applied
            };
            let unchanged = failed && prior.is_some_and(|prior| *prior == state);
            let left = match unchanged {
                true => Left::AsBefore,
                false => Left::Object(Box::new(state)),
            };
            (outcome, left)
        }
        (ApplyKind::Update, None, _) => {
            if !failed {
                diagnostics.push(Diagnostic::error(
                    "the provider says that it changed an object, but not what came of it",
                ));
            }
            (Outcome::Failed, Left::AsBefore)
        }
        (ApplyKind::Delete, None, false) => (Outcome::Applied, Left::Nothing),
        (ApplyKind::Delete, None, true) => (Outcome::Failed, Left::Nothing),
        (ApplyKind::Delete, Some(state), failed) => {
            if !failed {
                diagnostics.push(Diagnostic::error(
                    "the provider says that it deleted an object, and that it is still there",
                ));
            }
            let same_as_before = prior.is_some_and(|prior| *prior == state);
            let left = match same_as_before {
                true => Left::AsBefore,
                false => Left::Object(Box::new(state)),
            };
            (Outcome::Failed, left)
        }
    };
    let finished = Finished {
        outcome,
        outputs,
        diagnostics,
        state_failed: false,
    };
    (finished, left)
}

/// What identifies an object, for those who have to find out what became of it.
fn known_id(prior: Option<&ResourceState>, planned: &Value) -> Option<serde_json::Value> {
    if let Some(identity) = prior.and_then(|prior| prior.identity.clone()) {
        return Some(identity);
    }
    let id = |outputs: &Value| {
        let id = outputs.as_attrs()?.get("id")?;
        (id.is_wholly_known() && !id.is_null() && id.marks.is_empty()).then(|| id.to_plain_json())
    };
    prior
        .and_then(|prior| id(&prior.outputs))
        .or_else(|| id(planned))
}

/// Whether an object would be remembered otherwise than it is.
pub(crate) fn differs(stored: &StoredObject, now: &StoredObject) -> bool {
    let record = |object: &StoredObject| object.provider.clone();
    let same_provider = match (record(stored), record(now)) {
        (Some(a), Some(b)) => {
            a.id == b.id && a.program == b.program && same_stored(&a.config, &b.config)
        }
        (a, b) => a.is_none() && b.is_none(),
    };
    let (a, b) = (&stored.state, &now.state);
    !(same_provider
        && stored.mode == now.mode
        && stored.dependencies == now.dependencies
        && stored.create_before_destroy == now.create_before_destroy
        && stored.prevent_destroy == now.prevent_destroy
        && a.type_name == b.type_name
        && same(&a.inputs, &b.inputs)
        && same(&a.outputs, &b.outputs)
        && a.private == b.private
        && a.schema_version == b.schema_version
        && a.identity == b.identity
        && a.tainted == b.tainted)
}

/// As [`same`], where secrets may not have been stored.
fn same_stored(stored: &Value, now: &Value) -> bool {
    use crate::value::Kind;
    if stored.is_unknown() && !stored.marks.is_empty() {
        return true;
    }
    match (&stored.kind, &now.kind) {
        (Kind::Attrs(a), Kind::Attrs(b)) => {
            let null = Value::null();
            a.keys()
                .chain(b.keys())
                .all(|name| same_stored(a.get(name).unwrap_or(&null), b.get(name).unwrap_or(&null)))
        }
        (Kind::List(a), Kind::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_stored(a, b))
        }
        _ => same(stored, now),
    }
}

/// The member, for messages.
impl Job {
    pub(crate) fn member(&self) -> &MemberPath {
        &self.change.member
    }

    /// Whether remembering it changes anything.
    pub(crate) fn is_to_remember(&self) -> bool {
        let (Some(_), Some(before)) = (&self.store, &self.change.before) else {
            return false;
        };
        match &self.object {
            None => true,
            Some(object) => {
                self.change.moved_from.is_some()
                    || self.from_store.is_some()
                    || differs(object, &self.stored(before.as_ref().clone()))
            }
        }
    }
}
