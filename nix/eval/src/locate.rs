//! Where something that a message is about was written.

use nixops4_lang::{EvalError, Value};
use nixops4_proto::evaluator::{Locate, Located, Position, Subject};
use nixops4_proto::path::{AttrPath, MemberPath, Step};

use crate::error::WireError;
use crate::read;
use crate::session::{ComponentError, Session};

impl Session {
    /// The position of a leaf, or of the nearest thing around it that has one.
    pub fn locate(&mut self, ask: &Locate) -> Result<Located, WireError> {
        let position = match &ask.subject {
            Subject::Inputs(member) => {
                let resource = self.resource_at(member)?;
                self.position_by("locate", &resource, &ask.path)
            }
            Subject::Type(member) => {
                let resource = self.resource_at(member)?;
                let (position, _) = self.evaluator.with_taint(|evaluator| {
                    let places = evaluator.select(&resource, "typePlaces")?;
                    read::first_position(evaluator, &places)
                });
                position
            }
            Subject::ProviderConfig(id) => {
                let instance = self.instance(id)?;
                self.position_by("locate", &instance, &ask.path)
            }
            Subject::Operation(step) => self.locate_step(step, &ask.path)?,
        };
        // Not to know the place of an error is no error.
        Ok(Located {
            position: position.ok().flatten(),
        })
    }

    fn resource_at(&mut self, member: &MemberPath) -> Result<Value, WireError> {
        let component = self.component(member).map_err(|error| match error {
            ComponentError::Eval(error) => self.error(&error),
            ComponentError::Wire(error) => error,
        })?;
        self.evaluator
            .select(&component, "resource")
            .map_err(|error| self.error(&error))
    }

    /// Asks the function `name` of `subject`, which takes a path as a list of names and indexes.
    pub(crate) fn position_by(
        &mut self,
        name: &str,
        subject: &Value,
        path: &AttrPath,
    ) -> Result<Option<Position>, EvalError> {
        let steps = path.0.iter().map(|step| match step {
            Step::Index(index) => Value::Int(i64::try_from(*index).unwrap_or(i64::MAX)),
            Step::Name(name) => Value::string(name),
        });
        let steps = Value::list(steps.collect());
        let (position, _) = self.evaluator.with_taint(|evaluator| {
            let function = evaluator.select(subject, name)?;
            let places = evaluator.call(&function, steps)?;
            read::first_position(evaluator, &places)
        });
        position
    }
}
