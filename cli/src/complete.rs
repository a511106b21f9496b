//! Completion in shells: the shell's script asks the program itself, which knows the members of the
//! deployment here.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Command, CommandFactory, ValueEnum};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Shells};
use nixops4_core::evaluate::Evaluate;
use nixops4_proto::evaluator::{Walk, WalkItem};
use nixops4_proto::path::MemberPath;
use tokio::sync::mpsc;

use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::command_line::Cli;
use crate::session;

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

/// The variable by which a shell's script says that it asks.
const VARIABLE: &str = "COMPLETE";
/// The program, as it is typed.
const PROGRAM: &str = "nixops4";
/// How long evaluating the deployment may take: someone waits with a finger on the key.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers a shell that asks what could be typed next. Gives whether it was asked that.
pub fn answered() -> bool {
    if std::env::var_os(VARIABLE).is_none() {
        return false;
    }
    let here = std::env::current_dir().ok();
    let answered = CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .try_complete(std::env::args_os(), here.as_deref());
    // Nobody reads an error here; the shell then completes nothing.
    answered.unwrap_or(true)
}

/// Prints the script with which a shell asks.
pub fn print_script(shell: CompletionShell, to: &mut impl Write) -> Result<(), CommandError> {
    let known = Shells::builtins();
    let completer = known
        .completer(shell.name())
        .ok_or_else(|| CommandError::user(format!("{} is not known", shell.name())))?;
    completer
        .write_registration(VARIABLE, PROGRAM, PROGRAM, PROGRAM, to)
        .map_err(|error| CommandError::user(format!("the script cannot be printed: {error}")))
}

/// The command line, with member paths completed.
fn command() -> Command {
    with_members(Cli::command())
}

fn with_members(command: Command) -> Command {
    let is_member = |arg: &clap::Arg| {
        let names = arg.get_value_names().unwrap_or_default();
        names.iter().any(|name| name.starts_with("MEMBER"))
    };
    command
        .mut_args(|arg| match is_member(&arg) {
            true => arg.add(ArgValueCompleter::new(members)),
            false => arg,
        })
        .mut_subcommands(with_members)
}

/// The member paths that begin like this; none where the deployment cannot be evaluated.
fn members(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(typed) = typed.to_str() else {
        return Vec::new();
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Vec::new();
    };
    let file = file_typed(std::env::args_os());
    let found = runtime.block_on(async {
        let found = tokio::time::timeout(PATIENCE, paths(file)).await;
        found.unwrap_or_default()
    });
    runtime.shutdown_background();
    found
        .into_iter()
        .map(|path| path.to_string())
        .filter(|path| path.starts_with(typed))
        .map(CompletionCandidate::new)
        .collect()
}

async fn paths(file: Option<PathBuf>) -> Vec<MemberPath> {
    let root = RootArgs {
        file,
        ..RootArgs::default()
    };
    let Ok((evaluator, _)) = session::load(&root, false).await else {
        return Vec::new();
    };
    let (items, mut received) = mpsc::unbounded_channel();
    let walk = Walk {
        paths: vec![MemberPath::root()],
        recursive: true,
        inputs: false,
    };
    if evaluator.walk(walk, items).await.is_err() {
        return Vec::new();
    }
    let mut paths = Vec::new();
    while let Some(item) = received.recv().await {
        if let WalkItem::Component(component) = item
            && !component.path.is_root()
        {
            paths.push(component.path);
        }
    }
    paths
}

/// The file that `--file` names in the line that is being typed.
fn file_typed(mut words: impl Iterator<Item = OsString>) -> Option<PathBuf> {
    while let Some(word) = words.next() {
        if word == "--file" || word == "-f" {
            return words.next().map(PathBuf::from);
        }
        let inline = word.to_str().and_then(|word| word.strip_prefix("--file="));
        if let Some(path) = inline {
            return Some(path.into());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_that_was_typed_is_found() {
        let typed = |words: &[&str]| file_typed(words.iter().map(OsString::from));
        assert_eq!(
            typed(&["nixops4", "plan", "-f", "x.nix", "a"]),
            Some("x.nix".into())
        );
        assert_eq!(
            typed(&["nixops4", "plan", "--file=y.nix"]),
            Some("y.nix".into())
        );
        assert_eq!(typed(&["nixops4", "plan", "a"]), None);
    }
}
