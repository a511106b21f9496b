//! Where events are kept that could not be written to the state file, and how they come back.

use std::fs::OpenOptions;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use nixops4_proto::state::Event;

use super::log::{beside, open_private};
use crate::state::format::{self, Fold, TextEvent};

/// The places where events of a state file may be kept, best first: beside it, and in `others`
/// under a name made from its path.
pub(super) fn places(state: &Path, others: &[PathBuf]) -> Vec<PathBuf> {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    let name = state.file_name().unwrap_or_default().to_string_lossy();
    let elsewhere = format!("{name}.{:016x}.rescue", hasher.finish());
    let beside = beside(state, ".rescue");
    let others = others.iter().map(|directory| directory.join(&elsewhere));
    std::iter::once(beside).chain(others).collect()
}

/// Keeps lines in the first place that takes them; they replace what was kept there by this run.
pub(super) fn keep(places: &[PathBuf], lines: &str) -> Option<PathBuf> {
    let kept = places.iter().find(|place| write(place, lines).is_ok())?;
    Some(kept.clone())
}

fn write(place: &Path, lines: &str) -> std::io::Result<()> {
    let draft = beside(place, ".new");
    let written = (|| {
        let mut options = OpenOptions::new();
        let mut file = open_private(&draft, options.write(true).create(true).truncate(true))?;
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, place)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written
}

/// The texts that are kept in these places.
pub(super) fn texts(places: &[PathBuf]) -> Vec<(PathBuf, String)> {
    let texts = places.iter();
    texts
        .filter_map(|place| Some((place.clone(), std::fs::read_to_string(place).ok()?)))
        .collect()
}

/// Adds the events in a kept text to those of the file: the lines that are to be written for them.
pub(super) fn take_over<'a>(
    bytes: &[u8],
    fold: &mut Fold<'a>,
    text: &'a str,
) -> Result<String, String> {
    let mut continued = fold.clone();
    let mut lines = String::new();
    for line in text.lines() {
        // A failed write may have arrived in part, and could not be cut off.
        if contains(bytes, line.as_bytes()) {
            continue;
        }
        let malformed = |error: serde_json::Error| error.to_string();
        let index = continued.next_index();
        let event: Event = serde_json::from_str(line).map_err(malformed)?;
        lines.push_str(&format::line(&Event { index, ..event }));
        let event: TextEvent<'_> = serde_json::from_str(line).map_err(malformed)?;
        let event = TextEvent { index, ..event };
        continued.push(event).map_err(|error| error.to_string())?;
    }
    *fold = continued;
    Ok(lines)
}

fn contains(bytes: &[u8], line: &[u8]) -> bool {
    bytes
        .split(|byte| *byte == b'\n')
        .any(|present| present == line)
}
