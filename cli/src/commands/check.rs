//! `nixops4 check`: evaluates everything and has the providers validate it; reads no object.

use clap::Args;
use nixops4_core::engine::DEFAULT_PARALLELISM;

use crate::args::{ProcessArgs, RefreshChoice, RootArgs, RunArgs, at_least_one};
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::run::{Options, Run, StateAccess};
use crate::ui;
use crate::ui::print::{err, outln};

#[derive(Args, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    pub root: RootArgs,

    /// Whether to read the objects too
    #[arg(long, value_enum, default_value_t = RefreshChoice::None)]
    pub refresh: RefreshChoice,

    /// How many provider calls may run at once
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PARALLELISM, value_parser = at_least_one)]
    pub parallelism: usize,

    #[command(flatten)]
    pub processes: ProcessArgs,

    /// Prints one JSON event a line
    #[arg(long)]
    pub json: bool,
}

/// Checks, and says what is wrong.
pub async fn run(args: CheckArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let CheckArgs {
        root,
        refresh,
        parallelism,
        processes,
        json,
    } = args;
    let run = RunArgs {
        root,
        refresh,
        parallelism,
        processes,
    };
    let options = Options::new(run, StateAccess::Read, show_trace);
    let mut run = Run::start(options.json(json)).await?;
    let planned = run.drive(async |engine| engine.plan().await).await;
    let plan = run.close(planned).await?;
    if !json {
        err!("{}", ui::diagnostics::render_all(&plan.diagnostics));
        let good = plan.changes.len() + plan.unchanged;
        let later = match plan.deferred.len() {
            0 => String::new(),
            count => format!(", {count} can be checked only once what they need exists"),
        };
        outln!("{good} resources are valid{later}");
    }
    Ok(if plan.has_errors() {
        Exit::Failed
    } else {
        Exit::Done
    })
}
