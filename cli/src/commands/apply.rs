//! `nixops4 apply` and `nixops4 destroy`: plan, ask, do.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use clap::Args;
use nixops4_core::MemberPath;
use nixops4_core::apply::{ApplyReport, Approve};
use nixops4_core::plan::Plan;

use super::plan::show;
use crate::args::{RefreshChoice, RunArgs};
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::plan_file;
use crate::run::{Options, Run, StateAccess};
use crate::ui;
use crate::ui::print::{err, out, outln};
use crate::ui::question::{ask, may_ask};

#[derive(Args, Debug)]
pub struct ApplyArgs {
    /// Member paths: each with everything below it and what it depends on [default: everything]
    #[arg(value_name = "MEMBER", conflicts_with = "plan")]
    pub members: Vec<MemberPath>,

    #[command(flatten)]
    pub run: RunArgs,

    /// Carries out a plan written by `plan --out`, and nothing else
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,

    /// Does not ask
    #[arg(long, short)]
    pub yes: bool,

    /// Prints one JSON event a line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct DestroyArgs {
    /// Member paths: each with everything below it and what depends on it [default: everything]
    #[arg(value_name = "MEMBER")]
    pub members: Vec<MemberPath>,

    #[command(flatten)]
    pub run: RunArgs,

    /// Does not ask
    #[arg(long, short)]
    pub yes: bool,

    /// Prints one JSON event a line
    #[arg(long)]
    pub json: bool,
}

/// Plans, asks, and makes everything as the deployment says.
pub async fn apply(args: ApplyArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let ApplyArgs {
        members,
        run,
        plan,
        yes,
        json,
    } = args;
    if let Some(path) = plan {
        return apply_saved(&path, run, json, show_trace).await;
    }
    let approval = Approval::new(yes, json)?;
    let options = Options::new(run, StateAccess::Write, show_trace);
    let mut run = Run::start(options.members(members).json(json)).await?;
    let planned = run.drive(async |engine| engine.plan().await).await;
    carry_out(run, planned, approval).await
}

/// Carries out a plan that was approved when it was made, if it still holds.
async fn apply_saved(
    path: &Path,
    mut run: RunArgs,
    json: bool,
    show_trace: bool,
) -> Result<Exit, CommandError> {
    let file = plan_file::read(path)?;
    run.root.saved = Some(file.root.clone());
    run.refresh = match file.refreshed {
        true => RefreshChoice::All,
        false => RefreshChoice::None,
    };
    let members = file.members.clone();
    let options = Options::new(run, StateAccess::Write, show_trace);
    let mut run = Run::start(options.members(members).json(json)).await?;
    let planned = run
        .drive(async |engine| engine.plan_saved(&file).await)
        .await;
    carry_out(run, planned, Approval { yes: true, json }).await
}

/// Plans, asks, and deletes everything.
pub async fn destroy(args: DestroyArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let DestroyArgs {
        members,
        run,
        yes,
        json,
    } = args;
    let approval = Approval::new(yes, json)?;
    let options = Options::new(run, StateAccess::Write, show_trace);
    let mut run = Run::start(options.members(members).json(json)).await?;
    let planned = run.drive(async |engine| engine.plan_destroy().await).await;
    carry_out(run, planned, approval).await
}

pub(super) async fn carry_out(
    mut run: Run,
    planned: Result<Plan, CommandError>,
    mut approval: Approval,
) -> Result<Exit, CommandError> {
    let applied = match planned {
        Ok(plan) => {
            approval.show_if_not_asked(&plan);
            run.drive(async |engine| Ok(engine.apply(plan, &mut approval).await))
                .await
        }
        Err(error) => Err(error),
    };
    let interrupted = run.is_interrupted();
    let report = run.close(applied).await?;
    if !approval.json {
        err!("{}", ui::diagnostics::render_all(&report.diagnostics));
    }
    Ok(exit(&report, interrupted))
}

fn exit(report: &ApplyReport, interrupted: bool) -> Exit {
    match () {
        () if report.is_success() => Exit::Done,
        () if report.interrupted || interrupted => Exit::Interrupted,
        () => Exit::Failed,
    }
}

/// How the user approves of plans.
pub(super) struct Approval {
    yes: bool,
    json: bool,
}

impl Approval {
    /// # Errors
    /// Where nobody can be asked and nobody has said yes.
    pub(super) fn new(yes: bool, json: bool) -> Result<Self, CommandError> {
        match may_ask(yes, json) {
            Ok(()) => Ok(Self { yes, json }),
            Err(error) => Err(error
                .hint("`nixops4 plan` shows what would be done; `--yes` does it without asking")),
        }
    }

    /// A plan without changes is not asked about, but it may have something to say.
    fn show_if_not_asked(&self, plan: &Plan) {
        if plan.changes.is_empty() && !self.json {
            out!("{}", ui::plan::render(plan));
        }
    }
}

#[async_trait]
impl Approve for Approval {
    async fn approve(&mut self, plan: &Plan) -> bool {
        if !self.json {
            show(plan);
            outln!("");
        }
        if self.yes {
            return true;
        }
        // An interrupt is heard by the run as well.
        matches!(ask("Do this?").await, Ok(true))
    }
}
