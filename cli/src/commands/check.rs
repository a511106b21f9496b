//! `nixops4 check`: evaluates everything and has the providers validate it; reads no object.

use crate::args::{CheckArgs, RunArgs};
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::run::{Options, Run, StateAccess};
use crate::ui;

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
    let (members, access) = (Vec::new(), StateAccess::Read);
    let mut run = Run::start(Options {
        run,
        members,
        access,
        show_trace,
        json,
    })
    .await?;
    let planned = run.drive(async |engine| engine.plan().await).await;
    let plan = run.close(planned).await?;
    if !json {
        anstream::eprint!("{}", ui::diagnostics::render_all(&plan.diagnostics));
        let good = plan.changes.len() + plan.unchanged;
        let later = match plan.deferred.len() {
            0 => String::new(),
            count => format!(", {count} can be checked only once what they need exists"),
        };
        anstream::println!("{good} resources are valid{later}");
    }
    Ok(if plan.has_errors() {
        Exit::Failed
    } else {
        Exit::Done
    })
}
