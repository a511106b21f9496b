//! Questions to the user.

use std::io::{IsTerminal, Write};

use super::style::{BOLD, paint};
use crate::command_error::CommandError;
use crate::interrupt;
use crate::ui::print::{err, errln};

/// # Errors
/// Where nobody can be asked and nobody has said yes.
pub fn may_ask(yes: bool, json: bool) -> Result<(), CommandError> {
    match yes || (!json && std::io::stdin().is_terminal()) {
        true => Ok(()),
        false => Err(CommandError::user(
            "there is no terminal to ask on, and --yes is not given",
        )),
    }
}

/// Asks a question that only yes answers.
///
/// # Errors
/// Where there is no terminal to ask on, and when the user presses Ctrl-C instead.
pub async fn ask(question: &str) -> Result<bool, CommandError> {
    may_ask(false, false)?;
    err!("{} [y/N] ", paint(BOLD, question));
    let _ = std::io::stderr().flush();
    let answer = async {
        let line = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).map(|_| line)
        });
        let line = line.await.ok().and_then(Result::ok);
        Ok(line.is_some_and(|line| matches!(line.trim(), "y" | "Y" | "yes")))
    };
    let answer = interrupt::droppable(answer).await;
    if answer.is_err() {
        // The terminal has shown the key.
        errln!("");
    }
    if !matches!(answer, Ok(true)) {
        errln!("Nothing was done.");
    }
    answer
}
