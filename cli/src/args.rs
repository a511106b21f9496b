//! What can be typed: commands, options and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use nixops4_proto::evaluator::RootSource;
use nixops4_proto::path::MemberPath;

use crate::commands::import::ImportArgs;
use crate::commands::list::SearchArgs;

use crate::commands::providers::ProvidersCommand;

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
    /// Prints a completion script for a shell
    Completion {
        /// The shell
        shell: CompletionShell,
    },
}

/// A shell that can complete what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompletionShell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl CompletionShell {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Zsh => "zsh",
        }
    }
}

/// What evaluates Nix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EvaluatorChoice {
    /// NixOps4's own evaluator
    #[default]
    Native,
    /// Nix itself, where `nixops4-eval` was built with it; knows less exactly what depends on what
    Libnix,
}

/// How to evaluate Nix.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Evaluation")]
pub struct EvaluationArgs {
    /// What evaluates
    #[arg(long, global = true, value_enum, default_value_t = EvaluatorChoice::Native)]
    pub evaluator: EvaluatorChoice,

    /// How much memory evaluation may take: a number of bytes, or one with K, M or G
    #[arg(long, global = true, value_name = "SIZE", value_parser = size)]
    pub eval_max_memory: Option<u64>,

    /// How many calls may be inside each other
    #[arg(long, global = true, value_name = "N", default_value_t = 10_000)]
    pub eval_max_depth: u32,

    /// Where <names> are looked up: a folder, or name=path; before NIX_PATH
    #[arg(short = 'I', global = true, value_name = "[NAME=]PATH")]
    pub include: Vec<String>,

    /// The store that evaluation adds to and builds in: auto (Nix on PATH, if it is there), none,
    /// memory, nix or nix:FOLDER with the programs [default: NIXOPS4_STORE, else auto]
    #[arg(long, global = true, value_name = "STORE")]
    pub store: Option<String>,

    /// A setting of Nix: abort-on-warn, max-call-depth, pure-eval or trace-verbose
    #[arg(long, global = true, num_args = 2, value_names = ["NAME", "VALUE"])]
    pub option: Vec<String>,
}

/// Reads `1048576`, `512M` or `2G`.
fn size(text: &str) -> Result<u64, String> {
    let wrong = || "give a number of bytes, or one with K, M or G".to_owned();
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[digits.len()..]
        .trim_end_matches("iB")
        .trim_end_matches('B')
    {
        "" => 1,
        "K" | "k" => 1 << 10,
        "M" | "m" => 1 << 20,
        "G" | "g" => 1 << 30,
        "T" | "t" => 1 << 40,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(unit).ok_or_else(wrong)
}

/// Where the deployment is.
#[derive(Args, Clone, Debug, Default)]
pub struct RootArgs {
    /// File with the deployment [default: nixops4.nix here, else the flake here]
    #[arg(long, short, value_name = "PATH")]
    pub file: Option<PathBuf>,

    /// Flake with the deployment, and after `#` the output that is it [default: nixops4]
    #[arg(long, value_name = "REF[#OUTPUT]", conflicts_with = "file")]
    pub flake: Option<String>,

    #[command(flatten)]
    pub lock: LockArgs,

    /// Where a saved plan says it is.
    #[arg(skip)]
    pub saved: Option<RootSource>,
}

impl RootArgs {
    /// Whether it was said where, so that it need not be looked for.
    pub fn is_given(&self) -> bool {
        self.file.is_some() || self.flake.is_some() || self.saved.is_some()
    }
}

/// How the inputs of a flake are pinned.
#[derive(Args, Clone, Debug, Default)]
// `providers lock` has arguments of that name, too.
#[group(id = "FlakeLockArgs")]
pub struct LockArgs {
    /// Takes an input of the flake (`a`, `a/b`) from elsewhere; implies --no-write-lock-file
    #[arg(long, num_args = 2, value_names = ["INPUT", "REF"])]
    pub override_input: Vec<String>,

    /// Pins an input of the flake anew
    #[arg(long, value_name = "INPUT")]
    pub update_input: Vec<String>,

    /// Lets a short name such as `nixpkgs` stand for another flake
    #[arg(long, num_args = 2, value_names = ["NAME", "REF"])]
    pub override_flake: Vec<String>,

    /// Pins all inputs of the flake anew
    #[arg(long)]
    pub recreate_lock_file: bool,

    /// Fails where the flake's lock file would have to change
    #[arg(long)]
    pub no_update_lock_file: bool,

    /// Does not write the flake's lock file
    #[arg(long)]
    pub no_write_lock_file: bool,
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
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    pub parallelism: usize,

    #[command(flatten)]
    pub processes: ProcessArgs,
}

/// How many processes there may be.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct ProcessArgs {
    /// How many plugins may be alive at once; idle ones make room [default: by free memory]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_provider_processes: Option<usize>,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".to_owned()),
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
#[command(override_usage = "nixops4 run [OPTIONS] [MEMBER] [OPERATION]")]
pub struct OperationArgs {
    /// The component and its operation; of the root, the operation alone [default: lists them]
    #[arg(value_name = "MEMBER OPERATION", num_args = 0..=2)]
    pub words: Vec<String>,

    #[command(flatten)]
    pub root: RootArgs,

    /// Whether to read the objects whose outputs the operation uses
    #[arg(long, value_enum, default_value_t = RefreshChoice::All)]
    pub refresh: RefreshChoice,

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
        /// The state handler [default: the file beside the deployment]
        member: Option<MemberPath>,
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
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least_one)]
    pub parallelism: usize,

    #[command(flatten)]
    pub processes: ProcessArgs,

    /// Prints one JSON event a line
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
pub struct EvalArgs {
    /// Expressions, or with the name of a file, `<name>` or `-`: what is in there
    #[arg(value_name = "EXPR|FILE")]
    pub sources: Vec<String>,

    /// Takes what is given for expressions, never for files
    #[arg(long, short = 'E')]
    pub expr: bool,

    /// A file with the expression
    #[arg(long, short, value_name = "PATH", conflicts_with_all = ["sources", "expr"])]
    pub file: Option<PathBuf>,

    /// An attribute of the result, such as a.b.0; may be given several times
    #[arg(long, short = 'A', value_name = "PATH")]
    pub attr: Vec<String>,

    /// An argument for functions: a name and an expression
    #[arg(long, num_args = 2, value_names = ["NAME", "EXPR"])]
    pub arg: Vec<String>,

    /// An argument for functions: a name and a string
    #[arg(long, num_args = 2, value_names = ["NAME", "TEXT"])]
    pub argstr: Vec<String>,

    /// Prints JSON
    #[arg(long, group = "format")]
    pub json: bool,

    /// Prints XML
    #[arg(long, group = "format")]
    pub xml: bool,

    /// Leaves out of the XML where things were written
    #[arg(long, requires = "xml")]
    pub no_location: bool,

    /// Prints a string as it is
    #[arg(long, group = "format")]
    pub raw: bool,

    /// Evaluates nothing; prints the expression as it was understood
    #[arg(long, alias = "parse-only", group = "format")]
    pub parse: bool,

    /// Evaluates everything inside the result
    #[arg(long)]
    pub strict: bool,

    /// What nix-instantiate needs to be told, and `nixops4 eval` does not
    #[arg(long, hide = true, alias = "eval-only")]
    pub eval: bool,

    /// Likewise
    #[arg(long, hide = true)]
    pub read_write_mode: bool,
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
