//! Objects, resources and intents, as they are stored.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use nixops4_proto::evaluator::Mode;
use nixops4_proto::state as wire;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

use super::plain::Plain;
use super::{diff, marks, text};
use crate::provider::ResourceState;
use crate::state::{
    DeposedKey, Intent, OpenIntent, Operation, OperationKind, ProviderRecord, ResourceEntry,
    StoredObject,
};
use crate::value::{RefTable, Value};

/// Reads the parts of a document; equal provider records become one.
#[derive(Default)]
pub(super) struct Reader {
    providers: HashMap<String, Arc<ProviderRecord>>,
}

impl Reader {
    /// A resource.
    pub fn resource(&mut self, json: &str) -> Result<ResourceEntry, String> {
        let mut parts: Parts<'_> = text::parse(json)?;
        let deposed = std::mem::take(&mut parts.deposed).into_iter();
        let deposed = deposed
            .map(|(key, parts)| Ok((DeposedKey::from(key), Arc::new(self.object(parts)?))))
            .collect::<Result<BTreeMap<_, _>, String>>()?;
        if parts.type_name.is_some() {
            let current = Some(Arc::new(self.object(parts)?));
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
                other: parts.other,
            }),
        }
    }

    fn object(&mut self, parts: Parts<'_>) -> Result<StoredObject, String> {
        let Parts {
            mut inputs,
            mut outputs,
            sensitive,
            ephemeral,
            ..
        } = parts;
        marks::put(&mut inputs, &sensitive.inputs, &ephemeral.inputs);
        marks::put(&mut outputs, &sensitive.outputs, &ephemeral.outputs);
        let private = parts.private.map(|text| BASE64.decode(text)).transpose();
        Ok(StoredObject {
            mode: parts.mode,
            provider: self.provider(parts.provider)?,
            state: ResourceState {
                type_name: parts.type_name.ok_or("it has no `type`")?,
                inputs,
                outputs,
                private: private.map_err(|error| format!("`private` is not base64: {error}"))?,
                schema_version: parts.schema_version,
                identity: parts.identity,
                tainted: parts.tainted,
            },
            dependencies: parts.dependencies.into_iter().collect(),
            create_before_destroy: parts.create_before_destroy,
            prevent_destroy: parts.prevent_destroy,
            other: parts.other,
            old_names: parts.old_names,
        })
    }

    /// An intent.
    pub fn intent(&mut self, json: &str) -> Result<OpenIntent, String> {
        let intent: wire::Intent = text::parse(json)?;
        let provider = match intent.provider {
            Some(provider) => Some(Arc::new(read_provider(provider)?)),
            None => None,
        };
        let key = intent.deposed.map(DeposedKey::from);
        let mut inputs =
            Value::from_plain_json(&intent.input_properties).map_err(|error| error.to_string())?;
        marks::put(&mut inputs, &intent.sensitive, &intent.ephemeral);
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
                inputs,
                planned_id: intent.planned_id,
            },
            time: intent.time,
            run: intent.run,
        })
    }

    /// A provider record. Few provider instances make all the objects, in the same words.
    fn provider(&mut self, json: Option<&RawValue>) -> Result<Option<Arc<ProviderRecord>>, String> {
        let Some(json) = json.map(RawValue::get) else {
            return Ok(None);
        };
        if let Some(record) = self.providers.get(json) {
            return Ok(Some(record.clone()));
        }
        let malformed = |reason| format!("its `provider` is malformed: {reason}");
        let record = text::parse(json)
            .and_then(read_provider)
            .map_err(malformed)?;
        let record = Arc::new(record);
        self.providers.insert(json.to_owned(), record.clone());
        Ok(Some(record))
    }
}

fn read_provider(provider: wire::Provider) -> Result<ProviderRecord, String> {
    let config = Value::from_tree(&provider.config, &[]);
    Ok(ProviderRecord {
        id: provider.id,
        program: provider.program,
        config: config.map_err(|error| error.to_string())?,
    })
}

/// A [`wire::Object`] (and the deposed ones beside it) as it is being read: values are built at
/// once, and what is unknown is told from what is known.
#[derive(Default)]
struct Parts<'a> {
    type_name: Option<String>,
    mode: Mode,
    provider: Option<&'a RawValue>,
    inputs: Value,
    outputs: Value,
    sensitive: wire::Marked,
    ephemeral: wire::Marked,
    private: Option<String>,
    schema_version: u64,
    identity: Option<Json>,
    tainted: bool,
    dependencies: Vec<crate::OutputRef>,
    create_before_destroy: bool,
    prevent_destroy: bool,
    deposed: BTreeMap<String, Self>,
    other: Map<String, Json>,
    old_names: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for Parts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PartsVisitor)
    }
}

struct PartsVisitor;

impl<'de> Visitor<'de> for PartsVisitor {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parts<'de>, A::Error> {
        let mut parts = Parts::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "type" => parts.type_name = Some(map.next_value()?),
                "mode" => parts.mode = map.next_value()?,
                "provider" => parts.provider = Some(map.next_value()?),
                "inputProperties" => parts.inputs = map.next_value::<Plain>()?.0,
                "outputProperties" => parts.outputs = map.next_value::<Plain>()?.0,
                "input_properties" => {
                    parts.inputs = map.next_value::<Plain>()?.0;
                    parts.old_names = true;
                }
                "output_properties" => {
                    parts.outputs = map.next_value::<Plain>()?.0;
                    parts.old_names = true;
                }
                "sensitive" => parts.sensitive = map.next_value()?,
                "ephemeral" => parts.ephemeral = map.next_value()?,
                "private" => parts.private = Some(map.next_value()?),
                "schemaVersion" => parts.schema_version = map.next_value()?,
                "identity" => parts.identity = Some(map.next_value()?),
                "tainted" => parts.tainted = map.next_value()?,
                "dependencies" => parts.dependencies = map.next_value()?,
                "createBeforeDestroy" => parts.create_before_destroy = map.next_value()?,
                "preventDestroy" => parts.prevent_destroy = map.next_value()?,
                "deposed" => parts.deposed = map.next_value()?,
                _ => drop(parts.other.insert(name, map.next_value()?)),
            }
        }
        Ok(parts)
    }
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
