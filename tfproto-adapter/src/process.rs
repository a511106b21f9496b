//! One plugin process: started, watched, and ended without leaving anything behind.
//!
//! ```text
//! keeper thread:  spawn ──► wait ──► kill what is left of the group ──► reap ──► announce the exit
//!                   │                                                                 │
//!                   ▼                                                                 ▼
//!                 Process (pid, kill, kill on drop)                    Exit, latched for everyone
//! ```
//!
//! Should we be killed, the kernel kills the process, and the [`guard`] what is left of its group.
//! The keeper is a thread of its own because the kernel ties "kill the child when the parent dies"
//! to the thread that started the child: it has to live exactly as long as the child.

use std::fmt;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use nixops4_core::guard;
use tokio::sync::{oneshot, watch};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(ExitStatus);

impl Exit {
    /// Nobody tells how it ended.
    pub(crate) fn unknown() -> Self {
        // What the system says of a process that is neither ended nor killed.
        Self(ExitStatus::from_raw(0x7f))
    }

    /// Tells whether the process said that all is well.
    pub fn success(self) -> bool {
        self.0.success()
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "exit status {code}"),
            (None, Some(signal)) => match signal_name(signal) {
                Some(name) => write!(f, "killed by signal {signal} ({name})"),
                None => write!(f, "killed by signal {signal}"),
            },
            (None, None) => f.write_str("unknown exit status"),
        }
    }
}

fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGHUP => "SIGHUP",
        libc::SIGILL => "SIGILL",
        libc::SIGINT => "SIGINT",
        libc::SIGKILL => "SIGKILL",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGTERM => "SIGTERM",
        _ => return None,
    })
}

/// A running process. Dropping it kills it with all its descendants in its process group.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    state: Arc<Mutex<State>>,
    exit: watch::Receiver<Option<Exit>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The pid is ours, as the process itself or as a zombie.
    Ours,
    /// The pid may belong to someone else.
    Reaped,
    /// The process is not ours.
    Foreign,
}

/// A process that was just started, with what it prints.
#[derive(Debug)]
pub struct Started {
    /// The process.
    pub process: Process,
    /// Its standard output.
    pub stdout: ChildStdout,
    /// Its standard error output.
    pub stderr: ChildStderr,
}

impl Process {
    /// Starts a command in a process group of its own, without input, with its output captured.
    pub async fn start(command: Command) -> io::Result<Started> {
        let (started, when_started) = oneshot::channel();
        thread::Builder::new()
            .name("plugin-keeper".to_owned())
            .spawn(move || {
                keep(command, started);
            })?;
        let gone = |_| io::Error::other("the thread that starts the process ended");
        when_started.await.map_err(gone)?
    }

    /// Watches a process that someone else has started, and never kills it.
    pub fn foreign(pid: u32) -> Self {
        let (announce, exit) = watch::channel(None);
        tokio::spawn(async move {
            while is_there(pid) {
                tokio::select! {
                    () = announce.closed() => return,
                    () = tokio::time::sleep(LOOK_AGAIN) => {}
                }
            }
            announce.send_replace(Some(Exit::unknown()));
        });
        Self {
            pid,
            state: Arc::new(Mutex::new(State::Foreign)),
            exit,
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How the process ended, if it has.
    pub fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits until the process has ended and is reaped.
    pub async fn ended(&self) -> Exit {
        let mut exit = self.exit.clone();
        loop {
            if let Some(exit) = *exit.borrow_and_update() {
                return exit;
            }
            if exit.changed().await.is_err() {
                // The keeper always announces the exit before it ends.
                return exit
                    .borrow()
                    .unwrap_or(Exit(ExitStatus::from_raw(libc::SIGKILL)));
            }
        }
    }

    /// Kills the process and its group at once.
    pub fn kill(&self) {
        let state = lock(&self.state);
        if *state == State::Ours {
            kill_group(self.pid);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // The state is a plain flag: no panic can leave it half-written.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often a process that is not our child is looked for.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(1);

fn is_there(pid: u32) -> bool {
    let Some(pid) = libc::pid_t::try_from(pid).ok().filter(|pid| *pid > 0) else {
        // It is not said which process it is.
        return true;
    };
    // SAFETY: signal 0 only asks whether the process is there.
    let result = unsafe { libc::kill(pid, 0) };
    result == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// The life of the keeper thread.
fn keep(mut command: Command, started: oneshot::Sender<io::Result<Started>>) {
    let (announce, exit) = watch::channel(None);
    let mut child = match spawn(&mut command) {
        Ok(child) => child,
        Err(e) => {
            let _ = started.send(Err(e));
            return;
        }
    };
    let pid = child.id();
    guard::watch(pid, guard::End::AtOnce);
    let state = Arc::new(Mutex::new(State::Ours));
    let process = Process {
        pid,
        state: state.clone(),
        exit,
    };
    let result = match (child.stdout.take(), child.stderr.take()) {
        (Some(stdout), Some(stderr)) => Ok(Started {
            process,
            stdout,
            stderr,
        }),
        _ => Err(io::Error::other(
            "the output of the process is not captured",
        )),
    };
    // If nobody waits any more, this drops the process, which kills it.
    let _ = started.send(result);
    wait_until_ended(pid);
    let mut state = lock(&state);
    // As long as the zombie is there, the group cannot be anyone else's.
    kill_group(pid);
    guard::forget(pid);
    let status = child.wait().unwrap_or(ExitStatus::from_raw(libc::SIGKILL));
    *state = State::Reaped;
    drop(state);
    announce.send_replace(Some(Exit(status)));
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // A group of its own: the terminal's Ctrl-C is for us to pass on, and killing reaches helpers.
    command.process_group(0);
    #[cfg(target_os = "linux")]
    die_with_parent(command);
    command.spawn()
}

#[cfg(target_os = "linux")]
fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: the closure only makes system calls that are allowed between fork and exec.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the request took effect.
            match u32::try_from(libc::getppid()) {
                Ok(pid) if pid == parent => Ok(()),
                _ => Err(io::Error::from_raw_os_error(libc::ESRCH)),
            }
        });
    }
}

/// Waits for the end of the process but leaves it as a zombie, so that its pid stays taken.
fn wait_until_ended(pid: u32) {
    loop {
        // SAFETY: an all-zero siginfo is valid, and the kernel only writes into it.
        let result = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(
                libc::P_PID,
                pid,
                &raw mut info,
                libc::WEXITED | libc::WNOWAIT,
            )
        };
        let interrupted =
            result != 0 && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        if !interrupted {
            return;
        }
    }
}

/// Kills a process group whose leader's pid is known to be ours.
fn kill_group(pid: u32) {
    if let Ok(pid) = libc::pid_t::try_from(pid) {
        // SAFETY: plain system calls; that the processes may be gone already is fine.
        unsafe {
            libc::kill(-pid, libc::SIGKILL);
            libc::kill(pid, libc::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    fn read(mut from: impl Read) -> String {
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        text
    }

    #[tokio::test]
    async fn the_exit_is_announced_with_status_or_signal() {
        let started = Process::start(shell("echo out; echo err >&2; exit 3"))
            .await
            .unwrap();
        assert_eq!(read(started.stdout), "out\n");
        assert_eq!(read(started.stderr), "err\n");
        assert_eq!(started.process.ended().await.to_string(), "exit status 3");
        assert_eq!(started.process.exit().unwrap().to_string(), "exit status 3");
        let started = Process::start(shell("kill -SEGV $$")).await.unwrap();
        let exit = started.process.ended().await;
        assert_eq!(exit.to_string(), "killed by signal 11 (SIGSEGV)");
        assert!(!exit.success());
    }

    #[tokio::test]
    async fn what_cannot_be_started_is_an_error() {
        let error = Process::start(Command::new("/nonexistent/plugin"))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn dropping_kills_the_process_and_its_children() {
        // The pipe closes only when every process that holds it is gone.
        let started = Process::start(shell("sleep 1000 & echo up; sleep 1000"))
            .await
            .unwrap();
        drop(started.process);
        assert!(read(started.stdout).len() <= 3);
        read(started.stderr);
    }

    #[tokio::test]
    async fn children_do_not_outlive_the_process() {
        let started = Process::start(shell("sleep 1000 & exit 0")).await.unwrap();
        assert!(started.process.ended().await.success());
        assert_eq!(read(started.stdout), "");
    }

    #[tokio::test]
    async fn killing_a_reaped_process_does_nothing() {
        let started = Process::start(shell("exit 0")).await.unwrap();
        started.process.ended().await;
        started.process.kill();
        assert!(started.process.exit().unwrap().success());
    }

    #[tokio::test]
    async fn the_process_leads_a_group_of_its_own() {
        // Killing the group from inside must not reach us.
        let started = Process::start(shell("kill -KILL 0")).await.unwrap();
        assert_eq!(
            started.process.ended().await.to_string(),
            "killed by signal 9 (SIGKILL)"
        );
    }
}
