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
mod lines;
mod link;
mod planning;
mod process;
mod secrets;
mod v0;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use check::{Fields, check};
use configured::ConfiguredNative;
use connection::{Answer, CallError};
use convert::{beside, diagnostic, refusal, tree};
use link::Link;
use nixops4_proto::native::{
    Configure, DataSourceSpec, Describe, Described, InputSpec, Method, OptionalOperation,
    ResourceTypeSpec, Validate, ValidateConfig, Validated, ValueType,
};
pub use process::NativeProgram;
use secrets::Secrets;
use tokio::sync::OnceCell;

use super::{
    ConfiguredProvider, Failure, Mode, Provider, ProviderError, ProviderResult, ResourceType,
};
use crate::AttrPath;
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics, Severity};
use crate::suggest::did_you_mean;
use crate::value::Value;

/// A provider that is a program.
#[derive(Debug)]
pub struct NativeProvider {
    program: NativeProgram,
    link: OnceCell<Result<Link, ProviderError>>,
    described: OnceCell<Result<Described, Failure>>,
    /// Types that the first description left out, as they were asked for.
    more: Mutex<BTreeMap<String, Arc<Described>>>,
    secrets: Secrets,
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
        Arc::new(Self {
            program,
            link: OnceCell::new(),
            described: OnceCell::new(),
            more: Mutex::default(),
            secrets: Secrets::default(),
        })
    }

    /// The running program; how starting it failed is remembered.
    async fn link(&self) -> Result<&Link, ProviderError> {
        let link = self
            .link
            .get_or_init(|| link::start(&self.program, &self.secrets))
            .await;
        link.as_ref().map_err(Clone::clone)
    }

    /// Makes a request of a program of version 1.
    async fn call<M: Method>(
        &self,
        connection: &connection::Connection,
        params: &M,
    ) -> Result<Diagnosed<M::Response>, Failure> {
        match connection.call(params).await {
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
            let described = self.call(connection, &Describe::default()).await?;
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
        let described = Arc::new(self.call(connection, &describe).await?.value);
        more().insert(name.to_owned(), described.clone());
        Ok(described)
    }

    fn no_such_type(&self, mode: Mode, name: &str, names: &[&String]) -> Failure {
        let noun = match mode {
            Mode::Managed => "resource type",
            Mode::Data => "data source",
            Mode::Ephemeral => "ephemeral resource type",
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

    async fn end(&self) {
        match self.link.get() {
            Some(Ok(Link::V1(connection))) => connection.close().await,
            Some(Ok(Link::V0(connection))) => connection.close().await,
            Some(Err(_)) => {}
            // Whoever starts it after this finds it closed.
            None => {
                let closed = self.program.error("", "it has been closed");
                let _ = self.link.set(Err(closed));
            }
        }
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
        Mode::Ephemeral => None,
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
        self.validated(connection, &ValidateConfig { config }, found)
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
        self.validated(connection, &validate, found).await
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
                self.call(connection, &Configure { config }).await?.warnings
            }
        };
        let value: Arc<dyn ConfiguredProvider> = Arc::new(ConfiguredNative::new(self));
        Ok(Diagnosed { value, warnings })
    }

    async fn close(&self) {
        self.end().await;
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
