//! Operations of components: which there are, and what they do.

use nixops4_lang::{EvalError, Value};
use nixops4_proto::evaluator::{
    DescribeOperation, ListOperations, OperationDescription, OperationHead, OperationStep,
    OperationsListed, Position, ProviderInstance, StepPath, Untold,
};
use nixops4_proto::path::{AttrPath, MemberPath};

use crate::error::{self, WireError};
use crate::read;
use crate::resource::instance_id;
use crate::session::{ComponentError, Session};
use crate::tree::Refs;
use crate::walk::Described;

/// What a step names, not yet described.
struct Step {
    value: Value,
    provider: String,
    instance: Value,
    type_name: String,
}

impl Session {
    /// The operations of a component and of those below it.
    pub fn operations(
        &mut self,
        ask: &ListOperations,
        mut emit: impl FnMut(OperationHead),
    ) -> Result<OperationsListed, WireError> {
        let component = self.component_at(&ask.path)?;
        let mut listed = OperationsListed::default();
        let mut stack = vec![(ask.path.clone(), Ok(component))];
        while let Some((member, component)) = stack.pop() {
            if self.evaluator.is_cancelled() {
                break;
            }
            let told = component.and_then(|component| {
                let heads = self.heads(&member, &component)?;
                Ok((heads, self.below(&member, &component)?))
            });
            match told {
                Ok((heads, below)) => {
                    heads.into_iter().for_each(&mut emit);
                    stack.extend(below.into_iter().rev());
                }
                Err(error) => {
                    let error = (!error.is_suspended()).then(|| *self.error(&error));
                    listed.untold.push(Untold { member, error });
                }
            }
        }
        Ok(listed)
    }

    /// The members of a component; of a resource there are none.
    #[allow(clippy::type_complexity, reason = "each member may be in error")]
    pub(crate) fn below(
        &mut self,
        path: &MemberPath,
        component: &Value,
    ) -> Result<Vec<(MemberPath, Result<Value, EvalError>)>, EvalError> {
        let is_resource = self.evaluator.select(component, "isResource")?;
        if self.evaluator.bool_of(&is_resource)? {
            return Ok(Vec::new());
        }
        let set = self.evaluator.select(component, "members")?;
        let mut below = Vec::new();
        for name in self.names(&set)? {
            let member = self.evaluator.select(&set, &name);
            if let Ok(member) = &member
                && matches!(self.evaluator.select_opt(member, "_absent"), Ok(Some(_)))
            {
                continue;
            }
            let own = member.and_then(|member| self.evaluator.select(&member, "_component"));
            below.push((path.child(&name), own));
        }
        Ok(below)
    }

    fn heads(
        &mut self,
        member: &MemberPath,
        component: &Value,
    ) -> Result<Vec<OperationHead>, EvalError> {
        let set = self.evaluator.select(component, "operations")?;
        let mut heads = Vec::new();
        for name in self.names(&set)? {
            // What is wrong with one is said when it is asked for.
            let description = self
                .evaluator
                .select(&set, &name)
                .and_then(|operation| read::field(&mut self.evaluator, &operation, "description"));
            heads.push(OperationHead {
                member: member.clone(),
                position: self.operation_position(component, &name),
                description: description.unwrap_or_default(),
                name,
            });
        }
        Ok(heads)
    }

    pub(crate) fn names(&mut self, set: &Value) -> Result<Vec<String>, EvalError> {
        let attrs = self.evaluator.attrs_of(set)?;
        let sorted = self.evaluator.sorted_attrs(&attrs).into_iter();
        Ok(sorted
            .map(|attr| self.evaluator.symbol_name(attr.name))
            .collect())
    }

    pub(crate) fn component_at(&mut self, path: &MemberPath) -> Result<Value, WireError> {
        self.component(path).map_err(|error| match error {
            ComponentError::Eval(error) => self.error(&error),
            ComponentError::Wire(error) => error,
        })
    }

    fn operation_position(&mut self, component: &Value, name: &str) -> Option<Position> {
        let (position, _) = self.evaluator.with_taint(|evaluator| {
            let sets = evaluator.select(component, "operationSets")?;
            for set in evaluator.list_of(&sets)?.iter() {
                if let Some(position) = read::attr_position(evaluator, set, name)? {
                    return Ok(Some(position));
                }
            }
            Ok::<_, EvalError>(None)
        });
        position.ok().flatten()
    }

    /// What an operation does.
    pub fn operation(
        &mut self,
        ask: &DescribeOperation,
    ) -> Result<OperationDescription, WireError> {
        let component = self.component_at(&ask.member)?;
        let mut refs = Refs::default();
        let mut described = OperationDescription {
            position: self.operation_position(&component, &ask.name),
            ..OperationDescription::default()
        };
        match self.steps(&component, &ask.name) {
            Ok((description, steps)) => {
                described.description = description;
                for step in steps {
                    let added = self.add_step(step, &mut described, &mut refs);
                    added.map_err(|error| self.error(&error))?;
                }
                described.refs = refs.into_list();
            }
            Err(failure) if failure.error.is_suspended() => {
                let awaited = failure.error.awaited();
                let taint = self.evaluator.taint_union(failure.taint, awaited);
                described.waits_for = self.outputs.refs(&self.evaluator, taint);
            }
            Err(failure) => return Err(self.error(&failure.error)),
        }
        Ok(described)
    }

    fn steps(&mut self, component: &Value, name: &str) -> Described<(String, Vec<Step>)> {
        let (told, _) = self.part("type", |evaluator| {
            let set = evaluator.select(component, "operations")?;
            let operation = evaluator.select(&set, name)?;
            let description = read::field(evaluator, &operation, "description")?;
            let list = evaluator.select(&operation, "steps")?;
            let mut steps = Vec::new();
            for value in evaluator.list_of(&list)?.iter() {
                let instance = evaluator.select(value, "instance")?;
                steps.push(Step {
                    value: value.clone(),
                    provider: instance_id(evaluator, &instance)?,
                    instance,
                    type_name: read::field(evaluator, value, "actionType")?,
                });
            }
            Ok((description, steps))
        })?;
        Ok(told)
    }

    fn add_step(
        &mut self,
        step: Step,
        described: &mut OperationDescription,
        refs: &mut Refs,
    ) -> Result<(), EvalError> {
        let known = |provider: &ProviderInstance| provider.id == step.provider;
        if !described.providers.iter().any(known) {
            let instance = self.provider(&step.provider, &step.instance);
            described
                .providers
                .push(instance.map_err(|failure| failure.error)?);
            self.instances.insert(step.provider.clone(), step.instance);
        }
        let inputs = self
            .evaluator
            .select(&step.value, "inputs")
            .and_then(|inputs| self.tree(&inputs, refs));
        let (inputs, inputs_error) = match inputs {
            Ok(inputs) => (Some(inputs), None),
            Err(error) => (None, Some(*self.error(&error))),
        };
        described.steps.push(OperationStep {
            provider: step.provider,
            type_name: step.type_name,
            inputs,
            inputs_error,
        });
        Ok(())
    }

    /// Where a leaf of a step's inputs is defined; of the whole, where its type is.
    pub(crate) fn locate_step(
        &mut self,
        step: &StepPath,
        path: &AttrPath,
    ) -> Result<Result<Option<Position>, EvalError>, WireError> {
        let component = self.component_at(&step.member)?;
        let (found, _) = self.evaluator.with_taint(|evaluator| {
            let set = evaluator.select(&component, "operations")?;
            let operation = evaluator.select(&set, &step.operation)?;
            let steps = evaluator.select(&operation, "steps")?;
            Ok(evaluator.list_of(&steps)?.get(step.step).cloned())
        });
        let value = match found {
            Ok(Some(value)) => value,
            Ok(None) => {
                let text = format!("{} has no step {}", step.operation, step.step);
                return Err(error::protocol(text));
            }
            Err(error) => return Ok(Err(error)),
        };
        if !path.0.is_empty() {
            return Ok(self.position_by("locate", &value, path));
        }
        let (position, _) = self.evaluator.with_taint(|evaluator| {
            let places = evaluator.select(&value, "typePlaces")?;
            read::first_position(evaluator, &places)
        });
        Ok(position)
    }
}
