//! What people ask of a state: lists, one resource, what is in doubt.

use std::sync::Arc;

use nixops4_proto::evaluator::Mode;
use serde_json::Value as Json;

use super::{DeposedKey, IntentId, OpenIntent, Run, Snapshot, format};
use crate::MemberPath;

/// A line of a list of resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The resource.
    pub member: MemberPath,
    /// The provider's name for its type; of a deposed object where there is no current one.
    pub type_name: String,
    /// What kind of object it is.
    pub mode: Mode,
    /// The provider instance; `None` where an earlier NixOps4 wrote the state.
    pub provider: Option<String>,
    /// Whether there is a current object.
    pub exists: bool,
    /// Whether its creation failed half-way.
    pub tainted: bool,
    /// Replaced objects that are still to be deleted.
    pub deposed: Vec<DeposedKey>,
    /// Operations that have begun and not ended.
    pub intents: Vec<IntentId>,
}

/// All resources, by path; also those of which only an open intent is known.
pub fn list(snapshot: &Snapshot) -> Vec<Listed> {
    let mut all: Vec<_> = snapshot
        .resources()
        .filter_map(|(member, entry)| {
            let object = entry
                .current
                .as_ref()
                .or_else(|| entry.deposed.values().next())?;
            Some(Listed {
                member: member.clone(),
                type_name: object.state.type_name.clone(),
                mode: object.mode,
                provider: object.provider.as_ref().map(|provider| provider.id.clone()),
                exists: entry.current.is_some(),
                tainted: object.state.tainted && entry.current.is_some(),
                deposed: entry.deposed.keys().cloned().collect(),
                intents: Vec::new(),
            })
        })
        .collect();
    for (id, open) in snapshot.intents() {
        let member = &open.intent.member;
        let found = all.binary_search_by(|listed| listed.member.cmp(member));
        let index = found.unwrap_or_else(|index| {
            all.insert(index, only_begun(open));
            index
        });
        all[index].intents.push(id.clone());
    }
    all
}

fn only_begun(open: &OpenIntent) -> Listed {
    let intent = &open.intent;
    Listed {
        member: intent.member.clone(),
        type_name: intent.type_name.clone(),
        mode: Mode::Managed,
        provider: intent.provider.as_ref().map(|provider| provider.id.clone()),
        exists: false,
        tainted: false,
        deposed: Vec::new(),
        intents: Vec::new(),
    }
}

/// Whether what is shown has secrets in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// They are shown.
    Shown,
    /// `(sensitive)` stands for each, and for the bytes that belong to the provider.
    Hidden,
}

/// A resource in its stored form; `None` if nothing is remembered of it.
pub fn show(snapshot: &Snapshot, member: &MemberPath, secrets: Secrets) -> Option<Json> {
    let mut json = format::write_resource(snapshot.resource(member)?);
    if secrets == Secrets::Hidden {
        format::hide_in_resource(&mut json);
    }
    Some(json)
}

/// Hides the secrets in a whole stored state, as [`StateStore::document`](super::StateStore) gives
/// it.
pub fn hide_secrets(document: &mut Json) {
    format::hide_in_document(document);
}

/// Operations of which nobody knows what came of them: those that have begun and not ended, but
/// not those of `living`, runs that are still at it.
pub fn in_doubt<'a>(
    snapshot: &'a Snapshot,
    living: &'a [&Run],
) -> impl Iterator<Item = (&'a IntentId, &'a Arc<OpenIntent>)> {
    snapshot
        .intents()
        .filter(|(_, open)| !living.iter().any(|run| run.id == open.run.id))
}

#[cfg(test)]
mod tests;
