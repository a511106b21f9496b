//! `nixops4 plan`: shows what would be done.

use std::path::PathBuf;

use clap::Args;
use nixops4_core::MemberPath;
use nixops4_core::plan::Plan;

use crate::args::RunArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::plan_file;
use crate::run::{Options, Run, StateAccess};
use crate::ui;
use crate::ui::print::{err, out, outln};

#[derive(Args, Debug)]
pub struct PlanArgs {
    /// Member paths: each with everything below it and what it depends on [default: everything]
    #[arg(value_name = "MEMBER")]
    pub members: Vec<MemberPath>,

    #[command(flatten)]
    pub run: RunArgs,

    /// Exits with 2 if there is something to do
    #[arg(long)]
    pub detailed_exitcode: bool,

    /// Writes the plan to a file, for `apply --plan`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Plans the deletion of everything instead
    #[arg(long)]
    pub destroy: bool,

    /// Prints one JSON event a line
    #[arg(long)]
    pub json: bool,
}

/// Plans and shows.
pub async fn run(args: PlanArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let PlanArgs {
        members,
        run,
        detailed_exitcode,
        out,
        destroy,
        json,
    } = args;
    let options = Options::new(run, StateAccess::Read, show_trace);
    let mut run = Run::start(options.members(members).json(json)).await?;
    let planned = match destroy {
        true => run.drive(async |engine| engine.plan_destroy().await).await,
        false => run.drive(async |engine| engine.plan().await).await,
    };
    let config = run.config.clone();
    let plan = run.close(planned).await?;
    if !json {
        show(&plan);
    }
    if let Some(out) = out
        && !plan.has_errors()
    {
        plan_file::write(&out, &plan.to_file(&config))?;
        if !json {
            outln!("\nSaved. Next: `nixops4 apply --plan {}`", out.display());
        }
    }
    Ok(
        match (plan.has_errors(), detailed_exitcode && !plan.is_empty()) {
            (true, _) => Exit::Failed,
            (false, true) => Exit::Changes,
            (false, false) => Exit::Done,
        },
    )
}

/// Prints a plan on standard output, and what there is to say about it on standard error.
pub fn show(plan: &Plan) {
    out!("{}", ui::plan::render(plan));
    if !plan.diagnostics.0.is_empty() {
        err!("\n{}", ui::diagnostics::render_all(&plan.diagnostics));
    }
}
