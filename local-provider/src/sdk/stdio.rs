//! Standard input and output, kept for the protocol alone.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

/// Where lines to the caller go.
#[derive(Debug)]
pub(super) struct Output(Mutex<File>);

impl Output {
    pub(super) fn new(file: File) -> Self {
        Self(Mutex::new(file))
    }

    /// Writes one line, whole.
    pub(super) fn write(&self, message: &impl Serialize) {
        let mut line = match serde_json::to_vec(message) {
            Ok(line) => line,
            Err(error) => {
                // Maps with keys that are no strings: a mistake in the provider.
                eprintln!("a message cannot be written as JSON: {error}");
                return;
            }
        };
        line.push(b'\n');
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if file.write_all(&line).is_err() {
            // Nobody listens any more, and nobody will ask for anything.
            std::process::exit(1);
        }
    }
}

/// Takes standard input and output away from the rest of the program, which from now on reads
/// nothing and prints to standard error.
pub(super) fn take() -> io::Result<(File, Output)> {
    let input = io::stdin().as_fd().try_clone_to_owned()?;
    let output = io::stdout().as_fd().try_clone_to_owned()?;
    let nothing = OwnedFd::from(File::open("/dev/null")?);
    redirect(&nothing, libc::STDIN_FILENO)?;
    // SAFETY: descriptor 2 is open or it is not; in that case the copy fails.
    let stderr = match unsafe { libc::dup(libc::STDERR_FILENO) } {
        -1 => nothing,
        // SAFETY: it was just made, for us.
        copy => unsafe { OwnedFd::from_raw_fd(copy) },
    };
    redirect(&stderr, libc::STDOUT_FILENO)?;
    Ok((File::from(input), Output::new(File::from(output))))
}

fn redirect(from: &OwnedFd, to: i32) -> io::Result<()> {
    // SAFETY: both are descriptors; what was at `to` has been copied.
    match unsafe { libc::dup2(from.as_raw_fd(), to) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
