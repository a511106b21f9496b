//! Typing: the line editor, which asks the evaluator how names go on and whether input is whole.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nixops4_core::evaluate::{Evaluate as _, EvaluatorProcess};
use nixops4_proto::evaluator::CompleteInput;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Editor, Helper};
use tokio::runtime::Handle;

use super::command::{self, Command};

/// How long completing may take: someone waits with a finger on the key.
const PATIENCE: Duration = Duration::from_secs(2);

/// A line editor.
pub type Lines = Editor<Typing, FileHistory>;

/// Makes one.
pub fn lines() -> Result<Lines, ReadlineError> {
    let config = Config::builder()
        .completion_type(CompletionType::List)
        // A line that begins with a blank is not kept, as in shells.
        .history_ignore_space(true)
        .max_history_size(10_000)?
        .build();
    let history = FileHistory::with_config(&config);
    Editor::with_history(config, history)
}

/// What helps with typing. It is called from a thread that may wait.
pub struct Typing {
    pub evaluator: Arc<EvaluatorProcess>,
    pub runtime: Handle,
}

impl Helper for Typing {}
impl Highlighter for Typing {}

impl Hinter for Typing {
    type Hint = String;
}

impl Validator for Typing {
    /// Enter goes on in the next line while the input is unfinished.
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let is_whole = self.runtime.block_on(is_whole(&self.evaluator, input));
        Ok(match is_whole {
            true => ValidationResult::Valid(None),
            false => ValidationResult::Incomplete,
        })
    }
}

impl Completer for Typing {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &rustyline::Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let typed = &line[..position];
        let is_command = typed.trim_start().starts_with(':');
        let (begins, members) = match command::begun(typed) {
            Some((Command::Load, begins)) => {
                let (at, files) = files(&typed[begins..]);
                return Ok((begins + at, files));
            }
            Some((command, begins)) if command.takes_expression() => {
                (begins, command == Command::Dependencies)
            }
            None if is_command => {
                let begins = typed.len() - typed.trim_start().len();
                return Ok((begins, command::names(&typed[begins..])));
            }
            Some(_) => return Ok((position, Vec::new())),
            None => (0, false),
        };
        let ask = CompleteInput {
            text: typed[begins..].to_owned(),
            members,
        };
        let (at, candidates) = self.runtime.block_on(self.ask(ask));
        Ok((begins + at, candidates))
    }
}

impl Typing {
    /// Asks the evaluator; what takes too long has no candidates.
    async fn ask(&self, ask: CompleteInput) -> (usize, Vec<String>) {
        let end = ask.text.len();
        let asked = tokio::time::timeout(PATIENCE, self.evaluator.complete(ask)).await;
        match asked {
            Ok(Ok(found)) => (found.start as usize, found.candidates),
            Ok(Err(_)) => (end, Vec::new()),
            Err(_) => {
                // Why it may not answer this either shows when something is entered.
                let _ = tokio::time::timeout(PATIENCE, self.evaluator.cancel()).await;
                (end, Vec::new())
            }
        }
    }
}

/// Whether a line can be entered. What cannot be told can: entering it says why.
pub async fn is_whole(evaluator: &EvaluatorProcess, line: &str) -> bool {
    let text = match command::begun(line) {
        Some((command, begins)) if command.takes_expression() => &line[begins..],
        Some(_) => return true,
        None if line.trim_start().starts_with(':') => return true,
        None => line,
    };
    evaluator.is_whole(text).await.unwrap_or(true)
}

/// The files that begin like this, and where the names of them begin in the text.
fn files(typed: &str) -> (usize, Vec<String>) {
    let begins = typed.rfind('/').map_or(0, |slash| slash + 1);
    let (folder, name) = typed.split_at(begins);
    let folder = match folder {
        "" => Path::new("."),
        folder => Path::new(folder),
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<String> = entries
        .filter_map(|entry| {
            let mut found = entry.file_name().into_string().ok()?;
            let is_meant = found.starts_with(name) && (!found.starts_with('.') || !name.is_empty());
            if is_meant && entry.path().is_dir() {
                found.push('/');
            }
            is_meant.then_some(found)
        })
        .collect();
    found.sort();
    (begins, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_completed_in_their_folder() {
        let dir = tempfile::tempdir().expect("a folder");
        for name in ["one.nix", "other.nix", ".hidden"] {
            std::fs::write(dir.path().join(name), "").expect("written");
        }
        std::fs::create_dir(dir.path().join("over")).expect("made");
        let folder = format!("{}/", dir.path().display());
        let names = |typed: &str| files(&format!("{folder}{typed}"));
        assert_eq!(names("o").1, ["one.nix", "other.nix", "over/"]);
        assert_eq!(names("o").0, folder.len());
        assert_eq!(names("").1, ["one.nix", "other.nix", "over/"]);
        assert_eq!(names(".h").1, [".hidden"]);
        assert!(names("nothing/").1.is_empty());
    }
}
