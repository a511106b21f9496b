//! `state_file`: a file that keeps the state of a deployment.
//!
//! The file is a log of events, one a line, each with a JSON Patch; see `nixops4_proto::state`.
//! Logs of earlier versions, in which an event may take several lines, are read too. While an event
//! is written, the file `NAME.lock` says who writes and is locked, as `nixops4` itself does it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nixops4_proto::state::{DOCUMENT_TYPE, FORMAT_VERSION, LockOwner};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::patch;
use crate::sdk::{
    About, Complaint, Context, Error, IoContext, Made, New, Operation, ResourceType, State,
    StateHandle,
};

/// A file that keeps the state of a deployment.
#[derive(Debug)]
pub struct StateFile;

/// Inputs of [`StateFile`].
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// Its path, relative to the folder of the deployment.
    #[schemars(extend("replaces" = true))]
    name: PathBuf,
}

/// Outputs of [`StateFile`]: none.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Outputs {}

impl ResourceType for StateFile {
    type Inputs = Inputs;
    type Outputs = Outputs;

    fn about(&self) -> About {
        About::new("state_file", "A file that keeps the state of a deployment").can(&[
            Operation::Update,
            Operation::Delete,
            Operation::StateRead,
            Operation::StateEvent,
        ])
    }

    fn create(&self, _: &Context, new: New<Self>) -> Result<Made<Outputs>, Error> {
        // A file that is there has to be one of ours; one that is not is made by its first event.
        Log::read(&new.inputs.name)?;
        Ok(Outputs {}.into())
    }

    fn update(&self, _: &Context, _: State<Self>, _: New<Self>) -> Result<Made<Outputs>, Error> {
        Ok(Outputs {}.into())
    }

    /// Leaves the file: a history outlives what it tells of.
    fn delete(&self, _: &Context, _: State<Self>) -> Result<(), Error> {
        Ok(())
    }

    fn state_read(&self, context: &Context, handle: StateHandle<Self>) -> Result<Json, Error> {
        let log = Log::read(&handle.inputs.name)?;
        if log.torn {
            context.warn(Complaint::new(format!(
                "{}: the last event was not written to its end, and does not count",
                handle.inputs.name.display()
            )));
        }
        Ok(log.document)
    }

    fn state_event(
        &self,
        _: &Context,
        handle: StateHandle<Self>,
        event: &str,
        patch: Json,
    ) -> Result<(), Error> {
        let path = &handle.inputs.name;
        let lock = Lock::take(path)?;
        let mut log = Log::read(path)?;
        if log.torn {
            let text = format!(
                "{}: the last event was not written to its end",
                path.display()
            );
            return Err(Error::new(text).hint("`nixops4 state list` says what there is"));
        }
        let mut lines = Vec::new();
        // Whoever begins with a document of their own is to have that one.
        let begins = patch[0]["op"] == "add" && patch[0]["path"] == "";
        if log.events == 0 && !begins {
            let empty = json!({
                "_type": DOCUMENT_TYPE,
                "version": FORMAT_VERSION,
                "resources": {},
                "deployments": {},
                "intents": {},
            });
            let first = json!([{ "op": "add", "path": "", "value": empty }]);
            log.add("initialize", first, &mut lines)?;
        }
        log.add(event, patch, &mut lines)?;
        append(path, &lines).context("write to", path.display())?;
        lock.release();
        Ok(())
    }
}

/// What was read of a log.
#[derive(Debug, Default)]
struct Log {
    document: Json,
    events: u64,
    /// Whether it ends in the middle of an event.
    torn: bool,
}

impl Log {
    fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).context("read", shown),
        };
        let bad = |number: u64, reason: String| {
            Error::new(format!(
                "{shown} is no state file: event {number}: {reason}"
            ))
        };
        let mut log = Self::default();
        let events = serde_json::Deserializer::from_slice(&bytes).into_iter::<Json>();
        for event in events {
            let event = match event {
                Err(error) if error.is_eof() && log.events > 0 => {
                    log.torn = true;
                    return Ok(log);
                }
                event => event.map_err(|error| bad(log.events, error.to_string()))?,
            };
            if event["index"].as_u64() != Some(log.events) {
                let reason = format!("its index is {}", event["index"]);
                // Earlier programs wrote 0 for every event that they appended.
                if event["index"] != 0 {
                    return Err(bad(log.events, reason));
                }
            }
            patch::apply(&mut log.document, &event["patch"])
                .map_err(|reason| bad(log.events, reason))?;
            if log.document["_type"] != DOCUMENT_TYPE {
                return Err(bad(log.events, format!("it makes no {DOCUMENT_TYPE}")));
            }
            log.events += 1;
        }
        Ok(log)
    }

    /// Adds an event, as a line, after trying it.
    fn add(&mut self, event: &str, patch: Json, lines: &mut Vec<u8>) -> Result<(), Error> {
        patch::apply(&mut self.document, &patch)
            .map_err(|reason| Error::new(format!("the event cannot follow: {reason}")))?;
        let line = json!({
            "index": self.events,
            "meta": { "time": now(), "event": event },
            "patch": patch,
        });
        self.events += 1;
        serde_json::to_writer(&mut *lines, &line)?;
        lines.push(b'\n');
        Ok(())
    }
}

fn append(path: &Path, lines: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.append(true).create(true).mode(0o600).open(path)?;
    let before = file.metadata()?.len();
    let written = file.write_all(lines).and_then(|()| file.sync_data());
    if written.is_err() {
        // Nothing, rather than half of it.
        let _ = file.set_len(before);
    }
    written
}

/// A lock that is held.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    fn take(state: &Path) -> Result<Self, Error> {
        let mut path = state.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let shown = path.display().to_string();
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600);
        let mut file = options.open(&path).context("lock", &shown)?;
        let mut text = String::new();
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(error).context("lock", &shown),
            Err(TryLockError::WouldBlock) => {
                // Who holds it is only for the message.
                let _ = file.read_to_string(&mut text);
                let owner: LockOwner = serde_json::from_str(&text).unwrap_or_default();
                return Err(Error::new(format!(
                    "{} is being written by process {} on {}, since {}",
                    state.display(),
                    owner.run.pid,
                    owner.run.host,
                    owner.since
                )));
            }
        }
        let owner = LockOwner {
            run: nixops4_proto::state::Run {
                pid: std::process::id(),
                ..Default::default()
            },
            since: now(),
            ..LockOwner::default()
        };
        file.set_len(0).context("write to", &shown)?;
        serde_json::to_writer(&mut file, &owner)?;
        Ok(Self { path, file })
    }

    fn release(self) {
        // Removed before it is unlocked, so that nobody takes a lock on a file without name.
        let _ = fs::remove_file(&self.path);
        drop(self.file);
    }
}

/// The time, as RFC 3339.
fn now() -> String {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    rfc3339(since.as_secs())
}

/// Seconds since 1970 as a date and a time of day.
fn rfc3339(seconds: u64) -> String {
    // Counted from the first of March, a year's leap day is its last day, and months have lengths
    // that follow one formula.
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = era * 400 + year_of_era + next;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests;
