//! What can be done with components beside making their objects.

use nix_bindings_expr::value::Value;
use nixops4_proto::evaluator::{
    DescribeOperation, ListOperations, OperationDescription, OperationHead, OperationStep,
    OperationsListed, Position, StepPath, Untold,
};
use nixops4_proto::path::{AttrPath, MemberPath, OutputRef};

use super::Libnix;
use super::components::find;
use super::failure::Failure;
use super::interpreter::Nix;
use super::outputs::Log;
use super::providers::{InstanceAt, below, instance_id};
use super::resources::tree_or_error;
use super::tree::Node;
use crate::error::{self, WireError};
use crate::tree::Refs;

/// The value of a step.
pub(super) fn step(nix: &mut Nix, root: &Value, step: &StepPath) -> Result<Value, Failure> {
    let component = find(nix, root, &step.member)?;
    let steps = steps(nix, &component, &step.operation)?;
    steps.into_iter().nth(step.step).ok_or_else(|| {
        error::protocol(format!("{} has no step {}", step.operation, step.step)).into()
    })
}

fn steps(nix: &mut Nix, component: &Value, name: &str) -> Result<Vec<Value>, Failure> {
    let operation = operation(nix, component, name)?;
    let steps = nix.select(&operation, "steps")?;
    nix.elements(&steps)
}

fn operation(nix: &mut Nix, component: &Value, name: &str) -> Result<Value, Failure> {
    let operations = nix.select(component, "operations")?;
    nix.select(&operations, name)
}

fn description(nix: &mut Nix, component: &Value, name: &str) -> Result<String, Failure> {
    let operation = operation(nix, component, name)?;
    let description = nix.select(&operation, "description")?;
    nix.string_of(&description)
}

fn position(nix: &mut Nix, component: &Value, name: &str) -> Option<Position> {
    let sets = nix.select(component, "operationSets").ok()?;
    nix.written(name, &sets)
}

fn heads(
    nix: &mut Nix,
    member: &MemberPath,
    component: &Value,
) -> Result<Vec<OperationHead>, Failure> {
    let operations = nix.select(component, "operations")?;
    let mut heads = Vec::new();
    for name in nix.names(&operations)? {
        heads.push(OperationHead {
            member: member.clone(),
            // What is wrong with one is said when it is asked for.
            description: description(nix, component, &name).unwrap_or_default(),
            position: position(nix, component, &name),
            name,
        });
    }
    Ok(heads)
}

/// What one instantiation tells of a step.
struct Told {
    provider: String,
    type_name: String,
    inputs: Result<Node, WireError>,
    log: Log,
}

impl Libnix {
    /// The operations of a component and of those below it.
    pub(super) fn list_operations(
        &mut self,
        ask: &ListOperations,
        emit: &mut dyn FnMut(OperationHead),
    ) -> Result<OperationsListed, WireError> {
        let mut listed = OperationsListed::default();
        let mut stack = vec![ask.path.clone()];
        while let Some(member) = stack.pop() {
            if self.shared.is_cancelled() {
                break;
            }
            let (told, _) = self.fresh(|nix, root| {
                let component = find(nix, root, &member)?;
                let heads = heads(nix, &member, &component)?;
                Ok((heads, below(nix, &component)?))
            });
            match told {
                Ok((heads, below)) => {
                    heads.into_iter().for_each(&mut *emit);
                    stack.extend(below.into_iter().rev().map(|name| member.child(name)));
                }
                Err(Failure::NoMember(error)) => return Err(error),
                Err(failure) => {
                    let error = failure.into_error();
                    listed.untold.push(Untold { member, error });
                }
            }
        }
        Ok(listed)
    }

    /// What an operation does.
    pub(super) fn describe_operation(
        &mut self,
        ask: &DescribeOperation,
    ) -> Result<OperationDescription, WireError> {
        let (head, log) = self.fresh(|nix, root| {
            let component = find(nix, root, &ask.member)?;
            let description = description(nix, &component, &ask.name);
            let count = description.and_then(|description| {
                let steps = steps(nix, &component, &ask.name)?;
                Ok((description, steps.len()))
            });
            Ok((count, position(nix, &component, &ask.name)))
        });
        let (told, position) = head.map_err(Failure::into_wire)?;
        let mut described = OperationDescription {
            position,
            ..OperationDescription::default()
        };
        let (description, count) = match told {
            Ok(told) => told,
            Err(Failure::Waits(outputs)) => {
                described.waits_for = all(&log, outputs);
                return Ok(described);
            }
            Err(failure) => return Err(failure.into_wire()),
        };
        described.description = description;
        let mut refs = Refs::default();
        for step in 0..count {
            let path = StepPath {
                member: ask.member.clone(),
                operation: ask.name.clone(),
                step,
            };
            match self.step(&path) {
                Ok(told) => self.add_step(path, told, &mut described, &mut refs)?,
                Err((Failure::Waits(outputs), log)) => {
                    described.waits_for = all(&log, outputs);
                    return Ok(described);
                }
                Err((failure, _)) => return Err(failure.into_wire()),
            }
        }
        described.refs = refs.into_list();
        Ok(described)
    }

    fn step(&mut self, path: &StepPath) -> Result<Told, (Failure, Log)> {
        let (told, log) = self.fresh(|nix, root| {
            let value = step(nix, root, path)?;
            let instance = nix.select(&value, "instance")?;
            let provider = instance_id(nix, &instance)?;
            let type_name = nix.select(&value, "actionType")?;
            let type_name = nix.string_of(&type_name)?;
            let inputs = match nix.select(&value, "inputs") {
                Ok(inputs) => nix.node(&inputs),
                Err(Failure::Waits(outputs)) => Ok(Node::Unknown(outputs)),
                Err(failure) => Err(failure.into_wire()),
            };
            Ok((provider, type_name, inputs))
        });
        match told {
            Ok((provider, type_name, inputs)) => Ok(Told {
                provider,
                type_name,
                inputs,
                log,
            }),
            Err(failure) => Err((failure, log)),
        }
    }

    fn add_step(
        &mut self,
        path: StepPath,
        told: Told,
        described: &mut OperationDescription,
        refs: &mut Refs,
    ) -> Result<(), WireError> {
        let known = |id: &str| described.providers.iter().any(|known| known.id == id);
        if !known(&told.provider) {
            let at = InstanceAt::Step(path);
            let instance = self.provider(&told.provider, &at);
            described
                .providers
                .push(instance.map_err(Failure::into_wire)?);
            self.instances.insert(told.provider.clone(), at);
        }
        let (inputs, inputs_error) = tree_or_error(told.inputs, &told.log, refs);
        described.steps.push(OperationStep {
            provider: told.provider,
            type_name: told.type_name,
            inputs,
            inputs_error,
        });
        Ok(())
    }

    /// Where a leaf of a step's inputs is defined; of the whole, where its type is.
    pub(super) fn locate_step(
        &mut self,
        path: &StepPath,
        leaf: &AttrPath,
    ) -> (Result<Option<Position>, Failure>, Log) {
        self.fresh(|nix, root| {
            let value = step(nix, root, path)?;
            if !leaf.0.is_empty() {
                return Ok(nix.locate(leaf, &value));
            }
            let places = nix.select(&value, "typePlaces")?;
            Ok(nix.position(&places))
        })
    }
}

fn all(log: &Log, outputs: impl IntoIterator<Item = OutputRef>) -> Vec<OutputRef> {
    let mut all = log.reads.clone();
    all.extend(log.caught.iter().cloned());
    all.extend(outputs);
    all.into_iter().collect()
}
