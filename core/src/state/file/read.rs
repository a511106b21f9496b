//! Reads a state file: events, a torn end, and what is wrong where.

use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;

use crate::state::StateError;
use crate::state::format::{Fold, FoldError, TextEvent};

/// What the bytes of a file hold.
#[derive(Debug)]
pub(super) struct Contents<'a> {
    pub fold: Fold<'a>,
    /// How much of it is whole events.
    pub good_len: usize,
    /// Whether the last event lacks its newline.
    pub unfinished_line: bool,
    /// What follows the last whole event: the beginning of one whose write was cut short.
    pub torn: &'a [u8],
}

/// An error of the operating system.
pub(super) fn io_error(action: &'static str, path: &Path, error: std::io::Error) -> StateError {
    StateError::Io {
        action,
        path: path.to_owned(),
        source: Arc::new(error),
    }
}

/// Reads the events in the bytes of a file.
pub(super) fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<Contents<'a>, StateError> {
    let text = text(path, bytes)?;
    let mut fold = Fold::default();
    let mut good = 0;
    loop {
        let start = good + blanks(&bytes[good..]);
        if start >= text.len() {
            break;
        }
        match event(&text[start..]) {
            Ok((event, len)) => {
                fold.push(event).map_err(|error| match error {
                    FoldError::Foreign(reason) => foreign(path, reason),
                    FoldError::Corrupt(reason) => corrupt(path, bytes, start, reason),
                })?;
                good = start + len;
            }
            Err(error) if is_torn(&text[start..], &error, good == 0) => break,
            Err(error) if good == 0 => return Err(not_ours(path, text, &error)),
            Err(error) => {
                let reason = format!("this is no event: {error}");
                return Err(corrupt(path, bytes, start, reason));
            }
        }
    }
    let unfinished_line = good > 0 && bytes.get(good) != Some(&b'\n');
    if good > 0 && !unfinished_line {
        good += 1;
    }
    let rest = &bytes[good..];
    let torn = if blanks(rest) == rest.len() {
        &[]
    } else {
        rest
    };
    Ok(Contents {
        fold,
        good_len: good,
        unfinished_line,
        torn,
    })
}

/// The bytes as text, without a character at the end that is cut in two.
fn text<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, StateError> {
    std::str::from_utf8(bytes).or_else(|error| match error.error_len() {
        None => Ok(std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()),
        Some(_) => {
            let reason = "this is not text in UTF-8".to_owned();
            Err(corrupt(path, bytes, error.valid_up_to(), reason))
        }
    })
}

fn blanks(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace())
        .count()
}

/// The event that a text begins with, and its length.
fn event(text: &str) -> Result<(TextEvent<'_>, usize), serde_json::Error> {
    let mut events = serde_json::Deserializer::from_str(text).into_iter();
    match events.next() {
        Some(event) => Ok((event?, events.byte_offset())),
        None => Err(serde::de::Error::custom("nothing is there")),
    }
}

/// Whether this is the beginning of an event whose write was cut short.
///
/// After a crash of the whole machine, a file may be as long as it was to be, with zeros where the
/// text never arrived.
fn is_torn(text: &str, error: &serde_json::Error, first: bool) -> bool {
    let written = text.trim_end_matches('\0');
    let cut_short = match written.len() == text.len() {
        true => error.is_eof(),
        false => written.is_empty() || event(written).err().is_none_or(|error| error.is_eof()),
    };
    cut_short && (!first || begins_like_an_event(written))
}

fn begins_like_an_event(text: &str) -> bool {
    let text = text.chars().filter(|c| !c.is_whitespace());
    text.zip(r#"{"index":"#.chars()).all(|(a, b)| a == b)
}

/// A damaged file; `at` is where.
pub(super) fn corrupt(path: &Path, bytes: &[u8], at: usize, reason: String) -> StateError {
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

fn not_ours(path: &Path, text: &str, error: &serde_json::Error) -> StateError {
    #[derive(Deserialize)]
    struct Tfstate {
        #[serde(rename = "terraform_version")]
        _terraform_version: String,
    }
    if serde_json::from_str::<Tfstate>(text).is_ok() {
        return foreign(
            path,
            "is a Terraform or OpenTofu state, not one of nixops4".into(),
        );
    }
    let shown: String = text
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(60)
        .collect();
    let reason = match error.is_data() {
        true => format!("is no state of nixops4: its first line is no event ({error})"),
        false => format!("is no state of nixops4: it begins with {shown:?}"),
    };
    foreign(path, reason)
}

#[cfg(test)]
mod tests;
