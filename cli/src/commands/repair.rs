//! `nixops4 state repair`: settles operations that were cut off before their result was known.

use nixops4_core::engine::StateAccess;
use nixops4_core::state::{IntentId, OpenIntent, OperationKind, StateEvent};

use super::apply::ask;
use crate::args::RepairArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::memory::{Memory, selected};

/// Settles what is in doubt, as the user says it is.
pub async fn run(args: RepairArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let memory = Memory::open(&args.root, StateAccess::Write, show_trace).await?;
    let result = settle(&memory, &args).await;
    memory.close().await?;
    result
}

async fn settle(memory: &Memory, args: &RepairArgs) -> Result<Exit, CommandError> {
    let in_doubt = memory.in_doubt();
    let chosen: Vec<_> = in_doubt
        .into_iter()
        .filter(|(_, _, open)| selected(&open.intent.member, &args.members))
        .collect();
    if chosen.is_empty() {
        anstream::println!("Nothing is in doubt.");
        return Ok(Exit::Done);
    }
    for (_, id, open) in &chosen {
        anstream::println!("{}", describe(id, open));
    }
    if !args.yes && !ask("Forget these operations?")? {
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
