//! Answers requests, several at a time, until there are no more.

use std::sync::{Arc, PoisonError, RwLock};

use nixops4_core::diagnostic::{Diagnosed, Diagnostics};
use nixops4_core::provider::{
    Action, ApplyKind, ApplyRequest, ApplyResponse, ConfiguredProvider, Failure, Identifier,
    ImportRequest, Mode, PlanRequest, PlannedChange, Provider, ProviderError, ReadDataRequest,
    ResourceState,
};
use nixops4_core::value::Value;
use nixops4_proto::native::{
    CallFunction, Complaint, Configure, Configured, Create, DataRead, Delete, Deleted, Describe,
    Hello, Import, Method, Object, PROTOCOL_VERSION, Plan, Planned, Read, ReadData, ReadState,
    Reply, ReplyBody, Request, StateEvent, StateLock, StateRead, StateUnlock, Stop, Stopped,
    Update, Upgrade, Validate, ValidateConfig, Validated, Welcome,
};
use serde::Serialize;
use serde_json::Value as Json;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::convert::{self, Refusal};
use super::states::States;
use super::{describe, functions};
use crate::provider::TfProvider;

/// Why there is nothing more to do.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The caller does not speak the protocol.
    #[error("a line is no request: {0}")]
    NotARequest(serde_json::Error),
    /// The caller cannot be reached any more.
    #[error("requests or answers do not get through: {0}")]
    Disconnected(#[from] std::io::Error),
    /// Nobody knows whether a change was made, and an answer would say that it was not.
    #[error("a change may have been made, but no answer came: {0}")]
    InDoubt(ProviderError),
}

/// Answers requests until the input ends.
pub async fn serve(
    provider: Arc<TfProvider>,
    name: &str,
    mut input: impl AsyncBufRead + Unpin,
    output: impl AsyncWrite + Unpin + Send + 'static,
) -> Result<(), Ended> {
    // Unbounded: the caller decides how many requests are under way.
    let (answers, queue) = mpsc::unbounded_channel();
    let writer = tokio::spawn(write(queue, output));
    let server = Arc::new(Server {
        provider,
        name: name.to_owned(),
        instance: RwLock::new(None),
        states: States::default(),
        answers,
    });
    let mut tasks: JoinSet<Result<(), Ended>> = JoinSet::new();
    let mut line = Vec::new();
    let ended = loop {
        tokio::select! {
            biased;
            Some(done) = tasks.join_next() => {
                if let Ok(Err(ended)) = done {
                    break Err(ended);
                }
            }
            read = input.read_until(b'\n', &mut line) => match read {
                Ok(0) => break Ok(()),
                Err(error) => break Err(error.into()),
                Ok(_) => {
                    let request: Request = match serde_json::from_slice(&line) {
                        Ok(request) => request,
                        Err(error) => break Err(Ended::NotARequest(error)),
                    };
                    line.clear();
                    tasks.spawn(server.clone().answer(request));
                }
            },
        }
    };
    let ended = match ended {
        Ok(()) => finish(tasks).await,
        // What is under way gets no answer, which tells the caller to be in doubt.
        Err(ended) => Err(ended),
    };
    server.close().await;
    drop(server);
    if ended.is_ok() {
        let _ = writer.await;
    }
    ended
}

/// The end of the input does not end what was asked for before.
async fn finish(mut tasks: JoinSet<Result<(), Ended>>) -> Result<(), Ended> {
    while let Some(done) = tasks.join_next().await {
        if let Ok(Err(ended)) = done {
            return Err(ended);
        }
    }
    Ok(())
}

async fn write(
    mut answers: mpsc::UnboundedReceiver<Vec<u8>>,
    mut output: impl AsyncWrite + Unpin,
) -> std::io::Result<()> {
    while let Some(answer) = answers.recv().await {
        output.write_all(&answer).await?;
        output.flush().await?;
    }
    Ok(())
}

struct Server {
    provider: Arc<TfProvider>,
    name: String,
    instance: RwLock<Option<Arc<dyn ConfiguredProvider>>>,
    states: States,
    answers: mpsc::UnboundedSender<Vec<u8>>,
}

/// What a request leads to.
pub(super) type Answered<T> = Result<Diagnosed<T>, Problem>;

pub(super) enum Problem {
    Refused(Refusal),
    InDoubt(ProviderError),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure.into_diagnostics().into())
    }
}

impl From<ProviderError> for Problem {
    fn from(error: ProviderError) -> Self {
        match error.in_doubt {
            true => Self::InDoubt(error),
            false => Failure::from(error).into(),
        }
    }
}

impl Server {
    async fn answer(self: Arc<Self>, request: Request) -> Result<(), Ended> {
        let (body, warnings) = match self.call(&request.method, request.params).await {
            Ok(Diagnosed { value, warnings }) => {
                (ReplyBody::Result(value), convert::split(warnings).1)
            }
            Err(Problem::Refused(Refusal { error, warnings })) => {
                (ReplyBody::Error(*error), warnings)
            }
            Err(Problem::InDoubt(error)) => return Err(Ended::InDoubt(error)),
        };
        let reply = Reply {
            id: request.id,
            body,
            warnings,
        };
        let mut line = serde_json::to_vec(&reply).map_err(std::io::Error::from)?;
        line.push(b'\n');
        // The writer is gone only when nobody listens.
        let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        Ok(self.answers.send(line).map_err(gone)?)
    }

    async fn call(&self, method: &str, params: Json) -> Answered<Json> {
        match method {
            Hello::NAME => json(self.hello(&read(params)?)),
            Describe::NAME => {
                let asked = read(params)?;
                let schemas = self.provider.schemas().await?;
                let described = describe::describe(&schemas, &asked);
                let mut described = described.map_err(|e| Refusal::new(e.to_string()))?;
                described.functions = functions::describe(&self.provider).await?;
                json(Ok(described.into()))
            }
            ValidateConfig::NAME => json(self.validate_config(read(params)?).await),
            Configure::NAME => json(self.configure(read(params)?).await),
            Validate::NAME => json(self.validate(read(params)?).await),
            Upgrade::NAME => json(self.upgrade(read(params)?).await),
            Read::NAME => json(self.read(read(params)?).await),
            Plan::NAME => json(self.plan(read(params)?).await),
            Create::NAME => json(self.create(read(params)?).await),
            Update::NAME => json(self.update(read(params)?).await),
            Delete::NAME => json(self.delete(read(params)?).await),
            Import::NAME => json(self.import(read(params)?).await),
            ReadData::NAME => json(self.read_data(read(params)?).await),
            StateRead::NAME => json(self.states.read(self.instance()?, read(params)?).await),
            StateEvent::NAME => json(self.states.event(self.instance()?, read(params)?).await),
            StateLock::NAME => json(self.states.lock(self.instance()?, read(params)?).await),
            StateUnlock::NAME => json(self.states.unlock(self.instance()?, read(params)?).await),
            CallFunction::NAME => json(functions::call(&self.provider, &read(params)?).await),
            Stop::NAME => {
                if let Ok(instance) = self.instance() {
                    instance.stop().await;
                }
                json(Ok(Stopped {}.into()))
            }
            _ => Err(Refusal::new(format!("there is no method `{method}`")).into()),
        }
    }

    fn hello(&self, hello: &Hello) -> Answered<Welcome> {
        if !hello.protocol_versions.contains(&PROTOCOL_VERSION) {
            let (ours, theirs) = (PROTOCOL_VERSION, &hello.protocol_versions);
            let message =
                format!("this program speaks protocol version {ours}, the caller {theirs:?}");
            return Err(Refusal::new(message).into());
        }
        let welcome = Welcome {
            protocol_version: PROTOCOL_VERSION,
            provider: self.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        Ok(welcome.into())
    }

    fn instance(&self) -> Result<Arc<dyn ConfiguredProvider>, Problem> {
        let instance = self
            .instance
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        instance.ok_or_else(|| Refusal::new("the provider is not configured yet").into())
    }

    async fn validate_config(&self, asked: ValidateConfig) -> Answered<Validated> {
        let config = convert::tree(&asked.config)?;
        Ok(validated(self.provider.validate_config(&config).await?))
    }

    async fn configure(&self, asked: Configure) -> Answered<Configured> {
        let config = convert::value(&asked.config)?;
        let Diagnosed { value, warnings } = self.provider.clone().configure(&config).await?;
        *self
            .instance
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Some(value);
        self.states.clear();
        Ok(Diagnosed {
            value: Configured {},
            warnings,
        })
    }

    async fn validate(&self, asked: Validate) -> Answered<Validated> {
        let inputs = convert::tree(&asked.inputs)?;
        let schemas = self.provider.schemas().await?;
        let mode = match describe::is_state_store(&schemas, &asked.type_name) {
            true => Mode::StateStore,
            false => Mode::Managed,
        };
        let found = self
            .provider
            .validate(mode, &asked.type_name, &inputs)
            .await?;
        Ok(validated(found))
    }

    async fn upgrade(&self, asked: Upgrade) -> Answered<Object> {
        let state = convert::state(&asked.type_name, &asked.state)?;
        let upgraded = self.instance()?.upgrade(state).await?;
        Ok(map(upgraded, |state| convert::object(&state)))
    }

    async fn read(&self, asked: Read) -> Answered<ReadState> {
        let state = convert::state(&asked.type_name, &asked.state)?;
        let read = self.instance()?.read(&state).await?;
        Ok(map(read, |state| ReadState {
            state: state.as_ref().map(convert::object),
        }))
    }

    async fn plan(&self, asked: Plan) -> Answered<Planned> {
        let prior = asked
            .prior
            .as_ref()
            .map(|state| convert::state(&asked.type_name, state));
        let prior = prior.transpose()?;
        let inputs = convert::tree(&asked.inputs)?;
        let change = self.plan_change(&asked.type_name, prior.as_ref(), &inputs, asked.stateful);
        Ok(map(change.await?, convert::planned))
    }

    async fn plan_change(
        &self,
        type_name: &str,
        prior: Option<&ResourceState>,
        inputs: &Value,
        stateful: bool,
    ) -> Answered<PlannedChange> {
        let request = PlanRequest {
            type_name,
            prior,
            inputs,
            stateful,
            ignore_changes: &[],
            ignore_all_changes: false,
            force_replace: false,
        };
        Ok(self.instance()?.plan(request).await?)
    }

    async fn create(&self, asked: Create) -> Answered<Object> {
        let inputs = convert::value(&asked.inputs)?;
        let (kind, type_name) = (ApplyKind::Create, &asked.type_name);
        let plan = asked.plan_private.as_ref();
        let change = self
            .change(Action::Create, plan, type_name, None, &inputs)
            .await?;
        self.apply(kind, type_name, None, &inputs, &change).await
    }

    async fn update(&self, asked: Update) -> Answered<Object> {
        let inputs = convert::value(&asked.inputs)?;
        let type_name = &asked.type_name;
        let state = convert::state(type_name, &asked.state)?;
        let plan = asked.plan_private.as_ref();
        let change = self
            .change(Action::Update, plan, type_name, Some(&state), &inputs)
            .await?;
        self.apply(ApplyKind::Update, type_name, Some(&state), &inputs, &change)
            .await
    }

    /// The plan that the caller hands back, or a new one where it planned itself.
    async fn change(
        &self,
        action: Action,
        plan: Option<&Json>,
        type_name: &str,
        prior: Option<&ResourceState>,
        inputs: &Value,
    ) -> Result<PlannedChange, Problem> {
        let provider_data = convert::bytes(plan)?;
        if provider_data.is_empty() {
            return Ok(self
                .plan_change(type_name, prior, inputs, true)
                .await?
                .value);
        }
        Ok(PlannedChange {
            action,
            outputs: Value::null(),
            replace_paths: Vec::new(),
            provider_data,
            deferred: None,
        })
    }

    async fn apply(
        &self,
        kind: ApplyKind,
        type_name: &str,
        prior: Option<&ResourceState>,
        inputs: &Value,
        change: &PlannedChange,
    ) -> Answered<Object> {
        let request = ApplyRequest {
            kind,
            type_name,
            prior,
            inputs,
            stateful: true,
            change,
            progress: Default::default(),
        };
        let ApplyResponse { state, diagnostics } = self.instance()?.apply(request).await?;
        let object = state.as_ref().map(convert::object);
        if diagnostics.has_errors() {
            let mut refusal = Refusal::from(diagnostics);
            // An object that is as it was before is not worth telling.
            let changed = state.as_ref() != prior;
            refusal.error.partial = object.filter(|_| changed).map(Box::new);
            return Err(refusal.into());
        }
        match object {
            Some(value) => Ok(Diagnosed {
                value,
                warnings: diagnostics,
            }),
            None => Err(Refusal::new("there is no object").into()),
        }
    }

    async fn delete(&self, asked: Delete) -> Answered<Deleted> {
        let state = convert::state(&asked.type_name, &asked.state)?;
        let instance = self.instance()?;
        let Diagnosed {
            value: change,
            mut warnings,
        } = instance.plan_delete(&state).await?;
        let inputs = Value::null();
        let request = ApplyRequest {
            kind: ApplyKind::Delete,
            type_name: &asked.type_name,
            prior: Some(&state),
            inputs: &inputs,
            stateful: true,
            change: &change,
            progress: Default::default(),
        };
        let ApplyResponse { diagnostics, .. } = instance.apply(request).await?;
        if diagnostics.has_errors() {
            return Err(Refusal::from(diagnostics).into());
        }
        warnings.extend(diagnostics);
        Ok(Diagnosed {
            value: Deleted {},
            warnings,
        })
    }

    async fn import(&self, asked: Import) -> Answered<Object> {
        let inputs = convert::tree(&asked.inputs)?;
        let request = ImportRequest {
            type_name: &asked.type_name,
            object: &Identifier::Id(asked.id),
            inputs: &inputs,
        };
        let imported = self.instance()?.import(request).await?;
        Ok(map(imported, |state| Object {
            inputs: Some(inputs.to_plain_json()),
            ..convert::object(&state)
        }))
    }

    async fn read_data(&self, asked: ReadData) -> Answered<DataRead> {
        let inputs = convert::value(&asked.inputs)?;
        let request = ReadDataRequest {
            type_name: &asked.type_name,
            inputs: &inputs,
        };
        let read = self.instance()?.read_data(request).await?;
        Ok(map(read, |outputs| DataRead {
            sensitive: convert::secrets(&outputs),
            outputs: outputs.to_plain_json(),
        }))
    }

    async fn close(&self) {
        if let Ok(instance) = self.instance() {
            instance.close().await;
        }
        self.provider.close().await;
    }
}

fn validated(diagnostics: Diagnostics) -> Diagnosed<Validated> {
    let (errors, warnings): (Vec<_>, Vec<_>) = diagnostics
        .0
        .into_iter()
        .partition(|diagnostic| diagnostic.severity == nixops4_core::diagnostic::Severity::Error);
    let errors: Vec<Complaint> = convert::split(Diagnostics(errors)).0;
    Diagnosed {
        value: Validated { errors },
        warnings: Diagnostics(warnings),
    }
}

fn map<A, B>(diagnosed: Diagnosed<A>, change: impl FnOnce(A) -> B) -> Diagnosed<B> {
    Diagnosed {
        value: change(diagnosed.value),
        warnings: diagnosed.warnings,
    }
}

fn read<M: Method>(params: Json) -> Result<M, Problem> {
    let malformed = |error| Refusal::new(format!("malformed parameters of `{}`: {error}", M::NAME));
    serde_json::from_value(params).map_err(|error| malformed(error).into())
}

fn json<T: Serialize>(answered: Answered<T>) -> Answered<Json> {
    let Diagnosed { value, warnings } = answered?;
    let value = serde_json::to_value(value).map_err(|error| Refusal::new(error.to_string()))?;
    Ok(Diagnosed { value, warnings })
}
