//! What a plan carries to its apply, beside the outputs that people see.

use nixops4_core::AttrPath;
use nixops4_core::provider::ProviderError;
use nixops4_proto::tfplugin::v6;
use prost::Message;

use super::session::Session;
use crate::cty::{Path, Step};

/// The opaque part of a plan.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PlanData {
    /// The planned state, exactly as the provider planned it; absent for a deletion.
    #[prost(message, optional, tag = "1")]
    pub planned_state: Option<v6::DynamicValue>,
    #[prost(bytes = "vec", tag = "2")]
    pub private: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pub identity: Option<v6::ResourceIdentityData>,
    #[prost(bool, tag = "4")]
    pub ignore_all: bool,
    /// The ignored paths as JSON: they also apply to the configuration that is applied.
    #[prost(string, tag = "5")]
    pub ignore: String,
}

impl PlanData {
    pub(super) fn encode_to_bytes(&self) -> Vec<u8> {
        self.encode_to_vec()
    }

    pub(super) fn read(session: &Session, bytes: &[u8]) -> Result<Self, ProviderError> {
        Self::decode(bytes).map_err(|error| {
            session.error(
                "ApplyResourceChange",
                format!("the plan is damaged: {error}"),
            )
        })
    }

    /// Notes which changes are not acted upon.
    pub(super) fn set_ignored(&mut self, all: bool, paths: &[AttrPath]) {
        self.ignore_all = all;
        if !paths.is_empty() {
            // Serialising strings and numbers does not fail.
            self.ignore = serde_json::to_string(paths).unwrap_or_default();
        }
    }

    /// The places whose changes are not acted upon.
    pub(super) fn ignored(&self) -> Vec<Path> {
        let paths: Vec<AttrPath> = serde_json::from_str(&self.ignore).unwrap_or_default();
        paths.iter().map(to_place).collect()
    }
}

/// The place in a provider's value that a path of the user's names.
pub(super) fn to_place(path: &AttrPath) -> Path {
    let step = |step: &nixops4_core::Step| match step {
        nixops4_core::Step::Name(name) => Step::Attribute(name.as_str().into()),
        nixops4_core::Step::Index(index) => {
            Step::Index(usize::try_from(*index).unwrap_or(usize::MAX))
        }
    };
    path.0.iter().map(step).collect()
}

/// The path that a user would write for a place.
pub(super) fn to_attr_path(place: &Path) -> AttrPath {
    let step = |step: &Step| match step {
        Step::Attribute(name) | Step::Key(name) => nixops4_core::Step::Name(name.to_string()),
        Step::Index(index) => (*index).into(),
    };
    AttrPath(place.0.iter().map(step).collect())
}
