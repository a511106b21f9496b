//! `nixops4 state repair`: settles operations that were cut off before their result was known.

use clap::Args;
use nixops4_core::MemberPath;
use nixops4_core::engine::StateAccess;
use nixops4_core::state::{IntentId, OpenIntent, OperationKind, StateEvent};

use crate::args::{RefreshChoice, RootArgs, RunArgs};
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::memory::{Memory, selected};
use crate::run::{Options, Run};
use crate::ui::print::{err, outln};
use crate::ui::question::ask;
use crate::{interrupt, ui};

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("how").required(true))]
pub struct RepairArgs {
    /// Member paths [default: all that are in doubt]
    #[arg(value_name = "MEMBER")]
    pub members: Vec<MemberPath>,

    /// The operation had no effect, or its object has been seen to by hand
    #[arg(long, group = "how")]
    pub forget: bool,

    /// The object exists: take it over by the provider's identifier for it
    #[arg(long, value_name = "ID", group = "how")]
    pub adopt: Option<String>,

    #[command(flatten)]
    pub root: RootArgs,

    /// Does not ask
    #[arg(long, short)]
    pub yes: bool,
}

/// Settles what is in doubt, as the user says it is.
pub async fn run(args: RepairArgs, show_trace: bool) -> Result<Exit, CommandError> {
    if let Some(id) = &args.adopt {
        return adopt(&args, id, show_trace).await;
    }
    // What is opened is locked, and has to be given up again.
    let opening = Memory::open(&args.root, StateAccess::Write, show_trace);
    let (memory, interrupted) = interrupt::finished(opening).await?;
    let result = match interrupted {
        true => Err(interrupt::interrupted()),
        false => settle(&memory, &args).await,
    };
    memory.close().await?;
    result
}

/// Takes over the object that an operation in doubt made.
async fn adopt(args: &RepairArgs, id: &str, show_trace: bool) -> Result<Exit, CommandError> {
    let [member] = args.members.as_slice() else {
        return Err(
            CommandError::user("an identifier is that of one object: name its member")
                .hint("`nixops4 state repair MEMBER --adopt ID`"),
        );
    };
    if !args.yes && !ask(&format!("Take over {id} as {member}?")).await? {
        return Ok(Exit::Failed);
    }
    let run = RunArgs::on(args.root.clone(), RefreshChoice::None);
    let options = Options::new(run, StateAccess::Write, show_trace);
    let mut run = Run::start(options.members(vec![member.clone()])).await?;
    let adopted = run
        .drive(async |engine| Ok(engine.adopt(member, id).await))
        .await;
    let warnings = run.close(adopted).await??.warnings;
    err!("{}", ui::diagnostics::render_all(&warnings));
    outln!("{member} is {id}.");
    Ok(Exit::Done)
}

async fn settle(memory: &Memory, args: &RepairArgs) -> Result<Exit, CommandError> {
    let in_doubt = memory.in_doubt();
    let chosen: Vec<_> = in_doubt
        .into_iter()
        .filter(|(_, _, open)| selected(&open.intent.member, &args.members))
        .collect();
    if chosen.is_empty() {
        outln!("Nothing is in doubt.");
        return Ok(Exit::Done);
    }
    for (_, id, open) in &chosen {
        outln!("{}", describe(id, open));
    }
    if !args.yes && !ask("Forget these operations?").await? {
        return Ok(Exit::Failed);
    }
    for (state, id, _) in chosen {
        let event = StateEvent::IntentForgotten {
            id,
            with_object: false,
        };
        state
            .store
            .record(event)
            .await
            .map_err(crate::tools::state_error)?;
    }
    Ok(Exit::Done)
}

fn describe(id: &IntentId, open: &OpenIntent) -> String {
    let OpenIntent { intent, time, run } = open;
    let operation = match intent.operation.kind() {
        OperationKind::Create => "creating",
        OperationKind::Update => "updating",
        OperationKind::Delete => "deleting",
    };
    format!(
        "{}: {operation} {}, begun {time} by process {} on {} ({id})",
        intent.member, intent.type_name, run.pid, run.host
    )
}
