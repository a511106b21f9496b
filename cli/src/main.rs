//! `nixops4`: the command line. Arguments in, text out; decisions are made in `nixops4-core`.

mod args;
mod command_error;
mod command_line;
mod commands;
mod complete;
mod evaluation;
mod exit;
mod interrupt;
mod log;
mod memory;
mod plan_file;
mod programs;
mod root;
mod run;
mod session;
mod tools;
mod ui;
mod view;

use std::process::ExitCode;

use crate::ui::print::err;
use args::ColorChoice;
use clap::Parser;
use command_error::CommandError;
use command_line::{Cli, Command, StateCommand};
use exit::Exit;
use interrupt::droppable;

fn main() -> ExitCode {
    if complete::answered() {
        return Exit::Done.into();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too; a wrong command line is an error like any other,
            // since 2 says that there are changes.
            let _ = error.print();
            return if error.use_stderr() {
                Exit::Failed
            } else {
                Exit::Done
            }
            .into();
        }
    };
    match cli.color {
        ColorChoice::Auto => {}
        ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
        ColorChoice::Never => anstream::ColorChoice::Never.write_global(),
    }
    log::start(cli.verbose);
    let exit = run(cli).unwrap_or_else(|error| {
        err!("{}", ui::diagnostics::render_all(&error.diagnostics));
        error.exit
    });
    finish(exit).into()
}

/// How a command ended, if all that it had to say could be said.
fn finish(exit: Exit) -> Exit {
    let Some(lost) = ui::print::finish() else {
        return exit;
    };
    let error = CommandError::user(lost);
    err!("{}", ui::diagnostics::render_all(&error.diagnostics));
    match exit {
        Exit::Interrupted => exit,
        _ => Exit::Failed,
    }
}

/// Commands that need neither evaluator nor provider run without a runtime.
fn run(cli: Cli) -> Result<Exit, CommandError> {
    match cli.command {
        Command::Init(args) => commands::init::run(&args),
        Command::Completion { shell } => {
            complete::print_script(shell, &mut std::io::stdout())?;
            Ok(Exit::Done)
        }
        _ => {
            let mut builder = match cli.command {
                // One question and its answer: threads would only hand them to each other.
                Command::Eval(_) => tokio::runtime::Builder::new_current_thread(),
                _ => tokio::runtime::Builder::new_multi_thread(),
            };
            let runtime = builder
                .worker_threads(2)
                .enable_all()
                .build()
                .map_err(|error| CommandError::user(format!("cannot start: {error}")))?;
            let result = runtime.block_on(run_async(cli));
            // What still waits for input on a thread of its own must not hold up the end.
            runtime.shutdown_background();
            result
        }
    }
}

async fn run_async(cli: Cli) -> Result<Exit, CommandError> {
    session::configure(
        evaluation::settings(&cli.evaluation)?,
        evaluation::arguments(&cli.evaluation),
    );
    let show_trace = cli.show_trace;
    // The others listen to signals themselves.
    match cli.command {
        Command::Eval(args) => commands::eval::run(args, show_trace).await,
        Command::Repl(args) => commands::repl::run(args, show_trace).await,
        Command::Members(command) => droppable(commands::members::run(command, show_trace)).await,
        Command::Apply(args) => commands::apply::apply(args, show_trace).await,
        Command::Destroy(args) => commands::apply::destroy(args, show_trace).await,
        Command::Import(args) => commands::import::run(args, show_trace).await,
        Command::List(args) => commands::list::run(args, show_trace).await,
        Command::Run(args) => commands::operation::run(args, show_trace).await,
        Command::Plan(args) => commands::plan::run(args, show_trace).await,
        Command::Show(args) => droppable(commands::show::show(args, show_trace)).await,
        Command::Output(args) => droppable(commands::output::run(args, show_trace)).await,
        Command::State(StateCommand::List(args)) => {
            droppable(commands::show::list(args, show_trace)).await
        }
        Command::State(StateCommand::Show(args)) => {
            droppable(commands::show::state_show(args, show_trace)).await
        }
        Command::State(StateCommand::Dump { member, root }) => {
            droppable(commands::show::dump(member, root, show_trace)).await
        }
        Command::State(StateCommand::Repair(args)) => commands::repair::run(args, show_trace).await,
        Command::State(StateCommand::Unlock(args)) => {
            droppable(commands::unlock::run(args, show_trace)).await
        }
        Command::Providers(command) => {
            droppable(commands::providers::run(command, show_trace)).await
        }
        Command::Check(args) => commands::check::run(args, show_trace).await,
        // Done before there was a runtime.
        Command::Init(_) | Command::Completion { .. } => Ok(Exit::Done),
    }
}
