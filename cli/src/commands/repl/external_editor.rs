//! The user's own editor, for `:e`.

use std::ffi::{OsStr, OsString};

use nixops4_proto::evaluator::Position;
use tokio::process::Command;

use crate::command_error::CommandError;

/// What says which editor, the most telling first.
const VARIABLES: [&str; 2] = ["VISUAL", "EDITOR"];

/// Editors that are told a line by `+LINE` before the file.
const TAKE_LINES: &[&str] = &["vi", "vim", "nvim", "emacs", "emacsclient", "nano", "kak"];

/// Opens a file at a line, and waits until it is closed.
pub async fn open_in_editor(position: &Position) -> Result<(), CommandError> {
    let editor = editor(|name| std::env::var_os(name)).ok_or_else(|| {
        CommandError::user("there is no editor to open it with")
            .hint("name one in the variable EDITOR")
    })?;
    let mut command = Command::new("sh");
    // The variable may hold arguments, as everywhere.
    let script = format!("exec {} \"$@\"", editor.to_string_lossy());
    command.args(["-c", &script, "editor"]);
    command.args(arguments(&editor, position));
    let status = command.status().await;
    let failed = |problem: String| {
        let editor = editor.to_string_lossy();
        CommandError::user(format!("the editor `{editor}` failed: {problem}"))
    };
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(status.to_string())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn editor(variable: impl Fn(&str) -> Option<OsString>) -> Option<OsString> {
    let set = VARIABLES.iter().filter_map(|name| variable(name));
    set.into_iter().find(|editor| !editor.is_empty())
}

fn arguments(editor: &OsStr, position: &Position) -> Vec<String> {
    let text = editor.to_string_lossy();
    let program = text.split_whitespace().next().unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let line = format!("+{}", position.line);
    let takes_line = TAKE_LINES.contains(&name);
    let line = Some(line).filter(|_| takes_line);
    line.into_iter().chain([position.file.clone()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_editor_is_the_one_that_is_named_and_opens_the_line() {
        let named = |visual: &'static str, plain: &'static str| {
            editor(|name| {
                Some(OsString::from(if name == "VISUAL" {
                    visual
                } else {
                    plain
                }))
            })
        };
        assert_eq!(named("a", "b"), Some("a".into()));
        assert_eq!(named("", "b"), Some("b".into()));
        assert_eq!(named("", ""), None);
        let position = Position {
            file: "/x y.nix".into(),
            line: 7,
            column: 1,
            source_line: None,
        };
        let given = |editor: &str| arguments(OsStr::new(editor), &position);
        assert_eq!(given("/usr/bin/vim -f"), ["+7", "/x y.nix"]);
        assert_eq!(given("code --wait"), ["/x y.nix"]);
    }
}
