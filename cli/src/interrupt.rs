//! Ctrl-C, for what a command does outside a run of the engine.
//!
//! Whoever has listened to the signal once has taken it for good: it ends the process no more. So
//! all that may take long listens.

use crate::command_error::CommandError;
use crate::exit::Exit;
use crate::ui::print::errln;

/// That the user pressed Ctrl-C.
pub fn interrupted() -> CommandError {
    CommandError {
        exit: Exit::Interrupted,
        ..CommandError::user("interrupted")
    }
}

/// Does something that may be dropped halfway, which it is when the user presses Ctrl-C.
pub async fn droppable<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    tokio::select! {
        biased;
        result = work => result,
        _ = tokio::signal::ctrl_c() => Err(interrupted()),
    }
}

/// Does something that is better not dropped halfway: only the second Ctrl-C does that. Tells
/// whether there was one.
pub async fn finished<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<(T, bool), CommandError> {
    let mut work = std::pin::pin!(work);
    tokio::select! {
        biased;
        result = &mut work => return result.map(|done| (done, false)),
        _ = tokio::signal::ctrl_c() => {}
    }
    errln!("Interrupted: waiting for what has begun (again to end it)");
    let done = droppable(work).await?;
    Ok((done, true))
}
