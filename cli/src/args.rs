//! What can be typed: commands, options and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use nixops4_proto::path::MemberPath;

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

    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
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
    /// Evaluates everything and validates it against the providers; changes nothing
    Check(CheckArgs),
    /// Evaluates a Nix expression
    Eval(EvalArgs),
    /// Prints a completion script for a shell
    Completion {
        /// The shell
        shell: Shell,
    },
}

/// Where the deployment is.
#[derive(Args, Clone, Debug)]
pub struct RootArgs {
    /// File with the deployment [default: nixops4.nix here, else the flake here]
    #[arg(long, short, value_name = "PATH")]
    pub file: Option<PathBuf>,
}

/// How to evaluate and plan.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    #[command(flatten)]
    pub root: RootArgs,

    /// Whether to read the objects before planning
    #[arg(long, value_enum, default_value_t = RefreshChoice::All)]
    pub refresh: RefreshChoice,

    /// How many provider calls may run at once
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = parallelism)]
    pub parallelism: usize,
}

fn parallelism(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least one call must be allowed".to_owned()),
        Ok(number) => Ok(number),
        Err(_) => Err("this is not a whole number".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RefreshChoice {
    /// Trust what is remembered
    None,
    /// Read every object again
    All,
}

#[derive(Args, Debug)]
pub struct InitArgs {
    /// The folder to write into
    #[arg(default_value = ".")]
    pub directory: PathBuf,
}

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

#[derive(Args, Debug)]
pub struct ShowArgs {
    #[command(flatten)]
    pub root: RootArgs,

    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct OutputArgs {
    /// A member, or one of its outputs: `net.vpc`, `net.vpc.id` [default: all]
    #[arg(value_name = "MEMBER[.PATH]")]
    pub target: Option<String>,

    #[command(flatten)]
    pub root: RootArgs,

    /// Prints JSON
    #[arg(long)]
    pub json: bool,

    /// Shows secrets in clear
    #[arg(long)]
    pub show_sensitive: bool,
}

#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Lists the members that are remembered
    List(ShowArgs),
    /// Shows everything that is remembered
    Show(StateShowArgs),
    /// Prints the content of one state handler as JSON
    Dump {
        /// The state handler
        member: MemberPath,
        #[command(flatten)]
        root: RootArgs,
    },
    /// Settles operations that were cut off before their result was known
    Repair(RepairArgs),
}

#[derive(Args, Debug)]
pub struct StateShowArgs {
    /// Member paths [default: all]
    #[arg(value_name = "MEMBER")]
    pub members: Vec<MemberPath>,

    #[command(flatten)]
    pub root: RootArgs,

    /// Prints JSON
    #[arg(long)]
    pub json: bool,
}

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

#[derive(Args, Debug)]
pub struct CheckArgs {
    #[command(flatten)]
    pub root: RootArgs,

    /// Whether to read the objects too
    #[arg(long, value_enum, default_value_t = RefreshChoice::None)]
    pub refresh: RefreshChoice,

    /// How many provider calls may run at once
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = parallelism)]
    pub parallelism: usize,

    /// Prints one JSON event a line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct EvalArgs {
    /// The expression [default: what --file holds]
    #[arg(
        value_name = "EXPR",
        required_unless_present = "file",
        conflicts_with = "file"
    )]
    pub expr: Option<String>,

    /// A file with the expression
    #[arg(long, short, value_name = "PATH")]
    pub file: Option<PathBuf>,

    /// An attribute of the result
    #[arg(long, short = 'A', value_name = "PATH")]
    pub attr: Option<String>,

    /// Prints JSON
    #[arg(long, conflicts_with = "raw")]
    pub json: bool,

    /// Prints a string as it is
    #[arg(long)]
    pub raw: bool,

    /// Evaluates everything inside the result
    #[arg(long)]
    pub strict: bool,
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
