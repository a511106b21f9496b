//! Who we are to a host: tokens that are configured, or that a helper program knows.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    let output = child
        .wait_with_output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{}: {}", output.status, said.trim())));
    }
    // What it printed may hold a secret, so it is not quoted.
    serde_json::from_slice(&output.stdout).map_err(|_| failed("its answer is no JSON".to_owned()))
}
