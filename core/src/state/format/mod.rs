//! The state as JSON: documents, events and patches, to and from their meaning in Rust.
//!
//! | module | what it knows |
//! |---|---|
//! | [`document`] | whole documents |
//! | [`events`] | which event means which [`Step`](super::transition::Step) |
//! | [`fold`], [`control`] | how events make a document, and whether they may |
//! | [`hide`] | how secrets are hidden from people |
//! | [`layout`] | which containers a document has |
//! | [`object`], [`marks`] | resources, objects and intents; what is stored of a value |
//! | [`node`], [`text`], [`plain`] | JSON that is taken apart no further than needed, and fast |
//! | [`patch`], [`diff`], [`pointer`] | JSON Patch |
mod control;
mod diff;
mod document;
mod events;
mod fold;
mod hide;
mod layout;
mod marks;
mod node;
mod object;
mod patch;
mod plain;
mod pointer;
mod text;

pub(super) use diff::{add, move_to, remove};
pub(super) use document::{empty, read, write};
pub(super) use events::{line, meta, patch_json};
pub(super) use fold::{Fold, FoldError, TextEvent};
pub(super) use hide::{hide_in_document, hide_in_resource};
pub(super) use layout::{Layout, upgrade};
pub(super) use marks::{redacted, storable};
pub(super) use node::Node;
pub(super) use object::{change_resource, write_intent, write_resource};
pub(super) use pointer::{intent as intent_pointer, resource as resource_pointer};
