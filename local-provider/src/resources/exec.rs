//! `exec`: a command that runs at every apply, or once.
//!
//! Its standard error is passed on line by line while it runs. A command that ends with anything
//! but exit code 0 has failed; what it did before is its own affair, so it is best written to be
//! run again.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::sdk::{
    About, Action, Complaint, Context, Error, Field, IoContext, Level, Made, New, Operation, Plan,
    PlanInputs, ResourceType, State,
};

/// How much of standard error is kept: its end.
const MAX_STDERR: usize = 64 * 1024;
/// How many of its lines an error shows.
const SHOWN_LINES: usize = 30;

/// A command that runs at every apply, or once.
#[derive(Debug)]
pub struct Exec;

/// Inputs of [`Exec`].
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// The program: a path, or a name to be looked for in `PATH`.
    executable: String,
    /// Its arguments.
    #[serde(default)]
    args: Vec<Argument>,
    /// What it reads; nothing if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stdin: Option<String>,
    /// Variables added to its environment.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// Whether it runs only when the resource is created, and not at every apply.
    #[serde(default)]
    once: bool,
}

/// Text, or a number written as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
struct Argument(String);

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Json::deserialize(deserializer)? {
            Json::String(text) => Ok(Self(text)),
            Json::Number(number) => Ok(Self(number.to_string())),
            other => Err(serde::de::Error::custom(format!(
                "an argument has to be a string or a number, but it is {other}"
            ))),
        }
    }
}

impl JsonSchema for Argument {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Argument".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number"] })
    }
}

/// Outputs of [`Exec`].
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Outputs {
    /// What it wrote to standard output.
    #[schemars(extend("derivedFrom" = ["executable", "args", "stdin", "env"]))]
    stdout: String,
    /// The end of what it wrote to standard error.
    #[schemars(extend("derivedFrom" = ["executable", "args", "stdin", "env"]))]
    stderr: String,
    /// Its exit code.
    exit_code: i32,
}

impl ResourceType for Exec {
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn about(&self) -> About {
        About::new("exec", "A command that runs at every apply, or once").can(&[
            Operation::Plan,
            Operation::Update,
            Operation::Delete,
        ])
    }

    fn plan(
        &self,
        _: &Context,
        prior: Option<State<Self>>,
        inputs: &PlanInputs,
    ) -> Result<Plan, Error> {
        let once = inputs.get("once") == Field::Known(json!(true));
        let action = match (prior, once) {
            (None, _) => Action::Create,
            (Some(_), true) => return Ok(Plan::new(Action::Noop)),
            (Some(_), false) => Action::Update,
        };
        Ok(Plan::new(action)
            .unknown("stdout")
            .unknown("stderr")
            .output("exit_code", &0))
    }

    fn create(&self, context: &Context, new: New<Self>) -> Result<Made<Outputs>, Error> {
        if new.inputs.once && !new.stateful {
            return Err(
                Error::new("without state it would not be known that this has run")
                    .at("once")
                    .hint("give it state, or let it run at every apply"),
            );
        }
        run(context, &new.inputs).map(Made::from)
    }

    fn update(
        &self,
        context: &Context,
        _: State<Self>,
        new: New<Self>,
    ) -> Result<Made<Outputs>, Error> {
        run(context, &new.inputs).map(Made::from)
    }

    fn delete(&self, _: &Context, _: State<Self>) -> Result<(), Error> {
        Ok(())
    }
}

fn run(context: &Context, inputs: &Inputs) -> Result<Outputs, Error> {
    let mut command = Command::new(&inputs.executable);
    command
        .args(inputs.args.iter().map(|argument| &argument.0))
        .envs(&inputs.env)
        .stdin(match inputs.stdin {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    end_with_us(&mut command);
    let mut child = command
        .spawn()
        .map_err(|error| cannot_start(inputs, &error))?;
    let pid = child.id();
    let _on_stop = context.on_stop(move || terminate(pid));
    let (stdout, stderr) = talk(context, &mut child, inputs.stdin.as_deref())
        .context("talk to", &inputs.executable)?;
    let status = child.wait().context("wait for", &inputs.executable)?;
    if !status.success() {
        return Err(failed(context, inputs, status, &stderr));
    }
    let stdout = String::from_utf8(stdout).unwrap_or_else(|error| {
        let text = "the output is not UTF-8; what is not has been replaced by `\u{fffd}`";
        context.warn(Complaint::new(text));
        String::from_utf8_lossy(error.as_bytes()).into_owned()
    });
    Ok(Outputs {
        stdout,
        stderr,
        exit_code: status.code().unwrap_or_default(),
    })
}

/// A command must not go on when nobody waits for it any more: a second run would meet it.
fn end_with_us(command: &mut Command) {
    // SAFETY: prctl may be called between fork and exec, and touches no memory of ours.
    unsafe {
        command.pre_exec(|| {
            #[cfg(target_os = "linux")]
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

/// Asks a command, and what it has started, to end.
fn terminate(pid: u32) {
    let Ok(pid) = libc::pid_t::try_from(pid) else {
        return;
    };
    // SAFETY: system calls on numbers. The command has not been waited for as long as it can be
    // stopped, so `pid` is its own.
    unsafe {
        if libc::getpgrp() == libc::getpid() {
            // We were given a group of our own: everything else in it was started by us, and we
            // ourselves are stopping already.
            libc::kill(0, libc::SIGTERM);
        } else {
            libc::kill(pid, libc::SIGTERM);
        }
    }
}

fn cannot_start(inputs: &Inputs, error: &io::Error) -> Error {
    let program = &inputs.executable;
    let result = Error::new(format!("cannot start {program}: {error}")).at("executable");
    match error.kind() {
        io::ErrorKind::NotFound if program.contains('/') => result.hint(format!(
            "there is no file {program}, or not the interpreter that it asks for"
        )),
        io::ErrorKind::NotFound => {
            result.hint(format!("no folder in PATH has a program `{program}`"))
        }
        io::ErrorKind::PermissionDenied => result.hint("is it executable?"),
        _ => result,
    }
}

fn failed(context: &Context, inputs: &Inputs, status: ExitStatus, stderr: &str) -> Error {
    let why: &dyn fmt::Display = match context.stopping() {
        true => &"was interrupted",
        false => &format_args!("failed: {status}"),
    };
    let lines: Vec<_> = stderr.lines().collect();
    let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
    let error = Error::new(format!("{} {why}", inputs.executable));
    match shown.is_empty() {
        true => error.detail("it wrote nothing to standard error"),
        false => error.detail(shown.join("\n")),
    }
}

/// Gives a command its input and takes its output, all at the same time: either side would wait for
/// ever for the other if it were done in turn.
fn talk(
    context: &Context,
    child: &mut Child,
    stdin: Option<&str>,
) -> io::Result<(Vec<u8>, String)> {
    let input = child.stdin.take().zip(stdin);
    let errors = child.stderr.take();
    thread::scope(|scope| {
        let writing = input.map(|(mut pipe, text)| {
            scope.spawn(move || match pipe.write_all(text.as_bytes()) {
                // It need not read what it is given.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                result => result,
            })
        });
        let listening = scope.spawn(move || errors.map(|errors| listen(context, errors)));
        let mut stdout = Vec::new();
        if let Some(mut pipe) = child.stdout.take() {
            pipe.read_to_end(&mut stdout)?;
        }
        let panicked = || io::Error::other("a thread panicked");
        if let Some(writing) = writing {
            writing.join().map_err(|_| panicked())??;
        }
        let stderr = listening.join().map_err(|_| panicked())?;
        Ok((stdout, stderr.unwrap_or_default()))
    })
}

/// Passes standard error on, and keeps its end.
fn listen(context: &Context, stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut lines = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        // A line without end is taken in pieces.
        let limit = MAX_STDERR as u64;
        match lines.by_ref().take(limit).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        context.log(Level::Info, String::from_utf8_lossy(&line).trim_end());
        kept.extend_from_slice(&line);
        let excess = kept.len().saturating_sub(MAX_STDERR);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider;

    fn create(inputs: Json) -> Result<Json, Box<nixops4_proto::native::Error>> {
        let params = json!({ "type": "exec", "inputs": inputs, "stateful": true });
        provider().ask("create", params).0
    }

    #[test]
    fn it_gets_arguments_input_and_environment() {
        let made = create(json!({
            "executable": "sh",
            "args": ["-c", "cat; echo $0-$1-$X; echo hm >&2", "a", 7],
            "stdin": "in\n",
            "env": { "X": "x" },
        }));
        assert_eq!(
            made.expect("made"),
            json!({ "outputs": { "stdout": "in\na-7-x\n", "stderr": "hm\n", "exit_code": 0 } })
        );
    }

    #[test]
    fn more_input_and_output_than_fits_into_a_pipe_is_no_problem() {
        let text = "0123456789abcdef\n".repeat(20_000);
        let args = ["-c", "tee /dev/stderr"];
        let made = create(json!({ "executable": "sh", "args": args, "stdin": text }));
        let outputs = &made.expect("made")["outputs"];
        assert_eq!(outputs["stdout"], *text);
        assert_eq!(outputs["stderr"], text[text.len() - MAX_STDERR..]);
        // Input that nobody reads is no error.
        let unread = create(json!({ "executable": "true", "stdin": text }));
        assert!(unread.is_ok());
    }

    #[test]
    fn a_failure_shows_what_it_said() {
        let error = create(json!({ "executable": "sh", "args": ["-c", "echo oh >&2; exit 3"] }));
        let complaint = error.expect_err("failed").complaint;
        assert_eq!(complaint.message, "sh failed: exit status: 3");
        assert_eq!(complaint.detail, "oh");
        let error = create(json!({ "executable": "no-such-program-at-all" }));
        let complaint = error.expect_err("failed").complaint;
        assert_eq!(complaint.path.expect("path").to_string(), "executable");
        assert_eq!(
            complaint.hints,
            ["no folder in PATH has a program `no-such-program-at-all`"]
        );
    }

    #[test]
    fn it_runs_at_every_apply_unless_once() {
        let plan = |inputs: Json| {
            let prior = json!({ "inputs": { "executable": "true" }, "outputs": { "stdout": "" } });
            let params =
                json!({ "type": "exec", "prior": prior, "inputs": inputs, "stateful": true });
            provider().ask("plan", params).0.expect("plan")["action"].clone()
        };
        assert_eq!(plan(json!({ "executable": "true" })), "update");
        assert_eq!(plan(json!({ "executable": "other", "once": true })), "noop");
        let params = json!({ "type": "exec", "inputs": { "executable": "true", "once": true }, "stateful": false });
        let error = provider().ask("create", params).0.expect_err("refused");
        assert_eq!(error.complaint.path.expect("path").to_string(), "once");
    }
}
