//! The store of an installed Nix, of version 2.18 or newer, through its programs `nix-instantiate`
//! and `nix-store`, whose words have stayed the same for longer than those of `nix`.
//!
//! Objects are added by an expression that makes them: no other command adds a text that refers to
//! something without asking for more trust than users have.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nixops4_lang::{HostError, NewContents, NewObject, ObjectStore};
use tempfile::TempDir;

/// How long to wait between looks at a program that runs.
const PAUSE: Duration = Duration::from_millis(5);

/// How many lines of what a program said are shown when it fails.
const LAST_LINES: usize = 30;

/// An installed Nix.
pub struct NixProgram {
    /// Where its programs are; on `PATH`, where it is not said.
    folder: Option<PathBuf>,
    cancel: Arc<AtomicBool>,
    /// Copies of objects that are nowhere in the file system, and archives on their way.
    scratch: Option<TempDir>,
    copies: usize,
}

fn failed(message: String) -> HostError {
    HostError::Other(message)
}

impl NixProgram {
    /// The programs in a folder, or on `PATH`; what they do ends when `cancel` says so.
    pub fn new(folder: Option<PathBuf>, cancel: Arc<AtomicBool>) -> NixProgram {
        NixProgram {
            folder,
            cancel,
            scratch: None,
            copies: 0,
        }
    }

    /// Whether the programs can be found.
    pub fn is_there(&self) -> bool {
        match &self.folder {
            Some(folder) => folder.join("nix-store").exists(),
            None => std::env::var_os("PATH").is_some_and(|path| {
                std::env::split_paths(&path).any(|folder| folder.join("nix-store").exists())
            }),
        }
    }

    fn command(&self, name: &str) -> Command {
        match &self.folder {
            Some(folder) => Command::new(folder.join(name)),
            None => Command::new(name),
        }
    }

    /// A new path of our own.
    fn scratch(&mut self) -> Result<PathBuf, HostError> {
        let scratch = match self.scratch.take() {
            Some(scratch) => scratch,
            None => tempfile::tempdir()
                .map_err(|error| failed(format!("cannot make a temporary folder: {error}")))?,
        };
        self.copies += 1;
        let path = scratch.path().join(self.copies.to_string());
        self.scratch = Some(scratch);
        Ok(path)
    }

    /// Runs a program to its end and gives what it printed.
    fn run(&self, mut command: Command, input: Input<'_>) -> Result<Vec<u8>, HostError> {
        let name = command.get_program().to_string_lossy().into_owned();
        let fail = |what: &str, error: std::io::Error| failed(format!("{name}: {what}: {error}"));
        let temporary = || tempfile::tempfile().map_err(|e| fail("a temporary file", e));
        let (mut out, mut said) = (temporary()?, temporary()?);
        let share = |file: &File| file.try_clone().map_err(|e| fail("a temporary file", e));
        let stdin = match input {
            Input::None => Stdio::null(),
            Input::Bytes(bytes) => {
                let mut file = temporary()?;
                let written = file.write_all(bytes).and_then(|()| file.rewind());
                written.map_err(|e| fail("a temporary file", e))?;
                file.into()
            }
        };
        let mut child = command
            .stdin(stdin)
            .stdout(share(&out)?)
            .stderr(share(&said)?)
            .spawn()
            .map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => HostError::Missing {
                    what: format!("`{name}`"),
                    needs: "an installed Nix",
                },
                _ => fail("cannot be started", error),
            })?;
        let status = loop {
            if self.cancel.load(Ordering::Relaxed) {
                // Whatever it builds, nobody waits for it any more.
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed("evaluation was cancelled".to_owned()));
            }
            match child
                .try_wait()
                .map_err(|e| fail("cannot be waited for", e))?
            {
                Some(status) => break status,
                None => std::thread::sleep(PAUSE),
            }
        };
        if !status.success() {
            let said = contents(&mut said).map_err(|e| fail("a temporary file", e))?;
            let said = String::from_utf8_lossy(&said);
            let lines: Vec<&str> = said.trim_end().lines().collect();
            let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
            return Err(failed(format!("{name} failed ({status}):\n{last}")));
        }
        contents(&mut out).map_err(|e| fail("a temporary file", e))
    }

    fn restore(&mut self, archive: &[u8]) -> Result<PathBuf, HostError> {
        let place = self.scratch()?;
        let mut command = self.command("nix-store");
        command.arg("--restore").arg(&place);
        self.run(command, Input::Bytes(archive))?;
        Ok(place)
    }

    /// The expression that makes an object.
    fn expression(&mut self, object: &NewObject) -> Result<Vec<u8>, HostError> {
        let mut text = Vec::new();
        let (place, recursive) = match &object.contents {
            NewContents::Text { bytes, references } => {
                text.extend_from_slice(b"(builtins.toFile ");
                quote(object.name.as_bytes(), &mut text);
                text.extend_from_slice(b" (builtins.appendContext ");
                quote(bytes, &mut text);
                text.extend_from_slice(b" { ");
                for reference in references {
                    quote(reference.as_bytes(), &mut text);
                    text.extend_from_slice(b" = { path = true; }; ");
                }
                text.extend_from_slice(b"}))");
                return Ok(text);
            }
            NewContents::Archive(archive) => (self.restore(archive)?, "true"),
            NewContents::File(bytes) => {
                let place = self.scratch()?;
                std::fs::write(&place, bytes)
                    .map_err(|error| failed(format!("{}: {error}", place.display())))?;
                (place, "false")
            }
        };
        text.extend_from_slice(b"(builtins.path { name = ");
        quote(object.name.as_bytes(), &mut text);
        text.extend_from_slice(b"; path = ");
        quote(place.as_os_str().as_encoded_bytes(), &mut text);
        text.extend_from_slice(format!("; recursive = {recursive}; }})").as_bytes());
        Ok(text)
    }
}

/// What a program is given to read.
enum Input<'a> {
    None,
    Bytes(&'a [u8]),
}

fn contents(file: &mut File) -> std::io::Result<Vec<u8>> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A string of the language that has exactly these bytes.
fn quote(bytes: &[u8], text: &mut Vec<u8>) {
    text.push(b'"');
    for byte in bytes {
        match byte {
            b'"' | b'\\' | b'$' => text.extend_from_slice(&[b'\\', *byte]),
            b'\r' => text.extend_from_slice(b"\\r"),
            _ => text.push(*byte),
        }
    }
    text.push(b'"');
}

impl ObjectStore for NixProgram {
    fn has(&mut self, path: &str) -> Result<bool, HostError> {
        let mut command = self.command("nix-store");
        command.args(["--query", "--hash", path]);
        match self.run(command, Input::None) {
            Ok(_) => Ok(true),
            Err(HostError::Other(_)) if !self.cancel.load(Ordering::Relaxed) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn add(&mut self, objects: &[NewObject]) -> Result<(), HostError> {
        if objects.is_empty() {
            return Ok(());
        }
        // In order, for each may refer to those before it.
        let mut text = b"map (object: builtins.seq object \"${object}\") [\n".to_vec();
        for object in objects {
            text.extend(self.expression(object)?);
            text.push(b'\n');
        }
        text.push(b']');
        let mut command = self.command("nix-instantiate");
        command.args(["--eval", "--strict", "--json", "--read-write-mode", "-"]);
        let printed = self.run(command, Input::Bytes(&text))?;
        let made: Vec<String> = serde_json::from_slice(&printed)
            .map_err(|error| failed(format!("nix-instantiate printed no list: {error}")))?;
        let mut pairs = objects.iter().zip(&made);
        match pairs.find(|(object, made)| object.path != **made) {
            None if made.len() == objects.len() => Ok(()),
            Some((object, made)) => Err(failed(format!(
                "the store calls '{made}' what is '{}' here",
                object.path
            ))),
            None => Err(failed(
                "the store did not take all that it was given".to_owned(),
            )),
        }
    }

    fn realise(&mut self, derivation: &str, output: &str) -> Result<String, HostError> {
        let mut command = self.command("nix-store");
        command
            .arg("--realise")
            .arg(format!("{derivation}!{output}"));
        let printed = self.run(command, Input::None)?;
        let printed = String::from_utf8_lossy(&printed);
        match printed.lines().next_back() {
            Some(path) if !path.is_empty() => Ok(path.to_owned()),
            _ => Err(failed(format!(
                "nix-store says of no output of '{derivation}' where it is"
            ))),
        }
    }

    fn locate(&mut self, path: &str) -> Result<PathBuf, HostError> {
        if Path::new(path).symlink_metadata().is_ok() {
            return Ok(PathBuf::from(path));
        }
        // The store is elsewhere, so what is read is a copy.
        let mut command = self.command("nix-store");
        command.args(["--dump", path]);
        let archive = self.run(command, Input::None)?;
        self.restore(&archive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_bytes_stay_what_they_are() {
        let mut text = Vec::new();
        quote(b"a\"\\${b}\r\n\xff", &mut text);
        assert_eq!(text, b"\"a\\\"\\\\\\${b}\\r\n\xff\"");
    }
}
