//! [`Layout`]: which containers the stored document has, so that a patch adds those that are
//! missing and never one that is there.

use nixops4_proto::state::{FORMAT_VERSION, PatchOp};
use rpds::RedBlackTreeMapSync;
use serde_json::{Map, Value as Json, json};

use super::{diff, pointer};
use crate::MemberPath;

/// The containers of a stored document.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::state) struct Layout {
    /// The document's version; `None` before there is a document.
    pub version: Option<u32>,
    /// Whether there is a place for intents.
    pub intents: bool,
    /// The composites, the root among them.
    pub composites: RedBlackTreeMapSync<MemberPath, Parts>,
}

/// What a composite has in the document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::state) struct Parts {
    pub resources: bool,
    pub deployments: bool,
    /// Anything this version does not know.
    pub other: bool,
}

impl Parts {
    const NEW: Self = Self {
        resources: true,
        deployments: true,
        other: false,
    };
}

impl Layout {
    /// The layout of an empty document of this version.
    pub fn initial() -> Self {
        let mut layout = Self {
            version: Some(FORMAT_VERSION),
            intents: true,
            ..Self::default()
        };
        layout.composites.insert_mut(MemberPath::root(), Parts::NEW);
        layout
    }

    /// Adds what a resource of this path needs around it.
    pub fn make_room(&mut self, resource: &MemberPath, ops: &mut Vec<PatchOp>) {
        let composite = resource.parent().unwrap_or_default();
        let names = composite.names();
        for depth in 0..names.len() {
            let path = MemberPath::from_names(&names[..depth]);
            self.add_part(&path, "deployments", |parts| &mut parts.deployments, ops);
            let inner = MemberPath::from_names(&names[..=depth]);
            if !self.composites.contains_key(&inner) {
                let value = json!({ "resources": {}, "deployments": {} });
                ops.push(diff::add(pointer::composite(&inner), value));
                self.composites.insert_mut(inner, Parts::NEW);
            }
        }
        self.add_part(&composite, "resources", |parts| &mut parts.resources, ops);
    }

    fn add_part(
        &mut self,
        composite: &MemberPath,
        name: &str,
        part: impl Fn(&mut Parts) -> &mut bool,
        ops: &mut Vec<PatchOp>,
    ) {
        let mut parts = self.composites.get(composite).copied().unwrap_or_default();
        if !std::mem::replace(part(&mut parts), true) {
            let mut pointer = pointer::composite(composite);
            pointer::push(&mut pointer, name);
            ops.push(diff::add(pointer, Map::new()));
            self.composites.insert_mut(composite.clone(), parts);
        }
    }

    /// Removes the composites around a removed resource that have nothing in them any more, and
    /// nothing that this version does not know.
    pub fn prune(
        &mut self,
        resource: &MemberPath,
        is_empty: impl Fn(&MemberPath) -> bool,
        ops: &mut Vec<PatchOp>,
    ) {
        let mut top = None;
        let mut candidate = resource.parent();
        while let Some(path) = candidate.filter(|path| !path.is_root()) {
            let mut inside = self
                .composites
                .range(&path..)
                .take_while(|(p, _)| p.is_within(&path));
            if !is_empty(&path) || inside.any(|(p, parts)| *p != path || parts.other) {
                break;
            }
            self.composites.remove_mut(&path);
            candidate = path.parent();
            top = Some(path);
        }
        ops.extend(top.map(|path| diff::remove(pointer::composite(&path))));
    }

    /// Notes the containers of a composite that was read.
    pub fn note(&mut self, path: MemberPath, parts: Parts) {
        self.composites.insert_mut(path, parts);
    }
}

/// What brings a document of an older version to this one.
pub(in crate::state) fn upgrade(layout: &mut Layout) -> Vec<PatchOp> {
    let mut ops = Vec::new();
    if layout.version != Some(FORMAT_VERSION) {
        layout.version = Some(FORMAT_VERSION);
        ops.push(diff::add("/version", Json::from(FORMAT_VERSION)));
    }
    if !std::mem::replace(&mut layout.intents, true) {
        ops.push(diff::add("/intents", Map::new()));
    }
    ops
}
