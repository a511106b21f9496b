//! Whole documents, to and from [`Snapshot`].

use nixops4_proto::state::{DOCUMENT_TYPE, FORMAT_VERSION};
use serde_json::{Map, Value as Json, json};

use super::layout::{Layout, Parts};
use super::object::{Reader, object, write_intent, write_resource};
use crate::MemberPath;
use crate::state::{IntentId, Snapshot};

/// The document without anything in it.
pub(in crate::state) fn empty() -> Json {
    json!({
        "_type": DOCUMENT_TYPE,
        "version": FORMAT_VERSION,
        "resources": {},
        "deployments": {},
        "intents": {},
    })
}

/// The version of a document.
///
/// # Errors
/// What the value is, if it is no document that can be read.
pub(super) fn version(document: &Json) -> Result<u32, String> {
    if document.get("_type").and_then(Json::as_str) != Some(DOCUMENT_TYPE) {
        return Err(format!(
            "is no state: it has no `_type` of {DOCUMENT_TYPE:?}"
        ));
    }
    let Some(version) = document.get("version") else {
        return Ok(0);
    };
    match version
        .as_u64()
        .and_then(|version| u32::try_from(version).ok())
    {
        Some(version) if version <= FORMAT_VERSION => Ok(version),
        _ => Err(format!(
            "was written by a newer nixops4: its format has version {version}, this nixops4 knows up to {FORMAT_VERSION}"
        )),
    }
}

/// Reads a document; `null` is one that was never written.
pub(in crate::state) fn read(document: Json) -> Result<Snapshot, String> {
    let mut snapshot = Snapshot::default();
    if document.is_null() {
        return Ok(snapshot);
    }
    snapshot.layout.version = Some(version(&document)?);
    let mut map = object(document, "the state")?;
    let mut reader = Reader::default();
    map.retain(|name, _| !matches!(name.as_str(), "_type" | "version"));
    let intents = map.remove("intents");
    snapshot.layout.intents = intents.is_some();
    if let Some(intents) = intents {
        for (id, json) in object(intents, "`intents`")? {
            let intent = reader
                .intent(json)
                .map_err(|reason| format!("intent {id}: {reason}"))?;
            snapshot
                .intents
                .insert_mut(IntentId::from(id), intent.into());
        }
    }
    composite(&mut snapshot, &mut reader, MemberPath::root(), map)?;
    Ok(snapshot)
}

fn composite(
    snapshot: &mut Snapshot,
    reader: &mut Reader,
    path: MemberPath,
    mut map: Map<String, Json>,
) -> Result<(), String> {
    let resources = map.remove("resources");
    let deployments = map.remove("deployments");
    let parts = Parts {
        resources: resources.is_some(),
        deployments: deployments.is_some(),
        other: !map.is_empty(),
    };
    let inner = |what: &str, json: Option<Json>| match json {
        Some(json) => object(json, &format!("`{what}` of `{path}`")),
        None => Ok(Map::new()),
    };
    for (name, json) in inner("resources", resources)? {
        let member = match name.is_empty() {
            true => path.clone(),
            false => path.child(name),
        };
        let entry = reader
            .resource(json)
            .map_err(|reason| format!("resource {member}: {reason}"))?;
        snapshot.resources.insert_mut(member, entry.into());
    }
    for (name, json) in inner("deployments", deployments)? {
        let path = path.child(name);
        let map = object(json, &format!("composite {path}"))?;
        composite(snapshot, reader, path, map)?;
    }
    snapshot.layout.note(path, parts);
    Ok(())
}

/// Writes a document, without what only the stored one has.
pub(in crate::state) fn write(snapshot: &Snapshot) -> Json {
    let mut document = empty();
    let intents = snapshot
        .intents()
        .map(|(id, open)| (id.to_string(), write_intent(open)));
    document["intents"] = Json::Object(intents.collect());
    let mut layout = Layout::initial();
    for (member, entry) in snapshot.resources() {
        let mut ops = Vec::new();
        layout.make_room(member, &mut ops);
        ops.push(super::add(
            super::resource_pointer(member),
            write_resource(entry),
        ));
        super::patch::apply(&mut document, ops)
            .unwrap_or_else(|reason| unreachable!("room was made for {member}: {reason}"));
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_state_says_what_it_is() {
        for (document, reason) in [
            (
                json!({ "version": 4 }),
                "is no state: it has no `_type` of \"nixopsState\"",
            ),
            (
                json!({ "_type": "nixopsState", "version": 9 }),
                "was written by a newer nixops4: its format has version 9, this nixops4 knows up to 1",
            ),
            (
                json!({ "_type": "nixopsState", "resources": { "a": {} } }),
                "resource a: it has no `type`",
            ),
            (
                json!({ "_type": "nixopsState", "deployments": { "web": { "resources": 1 } } }),
                "`resources` of `web` is no JSON object",
            ),
        ] {
            assert_eq!(read(document), Err(reason.to_owned()));
        }
    }

    #[test]
    fn version_0_is_read_with_either_spelling() {
        let snapshot = read(json!({
            "_type": "nixopsState",
            "resources": {
                "a": { "type": "file", "inputProperties": { "name": "x" }, "outputProperties": {} },
            },
            "deployments": { "web": { "resources": {
                "b": { "type": "memo", "input_properties": {}, "output_properties": { "value": 1 } },
            }, "deployments": {} } },
        }))
        .expect("readable");
        let object = |path: &str| {
            snapshot
                .object(&path.parse().expect("path"))
                .expect("object")
        };
        assert_eq!(
            object("a").state.inputs.as_attrs().expect("attrs")["name"].as_str(),
            Some("x")
        );
        assert_eq!(
            object("web.b").state.outputs.to_plain_json(),
            json!({ "value": 1 })
        );
    }
}
