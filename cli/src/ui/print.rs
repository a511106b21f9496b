//! Standard output and standard error.
//!
//! A disk that is full behind one of them must not end what is under way: what cannot be written is
//! lost, that is remembered, and the command fails when its work is done.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::{Mutex, PoisonError};

/// The first thing that could not be written: where, and why.
static LOST: Mutex<Option<(&str, io::Error)>> = Mutex::new(None);

/// Prints a line on standard output.
macro_rules! outln {
    ($($text:tt)*) => {
        $crate::ui::print::to_stdout(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Prints on standard output.
macro_rules! out {
    ($($text:tt)*) => { $crate::ui::print::to_stdout(format_args!($($text)*)) };
}

/// Prints a line on standard error.
macro_rules! errln {
    ($($text:tt)*) => {
        $crate::ui::print::to_stderr(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Prints on standard error.
macro_rules! err {
    ($($text:tt)*) => { $crate::ui::print::to_stderr(format_args!($($text)*)) };
}

pub(crate) use {err, errln, out, outln};

/// What [`out!`] does.
pub fn to_stdout(text: fmt::Arguments<'_>) {
    remember("standard output", anstream::stdout().write_fmt(text));
}

/// What [`err!`] does.
pub fn to_stderr(text: fmt::Arguments<'_>) {
    remember("standard error", anstream::stderr().write_fmt(text));
}

/// Writes what waits to be written. Gives what the user has to know of what was lost.
pub fn finish() -> Option<String> {
    remember("standard output", io::stdout().flush());
    let lost = LOST.lock().unwrap_or_else(PoisonError::into_inner).take();
    lost.map(|(stream, error)| format!("cannot write to {stream}: {error}"))
}

fn remember(stream: &'static str, written: io::Result<()>) {
    match written {
        // Who reads has read enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
            lost.get_or_insert((stream, error));
        }
        _ => {}
    }
}
