//! What can be typed: the commands, with the options that all of them take.

use clap::{Parser, Subcommand};
use nixops4_proto::path::MemberPath;

use crate::args::{ColorChoice, EvaluationArgs, RootArgs};
use crate::commands::apply::{ApplyArgs, DestroyArgs};
use crate::commands::check::CheckArgs;
use crate::commands::eval::EvalArgs;
use crate::commands::import::ImportArgs;
use crate::commands::init::InitArgs;
use crate::commands::list::SearchArgs;
use crate::commands::members::MembersCommand;
use crate::commands::operation::OperationArgs;
use crate::commands::output::OutputArgs;
use crate::commands::plan::PlanArgs;
use crate::commands::providers::ProvidersCommand;
use crate::commands::repair::RepairArgs;
use crate::commands::repl::ReplArgs;
use crate::commands::show::{ShowArgs, StateShowArgs};
use crate::commands::unlock::UnlockArgs;
use crate::complete::CompletionShell;

/// Describes real-world objects in Nix, and makes them so.
#[derive(Debug, Parser)]
#[command(
    name = "nixops4",
    version,
    propagate_version = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Says more on standard error; twice for everything
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Shows whole evaluation traces, with the module system's own frames
    #[arg(long, global = true)]
    pub show_trace: bool,

    #[command(flatten)]
    pub evaluation: EvaluationArgs,

    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Writes a commented starter `nixops4.nix`
    Init(InitArgs),
    /// Shows what `apply` would do; changes nothing
    Plan(PlanArgs),
    /// Makes the objects as the deployment describes them
    Apply(ApplyArgs),
    /// Deletes the objects
    Destroy(DestroyArgs),
    /// Does an operation that a component offers; without one, lists them
    Run(OperationArgs),
    /// Has a resource take over an existing object, or prints inputs that describe the object
    Import(ImportArgs),
    /// Searches for existing objects, and prints what takes them over
    List(SearchArgs),
    /// Shows what is remembered of all objects
    Show(ShowArgs),
    /// Prints outputs
    Output(OutputArgs),
    /// Looks at and repairs what is remembered
    #[command(subcommand)]
    State(StateCommand),
    /// Looks at the members of the deployment
    #[command(subcommand)]
    Members(MembersCommand),
    /// Looks at providers, and fetches plugins
    #[command(subcommand)]
    Providers(ProvidersCommand),
    /// Evaluates everything and validates it against the providers; changes nothing
    Check(CheckArgs),
    /// Evaluates a Nix expression
    Eval(EvalArgs),
    /// Evaluates what is typed, with the deployment in scope
    Repl(ReplArgs),
    /// Prints a completion script for a shell
    Completion {
        /// The shell
        shell: CompletionShell,
    },
}

#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Lists the members that are remembered
    List(ShowArgs),
    /// Shows everything that is remembered
    Show(StateShowArgs),
    /// Prints the content of one state handler as JSON
    Dump {
        /// The state handler [default: the file beside the deployment]
        member: Option<MemberPath>,
        #[command(flatten)]
        root: RootArgs,
    },
    /// Settles operations that were cut off before their result was known
    Repair(RepairArgs),
    /// Breaks the lock of a state store of a plugin, where the run that holds it is gone
    Unlock(UnlockArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn repair_must_be_told_how() {
        assert!(Cli::try_parse_from(["nixops4", "state", "repair", "a"]).is_err());
        assert!(Cli::try_parse_from(["nixops4", "state", "repair", "a", "--forget"]).is_ok());
        let both = [
            "nixops4", "state", "repair", "a", "--forget", "--adopt", "x",
        ];
        assert!(Cli::try_parse_from(both).is_err());
    }
}
