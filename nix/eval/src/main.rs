//! The evaluator process: answers questions about a deployment written in Nix.
//!
//! ```text
//! stdin ──main thread──► lines ──► serve ──► Session (evaluator, outputs, root) ──► stdout
//!              └──a cancellation──► flag ──────────┘
//! ```
//!
//! `--evaluator libnix` has Nix itself evaluate instead, where this program was built with it.
//!
//! Standard output carries the protocol of `nixops4_proto::evaluator` and nothing else. Nothing is
//! kept between two processes.

mod builtins;
mod cancelling;
mod engine;
mod error;
mod eval_method;
mod flakes;
mod functions;
#[cfg(feature = "libnix")]
mod libnix;
mod library;
mod locate;
mod operation;
mod outputs;
mod provider;
mod read;
mod repl;
mod resource;
mod serve;
mod session;
mod settings;
mod store;
mod tree;
mod walk;
mod wire;

use std::io::{self, BufRead, BufReader, Write};
use std::process::ExitCode;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cancelling::Cancelling;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Evaluation asks for more stack by itself; this much spares it most of the asking.
const STACK: usize = 64 * 1024 * 1024;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        println!("nixops4-eval {}", env!("CARGO_PKG_VERSION"));
        return ExitCode::SUCCESS;
    }
    leave_interrupts_to_the_asker();
    let engine = match engine(std::env::args().skip(1)) {
        Ok(engine) => engine,
        Err(message) => {
            eprintln!("nixops4-eval: {message}");
            return ExitCode::FAILURE;
        }
    };
    let (lines, requests) = mpsc::channel();
    let cancelling = Cancelling::default();
    let own = cancelling.clone();
    let worker = thread::Builder::new()
        .name("evaluation".into())
        .stack_size(STACK)
        .spawn(move || {
            let _together = Together;
            let result = serve::serve(engine, requests, own, io::stdout());
            // Leaving at once spares taking apart a heap that nobody needs any more.
            leave(result);
        });
    if let Err(error) = worker {
        eprintln!("nixops4-eval: cannot start a thread: {error}");
        return ExitCode::FAILURE;
    }
    for line in BufReader::new(io::stdin().lock()).lines() {
        match line {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                if wire::is_cancellation(&line) {
                    cancelling.ask();
                }
                drop(lines.send(line));
            }
            Err(error) => {
                eprintln!("nixops4-eval: cannot read requests: {error}");
                break;
            }
        }
    }
    drop(lines);
    wait_for_reader_to_leave()
}

/// An interrupt from a terminal goes to every program that is in front there. What it means to us
/// the asker says, with a cancellation or the end of our input. Programs that we start are still
/// interrupted, which they would not be if it were ignored.
fn leave_interrupts_to_the_asker() {
    extern "C" fn nothing(_: libc::c_int) {}
    let handler = nothing as extern "C" fn(libc::c_int) as libc::sighandler_t;
    // SAFETY: the handler does nothing, so there is nothing that it may not do.
    unsafe { libc::signal(libc::SIGINT, handler) };
}

/// The engine that the arguments name.
fn engine(mut args: impl Iterator<Item = String>) -> Result<engine::Choice, String> {
    match (args.next().as_deref(), args.next()) {
        (None, None) => Ok(engine::Choice::default()),
        (Some("--evaluator"), Some(name)) if args.next().is_none() => name.parse(),
        _ => Err("the arguments are --version, or --evaluator and its name".to_owned()),
    }
}

/// Should the evaluation panic, which is a fault of ours, the process ends with it: then whoever
/// waits for an answer learns that there will be none.
struct Together;

impl Drop for Together {
    fn drop(&mut self) {
        // What the panic says stands on standard error already.
        std::process::exit(101);
    }
}

fn leave(result: io::Result<()>) -> ! {
    let code = match result {
        Ok(()) => 0,
        Err(error) => {
            drop(writeln!(
                io::stderr(),
                "nixops4-eval: cannot answer: {error}"
            ));
            1
        }
    };
    std::process::exit(code)
}

/// There will be no more requests. Those that came are still answered, unless nobody reads any
/// more: then whatever is being evaluated is of no use to anyone.
fn wait_for_reader_to_leave() -> ExitCode {
    let stdout = io::stdout();
    let pause = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    loop {
        let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
        let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
        match poll(&mut fds, Some(&pause)) {
            Ok(_) if fds[0].revents().intersects(gone) => return ExitCode::FAILURE,
            Ok(_) => {}
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}
