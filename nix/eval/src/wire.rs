//! The lines that go in and out: answers, and calls in the midst of them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::Receiver;

use nixops4_proto::evaluator::{Cancel, EvalError, Method as _, Request};
use nixops4_proto::functions::{Answer, Call};
use serde::{Deserialize, Serialize};

/// Answers lie here until they are whole or this many bytes.
const BUFFER: usize = 64 * 1024;

/// Both directions.
pub struct Wire {
    lines: Receiver<String>,
    /// Requests that came before the answer to a call.
    early: RefCell<VecDeque<String>>,
    out: RefCell<BufWriter<Box<dyn Write>>>,
    /// The request that is being answered.
    current: Cell<u64>,
    /// How many calls were cancelled before they were answered.
    abandoned: Cell<usize>,
    /// Whether what evaluated text says is dropped.
    quiet: Cell<bool>,
}

#[derive(Serialize)]
struct Line<'a, T> {
    id: u64,
    #[serde(flatten)]
    body: Body<'a, T>,
}

/// What a line of an answer says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Body<'a, T> {
    Item(&'a T),
    Trace(&'a str),
    Result(&'a T),
    Error(&'a EvalError),
    Call(&'a Call),
}

/// A line that may be an answer to a call, or else is a request.
#[derive(Deserialize)]
struct Incoming {
    #[serde(default)]
    id: u64,
    answer: Option<Answer>,
}

impl Wire {
    /// One over a queue of lines and a stream.
    pub fn new(lines: Receiver<String>, out: impl Write + 'static) -> Self {
        Wire {
            lines,
            early: RefCell::default(),
            out: RefCell::new(BufWriter::with_capacity(BUFFER, Box::new(out))),
            current: Cell::new(0),
            abandoned: Cell::new(0),
            quiet: Cell::new(false),
        }
    }

    /// The next request, `None` at the end of them.
    pub fn next(&self) -> Option<String> {
        loop {
            let early = self.early.borrow_mut().pop_front();
            let line = early.or_else(|| self.lines.recv().ok())?;
            let abandoned = self.abandoned.get();
            if abandoned == 0 || !is_answer(&line) {
                return Some(line);
            }
            self.abandoned.set(abandoned - 1);
        }
    }

    /// Says which request is being answered now.
    pub fn begin(&self, id: u64) {
        self.current.set(id);
    }

    /// Says whether to drop what evaluated text says from now on.
    pub fn keep_quiet(&self, quiet: bool) {
        self.quiet.set(quiet);
    }

    /// Tells at once what evaluated text says.
    pub fn trace(&self, text: &str) {
        if self.quiet.get() {
            return;
        }
        // Whoever goes on writing finds out that nobody reads.
        let _ = self
            .line(Body::<()>::Trace(text))
            .and_then(|()| self.flush());
    }

    /// Writes a line of the answer.
    pub fn line<T: Serialize>(&self, body: Body<'_, T>) -> io::Result<()> {
        let id = self.current.get();
        let mut out = self.out.borrow_mut();
        serde_json::to_writer(&mut *out, &Line { id, body })?;
        out.write_all(b"\n")
    }

    /// Has everything written be there.
    pub fn flush(&self) -> io::Result<()> {
        self.out.borrow_mut().flush()
    }

    /// Asks back, and waits for the answer. Requests that come meanwhile are kept for later.
    pub fn call(&self, call: &Call) -> Result<Answer, String> {
        let id = self.current.get();
        let asked = self.line(Body::<()>::Call(call));
        asked
            .and_then(|()| self.flush())
            .map_err(|error| format!("a provider cannot be asked: {error}"))?;
        loop {
            let gone = |_| "a provider was asked, and nobody answers any more".to_owned();
            let line = self.lines.recv().map_err(gone)?;
            match serde_json::from_str::<Incoming>(&line) {
                Ok(Incoming {
                    id: of,
                    answer: Some(answer),
                }) if of == id => return Ok(answer),
                // Also what is malformed: it is answered in its turn.
                _ => {
                    let cancelled = is_cancellation(&line);
                    self.early.borrow_mut().push_back(line);
                    if cancelled {
                        self.abandoned.set(self.abandoned.get() + 1);
                        return Err("evaluation was cancelled".to_owned());
                    }
                }
            }
        }
    }
}

fn is_answer(line: &str) -> bool {
    serde_json::from_str::<Incoming>(line).is_ok_and(|line| line.answer.is_some())
}

/// Whether a line asks to end what is being answered. Looks closely only at lines that might.
pub fn is_cancellation(line: &str) -> bool {
    let mut quoted = line.split('"');
    quoted.any(|part| part == Cancel::NAME)
        && serde_json::from_str::<Request>(line).is_ok_and(|request| request.method == Cancel::NAME)
}
