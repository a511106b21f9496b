//! Whole documents, to and from [`Snapshot`].

use nixops4_proto::state::{DOCUMENT_TYPE, FORMAT_VERSION};
use serde_json::{Map, Value as Json, json};

use super::layout::Parts;
use super::node::Node;
use super::object::{Reader, write_intent, write_resource};
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
pub(super) fn version(document: &mut Node<'_>) -> Result<u32, String> {
    let map = document.object();
    let field = |name| {
        map.as_ref()
            .and_then(|map| map.get(name))
            .map(Node::to_json)
    };
    if field("_type").is_none_or(|kind| kind != DOCUMENT_TYPE) {
        return Err(format!(
            "is no state: it has no `_type` of {DOCUMENT_TYPE:?}"
        ));
    }
    let Some(version) = field("version") else {
        return Ok(0);
    };
    match version
        .as_u64()
        .and_then(|version| u32::try_from(version).ok())
    {
        Some(version) if version <= FORMAT_VERSION => Ok(version),
        _ => Err(format!(
            "was written by a newer nixops4: its format has version {version}, this nixops4 knows \
             up to {FORMAT_VERSION}"
        )),
    }
}

/// Reads a document; `null` is one that was never written.
pub(in crate::state) fn read(mut document: Node<'_>) -> Result<Snapshot, String> {
    let mut snapshot = Snapshot::default();
    if document.is_null() {
        return Ok(snapshot);
    }
    snapshot.layout.version = Some(version(&mut document)?);
    let mut reader = Reader::default();
    let intents = document.object().and_then(|map| map.remove("intents"));
    snapshot.layout.intents = intents.is_some();
    for (id, node) in entries(intents, "`intents`")? {
        let intent = reader.intent(&node.text());
        let intent = intent.map_err(|reason| format!("intent {id}: {reason}"))?;
        snapshot
            .intents
            .insert_mut(IntentId::from(id), intent.into());
    }
    composite(&mut snapshot, &mut reader, MemberPath::root(), document)?;
    Ok(snapshot)
}

fn composite(
    snapshot: &mut Snapshot,
    reader: &mut Reader,
    path: MemberPath,
    node: Node<'_>,
) -> Result<(), String> {
    let map = node.into_object();
    let mut map = map.ok_or_else(|| format!("composite {path} is no JSON object"))?;
    if path.is_root() {
        map.retain(|name, _| !matches!(name.as_str(), "_type" | "version"));
    }
    let resources = map.remove("resources");
    let deployments = map.remove("deployments");
    let parts = Parts {
        resources: resources.is_some(),
        deployments: deployments.is_some(),
        other: !map.is_empty(),
    };
    for (name, node) in entries(resources, &format!("`resources` of `{path}`"))? {
        let member = match name.is_empty() {
            true => path.clone(),
            false => path.child(name),
        };
        let entry = reader.resource(&node.text());
        let entry = entry.map_err(|reason| format!("resource {member}: {reason}"))?;
        snapshot.resources.insert_mut(member, entry.into());
    }
    for (name, node) in entries(deployments, &format!("`deployments` of `{path}`"))? {
        composite(snapshot, reader, path.child(name), node)?;
    }
    snapshot.layout.note(path, parts);
    Ok(())
}

fn entries<'a>(
    node: Option<Node<'a>>,
    what: &str,
) -> Result<impl Iterator<Item = (String, Node<'a>)> + use<'a>, String> {
    let map = match node {
        Some(node) => node
            .into_object()
            .ok_or_else(|| format!("{what} is no JSON object"))?,
        None => Default::default(),
    };
    Ok(map.into_iter())
}

/// Writes a document, without what only the stored one has.
pub(in crate::state) fn write(snapshot: &Snapshot) -> Json {
    let mut document = empty();
    let intents = snapshot
        .intents()
        .map(|(id, open)| (id.to_string(), write_intent(open)));
    document["intents"] = Json::Object(intents.collect());
    for (member, entry) in snapshot.resources() {
        let mut composite = &mut document;
        for name in member.parent().unwrap_or_default().names() {
            let inner = &mut composite["deployments"][name];
            if inner.is_null() {
                *inner = json!({ "resources": Map::new(), "deployments": Map::new() });
            }
            composite = inner;
        }
        composite["resources"][member.name().unwrap_or_default()] = write_resource(entry);
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_json(document: Json) -> Result<Snapshot, String> {
        read(Node::Text(&document.to_string()))
    }

    #[test]
    fn what_is_no_state_says_what_it_is() {
        for (document, reason) in [
            (
                json!({ "version": 4 }),
                "is no state: it has no `_type` of \"nixopsState\"",
            ),
            (
                json!([]),
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
                json!({ "_type": "nixopsState", "resources": { "a": { "type": 1 } } }),
                "resource a: invalid type: integer `1`, expected a string",
            ),
            (
                json!({ "_type": "nixopsState", "deployments": { "web": { "resources": 1 } } }),
                "`resources` of `web` is no JSON object",
            ),
            (
                json!({ "_type": "nixopsState", "intents": { "i": { "member": "a..b" } } }),
                "intent i: `a..b` is not a member path: a name is empty",
            ),
        ] {
            assert_eq!(read_json(document), Err(reason.to_owned()));
        }
    }

    #[test]
    fn version_0_is_read_with_either_spelling() {
        let snapshot = read_json(json!({
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
