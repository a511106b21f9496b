//! A guard: a small process that ends what we have started if we are killed.
//!
//! ```text
//! nixops4 ──socket──► guard            the socket closes with us, however we end;
//!    │                  ┆ kill         what is then still being watched is killed
//!    └──► plugin ──► its helpers ◄┄┄┄┄┘
//! ```
//! Linux kills a child with its parent if asked to, but not the children of the child. The guard is
//! a copy of this process that runs nothing of it: between `fork` and its end it makes system calls
//! only, on memory of its own. It has a session of its own, so that Ctrl-C is not for it, and holds
//! no file but its end of the socket.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::OnceLock;

use libc::{c_int, c_void, pid_t};

/// How many process groups are watched at once; further ones are not.
const CAPACITY: usize = 1024;
/// How long what may end by itself is given.
static PATIENCE: libc::timespec = libc::timespec {
    tv_sec: 2,
    tv_nsec: 0,
};

/// How a process group is ended when we are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum End {
    /// At once.
    AtOnce = 1,
    /// Its leader is told by the system, and given time to end what it has started.
    Later = 2,
}

const FORGET: c_int = 0;
const MESSAGE: usize = size_of::<[c_int; 2]>();

/// Our end of the socket.
#[derive(Debug)]
struct Guard(OwnedFd);

/// Has a process group ended when we end without having done it. `leader` is a child of ours that
/// has been started in a group of its own.
pub fn watch(leader: u32, end: End) {
    tell(end as c_int, leader);
}

/// The group is gone. To be said before its number can be anyone else's.
pub fn forget(leader: u32) {
    tell(FORGET, leader);
}

fn tell(what: c_int, leader: u32) {
    static GUARD: OnceLock<io::Result<Guard>> = OnceLock::new();
    let Ok(leader) = pid_t::try_from(leader) else {
        return;
    };
    let guard = match GUARD.get_or_init(Guard::start) {
        Ok(guard) => guard,
        Err(error) => {
            tracing::debug!(%error, "there is no guard: helpers of plugins may outlive a kill");
            return;
        }
    };
    let message = [what, leader];
    // SAFETY: the socket is open, and the message as long as is said.
    unsafe {
        let bytes = (&raw const message).cast::<c_void>();
        // A guard that someone has killed must not kill us with a signal.
        libc::send(guard.0.as_raw_fd(), bytes, MESSAGE, libc::MSG_NOSIGNAL);
    }
}

impl Guard {
    fn start() -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        // SAFETY: the child only makes system calls and never returns.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => stand(theirs.as_raw_fd()),
            _ => Ok(Self(ours.into())),
        }
    }
}

/// The life of the guard. It must not allocate, lock, or panic: other threads of ours held locks
/// when it was copied, and are not there to release them.
fn stand(socket: RawFd) -> ! {
    let mut watched = [(0 as pid_t, 0 as c_int); CAPACITY];
    // SAFETY: plain system calls on values of our own.
    unsafe {
        libc::setsid();
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        libc::chdir(c"/".as_ptr());
        close_all_but(socket);
        #[cfg(target_os = "linux")]
        libc::prctl(libc::PR_SET_NAME, c"nixops4-guard".as_ptr());
    }
    while let Some([what, leader]) = receive(socket) {
        let wanted = if what == FORGET { leader } else { 0 };
        let place = watched.iter_mut().find(|(pid, _)| *pid == wanted);
        match place {
            Some(place) if what == FORGET => *place = (0, 0),
            Some(place) => *place = (leader, what),
            None => {}
        }
    }
    kill_all(&watched, End::AtOnce);
    if watched.iter().any(|(_, end)| *end == End::Later as c_int) {
        // SAFETY: the time is a constant, and what is left of it is not asked for.
        unsafe { libc::nanosleep(&raw const PATIENCE, std::ptr::null_mut()) };
        kill_all(&watched, End::Later);
    }
    // SAFETY: ends the process without running anything of ours.
    unsafe { libc::_exit(0) }
}

/// The next message; nothing when the other side is gone.
fn receive(socket: RawFd) -> Option<[c_int; 2]> {
    let mut message: [c_int; 2] = [0; 2];
    loop {
        // SAFETY: the buffer is as long as is said.
        let read = unsafe {
            let bytes = (&raw mut message).cast::<c_void>();
            libc::recv(socket, bytes, MESSAGE, libc::MSG_WAITALL)
        };
        if usize::try_from(read) == Ok(MESSAGE) {
            return Some(message);
        }
        let interrupted =
            read < 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        if !interrupted {
            return None;
        }
    }
}

fn kill_all(watched: &[(pid_t, c_int)], wanted: End) {
    for (leader, end) in watched {
        if *leader > 1 && *end == wanted as c_int {
            // SAFETY: a system call on numbers; that the group may be gone is fine.
            unsafe { libc::kill(-*leader, libc::SIGKILL) };
        }
    }
}

/// Closes every descriptor but one: pipes that others wait for the end of, above all.
///
/// # Safety
/// Nothing may use the other descriptors any more.
unsafe fn close_all_but(kept: RawFd) {
    #[cfg(target_os = "linux")]
    {
        let kept = kept.unsigned_abs();
        // SAFETY: as above.
        let closed = unsafe {
            (kept == 0 || libc::syscall(libc::SYS_close_range, 0, kept - 1, 0) == 0)
                && libc::syscall(libc::SYS_close_range, kept + 1, u32::MAX, 0) == 0
        };
        if closed {
            return;
        }
    }
    // SAFETY: closing a descriptor that is not open does nothing.
    unsafe {
        let most = libc::sysconf(libc::_SC_OPEN_MAX).clamp(256, 65536);
        for descriptor in 0..RawFd::try_from(most).unwrap_or(256) {
            if descriptor != kept {
                libc::close(descriptor);
            }
        }
    }
}
