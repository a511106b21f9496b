//! Options that several commands share. What only one command takes is beside that command.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use nixops4_core::engine::DEFAULT_PARALLELISM;
use nixops4_proto::evaluator::RootSource;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    Always,
    Never,
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
    #[arg(long, value_name = "N", default_value_t = DEFAULT_PARALLELISM, value_parser = at_least_one)]
    pub parallelism: usize,

    #[command(flatten)]
    pub processes: ProcessArgs,
}

impl RunArgs {
    /// The defaults but for these.
    pub fn on(root: RootArgs, refresh: RefreshChoice) -> Self {
        Self {
            root,
            refresh,
            parallelism: DEFAULT_PARALLELISM,
            processes: ProcessArgs::default(),
        }
    }
}

/// How many processes there may be.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct ProcessArgs {
    /// How many plugins may be alive at once; idle ones make room [default: by free memory]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub max_provider_processes: Option<usize>,
}

/// Reads a number of things that cannot do without one.
pub fn at_least_one(text: &str) -> Result<usize, String> {
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
