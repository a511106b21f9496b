//! Providers that are programs speaking the native protocol ([`nixops4_proto::native`]) over stdio.
//!
//! ```text
//! NativeProvider (describe, check, configure)
//!   └► ConfiguredNative (read, plan, apply, …)
//!        └► Link: Connection (version 1, concurrent) or ConnectionV0 (one at a time)
//!             └► NativeProgram: the child process
//! ```
//!
//! The program is started by the first call that needs it. What it does not do itself is done here:
//! inputs are checked against its description ([`check`]), changes are planned by their difference
//! ([`super::default_plan`]), what it cannot read is taken to be as it was left, what it cannot
//! delete is forgotten with a warning.

mod apply;
mod check;
mod configured;
mod connection;
mod convert;
mod document;
mod functions;
mod lifeline;
mod lines;
mod link;
mod planning;
mod process;
mod v0;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::provider::Secrets;
use async_trait::async_trait;
use check::{Fields, check};
use configured::ConfiguredNative;
use connection::{Answer, CallError};
use convert::{beside, diagnostic, refusal, tree};
use lifeline::Lifeline;
use link::Link;
use nixops4_proto::evaluator::{ProviderSettings, Timeouts};
use nixops4_proto::native::{
    Configure, DataSourceSpec, Describe, Described, Import, InputSpec, Method, OptionalOperation,
    Plan, Read, ReadData, ResourceTypeSpec, Validate, ValidateConfig, Validated, ValueType,
};
pub use process::NativeProgram;
use tokio::sync::OnceCell;

use super::{
    ConfiguredProvider, Failure, FunctionSignature, Limiter, Mode, Progress, Provider,
    ProviderError, ProviderResult, ResourceType,
};
use crate::AttrPath;
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics, Severity};
use crate::provider::document::{Contents, Document, DocumentKind};
use crate::suggest::did_you_mean;
use crate::value::Value;

/// A provider that is a program.
#[derive(Debug)]
pub struct NativeProvider {
    program: NativeProgram,
    lifeline: Lifeline,
    described: OnceCell<Result<Described, Failure>>,
    /// Types that the first description left out, as they were asked for.
    more: Mutex<BTreeMap<String, Arc<Described>>>,
    secrets: Secrets,
    limiter: Limiter,
    /// How long calls may take that change nothing, and those that change something.
    patience: Patience,
}

/// The calls that may reach the world outside, beside those that change it.
const LIMITED: [&str; 4] = [Plan::NAME, Read::NAME, ReadData::NAME, Import::NAME];

/// How long a call may take that changes nothing, where the deployment does not say.
const ASKING_TIMEOUT: Duration = Duration::from_secs(1800);

/// How long calls may take.
#[derive(Clone, Copy, Debug)]
struct Patience {
    asking: Duration,
    /// Making something may take hours: without a limit of the user's there is none.
    changing: Option<Duration>,
}

/// A number of seconds as a duration; one that is out of range is no limit.
fn seconds(seconds: Option<f64>) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds?).ok()
}

/// What a type is described as.
#[derive(Clone, Debug)]
pub(super) enum Spec {
    Resource(Box<ResourceTypeSpec>),
    Data(Box<DataSourceSpec>),
    /// A program of version 0 does not say.
    Unknown,
}

impl NativeProvider {
    /// The provider that a program is. Starts nothing yet.
    pub fn new(program: NativeProgram) -> Arc<Self> {
        Self::limited(program, &ProviderSettings::default())
    }

    /// The same, with limits to what is asked of it.
    pub fn limited(mut program: NativeProgram, settings: &ProviderSettings) -> Arc<Self> {
        let Timeouts { start, plan, apply } = settings.timeouts;
        if let Some(limit) = seconds(start) {
            program.hello_timeout = limit;
        }
        Arc::new(Self {
            patience: Patience {
                asking: seconds(plan).unwrap_or(ASKING_TIMEOUT),
                changing: seconds(apply),
            },
            program,
            lifeline: Lifeline::default(),
            described: OnceCell::new(),
            more: Mutex::default(),
            secrets: Secrets::default(),
            limiter: Limiter::new(settings),
        })
    }

    /// The running program; how starting it failed is remembered.
    async fn link(&self) -> Result<Link, ProviderError> {
        self.lifeline.link(&self.program, &self.secrets).await
    }

    /// Makes a request of a program of version 1.
    async fn call<M: Method>(
        &self,
        connection: &connection::Connection,
        params: &M,
    ) -> Result<Diagnosed<M::Response>, Failure> {
        let _permit = match LIMITED.contains(&M::NAME) {
            true => Some(self.limiter.acquire().await),
            false => None,
        };
        let limit = Some(self.patience.asking);
        let mut answer = connection
            .call_within(limit, Progress::default(), params)
            .await;
        // It may have died while this waited for its turn.
        if let Err(CallError::NotSent(_)) = &answer
            && let Ok(Link::V1(fresh)) = self.link().await
        {
            answer = fresh.call_within(limit, Progress::default(), params).await;
        }
        match answer {
            Ok(answer) => Ok(diagnosed(answer)),
            Err(CallError::Refused(answer)) => Err(refusal(*answer).0.into()),
            Err(CallError::Lost(lost) | CallError::NotSent(lost)) => {
                Err(lost.error(&self.program.name, M::NAME, false).into())
            }
        }
    }

    /// What the program says of itself; `None` for one of version 0.
    async fn described(&self) -> Result<Option<&Described>, Failure> {
        let connection = match self.link().await? {
            Link::V0(_) => return Ok(None),
            Link::V1(connection) => connection,
        };
        let ask = || async {
            let described = self.call(&connection, &Describe::default()).await?;
            Ok(described.value)
        };
        let described = self.described.get_or_init(ask).await;
        described.as_ref().map(Some).map_err(Clone::clone)
    }

    async fn spec(&self, mode: Mode, name: &str) -> Result<Spec, Failure> {
        let Some(described) = self.described().await? else {
            return match mode {
                Mode::Managed => Ok(Spec::Unknown),
                _ => Err(self.no_such_type(mode, name, &[])),
            };
        };
        if let Some(spec) = find(described, mode, name) {
            return Ok(spec);
        }
        if described.more
            && let Some(spec) = find(&*self.describe_more(name).await?, mode, name)
        {
            return Ok(spec);
        }
        let names: Vec<_> = match mode {
            Mode::Data => described.data_sources.keys().collect(),
            _ => described.resource_types.keys().collect(),
        };
        Err(self.no_such_type(mode, name, &names))
    }

    /// Asks about one type that the first description left out.
    async fn describe_more(&self, name: &str) -> Result<Arc<Described>, Failure> {
        let more = || self.more.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = more().get(name) {
            return Ok(known.clone());
        }
        let Link::V1(connection) = self.link().await? else {
            return Ok(Arc::default());
        };
        let describe = Describe {
            types: vec![name.to_owned()],
        };
        let described = Arc::new(self.call(&connection, &describe).await?.value);
        more().insert(name.to_owned(), described.clone());
        Ok(described)
    }

    fn no_such_type(&self, mode: Mode, name: &str, names: &[&String]) -> Failure {
        let noun = match mode {
            Mode::Managed => "resource type",
            Mode::Data => "data source",
            Mode::Ephemeral => "ephemeral resource type",
            Mode::StateStore => "state store",
        };
        let text = format!("the provider {} has no {noun} `{name}`", self.program.name);
        let mut diagnostic = Diagnostic::error(text);
        diagnostic.hints = Vec::from_iter(did_you_mean(name, names.iter().copied()));
        if diagnostic.hints.is_empty() && !names.is_empty() && names.len() <= 20 {
            let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
            diagnostic
                .hints
                .push(format!("it has: {}", names.join(", ")));
        }
        diagnostic.into()
    }

    /// Takes note of the secrets among the inputs of a resource.
    fn learn(&self, spec: &Spec, inputs: &Value) {
        self.secrets.learn(inputs);
        let mut paths = Vec::new();
        match spec {
            Spec::Resource(spec) => sensitive_paths(&spec.inputs, &AttrPath::root(), &mut paths),
            Spec::Data(spec) => sensitive_paths(&spec.inputs, &AttrPath::root(), &mut paths),
            Spec::Unknown => {}
        }
        self.secrets.learn_at(inputs, &paths);
    }
}

fn diagnosed<T>(answer: Answer<T>) -> Diagnosed<T> {
    let (value, warnings) = beside(answer);
    Diagnosed { value, warnings }
}

fn find(described: &Described, mode: Mode, name: &str) -> Option<Spec> {
    match mode {
        Mode::Managed => {
            let spec = described.resource_types.get(name)?;
            Some(Spec::Resource(Box::new(spec.clone())))
        }
        Mode::Data => {
            let spec = described.data_sources.get(name)?;
            Some(Spec::Data(Box::new(spec.clone())))
        }
        Mode::Ephemeral | Mode::StateStore => None,
    }
}

/// Where a described object has secrets.
fn sensitive_paths(
    specs: &BTreeMap<String, InputSpec>,
    path: &AttrPath,
    found: &mut Vec<AttrPath>,
) {
    for (name, spec) in specs {
        let path = path.child(name.as_str());
        match &spec.value_type {
            _ if spec.sensitive => found.push(path),
            ValueType::Object(fields) => sensitive_paths(fields, &path, found),
            // Secrets inside elements have no path of their own: the whole list or map is secret.
            ValueType::List(inner) | ValueType::Map(inner) if has_secrets(inner) => {
                found.push(path);
            }
            _ => {}
        }
    }
}

fn has_secrets(value_type: &ValueType) -> bool {
    match value_type {
        ValueType::Object(fields) => fields
            .values()
            .any(|field| field.sensitive || has_secrets(&field.value_type)),
        ValueType::List(inner) | ValueType::Map(inner) => has_secrets(inner),
        ValueType::OneOf(types) => types.iter().any(has_secrets),
        _ => false,
    }
}

fn resource_type(name: &str, spec: &Spec) -> ResourceType {
    let name = name.to_owned();
    let mut sensitive_inputs = Vec::new();
    match spec {
        Spec::Unknown => ResourceType {
            name,
            // It does not say; whoever names it as one is to find out.
            state_handler: true,
            stateless_unless_named: true,
            ..ResourceType::default()
        },
        Spec::Resource(spec) => {
            sensitive_paths(&spec.inputs, &AttrPath::root(), &mut sensitive_inputs);
            ResourceType {
                name,
                state_handler: spec.handles_state(),
                require_state: spec.require_state,
                outputs: (!spec.open_outputs).then(|| spec.outputs.keys().cloned().collect()),
                sensitive_inputs,
                ..ResourceType::default()
            }
        }
        Spec::Data(spec) => {
            sensitive_paths(&spec.inputs, &AttrPath::root(), &mut sensitive_inputs);
            ResourceType {
                name,
                outputs: (!spec.open_outputs).then(|| spec.outputs.keys().cloned().collect()),
                sensitive_inputs,
                ..ResourceType::default()
            }
        }
    }
}

/// Diagnostics, where only being out of reach is an error.
fn or_diagnostics(failure: Failure) -> Result<Diagnostics, ProviderError> {
    match failure {
        Failure::Diagnostics(diagnostics) => Ok(diagnostics),
        Failure::Provider(error) => Err(error),
    }
}

#[async_trait]
impl Provider for NativeProvider {
    async fn validate_config(&self, config: &Value) -> Result<Diagnostics, ProviderError> {
        self.secrets.learn(config);
        let described = match self.described().await {
            Ok(described) => described,
            Err(failure) => return or_diagnostics(failure),
        };
        let nothing = Described::default();
        let fields = Fields {
            specs: &described.unwrap_or(&nothing).config,
            open: false,
            noun: "setting",
        };
        let found = check(fields, config);
        let asks = described.is_some_and(|described| described.validates_config);
        let (true, false, Link::V1(connection)) = (asks, found.has_errors(), self.link().await?)
        else {
            return Ok(found);
        };
        let config = tree(config);
        self.validated(&connection, &ValidateConfig { config }, found)
            .await
    }

    async fn resource_type(&self, mode: Mode, name: &str) -> Result<Arc<ResourceType>, Failure> {
        let spec = self.spec(mode, name).await?;
        Ok(Arc::new(resource_type(name, &spec)))
    }

    async fn validate(
        &self,
        mode: Mode,
        type_name: &str,
        inputs: &Value,
    ) -> Result<Diagnostics, ProviderError> {
        let spec = match self.spec(mode, type_name).await {
            Ok(spec) => spec,
            Err(failure) => return or_diagnostics(failure),
        };
        self.learn(&spec, inputs);
        let (specs, open, asks) = match &spec {
            Spec::Unknown => return Ok(Diagnostics::default()),
            Spec::Data(spec) => (&spec.inputs, spec.open_inputs, false),
            Spec::Resource(spec) => (
                &spec.inputs,
                spec.open_inputs,
                spec.can(OptionalOperation::Validate),
            ),
        };
        let noun = "input";
        let found = check(Fields { specs, open, noun }, inputs);
        let (true, false, Link::V1(connection)) = (asks, found.has_errors(), self.link().await?)
        else {
            return Ok(found);
        };
        let validate = Validate {
            type_name: type_name.to_owned(),
            inputs: tree(inputs),
        };
        self.validated(&connection, &validate, found).await
    }

    async fn function(&self, name: &str) -> Result<Arc<FunctionSignature>, Failure> {
        self.signature(name).await
    }

    async fn call_function(&self, name: &str, arguments: &[Value]) -> Result<Value, Failure> {
        self.called(name, arguments).await
    }

    async fn contents(&self) -> Result<Contents, Failure> {
        self.names().await
    }

    async fn document(&self, kind: DocumentKind, name: &str) -> Result<Document, Failure> {
        self.told(kind, name).await
    }

    async fn configure(
        self: Arc<Self>,
        config: &Value,
    ) -> ProviderResult<Arc<dyn ConfiguredProvider>> {
        self.secrets.learn(config);
        let warnings = match self.link().await? {
            Link::V0(_) => Diagnostics::default(),
            Link::V1(connection) => {
                let config = convert::object_json(config);
                let configure = Configure { config };
                let warnings = self.call(&connection, &configure).await?.warnings;
                self.lifeline.configured(configure).await;
                warnings
            }
        };
        let value: Arc<dyn ConfiguredProvider> = Arc::new(ConfiguredNative::new(self));
        Ok(Diagnosed { value, warnings })
    }

    async fn close(&self) {
        self.lifeline.close().await;
    }
}

impl NativeProvider {
    /// Adds what the program finds wrong to what was found already.
    async fn validated<M>(
        &self,
        connection: &connection::Connection,
        validate: &M,
        mut found: Diagnostics,
    ) -> Result<Diagnostics, ProviderError>
    where
        M: Method<Response = Validated>,
    {
        match self.call(connection, validate).await {
            Err(failure) => found.extend(or_diagnostics(failure)?),
            Ok(Diagnosed { value, warnings }) => {
                for error in value.errors {
                    found.push(diagnostic(Severity::Error, error));
                }
                found.extend(warnings);
            }
        }
        Ok(found)
    }
}
