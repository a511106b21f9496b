//! Being asked to end, by a signal.

use std::io::{self, Read};
use std::os::fd::IntoRawFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

/// Where the handler writes; the one thing that it can safely do is to write a byte.
static PIPE: AtomicI32 = AtomicI32::new(-1);

extern "C" fn handle(_: libc::c_int) {
    let byte = [0_u8];
    // SAFETY: `write` may be called in a signal handler; the descriptor is never closed.
    unsafe {
        libc::write(PIPE.load(Ordering::Relaxed), byte.as_ptr().cast(), 1);
    }
}

/// Does something when the process is asked to terminate, in place of ending at once.
///
/// Programs that this one starts do not inherit that: a handler does not outlive `exec`.
pub(super) fn on_terminate(act: impl Fn() + Send + 'static) -> io::Result<()> {
    let (mut reader, writer) = io::pipe()?;
    PIPE.store(writer.into_raw_fd(), Ordering::Relaxed);
    thread::Builder::new()
        .name("signals".into())
        .stack_size(64 * 1024)
        .spawn(move || {
            while reader.read_exact(&mut [0]).is_ok() {
                act();
            }
        })?;
    let handler = handle as extern "C" fn(libc::c_int);
    // SAFETY: the handler does nothing but write to a pipe that is open from now on.
    match unsafe { libc::signal(libc::SIGTERM, handler as libc::sighandler_t) } {
        libc::SIG_ERR => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
