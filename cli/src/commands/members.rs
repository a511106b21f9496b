//! `nixops4 members list`: the names of the members of a component.

use clap::Subcommand;
use nixops4_core::diagnostic::Diagnostic;
use nixops4_core::evaluate::{Evaluate, from_eval_error};
use nixops4_proto::evaluator::{Component, ComponentKind, Walk, WalkItem};
use nixops4_proto::path::MemberPath;
use tokio::sync::mpsc;

use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::session;
use crate::ui::print::outln;

#[derive(Debug, Subcommand)]
pub enum MembersCommand {
    /// Lists the members of a component, one a line
    List {
        /// The component
        #[arg(default_value = "")]
        path: MemberPath,
        #[command(flatten)]
        root: RootArgs,
    },
}

/// Runs a `members` command.
pub async fn run(command: MembersCommand, show_trace: bool) -> Result<Exit, CommandError> {
    match command {
        MembersCommand::List { path, root } => list(path, root, show_trace).await,
    }
}

async fn list(path: MemberPath, root: RootArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let (evaluator, _) = session::load(&root, show_trace).await?;
    let (items, mut received) = mpsc::unbounded_channel();
    let walk = Walk {
        paths: vec![path.clone()],
        recursive: false,
        inputs: false,
    };
    evaluator.walk(walk, items).await?;
    while let Some(item) = received.recv().await {
        if let WalkItem::Component(component) = item
            && component.path == path
        {
            for name in names(component)? {
                outln!("{name}");
            }
        }
    }
    Ok(Exit::Done)
}

fn names(component: Component) -> Result<Vec<String>, CommandError> {
    let Component {
        path,
        kind,
        refs,
        position,
    } = component;
    let mut diagnostic = match kind {
        ComponentKind::Composite(composite) => return Ok(composite.members),
        ComponentKind::Resource(_) => Diagnostic::error(format!("{path} is a resource"))
            .detail("Only composites have members."),
        ComponentKind::Unknown { what, from } => {
            let outputs: Vec<_> = from
                .iter()
                .filter_map(|index| refs.get(*index as usize))
                .map(ToString::to_string)
                .collect();
            Diagnostic::error(format!(
                "the {what} of {} cannot be told before {} exists",
                if path.is_root() {
                    "the root".to_owned()
                } else {
                    path.to_string()
                },
                outputs.join(", ")
            ))
        }
        ComponentKind::Failed { error } => return Err(from_eval_error(&error).into()),
    };
    diagnostic.position = diagnostic.position.or(position);
    Err(diagnostic.into())
}
