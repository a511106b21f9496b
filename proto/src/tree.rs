//! Values with unknown leaves, provenance and marks, as JSON.
//!
//! A tree is plain JSON wherever nothing is to be said about a node: scalars, arrays and objects
//! stand for themselves. A node with something to say is an object with the key `$`:
//!
//! | form | meaning |
//! |---|---|
//! | `{"$":"unknown","from":[0,2],"marks":["sensitive"]}` | an unknown leaf, and the outputs it waits for |
//! | `{"$":"known","value":TREE,"from":[1],"marks":[]}` | a known node whose value (for a container: its structure) depended on outputs, or has marks |
//! | `{"$":"attrs","value":{"$":"x"}}` | an attribute set that has an attribute named `$` |
//!
//! `from` holds indexes into the list `refs` of the message that carries the tree; `from` and
//! `marks` may be left out when empty. What holds for a container holds for everything in it.
//! Numbers are exact decimal text of any size.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The key that makes a JSON object one of the special nodes above.
pub const NODE_KEY: &str = "$";
/// Value of [`NODE_KEY`] in an unknown leaf.
pub const UNKNOWN: &str = "unknown";
/// Value of [`NODE_KEY`] in a known node with provenance or marks.
pub const KNOWN: &str = "known";
/// Value of [`NODE_KEY`] in an attribute set with an attribute that is itself named `$`.
pub const ATTRS: &str = "attrs";
/// The mark of secrets: never shown.
pub const SENSITIVE: &str = "sensitive";
/// The mark of values that must not be stored.
pub const EPHEMERAL: &str = "ephemeral";

/// A value in the encoding that the module's documentation describes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Tree(pub serde_json::Value);
