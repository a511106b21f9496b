//! [`Lock`]: one writer at a time, whose owner can be seen, and who loses it by dying.
//!
//! The lock is a file beside the state that says who holds it ([`LockOwner`]), together with a
//! lock of the operating system on that file. The second makes taking it atomic and ends with the
//! process; the first tells people who it is, and still protects where the file system's locks do
//! not reach from one machine to another.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use nixops4_proto::state::{LockOwner, Run};

use super::log::{beside, open_private};
use super::read::io_error;
use crate::state::run::host_name;
use crate::state::{StateError, clock};

/// A lock that is held.
#[derive(Debug)]
pub(super) struct Lock {
    path: PathBuf,
    /// Holds the operating system's lock; `None` once it is given up.
    file: Option<File>,
}

/// Where the lock of a state file is.
pub(super) fn lock_path(state: &Path) -> PathBuf {
    beside(state, ".lock")
}

impl Lock {
    /// Takes the lock of a state file; also the dead owner whose lock was broken, if there was one.
    pub fn take(
        state: &Path,
        run: &Run,
        command: &str,
    ) -> Result<(Self, Option<LockOwner>), StateError> {
        let path = lock_path(state);
        loop {
            let mut file = open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(locked(path, read(&mut file))),
                Err(TryLockError::Error(error))
                    if error.kind() == std::io::ErrorKind::Unsupported => {}
                Err(TryLockError::Error(error)) => return Err(io_error("lock", &path, error)),
            }
            // Whoever held it until now may have removed the file just before we got its lock.
            if !is_at(&file, &path) {
                continue;
            }
            let before = read(&mut file);
            if before.as_ref().is_some_and(is_alive) {
                return Err(locked(path, before));
            }
            write(&mut file, &lock_owner(run, command))
                .map_err(|error| io_error("write to", &path, error))?;
            return Ok((
                Self {
                    path,
                    file: Some(file),
                },
                before,
            ));
        }
    }

    /// Gives it up.
    pub fn release(&mut self) {
        if let Some(file) = self.file.take() {
            // Removed before it is unlocked, so that nobody takes a lock on a file without name. A
            // lock file that stays because it cannot be removed is seen to have a dead owner.
            let _ = std::fs::remove_file(&self.path);
            drop(file);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.release();
    }
}

/// Who is writing the state file now.
pub(super) fn current_owner(state: &Path) -> Option<LockOwner> {
    let mut file = File::open(lock_path(state)).ok()?;
    read(&mut file).filter(is_alive)
}

fn open(path: &Path) -> Result<File, StateError> {
    let mut options = OpenOptions::new();
    open_private(path, options.read(true).write(true).create(true))
        .map_err(|error| io_error("lock", path, error))
}

fn locked(path: PathBuf, owner: Option<LockOwner>) -> StateError {
    StateError::Locked {
        path,
        owner: owner.map(Box::new),
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let (Ok(held), Ok(named)) = (file.metadata(), std::fs::metadata(path)) else {
        return false;
    };
    (held.dev(), held.ino()) == (named.dev(), named.ino())
}

fn read(file: &mut File) -> Option<LockOwner> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write(file: &mut File, owner: &LockOwner) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    serde_json::to_writer(&mut *file, owner)?;
    file.write_all(b"\n")
}

/// Who this process is for others, who find a state locked by it.
pub fn lock_owner(run: &Run, command: &str) -> LockOwner {
    let process = process(run.pid);
    LockOwner {
        run: run.clone(),
        started: process
            .as_ref()
            .map(|p| p.started.clone())
            .unwrap_or_default(),
        start_ticks: process.map(|p| p.start_ticks).unwrap_or_default(),
        command: command.to_owned(),
        since: clock::now(),
    }
}

/// Whether the owner may still be writing. On another machine nobody can tell, so it may.
fn is_alive(owner: &LockOwner) -> bool {
    if owner.run.host != host_name() {
        return true;
    }
    match process(owner.run.pid) {
        Some(process) => owner.start_ticks.is_empty() || process.start_ticks == owner.start_ticks,
        None => !Path::new("/proc/self").exists() && answers(owner.run.pid),
    }
}

/// Whether there is a process of this number, where the system has no `/proc`.
fn answers(pid: u32) -> bool {
    let Ok(pid) = libc::pid_t::try_from(pid) else {
        return false;
    };
    // SAFETY: signal 0 is sent to nobody; the call only says whether it could be sent.
    let sent = unsafe { libc::kill(pid, 0) } == 0;
    sent || std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// When a process started.
struct Process {
    started: String,
    start_ticks: String,
}

/// A running process; `None` if there is none of this number, or no `/proc` to tell.
fn process(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program, in parentheses, may itself hold blanks and parentheses; behind it
    // come the state (a zombie writes nothing any more) and, as the 20th, the time of the start.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let ticks: u64 = fields.nth(18)?.parse().ok()?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(Process {
        started: started(ticks).unwrap_or_default(),
        start_ticks: format!("{}/{ticks}", boot.trim()),
    })
}

/// The time of day of a count of ticks since the machine was started.
fn started(ticks: u64) -> Option<String> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let boot: u64 = stat
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()?;
    // SAFETY: the call only reads a constant of the system.
    let per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).ok()?;
    let since_boot = Duration::from_millis(ticks.checked_mul(1000)?.checked_div(per_second)?);
    Some(clock::rfc3339(
        UNIX_EPOCH + Duration::from_secs(boot) + since_boot,
    ))
}

#[cfg(test)]
mod tests;
