//! Objects, resources and intents, as they are stored.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use nixops4_proto::state as wire;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use super::{diff, marks};
use crate::provider::ResourceState;
use crate::state::{
    DeposedKey, Intent, OpenIntent, Operation, OperationKind, ProviderRecord, ResourceEntry,
    StoredObject,
};
use crate::value::{RefTable, Value};

/// Reads the parts of a document; equal provider records become one.
#[derive(Default)]
pub(super) struct Reader {
    providers: Vec<(Json, Arc<ProviderRecord>)>,
}

impl Reader {
    /// A resource.
    pub fn resource(&mut self, json: Json) -> Result<ResourceEntry, String> {
        let mut map = object(json, "it")?;
        let mut deposed = BTreeMap::new();
        if let Some(objects) = map.remove("deposed") {
            for (key, json) in object(objects, "`deposed`")? {
                let map = object(json, "a deposed object")?;
                deposed.insert(DeposedKey::from(key), Arc::new(self.object(map)?));
            }
        }
        if map.contains_key("type") {
            let current = Some(Arc::new(self.object(map)?));
            return Ok(ResourceEntry {
                current,
                deposed,
                other: Map::new(),
            });
        }
        match deposed.is_empty() {
            true => Err("it has no `type`".into()),
            false => Ok(ResourceEntry {
                current: None,
                deposed,
                other: map,
            }),
        }
    }

    fn object(&mut self, mut map: Map<String, Json>) -> Result<StoredObject, String> {
        let mut old_names = false;
        let mut properties = |name: &str, old_name: &str| {
            map.remove(name).unwrap_or_else(|| {
                let value = map.remove(old_name);
                old_names |= value.is_some();
                value.unwrap_or_default()
            })
        };
        let inputs = properties("inputProperties", "input_properties");
        let outputs = properties("outputProperties", "output_properties");
        let sensitive: wire::Marked = field(&mut map, "sensitive")?;
        let ephemeral: wire::Marked = field(&mut map, "ephemeral")?;
        let private: Option<String> = field(&mut map, "private")?;
        let dependencies: Vec<_> = field(&mut map, "dependencies")?;
        Ok(StoredObject {
            mode: field(&mut map, "mode")?,
            provider: self.provider(map.remove("provider"))?,
            state: ResourceState {
                type_name: required(&mut map, "type")?,
                inputs: marks::read(&inputs, &sensitive.inputs, &ephemeral.inputs)?,
                outputs: marks::read(&outputs, &sensitive.outputs, &ephemeral.outputs)?,
                private: private
                    .map(|text| BASE64.decode(text))
                    .transpose()
                    .map_err(|error| format!("`private` is not base64: {error}"))?,
                schema_version: field(&mut map, "schemaVersion")?,
                identity: map.remove("identity"),
                tainted: field(&mut map, "tainted")?,
            },
            dependencies: dependencies.into_iter().collect(),
            create_before_destroy: field(&mut map, "createBeforeDestroy")?,
            prevent_destroy: field(&mut map, "preventDestroy")?,
            other: map,
            old_names,
        })
    }

    /// An intent.
    pub fn intent(&mut self, json: Json) -> Result<OpenIntent, String> {
        let mut map = object(json, "it")?;
        let provider = self.provider(map.remove("provider"))?;
        let intent: wire::Intent =
            serde_json::from_value(Json::Object(map)).map_err(|error| error.to_string())?;
        let key = intent.deposed.map(DeposedKey::from);
        Ok(OpenIntent {
            intent: Intent {
                member: intent.member,
                operation: match intent.operation {
                    OperationKind::Create => Operation::Create { depose: key },
                    OperationKind::Update => Operation::Update,
                    OperationKind::Delete => Operation::Delete { deposed: key },
                },
                type_name: intent.type_,
                provider,
                inputs: marks::read(
                    &intent.input_properties,
                    &intent.sensitive,
                    &intent.ephemeral,
                )?,
                planned_id: intent.planned_id,
            },
            time: intent.time,
            run: intent.run,
        })
    }

    fn provider(&mut self, json: Option<Json>) -> Result<Option<Arc<ProviderRecord>>, String> {
        let Some(json) = json else {
            return Ok(None);
        };
        // Few provider instances make all the objects.
        if let Some((_, record)) = self.providers.iter().find(|(known, _)| *known == json) {
            return Ok(Some(record.clone()));
        }
        let provider: wire::Provider = serde_json::from_value(json.clone())
            .map_err(|error| format!("its `provider` is malformed: {error}"))?;
        let record = Arc::new(ProviderRecord {
            id: provider.id,
            program: provider.program,
            config: Value::from_tree(&provider.config, &[]).map_err(|error| error.to_string())?,
        });
        self.providers.push((json, record.clone()));
        Ok(Some(record))
    }
}

pub(super) fn object(json: Json, what: &str) -> Result<Map<String, Json>, String> {
    match json {
        Json::Object(map) => Ok(map),
        _ => Err(format!("{what} is no JSON object")),
    }
}

fn field<T: DeserializeOwned + Default>(
    map: &mut Map<String, Json>,
    name: &str,
) -> Result<T, String> {
    match map.remove(name) {
        None => Ok(T::default()),
        Some(json) => parse(json, name),
    }
}

fn required<T: DeserializeOwned>(map: &mut Map<String, Json>, name: &str) -> Result<T, String> {
    parse(
        map.remove(name)
            .ok_or_else(|| format!("it has no `{name}`"))?,
        name,
    )
}

fn parse<T: DeserializeOwned>(json: Json, name: &str) -> Result<T, String> {
    serde_json::from_value(json).map_err(|error| format!("its `{name}` is malformed: {error}"))
}

/// Writes a resource.
pub(in crate::state) fn write_resource(entry: &ResourceEntry) -> Json {
    let mut map = match &entry.current {
        Some(current) => write_object(current),
        None => entry.other.clone(),
    };
    if !entry.deposed.is_empty() {
        let deposed = entry.deposed.iter();
        let deposed: Map<_, _> = deposed
            .map(|(key, object)| (key.to_string(), Json::Object(write_object(object))))
            .collect();
        map.insert("deposed".into(), deposed.into());
    }
    Json::Object(map)
}

fn write_object(object: &StoredObject) -> Map<String, Json> {
    let state = &object.state;
    let (sensitive, ephemeral) = marks::positions_of_both(&state.inputs, &state.outputs);
    let wire = wire::Object {
        type_: state.type_name.clone(),
        mode: object.mode,
        provider: object.provider.as_deref().map(write_provider),
        input_properties: state.inputs.to_plain_json(),
        output_properties: state.outputs.to_plain_json(),
        sensitive,
        ephemeral,
        private: state.private.as_ref().map(|bytes| BASE64.encode(bytes)),
        schema_version: state.schema_version,
        identity: state.identity.clone(),
        tainted: state.tainted,
        dependencies: object.dependencies.iter().cloned().collect(),
        create_before_destroy: object.create_before_destroy,
        prevent_destroy: object.prevent_destroy,
        other: object.other.clone(),
    };
    to_map(&wire)
}

/// Writes an intent.
pub(in crate::state) fn write_intent(open: &OpenIntent) -> Json {
    let intent = &open.intent;
    let (sensitive, ephemeral) = marks::positions(&intent.inputs);
    let wire = wire::Intent {
        member: intent.member.clone(),
        operation: intent.operation.kind(),
        deposed: intent.operation.key().map(ToString::to_string),
        type_: intent.type_name.clone(),
        provider: intent.provider.as_deref().map(write_provider),
        input_properties: intent.inputs.to_plain_json(),
        sensitive,
        ephemeral,
        planned_id: intent.planned_id.clone(),
        time: open.time.clone(),
        run: open.run.clone(),
    };
    Json::Object(to_map(&wire))
}

fn write_provider(record: &ProviderRecord) -> wire::Provider {
    wire::Provider {
        id: record.id.clone(),
        program: record.program.clone(),
        // Provenance is stripped before anything is stored, so the table stays empty.
        config: record.config.to_tree(&mut RefTable::default()),
    }
}

fn to_map(wire: &impl serde::Serialize) -> Map<String, Json> {
    match serde_json::to_value(wire) {
        Ok(Json::Object(map)) => map,
        other => unreachable!("a struct of texts, numbers and JSON is a JSON object: {other:?}"),
    }
}

/// What brings the stored form of a resource from `old` to `new`.
pub(in crate::state) fn change_resource(
    pointer: &str,
    old: &ResourceEntry,
    new: &ResourceEntry,
) -> Vec<wire::PatchOp> {
    let mut stored = old.current.iter().chain(old.deposed.values());
    if stored.any(|object| object.old_names) {
        return vec![diff::add(pointer, write_resource(new))];
    }
    diff::diff(pointer, &write_resource(old), write_resource(new))
}
