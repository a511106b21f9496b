//! Evaluation errors as the protocol has them.

use nixops4_flake::FlakeError;
use nixops4_lang::{Doing, ErrorKind, EvalError, Evaluator, Frame, Location, Origin, Span};
use nixops4_proto::evaluator as wire;

use crate::library;

/// The names of texts that are neither files nor the user's.
const OWN_TEXTS: &[&str] = &[crate::session::TEXT_NAME, "call-flake.nix"];

/// An error on its way to a message; boxed, for it is large and rare.
pub type WireError = Box<wire::EvalError>;

/// The stable word for a kind of error.
fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Suspended => "unknown",
        ErrorKind::Throw => "throw",
        ErrorKind::Assert => "assertion",
        ErrorKind::Abort => "abort",
        ErrorKind::Type => "type",
        ErrorKind::UndefinedVariable => "undefinedVariable",
        ErrorKind::MissingAttribute => "missingAttribute",
        ErrorKind::Arguments => "arguments",
        ErrorKind::InfiniteRecursion => "infiniteRecursion",
        ErrorKind::Arithmetic => "arithmetic",
        ErrorKind::Syntax => "syntax",
        ErrorKind::Host => "io",
        ErrorKind::SearchPath => "searchPath",
        ErrorKind::Limit => "limit",
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::Value => "value",
    }
}

/// An error of the protocol itself.
pub fn protocol(message: impl Into<String>) -> WireError {
    plain("protocol", message)
}

/// An error without a place.
pub fn plain(kind: &str, message: impl Into<String>) -> WireError {
    Box::new(wire::EvalError {
        kind: kind.to_owned(),
        message: message.into(),
        position: None,
        trace: Vec::new(),
        hints: Vec::new(),
    })
}

/// Why a flake cannot be had, with the place in the `flake.nix` that says so.
pub fn flake(error: &FlakeError) -> WireError {
    let explained = error.explain();
    let frame = |message: &&str| wire::Frame {
        message: (*message).to_owned(),
        position: None,
    };
    Box::new(wire::EvalError {
        position: explained.place.map(from_location),
        trace: explained.doing.iter().map(frame).collect(),
        ..*plain(kind_name(ErrorKind::Host), explained.message)
    })
}

/// An evaluation error with its place in the user's text.
///
/// What the module system throws happens in the shipped library; the place is then that of the
/// nearest frame in the user's own text.
pub fn describe(evaluator: &Evaluator, error: &EvalError, show_trace: bool) -> WireError {
    let own = locate(evaluator, error.span());
    let frames: Vec<&Frame> = error.frames().into_iter().flatten().rev().collect();
    let position = own.filter(|at| !in_library(at)).or_else(|| {
        frames
            .iter()
            .filter_map(|frame| locate(evaluator, frame.span))
            .find(|at| !in_library(at))
    });
    let position = position.map(|at| from_location(&at));
    let trace = frames
        .iter()
        .filter_map(|frame| {
            let is_note = matches!(frame.doing, Doing::Note(_));
            Some((trace_frame(evaluator, frame, show_trace)?, is_note))
        })
        .filter_map(|(frame, is_note)| match frame.position == position {
            true if position.is_none() || show_trace => Some(frame),
            // Where is told already; what the note says is not.
            true if is_note => Some(wire::Frame {
                position: None,
                ..frame
            }),
            true => None,
            false => Some(frame),
        })
        .collect();
    Box::new(wire::EvalError {
        kind: kind_name(error.kind()).to_owned(),
        message: error.message().to_owned(),
        position,
        trace,
        hints: error.hints().to_vec(),
    })
}

/// A frame, if it is to be shown. Notes say which option is evaluated, so they stay, but not the
/// place in the library that made them.
fn trace_frame(evaluator: &Evaluator, frame: &Frame, show_trace: bool) -> Option<wire::Frame> {
    let at = locate(evaluator, frame.span);
    let ours = at.as_ref().is_none_or(in_library);
    let note = matches!(frame.doing, Doing::Note(_));
    if ours && !note && !show_trace {
        return None;
    }
    Some(wire::Frame {
        message: evaluator.describe_frame(frame),
        position: at
            .filter(|_| !ours || show_trace)
            .map(|at| from_location(&at)),
    })
}

fn locate(evaluator: &Evaluator, span: Span) -> Option<Location> {
    evaluator.locate(span)
}

/// Texts of this program itself count as library too.
fn in_library(at: &Location) -> bool {
    match &at.origin {
        Origin::File(path) => library::is_library(path),
        Origin::Text(name) => OWN_TEXTS.contains(&name.as_str()),
    }
}

/// A location with columns counted in characters.
pub fn from_location(at: &Location) -> wire::Position {
    let bytes = (at.column as usize).saturating_sub(1);
    let before = at.text.get(..bytes).unwrap_or(&at.text);
    wire::Position {
        file: match &at.origin {
            Origin::File(path) => library::display(path),
            text => text.to_string(),
        },
        line: at.line,
        column: before.chars().count() as u32 + 1,
        source_line: Some(at.text.clone()),
    }
}
