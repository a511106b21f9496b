//! Running a program and measuring its whole process.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often memory is looked at.
const SAMPLING: Duration = Duration::from_millis(2);

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// From start to end.
    pub wall: Duration,
    /// Largest resident memory of the process itself, in bytes (not of its children).
    pub memory: u64,
}

/// Runs `program` in `dir` with no input, and its output thrown away.
///
/// # Panics
/// Where it cannot be started or does not succeed: a figure of a failed run is worth nothing.
pub fn run(program: &Path, args: &[&str], dir: &Path) -> Sample {
    run_with_input(program, args, dir, Stdio::null())
}

/// The same, with something to read.
#[expect(clippy::zombie_processes, reason = "waitpid reaps the child")]
pub fn run_with_input(program: &Path, args: &[&str], dir: &Path, input: Stdio) -> Sample {
    let start = Instant::now();
    let child = Command::new(program)
        .args(args)
        .current_dir(dir)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let peak = watch_memory(child.id());
    let mut status = 0;
    // SAFETY: the pointer is to a live local; nothing else is asked for.
    let pid = unsafe { libc::waitpid(child.id() as libc::pid_t, &raw mut status, 0) };
    assert!(pid > 0, "waitpid: {}", std::io::Error::last_os_error());
    let wall = start.elapsed();
    let status = ExitStatus::from_raw(status);
    assert!(status.success(), "{} {args:?}: {status}", program.display());
    Sample {
        wall,
        memory: peak.join().unwrap_or_default(),
    }
}

/// What a program and all that it started took.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    /// From the program's start to its end.
    pub wall: Duration,
    /// Processor time of all of them together, the system's for them included.
    pub processor: Duration,
    /// The largest resident memory that one of them had, in bytes.
    pub memory: u64,
}

/// Runs `program` with no input and its output thrown away, and asks the system what that and all
/// that it started took: also what it left to end by itself, as `nixops4` does with its evaluator.
/// Nothing else that this process started may be running.
///
/// # Panics
/// As [`run`] does.
#[expect(clippy::zombie_processes, reason = "wait4 reaps the child")]
pub fn usage(program: &Path, args: &[&str]) -> Usage {
    // SAFETY: no pointers are passed. What is left behind then becomes a child of this process.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    let start = Instant::now();
    let child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let (status, mut usage) = reap(child.id() as libc::pid_t).expect("it is there to be reaped");
    usage.wall = start.elapsed();
    assert!(status.success(), "{} {args:?}: {status}", program.display());
    while let Some((_, left)) = reap(-1) {
        usage.processor += left.processor;
        usage.memory = usage.memory.max(left.memory);
    }
    usage
}

/// Waits for a child, or for any; `None` where there is none.
fn reap(pid: libc::pid_t) -> Option<(ExitStatus, Usage)> {
    let mut status = 0;
    // SAFETY: all zeroes are a valid value of this plain structure.
    let mut used: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointers are to live locals; nothing else is asked for.
    let pid = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut used) };
    let duration = |time: libc::timeval| {
        Duration::from_secs(time.tv_sec as u64) + Duration::from_micros(time.tv_usec as u64)
    };
    let usage = Usage {
        wall: Duration::ZERO,
        processor: duration(used.ru_utime) + duration(used.ru_stime),
        memory: used.ru_maxrss as u64 * 1024,
    };
    (pid > 0).then(|| (ExitStatus::from_raw(status), usage))
}

/// Follows the high-water mark of a process until it ends. What the system tells at its end would
/// include its children, which here are provider plugins.
fn watch_memory(pid: u32) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let path = format!("/proc/{pid}/status");
        let mut peak = 0;
        while let Some(kilobytes) = high_water_mark(&path) {
            peak = kilobytes * 1024;
            std::thread::sleep(SAMPLING);
        }
        peak
    })
}

/// In kilobytes; `None` once the process has ended.
fn high_water_mark(path: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// The middle one by time.
pub fn median(mut samples: Vec<Sample>) -> Sample {
    samples.sort_by_key(|sample| sample.wall);
    samples[samples.len() / 2]
}

/// Prints one figure.
pub fn report(what: &str, ours: Sample) {
    println!("{what:<52} {:>9.1} ms {:>8.1} MB", ms(ours), mb(ours));
}

/// Prints a figure, a peer's, and their ratio.
pub fn compare(what: &str, ours: Sample, theirs: Sample) {
    println!(
        "{what:<52} {:>9.1} ms {:>8.1} MB   peer {:>9.1} ms {:>8.1} MB   ratio 1/{:.1}",
        ms(ours),
        mb(ours),
        ms(theirs),
        mb(theirs),
        theirs.wall.as_secs_f64() / ours.wall.as_secs_f64()
    );
}

fn ms(sample: Sample) -> f64 {
    sample.wall.as_secs_f64() * 1000.0
}

fn mb(sample: Sample) -> f64 {
    sample.memory as f64 / 1e6
}

/// Where a program is on PATH, if it is.
pub fn on_path(name: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|program| program.is_file())
}
