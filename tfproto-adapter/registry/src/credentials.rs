//! Who we are to a host: tokens that are configured, or that a helper program knows.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use nixops4_tfproto::cliconfig::Access;
use nixops4_tfproto::discovery::Environment;
use serde::Deserialize;

use crate::error::FetchError;

/// The `Authorization` header for a host, if there is a token for it.
pub fn bearer(
    access: &Access,
    environment: &Environment,
    host: &str,
) -> Result<Option<String>, FetchError> {
    if let Some(token) = access.tokens.get(host) {
        return Ok(Some(format!("Bearer {}", token.reveal())));
    }
    let Some((name, args)) = &access.credentials_helper else {
        return Ok(None);
    };
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
    }
    let program = helper(environment, &format!("terraform-credentials-{name}"));
    let args: Vec<_> = args
        .iter()
        .map(String::as_str)
        .chain(["get", host])
        .collect();
    let answer: Answer = ask(&program, &args, "")?;
    Ok(answer.token.map(|token| format!("Bearer {token}")))
}

/// Beside the plugins, as Terraform looks for it, else by name.
fn helper(environment: &Environment, name: &str) -> PathBuf {
    let beside = environment
        .home()
        .map(|home| home.join(".terraform.d/plugins").join(name));
    beside
        .filter(|path| path.is_file())
        .unwrap_or_else(|| name.into())
}

/// Runs a helper program, and reads the JSON that it prints.
pub fn ask<T: serde::de::DeserializeOwned>(
    program: &Path,
    args: &[&str],
    input: &str,
) -> Result<T, FetchError> {
    ask_within(program, args, input, PATIENCE)
}

/// How long a helper may take; it may have to wait for a person.
const PATIENCE: Duration = Duration::from_secs(60);

fn ask_within<T: serde::de::DeserializeOwned>(
    program: &Path,
    args: &[&str],
    input: &str,
    patience: Duration,
) -> Result<T, FetchError> {
    let shown = program.display();
    let failed = |why: String| FetchError::Configuration(format!("{shown}: {why}"));
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input is welcome too.
        let _ = stdin.write_all(input.as_bytes());
    }
    let until = Instant::now() + patience;
    let (printed, said) = (read_all(child.stdout.take()), read_all(child.stderr.take()));
    let receive = |from: &Receiver<Vec<u8>>| {
        let left = until.saturating_duration_since(Instant::now());
        from.recv_timeout(left).ok()
    };
    let (Some(printed), Some(said)) = (receive(&printed), receive(&said)) else {
        // It may be gone by now.
        let _ = child.kill();
        let _ = child.wait();
        let seconds = patience.as_secs();
        return Err(failed(format!(
            "it gave no answer within {seconds} seconds"
        )));
    };
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&said);
        return Err(failed(format!("{status}: {}", said.trim())));
    }
    // What it printed may hold a secret, so it is not quoted.
    serde_json::from_slice(&printed).map_err(|_| failed("its answer is no JSON".to_owned()))
}

/// Reads on a thread of its own to the end.
fn read_all(from: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut all = Vec::new();
        if let Some(mut from) = from {
            // What could be read is what there is.
            let _ = from.read_to_end(&mut all);
        }
        let _ = sender.send(all);
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_that_hangs_is_given_up() {
        let patience = Duration::from_millis(100);
        let script = ["-c", "exec sleep 1000"];
        let answer: Result<serde_json::Value, _> =
            ask_within(Path::new("sh"), &script, "", patience);
        let error = answer.expect_err("no answer").to_string();
        assert_eq!(error, "sh: it gave no answer within 0 seconds");
        let script = ["-c", "echo '{}'"];
        ask_within::<serde_json::Value>(Path::new("sh"), &script, "", PATIENCE).expect("an answer");
    }
}
