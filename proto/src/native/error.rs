//! What a provider says when it cannot do something, or not wholly.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Object;
use crate::path::AttrPath;

/// Something to tell the user.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Complaint {
    /// One line: what is wrong.
    pub message: String,
    /// More lines.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The input (or configuration) leaf it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<AttrPath>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hints: Vec<String>,
}

impl Complaint {
    /// A complaint with a message only.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            ..Self::default()
        }
    }
}

/// Why a request could not be fulfilled.
///
/// ```
/// use nixops4_proto::native::Error;
/// let error: Error = serde_json::from_str(r#"{
///   "message": "the disk could not be attached",
///   "path": ["disks", 0],
///   "hints": ["is it in use elsewhere?"],
///   "partial": { "outputs": { "id": "m-17" } }
/// }"#)?;
/// assert_eq!(error.partial.expect("the machine exists").outputs["id"], "m-17");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Error {
    /// The first thing that is wrong.
    #[serde(flatten)]
    pub complaint: Complaint,
    /// What else is wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub more: Vec<Complaint>,
    /// For [`super::Create`] and [`super::Update`]: the object as it is now, if something was made
    /// or changed before it failed. An object that is not reported is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<Box<Object>>,
}

impl Error {
    /// An error with a message only.
    pub fn new(message: impl Into<String>) -> Self {
        Complaint::new(message).into()
    }
}

impl From<Complaint> for Error {
    fn from(complaint: Complaint) -> Self {
        Self {
            complaint,
            ..Self::default()
        }
    }
}
