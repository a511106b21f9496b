//! Errors: what went wrong, where, on whose behalf, and what may help.

use std::rc::Rc;

use crate::{position::Span, symbol::Symbol, taint::Taint};

/// What sort of error; decides what `tryEval` catches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// Waits for sources that have no value yet. Never remembered, never caught.
    Suspended,
    /// `throw`
    Throw,
    /// A failed `assert`.
    Assert,
    /// `abort`
    Abort,
    /// A value of the wrong type.
    Type,
    /// Neither a variable, nor a built-in, nor in a `with`.
    UndefinedVariable,
    /// A selected attribute does not exist.
    MissingAttribute,
    /// A function was called without, or with too many, named arguments.
    Arguments,
    /// A value that needs itself.
    InfiniteRecursion,
    /// Integer overflow, division by zero, index out of bounds and the like.
    Arithmetic,
    /// The text is not Nix.
    Syntax,
    /// The outside world refused: files, store, network.
    Host,
    /// A search path entry does not exist; caught by `tryEval` as in Nix.
    SearchPath,
    /// Too deep, or another limit of the evaluator.
    Limit,
    /// Someone asked to stop.
    Cancelled,
    /// A built-in's argument has the right type but cannot be used.
    Value,
}

impl ErrorKind {
    /// Whether `builtins.tryEval` turns it into `success = false`.
    pub fn is_caught(self) -> bool {
        matches!(
            self,
            ErrorKind::Throw | ErrorKind::Assert | ErrorKind::SearchPath
        )
    }

    /// Whether asking again could go differently although nothing it depends on has changed.
    pub(crate) fn is_passing(self) -> bool {
        matches!(self, ErrorKind::Limit | ErrorKind::Cancelled)
    }
}

/// What was being done, in one frame of a trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doing {
    /// Calling a function, by its name where it has one.
    Call(Option<Symbol>),
    /// Calling a built-in.
    Builtin(&'static str),
    /// Evaluating an attribute.
    Attribute(Symbol),
    /// Evaluating a file.
    Import(Rc<str>),
    /// As `addErrorContext` or the evaluator words it.
    Note(Rc<str>),
}

/// One frame of a trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Where in the source.
    pub span: Span,
    /// What was being done there.
    pub doing: Doing,
}

/// How much of a text in a circle is shown.
const SNIPPET: usize = 60;

/// How many frames next to the failure are kept.
const INNER_FRAMES: u32 = 100;
/// How many frames next to the question are kept.
const OUTER_FRAMES: usize = 40;

/// An evaluation error. Cheap to copy: thunks keep theirs and hand out copies.
#[derive(Clone)]
pub struct EvalError(Box<Inner>);

#[derive(Clone)]
struct Inner {
    core: Rc<Core>,
    awaited: Taint,
    /// The cell that needs itself, by its address, until the way back to it has been told.
    circle: Option<usize>,
    span: Span,
    inner: Option<Rc<Link>>,
    outer: std::collections::VecDeque<Frame>,
    depth: u32,
}

struct Core {
    kind: ErrorKind,
    message: String,
    hints: Vec<String>,
}

/// A trace's frame with those inside it, shared between copies of an error.
struct Link {
    frame: Frame,
    inside: Option<Rc<Link>>,
}

impl EvalError {
    /// An error without a place; whoever evaluates the call adds it.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> EvalError {
        EvalError::with_core(Core {
            kind,
            message: message.into(),
            hints: Vec::new(),
        })
    }

    /// Somebody has asked to stop.
    pub fn cancelled() -> EvalError {
        EvalError::new(ErrorKind::Cancelled, "evaluation was cancelled")
    }

    /// A value of a wrong type.
    pub fn type_error(message: impl Into<String>) -> EvalError {
        EvalError::new(ErrorKind::Type, message)
    }

    fn with_core(core: Core) -> EvalError {
        EvalError(Box::new(Inner {
            core: Rc::new(core),
            awaited: Taint::NONE,
            circle: None,
            span: Span::NONE,
            inner: None,
            outer: Default::default(),
            depth: 0,
        }))
    }

    pub(crate) fn suspended(awaited: Taint) -> EvalError {
        let mut error = EvalError::new(ErrorKind::Suspended, "needs a value that is not known yet");
        error.0.awaited = awaited;
        error
    }

    /// A cell that needs itself.
    pub(crate) fn infinite_recursion(cell: usize) -> EvalError {
        let message = "infinite recursion encountered";
        let mut error = EvalError::new(ErrorKind::InfiniteRecursion, message);
        error.0.circle = Some(cell);
        error
    }

    /// Ends a circle at the cell where it began, of which there is nothing to say.
    #[cold]
    pub(crate) fn past(mut self, cell: usize) -> EvalError {
        if self.0.circle == Some(cell) {
            self.0.circle = None;
        }
        self
    }

    /// Says that the cell at that address, which is evaluated at `span`, is part of the circle: its
    /// beginning, if it is the one that needs itself.
    #[cold]
    pub(crate) fn through(mut self, cell: usize, span: Span, text: &str) -> EvalError {
        let Some(first) = self.0.circle else {
            return self;
        };
        let line = text.lines().next().unwrap_or_default();
        let mut shown: String = line.chars().take(SNIPPET).collect();
        if shown.len() < text.len() {
            shown.push('…');
        }
        let note = match first == cell {
            true => format!("which `{shown}` needs: this is where the circle closes"),
            false => format!("which `{shown}` needs"),
        };
        if first == cell {
            self.0.circle = None;
        }
        self.frame(span, Doing::Note(note.into()))
    }

    /// The same without a word that a value may have gone into: kinds whose messages never show one
    /// keep theirs.
    #[cold]
    pub(crate) fn without_values(self) -> EvalError {
        use ErrorKind::{Arguments, Host, MissingAttribute, SearchPath, Syntax, Value};
        let message = match self.kind() {
            MissingAttribute => "attribute (sensitive) missing",
            Arguments => "a function is called with wrong arguments: (sensitive)",
            Host | SearchPath | Syntax | Value => "(sensitive)",
            _ => return self,
        };
        let mut plain = EvalError::new(self.kind(), message)
            .at(self.0.span)
            .hint("the message is left out, for it may tell something that is sensitive");
        // Notes tell values, too.
        for frame in self.frames().into_iter().flatten().rev() {
            if !matches!(frame.doing, Doing::Note(_)) {
                plain = plain.frame(frame.span, frame.doing.clone());
            }
        }
        plain
    }

    /// Adds a hint, such as "did you mean".
    pub fn hint(self, hint: impl Into<String>) -> EvalError {
        let core = &self.0.core;
        let mut hints = core.hints.clone();
        hints.push(hint.into());
        let core = Core {
            kind: core.kind,
            message: core.message.clone(),
            hints,
        };
        EvalError(Box::new(Inner {
            core: Rc::new(core),
            ..*self.0
        }))
    }

    /// Says where, unless that is known already.
    pub fn at(mut self, span: Span) -> EvalError {
        self.0.span = self.0.span.or(span);
        self
    }

    /// Adds a frame around those there are.
    pub fn frame(mut self, span: Span, doing: Doing) -> EvalError {
        self.add_frame(span, doing);
        self
    }

    /// As [`Self::frame`], in place.
    #[cold]
    pub(crate) fn add_frame(&mut self, span: Span, doing: Doing) {
        if self.is_suspended() {
            return;
        }
        let frame = Frame { span, doing };
        self.0.depth = self.0.depth.saturating_add(1);
        if self.0.depth <= INNER_FRAMES {
            self.0.inner = Some(Rc::new(Link {
                frame,
                inside: self.0.inner.take(),
            }));
        } else {
            if self.0.outer.len() == OUTER_FRAMES {
                self.0.outer.pop_front();
            }
            self.0.outer.push_back(frame);
        }
    }

    /// What sort of error.
    pub fn kind(&self) -> ErrorKind {
        self.0.core.kind
    }

    /// The sentence that says what went wrong.
    pub fn message(&self) -> &str {
        &self.0.core.message
    }

    /// What may help.
    pub fn hints(&self) -> &[String] {
        &self.0.core.hints
    }

    /// Where it went wrong.
    pub fn span(&self) -> Span {
        self.0.span
    }

    /// Whether evaluation waits for sources.
    pub fn is_suspended(&self) -> bool {
        self.kind() == ErrorKind::Suspended
    }

    /// The sources that are awaited.
    pub fn awaited(&self) -> Taint {
        self.0.awaited
    }

    /// The frames from the outermost to the innermost; `None` stands for frames left out.
    pub fn frames(&self) -> Vec<Option<&Frame>> {
        let mut frames: Vec<Option<&Frame>> = self.0.outer.iter().rev().map(Some).collect();
        if self.0.depth > INNER_FRAMES + self.0.outer.len() as u32 {
            frames.push(None);
        }
        let mut next = self.0.inner.as_deref();
        while let Some(link) = next {
            frames.push(Some(&link.frame));
            next = link.inside.as_deref();
        }
        frames
    }
}

impl std::fmt::Display for EvalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.message())
    }
}

impl std::fmt::Debug for EvalError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}: {}", self.kind(), self.message())
    }
}

impl std::error::Error for EvalError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_traces_keep_both_ends() {
        let mut error = EvalError::new(ErrorKind::Throw, "x");
        for n in 0..1000u32 {
            let note = Doing::Note(n.to_string().into());
            error = error.frame(Span::NONE, note);
        }
        let frames = error.frames();
        let name = |frame: &Frame| match &frame.doing {
            Doing::Note(note) => note.to_string(),
            _ => String::new(),
        };
        assert_eq!(name(frames[0].unwrap()), "999");
        assert_eq!(name(frames[39].unwrap()), "960");
        assert!(frames[40].is_none());
        assert_eq!(name(frames[41].unwrap()), "99");
        assert_eq!(name(frames.last().unwrap().unwrap()), "0");
    }
}
