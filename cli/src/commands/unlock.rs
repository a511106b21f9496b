//! `nixops4 state unlock`: breaks the lock of a state store whose owner is gone.

use clap::Args;
use nixops4_core::MemberPath;
use nixops4_core::engine::break_lock;

use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::tools::Providers;
use crate::ui::print::{err, outln};
use crate::ui::question::ask;
use crate::{session, ui};

#[derive(Args, Debug)]
pub struct UnlockArgs {
    /// The state handler
    pub member: MemberPath,

    /// The id of the lock, as the store told it
    pub lock: String,

    #[command(flatten)]
    pub root: RootArgs,

    /// Does not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// Breaks a lock, by the id that the store told.
pub async fn run(args: UnlockArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let UnlockArgs {
        member,
        lock,
        root,
        yes,
    } = args;
    let question = format!("Let others write what {member} keeps, although a run has it locked?");
    if !yes && !ask(&question).await? {
        return Ok(Exit::Failed);
    }
    let (evaluator, root) = session::load(&root, show_trace).await?;
    let providers = Providers::new(&root.base);
    let warnings = break_lock(&*evaluator, &providers, &member, &lock).await?;
    err!("{}", ui::diagnostics::render_all(&warnings));
    outln!("{member} is unlocked.");
    Ok(Exit::Done)
}
