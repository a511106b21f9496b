//! Resource types without their types: JSON in, JSON out, and no panic gets out.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nixops4_proto::native::{self, Method, ResourceTypeSpec};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::describe;
use super::resource::{Made, New, Observed, ResourceType, State, StateHandle};
use super::{Context, Error, PlanInputs};

/// A [`ResourceType`] as the request loop sees it.
pub(super) trait Erased: Send + Sync {
    fn name(&self) -> String;
    fn spec(&self) -> ResourceTypeSpec;
    /// Carries out a request; `None` if the method is not about resources.
    fn call(&self, context: &Context, method: &str, params: Json) -> Option<Result<Json, Error>>;
}

impl<R: ResourceType> Erased for R {
    fn name(&self) -> String {
        self.about().name
    }

    fn spec(&self) -> ResourceTypeSpec {
        describe::resource_type::<R>(self.about())
    }

    fn call(&self, context: &Context, method: &str, params: Json) -> Option<Result<Json, Error>> {
        let work = || match method {
            native::Create::NAME => done(create(self, context, parse(params))),
            native::Read::NAME => done(read(self, context, parse(params))),
            native::Update::NAME => done(update(self, context, parse(params))),
            native::Delete::NAME => done(delete(self, context, parse(params))),
            native::Import::NAME => done(import(self, context, parse(params))),
            native::Validate::NAME => done(validate(self, context, parse(params))),
            native::Plan::NAME => done(plan(self, context, parse(params))),
            native::StateRead::NAME => done(state_read(self, context, parse(params))),
            native::StateEvent::NAME => done(state_event(self, context, parse(params))),
            _ => None,
        };
        // Whatever the panic left half-changed is the resource type's own.
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Some(Err(panicked(&*panic))))
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    Error::new(format!(
        "the provider panicked: {}",
        text.as_deref().unwrap_or("it does not say why")
    ))
    .hint("this is a mistake in the provider; what it did before is not known")
}

/// A request's parameters.
fn parse<P: DeserializeOwned>(params: Json) -> Result<P, Error> {
    serde_json::from_value(params).map_err(|error| {
        Error::new(format!(
            "the request does not keep to the protocol: {error}"
        ))
    })
}

/// A resource type's own value.
fn typed<T: DeserializeOwned>(what: &str, value: Json) -> Result<T, Error> {
    let value = match value {
        Json::Null => Json::Object(serde_json::Map::new()),
        value => without_nulls(value),
    };
    serde_json::from_value(value).map_err(|error| Error::new(format!("{what}: {error}")))
}

/// `null` means "not set", also to types that only know defaults.
fn without_nulls(value: Json) -> Json {
    match value {
        Json::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        other => other,
    }
}

fn json<T: Serialize>(what: &str, value: &T) -> Result<Json, Error> {
    serde_json::to_value(value).map_err(|error| Error::new(format!("{what}: {error}")))
}

fn done<T: Serialize>(result: Result<T, Error>) -> Option<Result<Json, Error>> {
    Some(result.and_then(|value| json("the answer", &value)))
}

fn state<R: ResourceType>(state: native::State) -> Result<State<R>, Error> {
    Ok(State {
        inputs: typed("the remembered inputs", state.inputs)?,
        outputs: typed("the remembered outputs", state.outputs)?,
        private: state.private,
    })
}

fn made<R: ResourceType>(made: Made<R::Outputs>) -> Result<native::Object, Error> {
    Ok(native::Object {
        outputs: json("the outputs", &made.outputs)?,
        private: made.private,
        ..native::Object::default()
    })
}

fn observed<R: ResourceType>(observed: &Observed<R>) -> Result<native::Object, Error> {
    Ok(native::Object {
        inputs: Some(json("the inputs", &observed.inputs)?),
        outputs: json("the outputs", &observed.outputs)?,
        ..native::Object::default()
    })
}

fn create<R: ResourceType>(
    this: &R,
    context: &Context,
    params: Result<native::Create, Error>,
) -> Result<native::Object, Error> {
    let params = params?;
    let new = New {
        inputs: typed("the inputs", params.inputs)?,
        stateful: params.stateful,
        plan_private: params.plan_private,
    };
    made::<R>(this.create(context, new)?)
}

fn read<R: ResourceType>(
    this: &R,
    context: &Context,
    params: Result<native::Read, Error>,
) -> Result<native::ReadState, Error> {
    let found = this.read(context, state(params?.state)?)?;
    Ok(native::ReadState {
        state: found.as_ref().map(observed).transpose()?,
    })
}

fn update<R: ResourceType>(
    this: &R,
    context: &Context,
    params: Result<native::Update, Error>,
) -> Result<native::Object, Error> {
    let params = params?;
    let new = New {
        inputs: typed("the inputs", params.inputs)?,
        stateful: true,
        plan_private: params.plan_private,
    };
    made::<R>(this.update(context, state(params.state)?, new)?)
}

fn delete<R: ResourceType>(
    this: &R,
    context: &Context,
    params: Result<native::Delete, Error>,
) -> Result<native::Deleted, Error> {
    this.delete(context, state(params?.state)?)?;
    Ok(native::Deleted {})
}

fn import<R: ResourceType>(
    this: &R,
    context: &Context,
    params: Result<native::Import, Error>,
) -> Result<native::Object, Error> {
    observed(&this.import(context, &params?.id)?)
}

fn validate<R: ResourceType>(
    this: &R,
    context: &Context,
    params: Result<native::Validate, Error>,
) -> Result<native::Validated, Error> {
    let inputs = PlanInputs::new(params?.inputs);
    let errors = this.validate(context, &inputs)?;
    Ok(native::Validated { errors })
}

fn plan<R: ResourceType>(
    this: &R,
    context: &Context,
    params: Result<native::Plan, Error>,
) -> Result<native::Planned, Error> {
    let params = params?;
    let prior = params.prior.map(state).transpose()?;
    let inputs = PlanInputs::new(params.inputs);
    Ok(this.plan(context, prior, &inputs)?.0)
}

fn state_read<R: ResourceType>(
    this: &R,
    context: &Context,
    params: Result<native::StateRead, Error>,
) -> Result<native::StateReadResult, Error> {
    let handle = StateHandle {
        inputs: typed("the inputs", params?.inputs)?,
    };
    let state = this.state_read(context, handle)?;
    Ok(native::StateReadResult { state })
}

fn state_event<R: ResourceType>(
    this: &R,
    context: &Context,
    params: Result<native::StateEvent, Error>,
) -> Result<native::EventWritten, Error> {
    let params = params?;
    let handle = StateHandle {
        inputs: typed("the inputs", params.inputs)?,
    };
    this.state_event(context, handle, &params.event, params.patch)?;
    Ok(native::EventWritten {})
}
