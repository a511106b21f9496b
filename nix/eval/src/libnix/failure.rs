//! Errors of Nix: text for people, from which is read what the protocol has in parts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use nixops4_proto::evaluator::{EvalError, Frame, Position};
use nixops4_proto::path::OutputRef;

use crate::error::{self, WireError};

/// Why something cannot be evaluated.
#[derive(Clone, Debug)]
pub enum Failure {
    /// It needs outputs that are not there yet.
    Waits(BTreeSet<OutputRef>),
    /// It is in error.
    Error(WireError),
    /// There is no member at the path in question.
    NoMember(WireError),
}

impl Failure {
    /// What it is in an answer that can say nothing but that there is an error.
    pub fn into_wire(self) -> WireError {
        match self {
            Failure::Error(error) | Failure::NoMember(error) => error,
            Failure::Waits(outputs) => {
                let outputs: Vec<String> = outputs.iter().map(OutputRef::to_string).collect();
                let message = format!("this waits for {}", outputs.join(", "));
                error::plain("unknown", message)
            }
        }
    }

    /// The error, unless it is that outputs are not there yet.
    pub fn into_error(self) -> Option<EvalError> {
        match self {
            Failure::Waits(_) => None,
            other => Some(*other.into_wire()),
        }
    }
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Failure::Error(error)
    }
}

const BEFORE_INDEX: &str = "@nixops4-waits-for:";

/// The message of an error that an output which is not there causes, by its index.
pub fn waiting(index: usize) -> String {
    format!("{BEFORE_INDEX}{index}@")
}

/// The indexes in the text of an error.
pub fn awaited(text: &str) -> impl Iterator<Item = usize> {
    let rest = text.split(BEFORE_INDEX).skip(1);
    rest.filter_map(|rest| rest.split_once('@')?.0.parse().ok())
}

/// The name of the attribute that an error says is missing.
pub fn missing_attribute(text: &str) -> Option<String> {
    let text = plain(text);
    let message = text.rsplit("error: ").next()?;
    let name = message.strip_prefix("attribute '")?;
    Some(name.split_once("' missing")?.0.to_owned())
}

/// Which files are not the user's, and what those are called that are read somewhere else than
/// where they were written.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Where the shipped library is read.
    pub library: PathBuf,
    /// Folders that are read, and the folders that they are copies of.
    pub copies: Vec<(PathBuf, PathBuf)>,
}

impl Places {
    /// A position as the protocol has it.
    pub fn position(&self, file: &str, line: u32, column: u32) -> Position {
        let text = std::fs::read_to_string(file).ok();
        let lines = text.as_deref().map(str::lines);
        let source_line = lines.and_then(|mut lines| lines.nth(line.saturating_sub(1) as usize));
        let bytes = column.saturating_sub(1) as usize;
        let before = source_line.and_then(|line| line.get(..bytes));
        Position {
            file: self.display(file),
            line,
            // Nix counts bytes.
            column: before.map_or(column, |before| before.chars().count() as u32 + 1),
            source_line: source_line.map(str::to_owned),
        }
    }

    /// How messages call a file.
    fn display(&self, file: &str) -> String {
        let path = Path::new(file);
        if let Ok(inside) = path.strip_prefix(&self.library) {
            return crate::library::display(&Path::new(crate::library::ROOT).join(inside));
        }
        let copied = self.copies.iter().find_map(|(copy, original)| {
            let inside = path.strip_prefix(copy).ok()?;
            Some(original.join(inside).display().to_string())
        });
        copied.unwrap_or_else(|| file.to_owned())
    }

    fn is_users(&self, file: &str) -> bool {
        file.starts_with('/') && !Path::new(file).starts_with(&self.library)
    }

    /// The text of an error in parts.
    pub fn describe(&self, text: &str, show_trace: bool) -> WireError {
        let mut parsed = parse(&plain(text));
        let found = |at: &Option<At>| at.clone().filter(|at| self.is_users(&at.file));
        let own = found(&parsed.at);
        let nearest = parsed
            .frames
            .iter()
            .rev()
            .find_map(|frame| found(&frame.at));
        let position = own.or(nearest).map(|at| self.at(&at));
        let frames = std::mem::take(&mut parsed.frames).into_iter().rev();
        let frames = frames.filter(|frame| show_trace || found(&frame.at).is_some());
        let trace = frames
            .map(|frame| Frame {
                message: frame.message,
                position: frame.at.map(|at| self.at(&at)),
            })
            .filter(|frame| show_trace || frame.position != position)
            .collect();
        let (message, hints) = hints(&parsed.message);
        Box::new(EvalError {
            kind: kind(&message).to_owned(),
            message,
            position,
            trace,
            hints,
        })
    }

    fn at(&self, at: &At) -> Position {
        self.position(&at.file, at.line, at.column)
    }
}

/// An error of another kind than evaluation's.
pub fn other(what: &str, error: &anyhow::Error) -> WireError {
    error::plain(
        "evaluator",
        format!("{what}: {}", plain(&error.to_string())),
    )
}

/// Without what colours it on a terminal.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split("\u{1b}[");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.find(|c: char| c.is_ascii_alphabetic());
        out.push_str(end.map_or(part, |end| &part[end + 1..]));
    }
    out
}

#[derive(Clone, Debug, PartialEq)]
struct At {
    file: String,
    line: u32,
    column: u32,
}

struct Step {
    message: String,
    at: Option<At>,
}

/// What Nix printed: frames, outermost first, then the message.
struct Parsed {
    message: String,
    at: Option<At>,
    frames: Vec<Step>,
}

fn parse(text: &str) -> Parsed {
    let mut steps: Vec<Step> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(at) = trimmed.strip_prefix("at ").and_then(parse_at) {
            if let Some(step) = steps.last_mut().filter(|step| step.at.is_none()) {
                step.at = Some(at);
            }
            open = false;
        } else if let Some(message) = trimmed.strip_prefix("… ") {
            steps.push(Step::new(message));
            open = true;
        } else if let Some(message) = trimmed.strip_prefix("error:") {
            steps.push(Step::new(message.trim()));
            open = true;
        } else if trimmed.is_empty() {
            // Messages may have empty lines; frames end with one.
        } else if open && let Some(step) = steps.last_mut() {
            // Nix indents what belongs to a message by seven.
            let text = line.strip_prefix("       ").unwrap_or(line);
            if !step.message.is_empty() {
                step.message.push('\n');
            }
            step.message.push_str(text.trim_end());
        }
    }
    let last = steps.pop().unwrap_or_else(|| Step::new(text.trim()));
    // The first line of a longer report is `error:` alone.
    steps.retain(|step| !step.message.is_empty());
    Parsed {
        message: without_prefix(last.message),
        at: last.at,
        frames: steps,
    }
}

impl Step {
    fn new(message: &str) -> Step {
        Step {
            message: message.to_owned(),
            at: None,
        }
    }
}

fn without_prefix(message: String) -> String {
    let ours = message.strip_prefix("Error from custom function: ");
    ours.map(str::to_owned).unwrap_or(message)
}

/// Reads `FILE:LINE:COLUMN:`.
fn parse_at(text: &str) -> Option<At> {
    let mut parts = text.strip_suffix(':')?.rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    let file = parts.next()?.to_owned();
    Some(At { file, line, column })
}

const HINT: &str = "hint: ";

/// A message with what to do next, for an error of Nix to carry both.
pub fn with_hints(message: &str, hints: &[String]) -> String {
    let hints = hints.iter().map(|hint| format!("\n{HINT}{hint}"));
    hints.fold(message.to_owned(), |text, hint| text + &hint)
}

/// The library says what to do next at the end of a message, and so do providers.
fn hints(message: &str) -> (String, Vec<String>) {
    let before = format!("\n{HINT}");
    if let Some((message, found)) = message.split_once(&before) {
        let found = found.split(&before).map(str::to_owned);
        return (message.to_owned(), found.collect());
    }
    match message.rsplit_once('\n') {
        Some((message, hint)) if hint.starts_with("Did you mean ") => {
            (message.to_owned(), vec![hint.to_owned()])
        }
        _ => (message.to_owned(), Vec::new()),
    }
}

/// The stable word for what a message says. Nix does not tell kinds apart otherwise.
fn kind(message: &str) -> &'static str {
    let has = |text: &str| message.contains(text);
    if message.starts_with("syntax error") {
        "syntax"
    } else if message.starts_with("undefined variable") {
        "undefinedVariable"
    } else if message.starts_with("attribute '") && has("' missing") {
        "missingAttribute"
    } else if has("infinite recursion encountered") {
        "infiniteRecursion"
    } else if message.starts_with("assertion '") && has("failed") {
        "assertion"
    } else if has("stack overflow") || has("max-call-depth") {
        "limit"
    } else if message.starts_with("cannot coerce ")
        || message.starts_with("cannot add ")
        || message.starts_with("cannot compare ")
        || (message.starts_with("expected a") && has("but found"))
        || message.starts_with("attempt to call something which is not a function")
    {
        "type"
    } else if message.starts_with("evaluation was cancelled") {
        "cancelled"
    } else if has("No such file or directory") || message.starts_with("path '") {
        "io"
    } else {
        "evaluation"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACED: &str = "\u{1b}[31;1merror:\u{1b}[0m
       … while evaluating the attribute '\u{1b}[35;1mb\u{1b}[0m'
         at /lib/modules.nix:3:5:
            2|
            3|     x = 1;
             |     ^
            4|

       … while calling the 'throw' builtin
         at /home/a.nix:7:9:
            7| x

       error: no such luck
       indeed
";

    fn places() -> Places {
        Places {
            library: "/lib".into(),
            copies: vec![("/cache/x".into(), "/home/flake".into())],
        }
    }

    #[test]
    fn an_error_is_taken_apart() {
        let error = places().describe(TRACED, false);
        assert_eq!(error.message, "no such luck\nindeed");
        let position = error.position.expect("position");
        assert_eq!(
            (position.file.as_str(), position.line, position.column),
            ("/home/a.nix", 7, 9)
        );
        assert!(error.trace.is_empty(), "{:?}", error.trace);
        assert_eq!(places().describe(TRACED, true).trace.len(), 2);
    }

    #[test]
    fn an_error_in_one_line_is_one_too() {
        let error = places().describe(
            "error: attribute 'x' missing\n       at /cache/x/a.nix:1:2:\n            1| { }",
            false,
        );
        assert_eq!(error.message, "attribute 'x' missing");
        assert_eq!(error.kind, "missingAttribute");
        assert_eq!(error.position.expect("position").file, "/home/flake/a.nix");
        assert_eq!(places().describe("what", false).message, "what");
    }

    #[test]
    fn what_is_waited_for_is_found_in_a_message() {
        let text = format!("error: a {} b {}", waiting(3), waiting(12));
        assert_eq!(awaited(&text).collect::<Vec<_>>(), [3, 12]);
        assert_eq!(awaited("error: nothing").count(), 0);
    }

    #[test]
    fn a_missing_attribute_is_found_in_a_message() {
        let text =
            "error:\n … while\n error: attribute '\u{1b}[35;1maws_vpc\u{1b}[0m' missing\n at x";
        assert_eq!(missing_attribute(text).as_deref(), Some("aws_vpc"));
        assert_eq!(missing_attribute("error: other"), None);
    }

    #[test]
    fn a_hint_is_no_part_of_the_message() {
        let (message, found) = hints("There is no `x'.\nDid you mean `y'?");
        assert_eq!(message, "There is no `x'.");
        assert_eq!(found, ["Did you mean `y'?"]);
        let given = ["try 3".to_owned(), "or 4".to_owned()];
        let (message, found) = hints(&with_hints("not\ngood", &given));
        assert_eq!(message, "not\ngood");
        assert_eq!(found, given);
    }
}
