//! Hides secrets in the stored form, for people to look at.

use nixops4_proto::state::Marked;
use nixops4_proto::tree::{NODE_KEY, SENSITIVE, UNKNOWN};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::{AttrPath, Step};

/// What stands for a secret.
const HIDDEN: &str = "(sensitive)";

/// Hides the secrets of a whole document.
pub(in crate::state) fn hide_in_document(document: &mut Json) {
    for intent in children(document, "intents") {
        let sensitive: Vec<AttrPath> = marks(intent, "sensitive");
        hide_all(intent.get_mut("inputProperties"), &sensitive);
        hide_in_provider(intent);
    }
    hide_in_composite(document);
}

fn hide_in_composite(composite: &mut Json) {
    children(composite, "resources").for_each(hide_in_resource);
    children(composite, "deployments").for_each(hide_in_composite);
}

/// Hides the secrets of a resource.
pub(in crate::state) fn hide_in_resource(resource: &mut Json) {
    hide_in_object(resource);
    children(resource, "deposed").for_each(hide_in_object);
}

fn hide_in_object(object: &mut Json) {
    let sensitive: Marked = marks(object, "sensitive");
    hide_all(object.get_mut("inputProperties"), &sensitive.inputs);
    hide_all(object.get_mut("outputProperties"), &sensitive.outputs);
    // Nobody but the provider knows what it holds.
    if let Some(private) = object.get_mut("private") {
        *private = HIDDEN.into();
    }
    hide_in_provider(object);
}

fn children<'a>(json: &'a mut Json, name: &str) -> impl Iterator<Item = &'a mut Json> {
    let children = json.get_mut(name).and_then(Json::as_object_mut);
    children.into_iter().flat_map(|map| map.values_mut())
}

fn marks<T: DeserializeOwned + Default>(json: &Json, name: &str) -> T {
    let marks = json.get(name).and_then(|marks| T::deserialize(marks).ok());
    marks.unwrap_or_default()
}

fn hide_all(value: Option<&mut Json>, paths: &[AttrPath]) {
    if let Some(value) = value {
        paths.iter().for_each(|path| hide(value, &path.0));
    }
}

/// Hides what is at `steps`; where that is not there (another program changed the value), all
/// around it.
fn hide(value: &mut Json, steps: &[Step]) {
    let inner = match (steps.split_first(), &mut *value) {
        (Some((Step::Name(name), rest)), Json::Object(map)) => {
            map.get_mut(name).map(|inner| (inner, rest))
        }
        (Some((Step::Index(index), rest)), Json::Array(list)) => {
            let index = usize::try_from(*index).ok();
            index
                .and_then(|index| list.get_mut(index))
                .map(|inner| (inner, rest))
        }
        _ => None,
    };
    match inner {
        Some((inner, rest)) => hide(inner, rest),
        None => *value = HIDDEN.into(),
    }
}

/// A provider's secrets are not stored; what says so is made readable.
fn hide_in_provider(object: &mut Json) {
    if let Some(config) = object.get_mut("provider").and_then(|p| p.get_mut("config")) {
        name_left_out(config);
    }
}

fn name_left_out(tree: &mut Json) {
    let marks = tree.get("marks").and_then(Json::as_array);
    let secret = marks.is_some_and(|marks| marks.iter().any(|mark| mark == SENSITIVE));
    if secret && tree.get(NODE_KEY).is_some_and(|kind| kind == UNKNOWN) {
        *tree = HIDDEN.into();
    }
    match tree {
        Json::Object(map) => map.values_mut().for_each(name_left_out),
        Json::Array(list) => list.iter_mut().for_each(name_left_out),
        _ => {}
    }
}
