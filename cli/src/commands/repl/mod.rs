//! `nixops4 repl`: evaluates what is typed, with the deployment in scope.
//!
//! [`prompt`] answers a line, whoever typed it; here lines are read, from a terminal ([`editor`]) or
//! from whatever standard input is.

mod command;
mod editor;
mod external_editor;
mod history;
mod prompt;

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use rustyline::error::ReadlineError;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use self::editor::{Lines, Typing};
use self::prompt::{Prompt, Turn};
use crate::args::RootArgs;
use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::ui;
use crate::ui::print::{err, errln, outln};

#[derive(Args, Debug)]
pub struct ReplArgs {
    /// Files with sets whose attributes are to be in scope too
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    pub root: RootArgs,
}

/// What stands before what is typed.
const PROMPT: &str = "nixops4> ";

/// Reads, evaluates and prints until there is no more to read.
pub async fn run(args: ReplArgs, show_trace: bool) -> Result<Exit, CommandError> {
    match std::io::stdin().is_terminal() {
        true => typed(args, show_trace).await,
        false => piped(args, show_trace).await,
    }
}

fn complain(error: &CommandError) {
    err!("{}", ui::diagnostics::render_all(&error.diagnostics));
}

/// From a terminal. Errors end nothing.
async fn typed(args: ReplArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let mut lines = editor::lines().map_err(|error| unreadable(&error))?;
    let history = history::path();
    if let Some(path) = &history {
        // Without a history one can type as well.
        let kept = history::prepare(path).map_err(ReadlineError::from);
        if let Err(error) = kept.and_then(|()| lines.load_history(path)) {
            tracing::warn!("the history in {} is not used: {error}", path.display());
        }
    }
    let mut prompt = Prompt::open(args, show_trace).await?;
    outln!("nixops4 {}, `:?` for help", env!("CARGO_PKG_VERSION"));
    loop {
        lines.set_helper(Some(Typing {
            evaluator: prompt.evaluator(),
            runtime: Handle::current(),
        }));
        let line = match read(&mut lines) {
            Ok(line) => line,
            // Ctrl-C leaves the line, Ctrl-D everything.
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(unreadable(&error)),
        };
        if line.trim().is_empty() {
            continue;
        }
        // What cannot be kept is of use for this time.
        if lines.add_history_entry(line.as_str()).unwrap_or(false)
            && let Some(path) = &history
            && let Err(error) = lines.append_history(path)
        {
            tracing::warn!("the history in {} is not kept: {error}", path.display());
        }
        match prompt.answer(&line).await {
            Ok(Turn::Next) => {}
            Ok(Turn::Leave) => break,
            Err(error) => {
                if error.exit == Exit::Interrupted {
                    // The terminal has shown the key.
                    errln!("");
                }
                complain(&error);
            }
        }
        prompt.revive().await?;
    }
    prompt.close().await;
    Ok(Exit::Done)
}

/// Reads a line on this thread, while others go on with what the line editor asks for.
fn read(lines: &mut Lines) -> Result<String, ReadlineError> {
    tokio::task::block_in_place(|| lines.readline(PROMPT))
}

fn unreadable(error: &ReadlineError) -> CommandError {
    CommandError::user(format!("cannot read from the terminal: {error}"))
}

/// From a file or another program: each input is answered as soon as it is whole.
async fn piped(args: ReplArgs, show_trace: bool) -> Result<Exit, CommandError> {
    let mut prompt = Prompt::open(args, show_trace).await?;
    let mut lines = standard_input();
    let mut exit = Exit::Done;
    let mut input = String::new();
    loop {
        let line = tokio::select! {
            line = lines.recv() => line.transpose()?,
            _ = tokio::signal::ctrl_c() => {
                exit = Exit::Interrupted;
                break;
            }
        };
        let is_last = line.is_none();
        if let Some(line) = line {
            input.push_str(&line);
        }
        if !is_last && !editor::is_whole(&prompt.evaluator(), &input).await {
            continue;
        }
        match prompt.answer(&std::mem::take(&mut input)).await {
            Ok(Turn::Next) if !is_last => {}
            Ok(_) => break,
            Err(error) => {
                complain(&error);
                exit = error.exit;
                if is_last || exit == Exit::Interrupted {
                    break;
                }
            }
        }
        prompt.revive().await?;
    }
    prompt.close().await;
    Ok(exit)
}

/// The lines of standard input, read by a thread of their own, for which nobody waits at the end.
fn standard_input() -> mpsc::Receiver<Result<String, CommandError>> {
    let (sender, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = String::new();
            let read = match input.read_line(&mut line) {
                Ok(0) => return,
                Ok(_) => Ok(line),
                Err(error) => Err(CommandError::user(format!(
                    "cannot read standard input: {error}"
                ))),
            };
            let ends = read.is_err();
            if sender.blocking_send(read).is_err() || ends {
                return;
            }
        }
    });
    lines
}
