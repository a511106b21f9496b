//! [`ResourceType`]: what a provider author implements.

use nixops4_proto::native::{self, OptionalOperation};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::{Context, Error, Plan, PlanInputs};

/// A type of objects.
///
/// Only [`ResourceType::create`] has to be there. Every other operation that is implemented is also
/// named in [`ResourceType::about`]; only what is named there is ever asked for.
pub trait ResourceType: Send + Sync + Sized + 'static {
    /// What the user sets.
    type Inputs: Serialize + DeserializeOwned + JsonSchema;
    /// What the provider reports.
    type Outputs: Serialize + DeserializeOwned + JsonSchema;

    /// Its name, and what can be done with it.
    fn about(&self) -> About;

    /// Makes an object.
    fn create(&self, context: &Context, new: New<Self>) -> Result<Made<Self::Outputs>, Error>;

    /// Looks at an object; `None` if it is gone.
    fn read(&self, _: &Context, _: State<Self>) -> Result<Option<Observed<Self>>, Error> {
        Err(unsupported("read"))
    }

    /// Changes an object in place.
    fn update(
        &self,
        _: &Context,
        _: State<Self>,
        _: New<Self>,
    ) -> Result<Made<Self::Outputs>, Error> {
        Err(unsupported("update"))
    }

    /// Deletes an object. One that is gone already is no error.
    fn delete(&self, _: &Context, _: State<Self>) -> Result<(), Error> {
        Err(unsupported("delete"))
    }

    /// Finds an object that exists.
    fn import(&self, _: &Context, _id: &str) -> Result<Observed<Self>, Error> {
        Err(unsupported("import"))
    }

    /// Checks inputs without looking at anything outside.
    fn validate(&self, _: &Context, _: &PlanInputs) -> Result<Vec<native::Complaint>, Error> {
        Err(unsupported("validate"))
    }

    /// Works out what has to be done. `prior` is `None` to create.
    fn plan(
        &self,
        _: &Context,
        _prior: Option<State<Self>>,
        _: &PlanInputs,
    ) -> Result<Plan, Error> {
        Err(unsupported("plan"))
    }

    /// Of a state handler: the state it keeps, `null` if there is none yet.
    fn state_read(&self, _: &Context, _: StateHandle<Self>) -> Result<Json, Error> {
        Err(unsupported("stateRead"))
    }

    /// Of a state handler: writes an event, and returns when it is durable.
    fn state_event(
        &self,
        _: &Context,
        _: StateHandle<Self>,
        _event: &str,
        _patch: Json,
    ) -> Result<(), Error> {
        Err(unsupported("stateEvent"))
    }
}

fn unsupported(operation: &str) -> Error {
    Error::new(format!("this type does not implement `{operation}`"))
}

/// The name of a type, and what can be done with it.
#[derive(Clone, Debug, Default)]
pub struct About {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) operations: Vec<OptionalOperation>,
    pub(super) require_state: bool,
    pub(super) always: bool,
}

impl About {
    /// A type that can only be created.
    pub fn new(name: &str, description: &str) -> Self {
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            ..Self::default()
        }
    }

    /// That has these operations.
    pub fn can(mut self, operations: &[OptionalOperation]) -> Self {
        self.operations.extend_from_slice(operations);
        self
    }

    /// That cannot do without state.
    pub fn require_state(mut self) -> Self {
        self.require_state = true;
        self
    }

    /// That is updated at every apply.
    pub fn always(mut self) -> Self {
        self.always = true;
        self
    }
}

/// What the user wants.
#[derive(Debug)]
pub struct New<R: ResourceType> {
    /// The inputs.
    pub inputs: R::Inputs,
    /// Whether what comes of it is remembered.
    pub stateful: bool,
    /// What [`Plan::private`] was.
    pub plan_private: Option<Json>,
}

/// What is remembered of an object.
#[derive(Debug)]
pub struct State<R: ResourceType> {
    /// The inputs that it was made with.
    pub inputs: R::Inputs,
    /// The outputs that were reported. Forms that earlier versions of the provider wrote are to be
    /// readable too: give new fields a default.
    pub outputs: R::Outputs,
    /// What was to be kept with it.
    pub private: Option<Json>,
}

/// A resource that handles the state of others.
#[derive(Debug)]
pub struct StateHandle<R: ResourceType> {
    /// Its inputs.
    pub inputs: R::Inputs,
}

/// An object that was made or changed.
#[derive(Debug)]
pub struct Made<O> {
    /// What to report.
    pub outputs: O,
    /// What to keep with it; `None` keeps what there is.
    pub private: Option<Json>,
}

impl<O> From<O> for Made<O> {
    fn from(outputs: O) -> Self {
        Self {
            outputs,
            private: None,
        }
    }
}

/// An object as it is.
#[derive(Debug)]
pub struct Observed<R: ResourceType> {
    /// The inputs that would make it as it is now.
    pub inputs: R::Inputs,
    /// What to report.
    pub outputs: R::Outputs,
}
