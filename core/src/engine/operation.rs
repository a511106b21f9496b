//! Operations that components offer: what there is, what one would do, and doing it.
//!
//! An operation works on what there is. What its inputs use are the outputs of objects as they are
//! now, not as the deployment would have them after the next apply.

use std::collections::BTreeSet;

use nixops4_proto::evaluator::{
    DescribeOperation, ListOperations, OperationDescription, OperationHead, ResourceOutputs,
    StepPath, Subject,
};
use nixops4_proto::events::{Command, Event, FailedResult, Leaf, Shown, Side, SkipReason, StepRef};

use super::{Engine, EngineError, Selection, Urgency};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::evaluate::{EvaluateError, from_eval_error};
use crate::plan::HoldReason;
use crate::plan::driver;
use crate::plan::listen::unknown_outputs;
use crate::plan::nodes::{NodeKind, Prior, Ready, Status};
use crate::plan::values::mark_sensitive;
use crate::provider::{ActionRequest, Failure, Mode};
use crate::value::{RefTable, Value};
use crate::{MemberPath, OutputRef};

/// The longest message of an action on its way that is passed on whole, in characters.
const LONGEST_MESSAGE: usize = 2000;

/// What an operation is going to do.
#[derive(Debug)]
pub struct OperationPlan {
    /// The component that offers it.
    pub member: MemberPath,
    /// Its name there.
    pub name: String,
    /// What it does, in the user's words.
    pub description: String,
    /// What is done, in this order.
    pub steps: Vec<PlannedStep>,
    /// What the providers have to say that is no error.
    pub warnings: Diagnostics,
}

/// One action of an operation.
#[derive(Debug)]
pub struct PlannedStep {
    /// The provider instance.
    pub provider: String,
    /// The provider's name for the type of action.
    pub type_name: String,
    /// What it is told, wholly known, with secrets marked.
    pub inputs: Value,
    ready: Ready,
}

/// What came of an operation.
#[derive(Debug, Default)]
pub struct OperationReport {
    /// How many steps were done.
    pub done: usize,
    /// Whether a step failed, or ended without an answer.
    pub failed: bool,
    /// Whether the user ended it.
    pub interrupted: bool,
    /// What there is to say about it.
    pub diagnostics: Diagnostics,
}

impl Engine {
    /// The operations that a component and those below it offer, with warnings about components
    /// that could not be asked. Comes before [`Engine::plan_operation`].
    ///
    /// # Errors
    /// Where nothing can be evaluated at all.
    pub async fn operations(
        &mut self,
        path: &MemberPath,
    ) -> Result<(Vec<OperationHead>, Diagnostics), EngineError> {
        let command = Command::Run;
        self.reporter.send(Event::RunStarted { command });
        self.load().await?;
        let ask = ListOperations { path: path.clone() };
        let (heads, listed) = self.tools.evaluator.operations(ask).await?;
        let mut warnings = Diagnostics::default();
        for untold in listed.untold {
            let mut diagnostic = match &untold.error {
                Some(error) => from_eval_error(error),
                None => Diagnostic::error("it is not known yet what there will be"),
            };
            diagnostic.severity = crate::diagnostic::Severity::Warning;
            diagnostic.member = Some(untold.member);
            warnings.push(diagnostic);
        }
        Ok((heads, warnings))
    }

    /// Works out what an operation would do. Changes nothing.
    ///
    /// # Errors
    /// Why it cannot be done.
    pub async fn plan_operation(
        &mut self,
        member: &MemberPath,
        name: &str,
    ) -> Result<OperationPlan, EngineError> {
        self.session.selection = Selection::nothing();
        let ask = DescribeOperation {
            member: member.clone(),
            name: name.to_owned(),
        };
        let description = self.describe(&ask).await?;
        let inputs = self.step_inputs(&ask, &description).await?;
        let steps = self.ready_steps(&description, inputs).await?;
        let steps = self.planned_steps(&ask, steps).await?;
        let warnings = self.located_diagnostics().await;
        for warning in &warnings.0 {
            self.reporter.diagnostic(warning);
        }
        let plan = OperationPlan {
            member: ask.member,
            name: ask.name,
            description: description.description,
            steps,
            warnings,
        };
        for (number, step) in plan.steps.iter().enumerate() {
            self.reporter.send_with(|| Event::ActionPlanned {
                step: plan.step(number),
                provider: step.provider.clone(),
                leaves: leaves(&step.inputs),
            });
        }
        Ok(plan)
    }

    /// What an operation does, with all that its inputs need of what there is.
    async fn describe(
        &mut self,
        ask: &DescribeOperation,
    ) -> Result<OperationDescription, EngineError> {
        let mut told = BTreeSet::new();
        loop {
            let description = self.tools.evaluator.operation(ask.clone()).await?;
            let wanted: BTreeSet<_> = self
                .needed(&description)
                .into_iter()
                .map(|output| output.member)
                .filter(|member| !told.contains(member))
                .collect();
            if wanted.is_empty() {
                return Ok(description);
            }
            self.gather(&wanted).await?;
            told.extend(wanted);
        }
    }

    /// The outputs that are missing for an operation to be told whole.
    fn needed(&self, description: &OperationDescription) -> BTreeSet<OutputRef> {
        let mut needed: BTreeSet<_> = description.waits_for.iter().cloned().collect();
        for step in &description.steps {
            if let Some(tree) = &step.inputs
                && let Ok(value) = Value::from_tree(tree, &description.refs)
            {
                needed.extend(unknown_outputs(&value));
            }
        }
        needed
    }

    /// Finds out about these members, and tells the evaluator what there is of them.
    pub(super) async fn gather(
        &mut self,
        members: &BTreeSet<MemberPath>,
    ) -> Result<(), EngineError> {
        for member in members {
            self.session.ask(member);
        }
        self.look().await?;
        self.tell_what_is(members).await
    }

    /// Finds out all that has been asked for.
    pub(super) async fn look(&mut self) -> Result<(), EngineError> {
        driver::run(&mut self.session, &self.tools, &self.interrupt).await?;
        self.session.settle();
        match self.session.diagnostics.has_errors() {
            true => Err(EngineError::Refused(self.located_diagnostics().await)),
            false => Ok(()),
        }
    }

    /// Tells the evaluator the outputs of these members as they are, whatever is planned for them.
    async fn tell_what_is(&mut self, members: &BTreeSet<MemberPath>) -> Result<(), EngineError> {
        let mut outputs = std::mem::take(&mut self.session.batch.outputs);
        for member in members {
            let Some(node) = self.session.node_at(member) else {
                continue;
            };
            let Some(resource) = node.resource.as_deref() else {
                continue;
            };
            if !matches!(node.kind, NodeKind::Resource) || resource.declared.mode != Mode::Managed {
                continue;
            }
            let value = match &resource.prior {
                Prior::Known(Some(state)) => {
                    let outputs = state.outputs.without_provenance();
                    Some(outputs.to_tree(&mut RefTable::default()))
                }
                // It may be planned, but it is not there.
                _ => None,
            };
            let member = member.clone();
            outputs.push(ResourceOutputs { member, value });
        }
        Ok(self.tools.evaluator.set_outputs(outputs).await?)
    }

    /// What the steps are told.
    async fn step_inputs(
        &mut self,
        ask: &DescribeOperation,
        description: &OperationDescription,
    ) -> Result<Vec<Value>, EngineError> {
        if let Some(output) = description.waits_for.first() {
            let mut diagnostic = self.missing(ask, output);
            diagnostic.position = description.position.clone();
            self.session.complain(None, diagnostic);
        }
        let mut inputs = Vec::new();
        for (number, step) in description.steps.iter().enumerate() {
            let subject = subject(ask, number);
            if let Some(error) = &step.inputs_error {
                let diagnostic = from_eval_error(error);
                self.session.complain(Some(subject), diagnostic);
                continue;
            }
            let value = match &step.inputs {
                Some(tree) => Value::from_tree(tree, &description.refs)
                    .map_err(|error| EvaluateError::Protocol(error.to_string()))?,
                None => Value::null(),
            };
            let mut missing = Vec::new();
            value.visit(&mut |path, leaf, provenance, _| {
                if leaf.is_unknown() {
                    missing.push((path.clone(), provenance.iter().next().cloned()));
                }
            });
            for (path, output) in missing {
                let output = output.unwrap_or_else(|| OutputRef {
                    member: ask.member.clone(),
                    path: crate::AttrPath::root(),
                });
                let diagnostic = self.missing(ask, &output);
                self.session
                    .complain(Some(subject.clone()), diagnostic.at(path));
            }
            inputs.push(value);
        }
        match self.session.diagnostics.has_errors() {
            true => Err(EngineError::Refused(self.located_diagnostics().await)),
            false => Ok(inputs),
        }
    }

    /// Why an output is not there.
    fn missing(&self, ask: &DescribeOperation, output: &OutputRef) -> Diagnostic {
        let (name, member) = (&ask.name, &output.member);
        let status = self.session.node_at(member).map(|node| &node.status);
        if let Some(Status::Held(reason)) = status {
            let text = format!("the operation `{name}` needs {output}, and {member} is in doubt");
            let known = match reason {
                HoldReason::InDoubt(known) => known.clone(),
                HoldReason::Because(other) => format!("{other}, on which it depends, is in doubt"),
            };
            return Diagnostic::error(text)
                .detail(known)
                .hint("`nixops4 state repair` settles what is in doubt");
        }
        let exists = self.session.node_at(member).is_some_and(|node| {
            let resource = node.resource.as_deref();
            resource.is_some_and(|r| matches!(&r.prior, Prior::Known(Some(_))))
        });
        let why = match exists {
            true => "it is not known",
            false => "that does not exist yet",
        };
        Diagnostic::error(format!("the operation `{name}` needs {output}, and {why}"))
            .hint(format!("`nixops4 apply {member}` makes it"))
    }

    /// The steps with providers that can be asked.
    async fn ready_steps(
        &mut self,
        description: &OperationDescription,
        inputs: Vec<Value>,
    ) -> Result<Vec<PlannedStep>, EngineError> {
        let mut steps = Vec::new();
        for (step, inputs) in description.steps.iter().zip(inputs) {
            let ready = self.ready_provider(&step.provider).await?;
            steps.push(PlannedStep {
                provider: step.provider.clone(),
                type_name: step.type_name.clone(),
                inputs,
                ready,
            });
        }
        Ok(steps)
    }

    /// Has the providers check the steps.
    async fn planned_steps(
        &mut self,
        ask: &DescribeOperation,
        mut steps: Vec<PlannedStep>,
    ) -> Result<Vec<PlannedStep>, EngineError> {
        for (number, step) in steps.iter_mut().enumerate() {
            let subject = subject(ask, number);
            let request = ActionRequest {
                type_name: &step.type_name,
                inputs: &step.inputs,
            };
            let planned = tokio::select! {
                biased;
                () = self.interrupt.requested() => return Err(EngineError::Interrupted),
                planned = step.ready.configured.plan_action(request) => planned,
            };
            match planned {
                Ok(planned) => {
                    self.session.complain_all(&subject, planned.warnings);
                    for path in &planned.value.sensitive {
                        mark_sensitive(&mut step.inputs, &path.0);
                    }
                    if let Some(reason) = planned.value.deferred {
                        let type_name = &step.type_name;
                        let text = format!("{type_name} cannot be done yet: it needs {reason}");
                        self.session
                            .complain(Some(subject), Diagnostic::error(text));
                    }
                }
                Err(failure) => {
                    let diagnostics = failure.into_diagnostics();
                    self.session.complain_all(&subject, diagnostics);
                }
            }
        }
        match self.session.diagnostics.has_errors() {
            true => Err(EngineError::Refused(self.located_diagnostics().await)),
            false => Ok(steps),
        }
    }

    /// Does an operation: its steps one after the other, up to the first that fails.
    pub async fn run_operation(&mut self, plan: &OperationPlan) -> OperationReport {
        let mut report = OperationReport::default();
        let mut summary = nixops4_proto::events::RunSummary::default();
        for number in 0..plan.steps.len() {
            let step = plan.step(number);
            report.interrupted |= self.interrupt.urgency() != Urgency::None;
            let reason = match (report.interrupted, report.failed) {
                (true, _) => Some(SkipReason::Cancelled),
                (false, true) => Some(SkipReason::Dependency),
                (false, false) => None,
            };
            if let Some(reason) = reason {
                match reason {
                    SkipReason::Cancelled => summary.cancelled += 1,
                    _ => summary.skipped += 1,
                }
                self.reporter.send(Event::ActionSkipped { step, reason });
                continue;
            }
            match self.invoke(plan, number).await {
                None => summary.actions += 1,
                Some(FailedResult::InDoubt) => summary.in_doubt += 1,
                Some(_) => summary.failed += 1,
            }
            report.failed = summary.failed + summary.in_doubt > 0;
        }
        report.done = summary.actions;
        report.diagnostics = self.located_diagnostics().await;
        for diagnostic in &report.diagnostics.0 {
            self.reporter.diagnostic(diagnostic);
        }
        self.reporter.send(Event::RunSummary(summary));
        report
    }

    /// Does one step; gives how it failed, if so.
    async fn invoke(&mut self, plan: &OperationPlan, number: usize) -> Option<FailedResult> {
        let PlannedStep {
            type_name,
            inputs,
            ready,
            ..
        } = &plan.steps[number];
        let (step, reporter) = (plan.step(number), self.reporter.clone());
        reporter.send(Event::ActionStarted { step: step.clone() });
        let request = ActionRequest { type_name, inputs };
        let mut progress = |message: String| {
            let step = step.clone();
            let message = shorten(message);
            reporter.send(Event::ActionProgress { step, message });
        };
        let invoked = tokio::select! {
            biased;
            invoked = ready.configured.invoke_action(request, &mut progress) => invoked,
            never = self.end_if_asked(ready) => match never {},
        };
        let ask = DescribeOperation {
            member: plan.member.clone(),
            name: plan.name.clone(),
        };
        let (failed, diagnostics) = match invoked {
            Ok(diagnostics) => {
                let failed = diagnostics.has_errors().then_some(FailedResult::Failed);
                (failed, diagnostics)
            }
            Err(error) => {
                let result = match error.in_doubt {
                    true => FailedResult::InDoubt,
                    false => FailedResult::Failed,
                };
                (Some(result), Failure::Provider(error).into_diagnostics())
            }
        };
        self.session
            .complain_all(&subject(&ask, number), diagnostics);
        let step = plan.step(number);
        self.reporter.send(match failed {
            None => Event::ActionDone { step },
            Some(result) => Event::ActionFailed { step, result },
        });
        failed
    }

    /// Asks a provider to come to an end once the user wants one, and ends it if he insists.
    async fn end_if_asked(&self, ready: &Ready) -> std::convert::Infallible {
        self.interrupt.requested().await;
        self.reporter.send(Event::Interrupted { at_once: false });
        ready.configured.stop().await;
        self.interrupt.reached(Urgency::AtOnce).await;
        self.reporter.send(Event::Interrupted { at_once: true });
        ready.configured.close().await;
        std::future::pending().await
    }
}

impl OperationPlan {
    /// A step, as events tell of it.
    fn step(&self, number: usize) -> StepRef {
        StepRef {
            member: self.member.clone(),
            operation: self.name.clone(),
            step: number,
            action: self.steps[number].type_name.clone(),
        }
    }
}

fn subject(ask: &DescribeOperation, step: usize) -> Subject {
    Subject::Operation(StepPath {
        member: ask.member.clone(),
        operation: ask.name.clone(),
        step,
    })
}

/// What is told, leaf by leaf, without secrets.
fn leaves(inputs: &Value) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    inputs.visit(&mut |path, value, _, marks| {
        if value.is_null() {
            return;
        }
        let after = match marks.sensitive {
            true => Shown {
                sensitive: true,
                ..Shown::default()
            },
            false => Shown {
                value: Some(value.to_plain_json()),
                ..Shown::default()
            },
        };
        leaves.push(Leaf {
            side: Side::Input,
            path: path.clone(),
            before: Shown::default(),
            after,
            forces_replacement: false,
        });
    });
    leaves
}

/// One line of at most so many characters: what a plugin says goes to a terminal.
fn shorten(message: String) -> String {
    let mut line: String = message
        .chars()
        .take(LONGEST_MESSAGE)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if message.chars().nth(LONGEST_MESSAGE).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_made_fit_for_a_line() {
        assert_eq!(shorten("a\nb\u{1b}[2J".to_owned()), "a b [2J");
        let long = shorten("x".repeat(3000));
        assert_eq!(long.chars().count(), LONGEST_MESSAGE + 1);
    }

    #[test]
    fn secrets_are_not_told() {
        let mut secret = Value::from("s3cret");
        secret.marks.sensitive = true;
        let told = leaves(&Value::attrs([
            ("a", 1.into()),
            ("b", secret),
            ("c", Value::null()),
        ]));
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].after.value, Some(1.into()));
        assert!(told[1].after.sensitive && told[1].after.value.is_none());
    }
}
