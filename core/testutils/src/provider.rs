//! [`FakeProvider`]: the trait, kept to the letter, over a [`World`].
//!
//! | kind | name | inputs | outputs |
//! |---|---|---|---|
//! | managed | `thing` | anything | `id`, and every input under its own name |
//! | data | `lookup` | `key` | `key`, and `value`: what [`World::set_data`] said, or `value of KEY` |
//!
//! A change of `size` replaces a thing. The output `secret` is sensitive. An input `bad` is
//! complained about with its text, an input `odd` warned about. The `name` input is how scripts and
//! calls name an object.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use nixops4_core::AttrPath;
use nixops4_core::diagnostic::{Diagnostic, Diagnostics};
use nixops4_core::provider::default_plan::{self, Rules};
use nixops4_core::provider::{
    Action, ApplyKind, ApplyRequest, ApplyResponse, ConfiguredProvider, Failure, ImportRequest,
    Mode, PlanRequest, PlannedChange, Provider, ProviderError, ProviderResult, ReadDataRequest,
    ResourceState, ResourceType,
};
use nixops4_core::value::{Kind, Value};

use crate::script::{Call, Operation, Outcome};
use crate::world::{Object, Planned, World, name_of};

/// The version that states of this fake have; 0 is an older one, which it can upgrade.
const SCHEMA_VERSION: u64 = 1;

/// A managed type of the fake.
#[derive(Clone, Debug, Default)]
pub struct FakeType {
    /// Inputs whose change replaces the object.
    pub replaces: Vec<String>,
    /// Outputs beyond the echoed inputs, and whether an update keeps them.
    pub computed: BTreeMap<String, bool>,
    /// Inputs that are secret, and so the outputs that echo them.
    pub sensitive: Vec<String>,
    /// Whether it is a state handler.
    pub state_handler: bool,
    /// Whether it cannot do without state.
    pub require_state: bool,
}

impl FakeType {
    /// The type `thing`.
    pub fn thing() -> Self {
        Self {
            replaces: vec!["size".into()],
            computed: BTreeMap::from([("id".into(), true)]),
            sensitive: vec!["secret".into()],
            ..Self::default()
        }
    }

    fn rules(&self) -> Rules {
        Rules {
            replaces: self.replaces.iter().map(|name| input(name)).collect(),
            outputs: Some(BTreeMap::new()),
            always: false,
        }
    }
}

fn input(name: &str) -> AttrPath {
    AttrPath::root().child(name)
}

/// A provider in memory.
#[derive(Debug)]
pub struct FakeProvider {
    world: Arc<World>,
    types: BTreeMap<String, FakeType>,
    /// Why nothing can be asked any more.
    ended: AtomicBool,
}

impl Default for FakeProvider {
    fn default() -> Self {
        Self::over(Arc::default())
    }
}

impl FakeProvider {
    /// A provider with a world of its own.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// A provider over a world that outlives it: what a second run starts.
    pub fn over(world: Arc<World>) -> Self {
        Self {
            world,
            types: BTreeMap::from([("thing".to_owned(), FakeType::thing())]),
            ended: AtomicBool::new(false),
        }
    }

    /// With another managed type.
    pub fn with_type(mut self, name: &str, fake: FakeType) -> Self {
        self.types.insert(name.to_owned(), fake);
        self
    }

    /// The objects, the calls, and the script.
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Writes a call down and does what the script says of it.
    async fn enter(
        &self,
        operation: Operation,
        type_name: &str,
        name: &str,
        inputs: &Value,
    ) -> Result<Option<Outcome>, ProviderError> {
        let call = Call {
            operation,
            type_name: type_name.to_owned(),
            name: name.to_owned(),
            inputs: inputs.clone(),
        };
        if self.ended.load(Ordering::SeqCst) {
            return Err(error(operation, "the program has ended", false));
        }
        let outcome = self.world.enter(call).await;
        match outcome {
            Some(Outcome::CrashBefore) => Err(self.crash(operation)),
            outcome => Ok(outcome),
        }
    }

    fn crash(&self, operation: Operation) -> ProviderError {
        self.ended.store(true, Ordering::SeqCst);
        let effect = matches!(
            operation,
            Operation::Create | Operation::Update | Operation::Delete
        );
        error(operation, "the program ended with exit code 101", effect)
    }

    /// As [`Self::enter`], for what may fail and do nothing else out of the ordinary.
    async fn ask(
        &self,
        operation: Operation,
        type_name: &str,
        name: &str,
        inputs: &Value,
    ) -> Result<(), Failure> {
        match self.enter(operation, type_name, name, inputs).await? {
            Some(Outcome::CrashAfter) => Err(self.crash(operation).into()),
            Some(Outcome::Fail(text) | Outcome::Partial(text) | Outcome::Defer(text)) => {
                Err(Diagnostic::error(text).into())
            }
            _ => Ok(()),
        }
    }

    fn fake_type(&self, name: &str) -> Result<&FakeType, Diagnostics> {
        self.types.get(name).ok_or_else(|| {
            let names: Vec<_> = self.types.keys().map(String::as_str).collect();
            Diagnostic::error(format!("there is no resource type `{name}`"))
                .hint(format!("the types are: {}", names.join(", ")))
                .into()
        })
    }

    fn violation(&self, text: impl Into<String>) -> Diagnostic {
        let text = self.world.violation(text.into());
        Diagnostic::error(format!("the caller broke the contract: {text}"))
    }
}

fn error(operation: Operation, message: &str, in_doubt: bool) -> ProviderError {
    ProviderError {
        provider: "fake".into(),
        call: format!("{operation:?}"),
        message: message.into(),
        hints: Vec::new(),
        in_doubt,
    }
}

fn id_of(state: &ResourceState) -> &str {
    let id = state
        .outputs
        .as_attrs()
        .and_then(|outputs| outputs.get("id"));
    id.and_then(Value::as_str).unwrap_or_default()
}

/// What a call about this state is called in scripts.
fn called<'a>(inputs: &'a Value, state: Option<&'a ResourceState>) -> &'a str {
    let prior = || state.map(|state| name_of(&state.inputs).unwrap_or_else(|| id_of(state)));
    name_of(inputs).or_else(prior).unwrap_or_default()
}

/// The outputs of an object with these inputs; computed ones come from `computed`.
fn outputs(fake: &FakeType, inputs: &Value, computed: impl Fn(&str) -> Value) -> Value {
    if inputs.is_unknown() {
        return Value::unknown();
    }
    let mut outputs = inputs.as_attrs().cloned().unwrap_or_default();
    outputs.retain(|_, value| !value.is_null());
    for name in &fake.sensitive {
        if let Some(output) = outputs.get_mut(name) {
            output.marks.sensitive = true;
        }
    }
    for name in fake.computed.keys() {
        outputs.insert(name.clone(), computed(name));
    }
    Value::attrs(outputs).without_provenance()
}

fn real_outputs(fake: &FakeType, id: &str, object: &Object) -> Value {
    outputs(fake, &object.inputs, |name| match name {
        "id" => id.into(),
        _ if fake.computed[name] => format!("{name} of {id}").as_str().into(),
        _ => format!("{name} {} of {id}", object.version).as_str().into(),
    })
}

fn real_state(fake: &FakeType, id: &str, object: &Object) -> ResourceState {
    ResourceState {
        type_name: object.type_name.clone(),
        inputs: object.inputs.clone(),
        outputs: real_outputs(fake, id, object),
        private: Some(object.version.to_string().into_bytes()),
        schema_version: SCHEMA_VERSION,
        identity: None,
        tainted: false,
    }
}

/// Every text with something added to it.
fn falsified(value: &Value) -> Value {
    let mut value = value.clone();
    match &mut value.kind {
        Kind::String(text) => *text = format!("{text}?").into(),
        Kind::List(elements) => elements.iter_mut().for_each(|e| *e = falsified(e)),
        Kind::Attrs(attrs) => attrs.values_mut().for_each(|a| *a = falsified(a)),
        _ => {}
    }
    value
}

#[async_trait]
impl Provider for FakeProvider {
    async fn validate_config(&self, config: &Value) -> Result<Diagnostics, ProviderError> {
        self.enter(Operation::ValidateConfig, "", "", config)
            .await?;
        Ok(complaints(config))
    }

    async fn resource_type(&self, mode: Mode, name: &str) -> Result<Arc<ResourceType>, Failure> {
        self.ask(Operation::ResourceType, name, "", &Value::null())
            .await?;
        if mode == Mode::Data && name == "lookup" {
            return Ok(Arc::new(ResourceType {
                name: name.to_owned(),
                outputs: Some(["key".to_owned(), "value".to_owned()].into()),
                ..ResourceType::default()
            }));
        }
        let fake = self.fake_type(name)?;
        Ok(Arc::new(ResourceType {
            name: name.to_owned(),
            state_handler: fake.state_handler,
            require_state: fake.require_state,
            sensitive_inputs: fake.sensitive.iter().map(|name| input(name)).collect(),
            ..ResourceType::default()
        }))
    }

    async fn validate(
        &self,
        mode: Mode,
        type_name: &str,
        inputs: &Value,
    ) -> Result<Diagnostics, ProviderError> {
        let name = called(inputs, None);
        self.enter(Operation::Validate, type_name, name, inputs)
            .await?;
        let known = mode == Mode::Data && type_name == "lookup";
        if !known && let Err(diagnostics) = self.fake_type(type_name) {
            return Ok(diagnostics);
        }
        Ok(complaints(inputs))
    }

    async fn configure(
        self: Arc<Self>,
        config: &Value,
    ) -> ProviderResult<Arc<dyn ConfiguredProvider>> {
        self.ask(Operation::Configure, "", "", config).await?;
        if !config.is_wholly_known() {
            return Err(self
                .violation("configure with an unknown configuration")
                .into());
        }
        Ok((self as Arc<dyn ConfiguredProvider>).into())
    }

    async fn close(&self) {
        ConfiguredProvider::close(self).await;
    }
}

fn complaints(inputs: &Value) -> Diagnostics {
    let mut diagnostics = Diagnostics::default();
    let text = |name: &str| inputs.as_attrs()?.get(name)?.as_str();
    if let Some(text) = text("bad") {
        diagnostics.push(Diagnostic::error(text).at(input("bad")));
    }
    if let Some(text) = text("odd") {
        diagnostics.push(Diagnostic::warning(text).at(input("odd")));
    }
    diagnostics
}

#[async_trait]
impl ConfiguredProvider for FakeProvider {
    async fn read(&self, state: &ResourceState) -> ProviderResult<Option<ResourceState>> {
        let name = called(&state.inputs, Some(state));
        self.ask(Operation::Read, &state.type_name, name, &state.inputs)
            .await?;
        let fake = self.fake_type(&state.type_name)?;
        let found = self.world.object(id_of(state)).map(|object| ResourceState {
            tainted: state.tainted,
            ..real_state(fake, id_of(state), &object)
        });
        Ok(found.into())
    }

    async fn upgrade(&self, state: ResourceState) -> ProviderResult<ResourceState> {
        let name = called(&state.inputs, Some(&state)).to_owned();
        self.ask(Operation::Upgrade, &state.type_name, &name, &state.inputs)
            .await?;
        if state.schema_version > SCHEMA_VERSION {
            return Err(Diagnostic::error("the state is of a newer version").into());
        }
        let upgraded = ResourceState {
            schema_version: SCHEMA_VERSION,
            ..state
        };
        Ok(upgraded.into())
    }

    async fn plan(&self, request: PlanRequest<'_>) -> ProviderResult<PlannedChange> {
        let name = called(request.inputs, request.prior);
        let entered = self.enter(Operation::Plan, request.type_name, name, request.inputs);
        let deferred = match entered.await? {
            Some(Outcome::Fail(text)) => return Err(Diagnostic::error(text).into()),
            Some(Outcome::Defer(reason)) => Some(reason),
            _ => None,
        };
        let fake = self.fake_type(request.type_name)?;
        if request
            .prior
            .is_some_and(|prior| prior.schema_version != SCHEMA_VERSION)
        {
            return Err(self
                .violation("plan from a state that was not upgraded")
                .into());
        }
        let change = default_plan::plan(&fake.rules(), &request);
        // A replacement is made as the user wants it: there is nothing left to leave alone.
        let effective = match change.action {
            Action::Replace => request.inputs.clone(),
            _ => default_plan::effective_inputs(&request),
        };
        let kept = |name: &str| match (change.action, request.prior) {
            (Action::Update, Some(prior)) if fake.computed[name] => prior
                .outputs
                .get(&input(name))
                .cloned()
                .unwrap_or_else(Value::unknown),
            _ => Value::unknown(),
        };
        let planned = match change.action {
            Action::NoOp => change.outputs.clone(),
            _ => outputs(fake, &effective, kept),
        };
        let token = self.world.remember_plan(Planned {
            wanted: request.inputs.to_plain_json().to_string(),
            effective: effective.without_provenance(),
        });
        Ok(PlannedChange {
            outputs: planned,
            provider_data: token,
            deferred,
            ..change
        }
        .into())
    }

    async fn plan_delete(&self, state: &ResourceState) -> ProviderResult<PlannedChange> {
        let name = called(&state.inputs, Some(state));
        self.ask(
            Operation::PlanDelete,
            &state.type_name,
            name,
            &Value::null(),
        )
        .await?;
        Ok(default_plan::plan_delete(state).into())
    }

    async fn apply(&self, request: ApplyRequest<'_>) -> Result<ApplyResponse, ProviderError> {
        let operation = match request.kind {
            ApplyKind::Create => Operation::Create,
            ApplyKind::Update => Operation::Update,
            ApplyKind::Delete => Operation::Delete,
        };
        let name = called(request.inputs, request.prior);
        let id = request.prior.map(id_of).unwrap_or_default();
        let busy = self.world.begin(id).filter(|_| !id.is_empty());
        if busy.is_none() && !id.is_empty() {
            return Ok(refused(
                &request,
                self.violation(format!("{id} is being changed twice")),
            ));
        }
        let outcome = self
            .enter(operation, request.type_name, name, request.inputs)
            .await?;
        let effective = match self.check(&request, id) {
            Ok(effective) => effective,
            Err(diagnostics) => return Ok(refused(&request, diagnostics)),
        };
        if let Some(Outcome::Fail(text)) = outcome {
            return Ok(refused(&request, Diagnostic::error(text)));
        }
        let mut response = self.effect(&request, id, effective);
        match outcome {
            Some(Outcome::CrashAfter) => return Err(self.crash(operation)),
            Some(Outcome::Inconsistent) => {
                if let Some(state) = &mut response.state {
                    state.outputs = falsified(&state.outputs);
                }
            }
            Some(Outcome::Partial(text)) => {
                response.diagnostics.push(Diagnostic::error(text));
                if let (Some(state), Some(prior)) = (&mut response.state, request.prior) {
                    state.inputs = prior.inputs.clone();
                }
            }
            _ => {}
        }
        Ok(response)
    }

    async fn read_data(&self, request: ReadDataRequest<'_>) -> ProviderResult<Value> {
        let key = request.inputs.get(&input("key")).and_then(Value::as_str);
        let key = key.unwrap_or_default();
        self.ask(Operation::ReadData, request.type_name, key, request.inputs)
            .await?;
        if request.type_name != "lookup" {
            let text = format!("there is no data source `{}`", request.type_name);
            return Err(Diagnostic::error(text).into());
        }
        if !request.inputs.is_wholly_known() {
            return Err(self.violation("read_data with unknown inputs").into());
        }
        let default = || format!("value of {key}").as_str().into();
        let value = self.world.data(key).unwrap_or_else(default);
        Ok(Value::attrs([("key", key.into()), ("value", value)]).into())
    }

    async fn import(&self, request: ImportRequest<'_>) -> ProviderResult<ResourceState> {
        let name = called(request.inputs, None);
        self.ask(Operation::Import, request.type_name, name, request.inputs)
            .await?;
        let fake = self.fake_type(request.type_name)?;
        let id = &request.object.to_string();
        let object = self.world.object(id).ok_or_else(|| {
            Failure::from(Diagnostic::error(format!("there is no object `{id}`")))
        })?;
        Ok(real_state(fake, id, &object).into())
    }

    async fn stop(&self) {
        let _ = self.enter(Operation::Stop, "", "", &Value::null()).await;
    }

    async fn close(&self) {
        let _ = self.enter(Operation::Close, "", "", &Value::null()).await;
        self.ended.store(true, Ordering::SeqCst);
    }
}

/// Nothing was done.
fn refused(request: &ApplyRequest<'_>, diagnostics: impl Into<Diagnostics>) -> ApplyResponse {
    ApplyResponse {
        state: request.prior.cloned(),
        diagnostics: diagnostics.into(),
    }
}

impl FakeProvider {
    /// Whether the caller may ask this; gives the inputs to act upon.
    fn check(&self, request: &ApplyRequest<'_>, id: &str) -> Result<Value, Diagnostics> {
        let fail = |text: &str| {
            let text = format!("{:?} {id}: {text}", request.kind);
            Err(self.violation(text).into())
        };
        if !request.inputs.is_wholly_known() {
            return fail("unknown inputs");
        }
        let action = request.change.action;
        let fits = match request.kind {
            ApplyKind::Create => matches!(action, Action::Create | Action::Replace),
            ApplyKind::Update => action == Action::Update,
            ApplyKind::Delete => matches!(action, Action::Delete | Action::Replace),
        };
        if !fits {
            return fail(&format!("the plan says {action:?}"));
        }
        if request.prior.is_some() != (request.kind != ApplyKind::Create) {
            return fail("an object is there exactly if it is not being created");
        }
        if let Some(prior) = request.prior {
            let Some(object) = self.world.object(id) else {
                return fail("no such object");
            };
            if prior.private != Some(object.version.to_string().into_bytes()) {
                return fail("the state is not the newest");
            }
        }
        if request.kind == ApplyKind::Delete {
            return match request.inputs.is_null() {
                true => Ok(Value::null()),
                false => fail("inputs where something is deleted"),
            };
        }
        let Some(planned) = self.world.recall_plan(&request.change.provider_data) else {
            return fail("the plan's provider data did not come back");
        };
        let wanted = request.inputs.to_plain_json().to_string();
        match planned.wanted == wanted {
            true => Ok(planned.effective),
            false => fail("the plan was made from other inputs"),
        }
    }

    /// Does it.
    fn effect(&self, request: &ApplyRequest<'_>, id: &str, inputs: Value) -> ApplyResponse {
        let id = match request.kind {
            ApplyKind::Create => self.world.insert(request.type_name, inputs),
            ApplyKind::Update => {
                self.world.replace_inputs(id, inputs);
                id.to_owned()
            }
            ApplyKind::Delete => {
                self.world.vanish(id);
                return ApplyResponse::default();
            }
        };
        let state = self
            .fake_type(request.type_name)
            .ok()
            .zip(self.world.object(&id));
        ApplyResponse {
            state: state.map(|(fake, object)| real_state(fake, &id, &object)),
            diagnostics: Diagnostics::default(),
        }
    }
}

#[cfg(test)]
mod tests;
