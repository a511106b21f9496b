//! Reads a state file: events, a torn end, and what is wrong where.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use nixops4_proto::state::Event;
use serde::Deserialize;

use crate::state::format::{self, Fold, FoldError};
use crate::state::{Snapshot, StateError};

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub fold: Fold,
    /// Whether there is a file.
    pub exists: bool,
    /// How much of it is whole events.
    pub good_len: u64,
    /// Whether the last event lacks its newline.
    pub unfinished_line: bool,
    /// What follows the last whole event: the beginning of one whose write was cut short.
    pub torn: Vec<u8>,
    /// The whole events, as they stand.
    pub bytes: Vec<u8>,
}

/// Reads a file; one that does not exist holds nothing.
pub(super) fn contents(path: &Path) -> Result<Contents, StateError> {
    match std::fs::read(path) {
        Ok(bytes) => parse(path, bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Contents::default()),
        Err(error) => Err(io_error("read", path, error)),
    }
}

/// The snapshot that a fold makes.
pub(super) fn snapshot(path: &Path, fold: Fold, bytes: &[u8]) -> Result<Snapshot, StateError> {
    format::read(fold.into_document()).map_err(|reason| corrupt(path, bytes, bytes.len(), reason))
}

/// An error of the operating system.
pub(super) fn io_error(action: &'static str, path: &Path, error: std::io::Error) -> StateError {
    StateError::Io {
        action,
        path: path.to_owned(),
        source: Arc::new(error),
    }
}

fn parse(path: &Path, mut bytes: Vec<u8>) -> Result<Contents, StateError> {
    let mut fold = Fold::default();
    let mut good = 0;
    loop {
        let start = good + blanks(&bytes[good..]);
        if start == bytes.len() {
            break;
        }
        match event(&bytes[start..]) {
            Ok((event, len)) => {
                fold.push(event).map_err(|error| match error {
                    FoldError::Foreign(reason) => foreign(path, reason),
                    FoldError::Corrupt(reason) => corrupt(path, &bytes, start, reason),
                })?;
                good = start + len;
            }
            Err(error) if is_torn(&bytes[start..], &error, good == 0) => break,
            Err(error) if good == 0 => return Err(not_ours(path, &bytes, &error)),
            Err(error) => {
                let reason = format!("this is no event: {error}");
                return Err(corrupt(path, &bytes, start, reason));
            }
        }
    }
    let unfinished_line = good > 0 && bytes.get(good) != Some(&b'\n');
    if good > 0 && !unfinished_line {
        good += 1;
    }
    let torn = bytes.split_off(good);
    let torn = if blanks(&torn) == torn.len() {
        Vec::new()
    } else {
        torn
    };
    Ok(Contents {
        fold,
        exists: true,
        good_len: good as u64,
        unfinished_line,
        torn,
        bytes,
    })
}

fn blanks(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count()
}

/// Deepest nesting that is read. The parser's own limit of 128 is too low for what providers may
/// report, and what was written has to be readable.
const MAX_DEPTH: usize = 400;

/// The event that `bytes` begin with, and its length.
fn event(bytes: &[u8]) -> Result<(Event, usize), serde_json::Error> {
    let mut events = serde_json::Deserializer::from_slice(bytes).into_iter::<Event>();
    match events.next() {
        Some(Err(error)) if error.to_string().starts_with("recursion limit") => {
            if depth_of_first(bytes) > MAX_DEPTH {
                return Err(error);
            }
            let mut deserializer = serde_json::Deserializer::from_slice(bytes);
            deserializer.disable_recursion_limit();
            let mut events = deserializer.into_iter::<Event>();
            let event = events.next().transpose()?.ok_or(error)?;
            Ok((event, events.byte_offset()))
        }
        Some(event) => Ok((event?, events.byte_offset())),
        None => Err(serde::de::Error::custom("nothing is there")),
    }
}

/// How deeply the JSON value at the beginning of `bytes` is nested.
fn depth_of_first(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            _ => {}
        }
    }
    deepest
}

/// Whether these bytes are the beginning of an event whose write was cut short.
///
/// After a crash of the whole machine, a file may be as long as it was to be, with zeros where the
/// text never arrived.
fn is_torn(bytes: &[u8], error: &serde_json::Error, first: bool) -> bool {
    let text_len = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let (text, zeros) = bytes.split_at(text_len);
    let cut_short = match zeros.is_empty() {
        true => error.is_eof(),
        false => text.is_empty() || event(text).err().is_none_or(|error| error.is_eof()),
    };
    cut_short && (!first || begins_like_an_event(text))
}

fn begins_like_an_event(text: &[u8]) -> bool {
    let expected = br#"{"index":"#;
    let text = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    text.zip(expected).all(|(a, b)| a == b)
}

fn corrupt(path: &Path, bytes: &[u8], at: usize, reason: String) -> StateError {
    let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
    let copy = format!("{}.bad", path.display());
    StateError::Corrupt {
        place: path.display().to_string(),
        line,
        reason,
        hints: vec![format!(
            "everything before line {line} is good: take the file from a backup, or copy it to \
             {copy}, keep its first {} lines, and let `nixops4 plan --refresh all` show what is \
             missing",
            line - 1
        )],
    }
}

fn foreign(path: &Path, reason: String) -> StateError {
    StateError::Foreign {
        place: path.display().to_string(),
        reason,
        hints: vec!["name another file for the state, or move this one away".into()],
    }
}

fn not_ours(path: &Path, bytes: &[u8], error: &serde_json::Error) -> StateError {
    #[derive(Deserialize)]
    struct Tfstate {
        #[serde(rename = "terraform_version")]
        _terraform_version: String,
    }
    if serde_json::from_slice::<Tfstate>(bytes).is_ok() {
        return foreign(
            path,
            "is a Terraform or OpenTofu state, not one of nixops4".into(),
        );
    }
    let first = bytes
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let shown = String::from_utf8_lossy(&first[..first.len().min(60)]).into_owned();
    let reason = match error.is_data() {
        true => format!("is no state of nixops4: its first line is no event ({error})"),
        false => format!("is no state of nixops4: it begins with {shown:?}"),
    };
    foreign(path, reason)
}

#[cfg(test)]
mod tests;
