//! Compaction: a log that has grown long becomes one event that makes the same document.
//!
//! ```text
//! lock ─► read ─► draft beside the file, synced ─► read back, compared ─► renamed ─► directory synced
//! ```
//! Whoever is killed on the way leaves the old file or the new one, and either holds everything:
//! nothing is appended to the new one before its name is durable. Readers have opened one of the
//! two.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::log::{beside, open_private, sync_parent};
use super::read;
use crate::state::format::Fold;
use crate::state::{Snapshot, StateError, clock};

/// How many times as long as its document a log is before it is compacted: what has been written
/// since the last time is then several times what is written now.
const FACTOR: u64 = 4;
/// Shorter logs are read in no time, and are kept for what they tell.
const LEAST: u64 = 1 << 20;

/// A compacted log that has not taken the place of the long one yet. Removed if it never does.
#[derive(Debug)]
pub(super) struct Draft {
    state: PathBuf,
    path: PathBuf,
    len: u64,
}

/// Where the draft of a state file is.
fn draft_path(state: &Path) -> PathBuf {
    beside(state, ".compact")
}

/// Whether a log of this length is worth compacting.
pub(super) fn is_worthwhile(len: u64, fold: &Fold<'_>) -> bool {
    len >= LEAST && len / FACTOR >= fold.document_len() as u64
}

/// Removes what a run that was killed has left.
pub(super) fn clean_up(state: &Path) {
    let _ = fs::remove_file(draft_path(state));
}

impl Draft {
    /// Writes a draft; `None` where there is nothing that may be replaced.
    ///
    /// # Errors
    /// Of the disk. The log is as it was.
    pub fn write(state: &Path, fold: &Fold<'_>) -> io::Result<Option<Self>> {
        let Some(line) = fold.compacted(clock::now()) else {
            return Ok(None);
        };
        let old = fs::metadata(state)?;
        let path = draft_path(state);
        let mut options = OpenOptions::new();
        let mut file = open_private(&path, options.write(true).create_new(true))?;
        let draft = Self {
            state: state.to_owned(),
            path,
            len: line.len() as u64,
        };
        if !can_replace(&file, &old)? {
            return Ok(None);
        }
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        Ok(Some(draft))
    }

    /// Puts it in the place of the long log, if it reads as this; gives its length.
    ///
    /// # Errors
    /// Where its name may not be durable: nothing may be appended then.
    pub fn put_in_place(self, expected: &Snapshot) -> Result<Option<u64>, StateError> {
        if !self.reads_as(expected) || fs::rename(&self.path, &self.state).is_err() {
            return Ok(None);
        }
        sync_parent(&self.state)?;
        Ok(Some(self.len))
    }

    fn reads_as(&self, expected: &Snapshot) -> bool {
        let Ok(bytes) = fs::read(&self.path) else {
            return false;
        };
        let contents = read::parse(&self.path, &bytes);
        let snapshot = contents.map(|contents| contents.fold.into_snapshot());
        matches!(&snapshot, Ok(Ok(snapshot)) if snapshot == expected)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // One that has taken its place is not there any more.
        let _ = fs::remove_file(&self.path);
    }
}

/// Whether a new file can stand for the old one: other names of that would go on standing for what
/// it held, and what others may do with it must stay the same.
fn can_replace(new: &File, old: &Metadata) -> io::Result<bool> {
    let made = new.metadata()?;
    if old.nlink() != 1 || (old.uid(), old.gid()) != (made.uid(), made.gid()) {
        return Ok(false);
    }
    new.set_permissions(old.permissions())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::format::TextEvent;

    fn fold(text: &str) -> Fold<'_> {
        let mut fold = Fold::default();
        for line in text.lines() {
            let event: TextEvent<'_> = serde_json::from_str(line).expect("an event");
            fold.push(event).expect("fits");
        }
        fold
    }

    const LOG: &str = r#"{"index":0,"meta":{"time":"t","event":"initialize"},"patch":[{"op":"add","path":"","value":{"_type":"nixopsState","version":1,"resources":{},"deployments":{},"intents":{},"more":[1.50]}}]}
{"index":1,"meta":{"time":"t","event":"found","member":"a"},"patch":[{"op":"add","path":"/resources/a","value":{"type":"file","inputProperties":{"n":1e400}}}]}
{"index":2,"meta":{"time":"t","event":"gone","member":"a"},"patch":[{"op":"remove","path":"/resources/a"}]}
{"index":3,"meta":{"time":"t","event":"found","member":"b"},"patch":[{"op":"add","path":"/resources/b","value":{"type":"file","futureThing":"kept"}}]}
"#;

    #[test]
    fn one_event_makes_the_same_document_and_counts_on() {
        let line = fold(LOG).compacted("now".into()).expect("version 1");
        assert_eq!(
            line,
            concat!(
                r#"{"index":4,"meta":{"time":"now","event":"compact"},"patch":[{"op":"add","path":"","#,
                r#""value":{"_type":"nixopsState","deployments":{},"intents":{},"more":[1.50],"#,
                r#""resources":{"b":{"type":"file","futureThing":"kept"}},"version":1}}]}"#,
                "\n"
            )
        );
        let compacted = fold(&line);
        assert_eq!(compacted.document(), fold(LOG).document());
        assert_eq!(compacted.next_index(), 5);
        assert_eq!(line.len(), "{\"index\":4,\"meta\":{\"time\":\"now\",\"event\":\"compact\"},\"patch\":[{\"op\":\"add\",\"path\":\"\",\"value\":}]}\n".len() + compacted.document_len());
    }

    #[test]
    fn what_an_earlier_version_wrote_is_left_alone() {
        let log = r#"{"index":0,"meta":{"time":"t"},"patch":[{"op":"add","path":"","value":{"_type":"nixopsState","resources":{}}}]}"#;
        assert_eq!(fold(log).compacted("now".into()), None);
    }

    #[test]
    fn only_logs_that_are_long_and_mostly_of_the_past_are_worth_it() {
        let fold = fold(LOG);
        let document = fold.document_len() as u64;
        assert!(!is_worthwhile(LEAST - 1, &fold));
        assert!(is_worthwhile(LEAST, &fold));
        assert!(document * FACTOR < LEAST, "the document is small");
    }
}
