//! Where events are kept that could not be written to the state file, and how they come back.

use std::fs::OpenOptions;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use nixops4_proto::state::Event;

use super::log::{beside, open_private};
use super::read::Contents;
use crate::state::format::{self, Fold};

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

/// Events that were kept and are not in the state file.
#[derive(Debug)]
pub(super) struct Kept {
    pub place: PathBuf,
    /// The events, numbered anew, as lines.
    pub lines: String,
}

/// Adds the kept events to the fold; also those places whose events do not fit, with the reason.
pub(super) fn take_over(
    places: &[PathBuf],
    contents: &mut Contents,
) -> (Vec<Kept>, Vec<(PathBuf, String)>) {
    let (mut kept, mut misfits) = (Vec::new(), Vec::new());
    for place in places {
        let Ok(text) = std::fs::read_to_string(place) else {
            continue;
        };
        match continued(contents, &text) {
            Ok((fold, lines)) => {
                contents.fold = fold;
                kept.push(Kept {
                    place: place.clone(),
                    lines,
                });
            }
            Err(reason) => misfits.push((place.clone(), reason)),
        }
    }
    (kept, misfits)
}

fn continued(contents: &Contents, text: &str) -> Result<(Fold, String), String> {
    let mut fold = contents.fold.clone();
    let mut lines = String::new();
    for line in text.lines() {
        // A failed write may have arrived in part, and could not be cut off.
        if contains(&contents.bytes, line.as_bytes()) {
            continue;
        }
        let mut event: Event = serde_json::from_str(line).map_err(|error| error.to_string())?;
        event.index = fold.next_index();
        lines.push_str(&format::line(&event));
        fold.push(event).map_err(|error| error.to_string())?;
    }
    Ok((fold, lines))
}

fn contains(bytes: &[u8], line: &[u8]) -> bool {
    bytes
        .split(|byte| *byte == b'\n')
        .any(|present| present == line)
}
