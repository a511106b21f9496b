//! [`Engine`]: a deployment that can be planned and applied.

use std::sync::Arc;

use nixops4_proto::evaluator::Load;
use nixops4_proto::events::{Command, Event};

use super::{Config, Interrupt, ProviderFactory, StateAccess, StateFactory};
use crate::MemberPath;
use crate::apply::{self, ApplyReport, Approve};
use crate::check;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::evaluate::{Evaluate, EvaluateError};
use crate::plan::Plan;
use crate::plan::driver::{self, Stopped};
use crate::plan::nodes::StoreStatus;
use crate::plan::session::Session;
use crate::report::Reporter;

/// Whom a run asks.
#[derive(Clone, Debug)]
pub struct Tools {
    /// About the deployment.
    pub evaluator: Arc<dyn Evaluate>,
    /// For providers.
    pub providers: Arc<dyn ProviderFactory>,
    /// For states.
    pub states: Arc<dyn StateFactory>,
    /// Whether states are to be written.
    pub access: StateAccess,
    /// How many provider calls run at once.
    pub parallelism: usize,
}

/// Why a run did not come to its end.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// The evaluator cannot go on: the root is in error, or the process is gone.
    #[error(transparent)]
    Evaluate(#[from] EvaluateError),
    /// The user has asked for an end before anything was done.
    #[error("interrupted")]
    Interrupted,
    /// The plan cannot be applied any more, or not at all.
    #[error("{}", .0.0.first().map(ToString::to_string).unwrap_or_default())]
    Refused(Diagnostics),
}

impl EngineError {
    /// As diagnostics, for reports.
    pub fn to_diagnostics(&self) -> Diagnostics {
        match self {
            Self::Evaluate(error) => error.to_diagnostic().into(),
            Self::Interrupted => Diagnostic::error("interrupted").into(),
            Self::Refused(diagnostics) => diagnostics.clone(),
        }
    }
}

impl From<Stopped> for EngineError {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Evaluator(error) => Self::Evaluate(error),
            Stopped::Interrupted => Self::Interrupted,
        }
    }
}

/// A plan that cannot be right is not applied.
fn our_mistake(problems: &[String]) -> Diagnostic {
    Diagnostic::error("the plan contradicts itself, so nothing is done")
        .detail(problems.join("\n"))
        .hint("this is a mistake in nixops4, or in a provider: please report it")
}

/// What is to be deleted and what is to be made wait for each other.
fn order_cycle(cycle: &[MemberPath]) -> Diagnostic {
    let mut names: Vec<_> = cycle.iter().map(ToString::to_string).collect();
    names.extend(names.first().cloned());
    Diagnostic::error(format!(
        "the changes wait for each other: {}",
        names.join(" -> ")
    ))
    .detail("What was depended on when it was last applied now depends on what depended on it.")
    .hint("apply it in two steps: first without the new dependency")
}

/// A deployment that can be planned and applied. One run: planned once, then applied.
#[derive(Debug)]
pub struct Engine {
    pub(crate) config: Config,
    pub(crate) tools: Tools,
    pub(crate) reporter: Reporter,
    pub(crate) interrupt: Interrupt,
    pub(crate) session: Session,
}

impl Engine {
    /// A run. Nothing is asked or started yet.
    pub fn new(config: Config, tools: Tools, reporter: Reporter, interrupt: Interrupt) -> Self {
        let session = Session::new(config.selection.clone(), config.refresh, reporter.clone());
        Self {
            config,
            tools,
            reporter,
            interrupt,
            session,
        }
    }

    /// Plans what is needed to make the world as the deployment says. Changes nothing.
    ///
    /// # Errors
    /// Only where nothing can be planned at all; errors of single members are in the plan.
    pub async fn plan(&mut self) -> Result<Plan, EngineError> {
        let command = match self.tools.access {
            StateAccess::Read => Command::Plan,
            StateAccess::Write => Command::Apply,
        };
        self.reporter.send(Event::RunStarted { command });
        self.load().await?;
        self.session.start();
        self.plan_wave().await
    }

    /// Plans the deletion of everything that is selected, with what depends on it. Changes
    /// nothing. What the deployment says is not needed but for where states and providers are.
    pub async fn plan_destroy(&mut self) -> Result<Plan, EngineError> {
        self.reporter.send(Event::RunStarted {
            command: Command::Destroy,
        });
        self.session.destroy = true;
        match self.load().await {
            Ok(()) => self.session.start(),
            Err(EngineError::Evaluate(error)) => self.session.start_without_evaluation(&error),
            Err(other) => return Err(other),
        }
        self.plan_wave().await
    }

    pub(super) async fn load(&self) -> Result<(), EngineError> {
        self.reporter.send(Event::EvaluationStarted {});
        let load = Load {
            root: self.config.root.clone(),
            show_trace: self.config.show_trace,
        };
        Ok(self.tools.evaluator.load(load).await?)
    }

    /// Plans a wave and tells of it.
    pub(crate) async fn plan_wave(&mut self) -> Result<Plan, EngineError> {
        driver::run(&mut self.session, &self.tools, &self.interrupt).await?;
        let mut plan = self.session.assemble();
        plan.diagnostics = self.located_diagnostics().await;
        for diagnostic in &plan.diagnostics.0 {
            self.reporter.diagnostic(diagnostic);
        }
        self.reporter.plan(&plan);
        Ok(plan)
    }

    /// Carries out the plan that this run has just made, and then, wave by wave, what it had to
    /// leave for later. `approve` is asked once a wave, if there is something to do. Also to be
    /// called for an empty plan: what is remembered may have to be brought up to date.
    pub async fn apply(&mut self, plan: Plan, approve: &mut dyn Approve) -> ApplyReport {
        let mut report = ApplyReport::default();
        let mut plan = plan;
        loop {
            report.summary.waves = plan.wave;
            report.plan_failed |= plan.has_errors();
            report
                .diagnostics
                .extend(std::mem::take(&mut plan.diagnostics));
            let problems = check::check(&plan);
            if !problems.is_empty() {
                report.diagnostics.push(our_mistake(&problems));
                break;
            }
            if !plan.changes.is_empty() && !approve.approve(&plan).await {
                report.declined = true;
                break;
            }
            let Some(wave) = self.apply_wave(&mut report).await else {
                break;
            };
            if wave.halted || wave.applied == 0 || self.session.deferred() == 0 {
                break;
            }
            self.session.next_wave();
            match self.plan_wave().await {
                Ok(next) => plan = next,
                Err(error) => {
                    report.interrupted |= matches!(error, EngineError::Interrupted);
                    report.diagnostics.extend(error.to_diagnostics());
                    break;
                }
            }
        }
        report.summary.deferred = self.session.deferred();
        report.summary.held_back = self.session.held_back();
        self.reporter
            .send(Event::RunSummary(report.summary.clone()));
        report
    }

    async fn apply_wave(&mut self, report: &mut ApplyReport) -> Option<apply::Wave> {
        let steps = match apply::Steps::of(&self.session) {
            Ok(steps) => steps,
            Err(cycle) => {
                report.diagnostics.push(order_cycle(&cycle));
                return None;
            }
        };
        let wave = apply::run(
            &mut self.session,
            steps,
            &self.tools,
            &self.interrupt,
            report,
        )
        .await;
        let diagnostics = self.located_diagnostics().await;
        for diagnostic in &diagnostics.0 {
            self.reporter.diagnostic(diagnostic);
        }
        report.diagnostics.extend(diagnostics);
        Some(wave)
    }

    /// Takes the diagnostics, with the positions of the leaves that they are about.
    pub(crate) async fn located_diagnostics(&mut self) -> Diagnostics {
        let mut diagnostics = std::mem::take(&mut self.session.diagnostics);
        let subjects = std::mem::take(&mut self.session.subjects);
        for (diagnostic, subject) in diagnostics.0.iter_mut().zip(subjects) {
            if diagnostic.position.is_some() {
                continue;
            }
            if let Some(subject) = subject {
                let path = diagnostic.path.clone().unwrap_or_default();
                // It says no less for want of a position.
                diagnostic.position = self
                    .tools
                    .evaluator
                    .locate(subject, &path)
                    .await
                    .unwrap_or_default();
            }
            if diagnostic.position.is_none()
                && let Some(member) = &diagnostic.member
            {
                let node = self.session.node_at(member);
                diagnostic.position = node.and_then(|node| node.position.clone());
            }
        }
        diagnostics
    }

    /// Ends all providers and gives up all states. To be called at the end of every run.
    pub async fn close(&mut self) -> Diagnostics {
        let mut diagnostics = Diagnostics::default();
        self.tools.evaluator.close().await;
        // Those who opened them have to be there still.
        diagnostics.extend(self.session.ephemerals.close().await);
        // So have those who keep states, until those are given up.
        for store in &mut self.session.stores {
            if let StoreStatus::Ready(contents) = &store.status {
                if let Err(error) = contents.store.close().await {
                    diagnostics.extend(crate::plan::work::state_diagnostics(&error));
                }
                store.status = StoreStatus::Failed;
            }
        }
        for provider in &self.session.providers {
            if let crate::plan::nodes::ProviderStatus::Ready(ready) = &provider.status {
                ready.configured.close().await;
            }
        }
        diagnostics
    }
}
