//! [`provider_contract`]: what every provider has to keep, whatever it is made of.
//!
//! A [`Subject`] says how to try one: with inputs that make an object, change it, replace it, are
//! wrong. Whatever it leaves out is not tried. Every case panics with its name where the provider
//! does not keep the contract.

use std::fmt;
use std::sync::Arc;

use nixops4_core::AttrPath;
use nixops4_core::diagnostic::Diagnostics;
use nixops4_core::provider::{
    Action, ApplyKind, ApplyRequest, ApplyResponse, ConfiguredProvider, Failure, Identifier,
    ImportRequest, Mode, PlanRequest, PlannedChange, Provider, ReadDataRequest, ResourceState,
};
use nixops4_core::value::{Kind, Value};

/// Does something to an object behind the provider's back.
pub type Behind = Box<dyn Fn(&ResourceState) + Send + Sync>;

/// Finds the provider's identifier of an object.
pub type Identify = Box<dyn Fn(&ResourceState) -> String + Send + Sync>;

/// A provider to be tried, and with what.
pub struct Subject {
    /// Starts the provider; each time over the same objects.
    pub start: Box<dyn Fn() -> Arc<dyn Provider> + Send + Sync>,
    /// Its configuration.
    pub config: Value,
    /// A managed type.
    pub type_name: String,
    /// Inputs that make an object.
    pub inputs: Value,
    /// Inputs that change it in place.
    pub updated: Option<Value>,
    /// Inputs that need another object, and the leaf that says so.
    pub replaced: Option<(Value, AttrPath)>,
    /// Inputs that are wrong at a leaf.
    pub invalid: Option<(Value, AttrPath)>,
    /// An input that may be unknown while planning, and whose change updates in place.
    pub may_be_unknown: Option<String>,
    /// An output that is secret.
    pub secret_output: Option<String>,
    /// Changes an object so that it differs from its inputs.
    pub drift: Option<Behind>,
    /// Deletes an object.
    pub vanish: Option<Behind>,
    /// What to import an object by.
    pub import_id: Option<Identify>,
    /// A data source, with inputs.
    pub data: Option<(String, Value)>,
}

impl Subject {
    /// A subject of which only an object can be made.
    pub fn new(
        start: impl Fn() -> Arc<dyn Provider> + Send + Sync + 'static,
        type_name: &str,
        inputs: Value,
    ) -> Self {
        Self {
            start: Box::new(start),
            config: Value::null(),
            type_name: type_name.to_owned(),
            inputs,
            updated: None,
            replaced: None,
            invalid: None,
            may_be_unknown: None,
            secret_output: None,
            drift: None,
            vanish: None,
            import_id: None,
            data: None,
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a subject with the type {}", self.type_name)
    }
}

/// Tries everything.
pub async fn provider_contract(subject: &Subject) {
    names_that_do_not_exist_are_complaints(subject).await;
    inputs_are_checked(subject).await;
    an_object_is_made_and_needs_nothing_more(subject).await;
    the_user_can_force_a_replacement_or_ignore_changes(subject).await;
    unknown_inputs_are_planned_around(subject).await;
    updates_converge(subject).await;
    replacements_name_their_leaf(subject).await;
    drift_is_seen_and_put_right(subject).await;
    what_vanished_is_gone(subject).await;
    imports_give_the_same_object(subject).await;
    data_is_read(subject).await;
    after_closing_everything_fails(subject).await;
}

/// One running, configured provider.
struct Session<'a> {
    subject: &'a Subject,
    provider: Arc<dyn ConfiguredProvider>,
}

impl<'a> Session<'a> {
    async fn start(subject: &'a Subject) -> Self {
        let provider = (subject.start)();
        let wrong = provider.validate_config(&subject.config).await;
        assert_fine(&wrong.expect("the provider answers"));
        let configured = provider.configure(&subject.config).await;
        Self {
            subject,
            provider: configured.expect("configured").value,
        }
    }

    fn request<'b>(
        &'b self,
        prior: Option<&'b ResourceState>,
        inputs: &'b Value,
    ) -> PlanRequest<'b> {
        PlanRequest {
            type_name: &self.subject.type_name,
            prior,
            inputs,
            stateful: true,
            ignore_changes: &[],
            ignore_all_changes: false,
            force_replace: false,
        }
    }

    async fn plan(&self, prior: Option<&ResourceState>, inputs: &Value) -> PlannedChange {
        let planned = self.provider.plan(self.request(prior, inputs)).await;
        planned.expect("planned").value
    }

    async fn apply(
        &self,
        kind: ApplyKind,
        prior: Option<&ResourceState>,
        inputs: &Value,
        change: &PlannedChange,
    ) -> Option<ResourceState> {
        let response = self.provider.apply(ApplyRequest {
            kind,
            type_name: &self.subject.type_name,
            prior,
            inputs,
            stateful: true,
            change,
            progress: Default::default(),
        });
        let ApplyResponse { state, diagnostics } = response.await.expect("the provider answers");
        assert_fine(&diagnostics);
        if let Some(state) = &state {
            completes(&change.outputs, &state.outputs, &AttrPath::root());
        }
        state
    }

    /// Plans and does what the plan says, for an object that is wanted.
    async fn converge(&self, prior: Option<&ResourceState>, inputs: &Value) -> ResourceState {
        let change = self.plan(prior, inputs).await;
        let made = match change.action {
            Action::NoOp => prior.cloned(),
            Action::Create => self.apply(ApplyKind::Create, None, inputs, &change).await,
            Action::Update => self.apply(ApplyKind::Update, prior, inputs, &change).await,
            Action::Replace => {
                self.delete(prior.expect("there is one to replace")).await;
                self.apply(ApplyKind::Create, None, inputs, &change).await
            }
            other => panic!("a plan for a wanted object says {other:?}"),
        };
        let state = made.expect("the object exists");
        assert!(state.outputs.is_wholly_known(), "{:?}", state.outputs);
        assert_eq!(state.type_name, self.subject.type_name);
        state
    }

    async fn create(&self) -> ResourceState {
        self.converge(None, &self.subject.inputs).await
    }

    async fn delete(&self, state: &ResourceState) {
        let change = self
            .provider
            .plan_delete(state)
            .await
            .expect("planned")
            .value;
        match change.action {
            Action::Delete => {
                assert!(change.outputs.is_null(), "a deletion has no outputs");
                let left = self
                    .apply(ApplyKind::Delete, Some(state), &Value::null(), &change)
                    .await;
                assert_eq!(left, None, "it is gone");
            }
            Action::Forget => {}
            other => panic!("a plan to delete says {other:?}"),
        }
    }

    async fn read(&self, state: &ResourceState) -> Option<ResourceState> {
        self.provider.read(state).await.expect("read").value
    }

    async fn settled(&self, state: &ResourceState, inputs: &Value) {
        let change = self.plan(Some(state), inputs).await;
        assert_eq!(change.action, Action::NoOp, "{change:?}");
    }

    async fn end(self) {
        self.provider.close().await;
    }
}

fn assert_fine(diagnostics: &Diagnostics) {
    assert!(!diagnostics.has_errors(), "{diagnostics:?}");
}

fn complains<T: fmt::Debug>(result: Result<T, Failure>, about: &str) {
    match result {
        Err(Failure::Diagnostics(diagnostics)) => {
            assert!(diagnostics.has_errors(), "{diagnostics:?}");
            let text = format!("{:?}", diagnostics.0);
            assert!(text.contains(about), "{text} does not name {about}");
        }
        other => panic!("not a complaint: {other:?}"),
    }
}

/// Whatever was known in a plan is so.
fn completes(planned: &Value, actual: &Value, path: &AttrPath) {
    match (&planned.kind, &actual.kind) {
        (Kind::Unknown, _) => {}
        (Kind::Attrs(planned), Kind::Attrs(actual)) => {
            for (name, planned) in planned {
                let null = Value::null();
                let actual = actual.get(name).unwrap_or(&null);
                completes(planned, actual, &path.child(name.as_str()));
            }
        }
        (Kind::List(planned), Kind::List(actual)) => {
            assert_eq!(planned.len(), actual.len(), "the length of {path}");
            for (i, (planned, actual)) in planned.iter().zip(actual).enumerate() {
                completes(planned, actual, &path.child(i));
            }
        }
        (planned, actual) => assert_eq!(planned, actual, "planned and actual value of {path}"),
    }
    let secret = |value: &Value| value.marks.sensitive;
    assert!(
        secret(actual) || !secret(planned),
        "{path} is no longer secret"
    );
}

fn with(inputs: &Value, name: &str, value: Value) -> Value {
    let mut attrs = inputs.as_attrs().cloned().unwrap_or_default();
    attrs.insert(name.to_owned(), value);
    Value::attrs(attrs)
}

async fn names_that_do_not_exist_are_complaints(subject: &Subject) {
    let session = (subject.start)();
    let name = "no_such_type";
    complains(session.resource_type(Mode::Managed, name).await, name);
    complains(session.resource_type(Mode::Data, name).await, name);
    let found = session
        .validate(Mode::Managed, name, &Value::attrs::<String>([]))
        .await
        .expect("the provider answers");
    assert!(found.has_errors());
    let known = session
        .resource_type(Mode::Managed, &subject.type_name)
        .await
        .expect("it exists");
    assert_eq!(known.name, subject.type_name);
    session.close().await;
}

async fn inputs_are_checked(subject: &Subject) {
    let provider = (subject.start)();
    let mode = Mode::Managed;
    let check = async |inputs: &Value| {
        let found = provider.validate(mode, &subject.type_name, inputs).await;
        found.expect("the provider answers")
    };
    assert_fine(&check(&subject.inputs).await);
    assert_fine(&check(&Value::unknown()).await);
    if let Some((inputs, path)) = &subject.invalid {
        let found = check(inputs).await;
        let at_leaf = found.0.iter().any(|d| d.path.as_ref() == Some(path));
        assert!(
            found.has_errors() && at_leaf,
            "nothing is at {path}: {found:?}"
        );
    }
    provider.close().await;
}

async fn an_object_is_made_and_needs_nothing_more(subject: &Subject) {
    let session = Session::start(subject).await;
    let change = session.plan(None, &subject.inputs).await;
    assert_eq!(change.action, Action::Create);
    let state = session.create().await;
    session.settled(&state, &subject.inputs).await;
    let read = session.read(&state).await.expect("it is there");
    session.settled(&read, &subject.inputs).await;
    if let Some(name) = &subject.secret_output {
        for (when, outputs) in [("planned", &change.outputs), ("real", &state.outputs)] {
            let output = outputs.as_attrs().and_then(|outputs| outputs.get(name));
            let output = output.unwrap_or_else(|| panic!("there is no {when} output {name}"));
            assert!(
                output.marks.sensitive,
                "the {when} output {name} is no secret"
            );
        }
    }
    session.end().await;

    // Another process goes on with what the first remembered.
    let session = Session::start(subject).await;
    let upgraded = session
        .provider
        .upgrade(state)
        .await
        .expect("upgraded")
        .value;
    session.settled(&upgraded, &subject.inputs).await;
    session.delete(&upgraded).await;
    session.end().await;
}

async fn the_user_can_force_a_replacement_or_ignore_changes(subject: &Subject) {
    let session = Session::start(subject).await;
    let state = session.create().await;
    let tainted = ResourceState {
        tainted: true,
        ..state.clone()
    };
    let change = session.plan(Some(&tainted), &subject.inputs).await;
    assert_eq!(
        change.action,
        Action::Replace,
        "what is tainted is replaced"
    );
    let forced = PlanRequest {
        force_replace: true,
        ..session.request(Some(&state), &subject.inputs)
    };
    let change = session.provider.plan(forced).await.expect("planned").value;
    assert_eq!(
        (change.action, change.replace_paths),
        (Action::Replace, vec![])
    );
    if let Some(updated) = &subject.updated {
        let ignoring = PlanRequest {
            ignore_all_changes: true,
            ..session.request(Some(&state), updated)
        };
        let change = session
            .provider
            .plan(ignoring)
            .await
            .expect("planned")
            .value;
        assert_eq!(change.action, Action::NoOp, "all changes are ignored");
    }
    session.delete(&state).await;
    session.end().await;
}

async fn unknown_inputs_are_planned_around(subject: &Subject) {
    let Some(name) = &subject.may_be_unknown else {
        return;
    };
    let session = Session::start(subject).await;
    let state = session.create().await;
    let unknown = with(&subject.inputs, name, Value::unknown());
    let change = session.plan(None, &unknown).await;
    assert_eq!(change.action, Action::Create);
    let change = session.plan(Some(&state), &unknown).await;
    assert_eq!(change.action, Action::Update);
    assert_eq!(change.outputs.all_provenance().iter().count(), 0);
    session.delete(&state).await;
    session.end().await;
}

async fn updates_converge(subject: &Subject) {
    let Some(updated) = &subject.updated else {
        return;
    };
    let session = Session::start(subject).await;
    let state = session.create().await;
    let change = session.plan(Some(&state), updated).await;
    assert_eq!(change.action, Action::Update);
    let state = session.converge(Some(&state), updated).await;
    session.settled(&state, updated).await;
    let read = session.read(&state).await.expect("it is there");
    session.settled(&read, updated).await;
    session.delete(&read).await;
    session.end().await;
}

async fn replacements_name_their_leaf(subject: &Subject) {
    let Some((inputs, path)) = &subject.replaced else {
        return;
    };
    let session = Session::start(subject).await;
    let state = session.create().await;
    let change = session.plan(Some(&state), inputs).await;
    assert_eq!(change.action, Action::Replace);
    assert_eq!(change.replace_paths, std::slice::from_ref(path));
    let state = session.converge(Some(&state), inputs).await;
    session.settled(&state, inputs).await;
    session.delete(&state).await;
    session.end().await;
}

async fn drift_is_seen_and_put_right(subject: &Subject) {
    let Some(drift) = &subject.drift else {
        return;
    };
    let session = Session::start(subject).await;
    let state = session.create().await;
    drift(&state);
    let read = session.read(&state).await.expect("it is there");
    let change = session.plan(Some(&read), &subject.inputs).await;
    assert_ne!(change.action, Action::NoOp, "the drift is not seen");
    let state = session.converge(Some(&read), &subject.inputs).await;
    let read = session.read(&state).await.expect("it is there");
    session.settled(&read, &subject.inputs).await;
    session.delete(&read).await;
    session.end().await;
}

async fn what_vanished_is_gone(subject: &Subject) {
    let Some(vanish) = &subject.vanish else {
        return;
    };
    let session = Session::start(subject).await;
    let state = session.create().await;
    vanish(&state);
    assert_eq!(session.read(&state).await, None);
    session.end().await;
}

async fn imports_give_the_same_object(subject: &Subject) {
    let Some(import_id) = &subject.import_id else {
        return;
    };
    let session = Session::start(subject).await;
    let state = session.create().await;
    let request = |object| ImportRequest {
        type_name: &subject.type_name,
        object,
        inputs: &subject.inputs,
    };
    let id = Identifier::Id(import_id(&state));
    let imported = session.provider.import(request(&id)).await;
    let imported = imported.expect("imported").value;
    let ours = |state: &ResourceState| state.outputs.to_plain_json();
    assert_eq!(ours(&imported), ours(&state));
    let state = session.converge(Some(&imported), &subject.inputs).await;
    session.settled(&state, &subject.inputs).await;
    let absent = Identifier::Id("/no/such/object".to_owned());
    let absent = session.provider.import(request(&absent)).await;
    complains(absent, "/no/such/object");
    session.delete(&state).await;
    session.end().await;
}

async fn data_is_read(subject: &Subject) {
    let Some((type_name, inputs)) = &subject.data else {
        return;
    };
    let session = Session::start(subject).await;
    let read = ReadDataRequest { type_name, inputs };
    let found = session.provider.read_data(read).await.expect("read").value;
    assert!(
        found.is_wholly_known() && found.as_attrs().is_some(),
        "{found:?}"
    );
    let absent = ReadDataRequest {
        type_name: "no_such_type",
        inputs,
    };
    complains(session.provider.read_data(absent).await, "no_such_type");
    session.end().await;
}

async fn after_closing_everything_fails(subject: &Subject) {
    let session = Session::start(subject).await;
    let state = session.create().await;
    session.delete(&state).await;
    session.provider.stop().await;
    session.provider.close().await;
    session.provider.close().await;
    let planned = session
        .provider
        .plan(session.request(None, &subject.inputs));
    let applied = PlannedChange {
        action: Action::Create,
        outputs: Value::unknown(),
        replace_paths: Vec::new(),
        provider_data: Vec::new(),
        deferred: None,
    };
    let apply = session.provider.apply(ApplyRequest {
        kind: ApplyKind::Create,
        type_name: &subject.type_name,
        prior: None,
        inputs: &subject.inputs,
        stateful: true,
        change: &applied,
        progress: Default::default(),
    });
    // A provider that plans without asking may still do that; nothing may be done any more.
    let _ = planned.await;
    let error = apply.await.expect_err("it is closed");
    assert!(!error.in_doubt, "nothing can have happened: {error:?}");
}
