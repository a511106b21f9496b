//! Ephemeral resources: opened when somebody waits for their outputs, and where those may go.

use std::collections::BTreeSet;

use nixops4_proto::evaluator::Subject;

use super::model::Reason;
use super::nodes::{NodeId, NodeKind, ResourceNode, Status};
use super::session::Session;
use super::work::{OpenEphemeral, Work};
use crate::diagnostic::{Diagnosed, Diagnostic, Diagnostics};
use crate::engine::ToOpen;
use crate::provider::{Action, Mode, PlannedChange, ProviderResult, ResourceType};
use crate::value::{Kind, Marks, Provenance, Value};
use crate::{AttrPath, MemberPath, OutputRef, Step};

impl Session {
    /// Opens a resource that somebody waits for, if that can be done now; what nobody waits for is
    /// only checked, and stays open to be wanted.
    pub(crate) fn plan_ephemeral(&mut self, id: NodeId) {
        let Some(ready) = self.ready(id).cloned() else {
            return;
        };
        let wanted = self.is_wanted(id);
        if !self.order_settled(id) || (!wanted && self.resource(id).checked) {
            self.parked.push(id);
            return;
        }
        let known = self.resource(id).inputs.is_wholly_known();
        let now = wanted && known && self.pending_dependency(id).is_none();
        let resource = self.resource(id);
        let to_open = ToOpen {
            member: self.nodes[id].path.clone(),
            configured: ready.configured.clone(),
            type_name: resource.declared.type_name.clone(),
            inputs: resource.inputs.clone(),
        };
        let ephemerals = now.then(|| self.ephemerals.clone());
        self.resource_mut(id).checked = true;
        self.hand_over(
            id,
            Work::OpenEphemeral(Box::new(OpenEphemeral {
                node: id,
                ready,
                to_open,
                ephemerals,
            })),
        );
    }

    /// Whether somebody waits for the outputs of a resource.
    fn is_wanted(&self, id: NodeId) -> bool {
        let waiters = self.waiters.get(&self.nodes[id].path);
        waiters.is_some_and(|waiters| !waiters.is_empty())
    }

    /// Somebody waits for a member: if it is ephemeral, and only asked for when it is needed, now
    /// it is.
    pub(crate) fn want_ephemeral(&mut self, member: &MemberPath) {
        let Some(&id) = self.by_path.get(member) else {
            return;
        };
        let node = &self.nodes[id];
        let idle = matches!(node.status, Status::Open | Status::Settled) && node.set_at.is_none();
        let told = node
            .resource
            .as_deref()
            .filter(|resource| is_ephemeral(resource));
        let (true, Some(resource)) = (idle, told) else {
            return;
        };
        let has_inputs = resource.has_inputs;
        self.nodes[id].status = Status::Open;
        match has_inputs {
            true => self.maybe_plan(id),
            // Of a destruction, inputs are not told unless they are asked for.
            false => self.ask_again(id),
        }
    }

    /// A resource is open, or was only checked.
    pub(crate) fn ephemeral_opened(&mut self, id: NodeId, result: ProviderResult<Option<Value>>) {
        self.resource_mut(id).busy = false;
        let Diagnosed { value, warnings } = match result {
            Ok(opened) => opened,
            Err(failure) => return self.fail(id, failure.into_diagnostics()),
        };
        let subject = Subject::Inputs(self.nodes[id].path.clone());
        self.complain_all(&subject, warnings);
        match value {
            Some(outputs) => {
                self.nodes[id].status = Status::Settled;
                self.set_outputs(id, &outputs);
            }
            None if !self.is_wanted(id) => {
                self.nodes[id].status = Status::Open;
                self.parked.push(id);
            }
            None => self.open_later(id),
        }
    }

    /// It is opened when the plan is applied, by when its inputs are known.
    fn open_later(&mut self, id: NodeId) {
        let pending = self.pending_dependency(id);
        let resource = self.resource(id);
        let known = resource.inputs.is_wholly_known();
        if known && pending.is_none() {
            // It was only checked, and has been wanted since.
            self.nodes[id].status = Status::Open;
            return self.plan_ephemeral(id);
        }
        let reason = match pending {
            Some(member) if known => Reason::PendingDependency(member),
            _ => Reason::UnknownInputs,
        };
        let mut outputs = unknown_outputs_of(resource);
        outputs.marks.ephemeral = true;
        let planned = PlannedChange {
            action: Action::Read,
            outputs,
            replace_paths: Vec::new(),
            provider_data: Vec::new(),
            deferred: None,
        };
        self.settle_change(id, reason, planned);
    }

    /// What nobody has waited for needs not be opened.
    pub(crate) fn settle_unwanted(&mut self) {
        for node in &mut self.nodes {
            let idle =
                matches!(node.status, Status::Open) && matches!(node.kind, NodeKind::Resource);
            let resource = node.resource.as_deref();
            if idle && resource.is_some_and(|resource| is_ephemeral(resource) && resource.checked) {
                node.status = Status::Settled;
            }
        }
    }

    /// Why members cannot have names that were made with these outputs: names are kept.
    pub(crate) fn ephemeral_names(&self, structure: &BTreeSet<OutputRef>) -> Option<Diagnostic> {
        let output = structure
            .iter()
            .find(|o| self.is_ephemeral_member(&o.member))?;
        let text = format!("the names of its members cannot be ephemeral: they depend on {output}");
        Some(Diagnostic::error(text).detail(
            "What is ephemeral is never stored, and the names of members are, in the state.",
        ))
    }

    fn is_ephemeral_member(&self, member: &MemberPath) -> bool {
        let resource = self
            .node_at(member)
            .and_then(|node| node.resource.as_deref());
        resource.is_some_and(is_ephemeral)
    }

    /// The leaves of inputs that are ephemeral where they would be kept.
    pub(crate) fn misplaced(&self, id: NodeId, inputs: &Value) -> Diagnostics {
        let resource = self.resource(id);
        let mut diagnostics = Diagnostics::default();
        if is_ephemeral(resource) {
            return diagnostics;
        }
        inputs.visit(&mut |path, leaf, provenance, marks: Marks| {
            let empty = matches!(leaf.kind, Kind::Null);
            if marks.ephemeral && !empty && !is_write_only(resource, path) {
                diagnostics.push(self.kept(resource, path, provenance));
            }
        });
        diagnostics
    }

    fn kept(&self, resource: &ResourceNode, path: &AttrPath, from: &Provenance) -> Diagnostic {
        let from: BTreeSet<_> = from
            .iter()
            .filter(|output| self.is_ephemeral_member(&output.member))
            .map(ToString::to_string)
            .collect();
        let origin = match from.is_empty() {
            true => "it is marked ephemeral".to_owned(),
            false => {
                let from: Vec<_> = from.into_iter().collect();
                format!("it is made with {}", from.join(", "))
            }
        };
        let type_name = &resource.declared.type_name;
        let text = format!("{path} of {type_name} cannot be ephemeral: {origin}");
        let detail = "What is ephemeral is never stored, so it may only go into configurations of \
                      providers, write-only inputs and other ephemeral resources.";
        let diagnostic = Diagnostic::error(text).detail(detail).at(path.clone());
        let write_only = resource.resource_type.as_deref();
        let write_only = write_only
            .map(|t| &*t.write_only_inputs)
            .unwrap_or_default();
        match write_only {
            [] => diagnostic,
            inputs => {
                let names: Vec<_> = inputs.iter().map(ToString::to_string).collect();
                diagnostic.hint(format!("write-only inputs of it are: {}", names.join(", ")))
            }
        }
    }
}

pub(crate) fn is_ephemeral(resource: &ResourceNode) -> bool {
    resource.declared.mode == Mode::Ephemeral
}

/// Whether a leaf of a resource's inputs is, or is inside, something that is not stored.
fn is_write_only(resource: &ResourceNode, path: &AttrPath) -> bool {
    let covers = |pattern: &AttrPath| {
        let mut steps = path.0.iter().filter(|step| matches!(step, Step::Name(_)));
        pattern.0.iter().all(|wanted| {
            let any = *wanted == Step::Name(ResourceType::ANY_KEY.to_owned());
            steps.next().is_some_and(|step| any || step == wanted)
        })
    };
    let resource_type = resource.resource_type.as_deref();
    resource_type.is_some_and(|t| t.write_only_inputs.iter().any(covers))
}

/// Outputs of which nothing is known but, where the type fixes them, their names.
pub(crate) fn unknown_outputs_of(resource: &ResourceNode) -> Value {
    let names = |t: &ResourceType| t.outputs.clone();
    match resource.resource_type.as_deref().and_then(names) {
        Some(names) => Value::attrs(names.into_iter().map(|name| (name, Value::unknown()))),
        None => Value::unknown(),
    }
}
