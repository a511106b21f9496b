//! [`Fold`]: events, one after another, make a document.

use nixops4_proto::state::{Event, FORMAT_VERSION, Meta};
use serde::Deserialize;
use serde_json::Value as Json;

use super::control::Control;
use super::node::Node;
use super::patch::{self, TextOp};
use super::{document, events};
use crate::state::Snapshot;

/// An event, as [`Event`](nixops4_proto::state::Event), in the text that it is read from.
#[derive(Debug, Deserialize)]
pub(in crate::state) struct TextEvent<'a> {
    pub index: u64,
    pub meta: Meta,
    #[serde(borrow)]
    pub patch: Vec<TextOp<'a>>,
}

/// The events so far.
#[derive(Clone, Debug, Default)]
pub(in crate::state) struct Fold<'a> {
    document: Node<'a>,
    version: u32,
    next_index: u64,
    /// What the events say that there is; `None` where that is to be looked up in the document,
    /// after an event that does not say what it does.
    control: Option<Control>,
}

/// Why an event cannot come next.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::state) enum FoldError {
    /// It is no state, or one that cannot be read: the text goes on after the name of the place.
    #[error("it {0}")]
    Foreign(String),
    /// It does not fit what came before.
    #[error("{0}")]
    Corrupt(String),
}

impl From<String> for FoldError {
    fn from(reason: String) -> Self {
        Self::Corrupt(reason)
    }
}

impl<'a> Fold<'a> {
    /// Adds an event. After an error the fold is of no use.
    pub fn push(&mut self, event: TextEvent<'a>) -> Result<(), FoldError> {
        // Version 0 neither numbered its events reliably nor said what they do.
        let step = match self.version {
            0 => None,
            _ if event.index != self.next_index => {
                return Err(FoldError::Corrupt(format!(
                    "the event has the index {} where {} is next",
                    event.index, self.next_index
                )));
            }
            _ => events::step(&event.meta)?,
        };
        match step {
            Some(step) => {
                let document = &mut self.document;
                let control = self.control.get_or_insert_with(|| Control::of(document));
                control
                    .follow(&step)
                    .map_err(|illegal| illegal.to_string())?;
            }
            None => self.control = None,
        }
        let whole = event
            .patch
            .iter()
            .any(|op| op.path.is_empty() || op.path == "/version");
        patch::apply(&mut self.document, event.patch)?;
        if whole || self.next_index == 0 {
            self.version = document::version(&mut self.document).map_err(FoldError::Foreign)?;
        }
        self.next_index = event.index.saturating_add(1);
        Ok(())
    }

    /// The index of the event that comes next.
    pub fn next_index(&self) -> u64 {
        self.next_index
    }

    /// What the events made; `null` without any.
    pub fn document(&self) -> Json {
        self.document.to_json()
    }

    /// How long the text of the document is.
    pub fn document_len(&self) -> usize {
        self.document.len()
    }

    /// One event, as a line, that makes the document by itself; `None` for a document of an earlier
    /// version, whose writers may not expect it.
    ///
    /// It counts on where the events before it ended, so that what continued those continues it.
    pub fn compacted(&self, time: String) -> Option<String> {
        if self.version != FORMAT_VERSION {
            return None;
        }
        let meta = Meta {
            time,
            event: Some("compact".to_owned()),
            ..Meta::default()
        };
        let head = Event {
            index: self.next_index,
            meta,
            patch: Vec::new(),
        };
        let head = events::line(&head);
        let head = head.strip_suffix("[]}\n")?;
        let mut line = String::with_capacity(head.len() + self.document_len() + 64);
        line.push_str(head);
        line.push_str(r#"[{"op":"add","path":"","value":"#);
        self.document.write(&mut line);
        line.push_str("}]}\n");
        Some(line)
    }

    /// The same, in Rust.
    pub fn into_snapshot(self) -> Result<Snapshot, String> {
        let snapshot = document::read(self.document)?;
        match self.control.is_none_or(|control| control.agrees(&snapshot)) {
            true => Ok(snapshot),
            false => Err("the patches of some events do not do what their `meta` say".into()),
        }
    }
}
