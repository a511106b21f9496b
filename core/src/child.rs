//! Child processes: starting one that does not outlive us, and saying how one ended.
//!
//! Linux can kill a child when its parent ends, but takes the *thread* that started it for the
//! parent. Runtime threads come and go, so each child is started by a thread of its own, its
//! minder, which lives as long as the child's owner does.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc;

use tokio::process::{Child, Command};

/// Owns the minder thread of one child; dropping it ends the thread, and the child with it.
#[derive(Debug)]
pub struct Minder {
    _alive: mpsc::Sender<()>,
}

/// Starts `command` with piped standard streams. When we end, it is sent `on_our_end`.
pub async fn spawn(mut command: Command, on_our_end: i32) -> io::Result<(Child, Minder)> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    die_with_parent(&mut command, on_our_end);
    let (alive, ended) = mpsc::channel::<()>();
    let (started, child) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Handle::current();
    std::thread::Builder::new()
        .name("minder".into())
        .stack_size(64 * 1024)
        .spawn(move || {
            let _context = runtime.enter();
            let result = command.spawn();
            let minding = result.is_ok();
            if started.send(result).is_ok() && minding {
                // Ends with an error as soon as the owner is gone: nothing is ever sent.
                let _ = ended.recv();
            }
        })?;
    let child = child.await.map_err(io::Error::other)??;
    Ok((child, Minder { _alive: alive }))
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command, signal: i32) {
    let parent = std::process::id();
    // SAFETY: prctl, getppid and _exit may be called between fork and exec, and touch no memory
    // of ours.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, signal) != 0 {
                return Err(io::Error::last_os_error());
            }
            if libc::getppid() as u32 != parent {
                // We ended before the line above took effect.
                libc::_exit(0);
            }
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_: &mut Command, _: i32) {}

/// How a process ended, in words.
pub fn describe_status(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(9) => "killed by signal 9, perhaps for want of memory".to_owned(),
        Some(signal) => format!("killed by signal {signal}"),
        None => format!("exit status {}", status.code().unwrap_or_default()),
    }
}
