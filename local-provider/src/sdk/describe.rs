//! What a provider says of itself, derived from its types: their JSON Schemas in the words of the
//! protocol.

use std::collections::BTreeMap;

use nixops4_proto::native::{InputSpec, OutputSpec, ResourceTypeSpec, ValueType};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json};

use super::{About, ResourceType};

/// A resource type, as it describes itself.
pub(super) fn resource_type<R: ResourceType>(about: About) -> ResourceTypeSpec {
    let inputs = schema::<R::Inputs>();
    let outputs = schema::<R::Outputs>();
    ResourceTypeSpec {
        description: about.description,
        open_inputs: inputs.get("additionalProperties") != Some(&Json::Bool(false)),
        inputs: fields(&inputs),
        outputs: properties(&outputs)
            .map(|(name, schema)| (name.clone(), output(schema)))
            .collect(),
        open_outputs: false,
        require_state: about.require_state,
        always: about.always,
        schema_version: 0,
        operations: about.operations,
    }
}

/// What can be configured.
pub(super) fn config<C: JsonSchema>() -> BTreeMap<String, InputSpec> {
    fields(&schema::<C>())
}

fn schema<T: JsonSchema>() -> Map<String, Json> {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.inline_subschemas = true;
    });
    let schema = settings.into_generator().into_root_schema_for::<T>();
    schema.as_object().cloned().unwrap_or_default()
}

fn properties(schema: &Map<String, Json>) -> impl Iterator<Item = (&String, &Json)> {
    let properties = schema.get("properties").and_then(Json::as_object);
    properties.into_iter().flatten()
}

/// The fields of an object.
fn fields(schema: &Map<String, Json>) -> BTreeMap<String, InputSpec> {
    let required = schema.get("required").and_then(Json::as_array);
    let is_required = |name: &str| required.is_some_and(|r| r.iter().any(|n| n == name));
    properties(schema)
        .map(|(name, schema)| {
            let spec = InputSpec {
                value_type: value_type(schema),
                required: is_required(name),
                sensitive: flag(schema, "sensitive"),
                replaces: flag(schema, "replaces"),
                description: text(schema, "description"),
            };
            (name.clone(), spec)
        })
        .collect()
}

fn output(schema: &Json) -> OutputSpec {
    let derived_from = schema.get("derivedFrom").and_then(Json::as_array);
    OutputSpec {
        value_type: value_type(schema),
        sensitive: flag(schema, "sensitive"),
        derived_from: derived_from
            .into_iter()
            .flatten()
            .filter_map(|name| Some(name.as_str()?.to_owned()))
            .collect(),
        stable: flag(schema, "stable"),
        description: text(schema, "description"),
    }
}

fn flag(schema: &Json, name: &str) -> bool {
    schema.get(name) == Some(&Json::Bool(true))
}

fn text(schema: &Json, name: &str) -> String {
    let text = schema.get(name).and_then(Json::as_str);
    text.unwrap_or_default().to_owned()
}

fn value_type(schema: &Json) -> ValueType {
    let Some(map) = schema.as_object() else {
        return ValueType::Any;
    };
    for key in ["anyOf", "oneOf"] {
        if let Some(types) = map.get(key).and_then(Json::as_array) {
            return one_of(
                types
                    .iter()
                    .filter(|schema| !is_null(schema))
                    .map(value_type),
            );
        }
    }
    match map.get("type") {
        Some(Json::String(name)) => named(name, map),
        Some(Json::Array(names)) => {
            let names = names.iter().filter_map(Json::as_str);
            one_of(
                names
                    .filter(|name| *name != "null")
                    .map(|name| named(name, map)),
            )
        }
        _ => ValueType::Any,
    }
}

fn is_null(schema: &Json) -> bool {
    schema.get("type").is_some_and(|name| name == "null")
}

/// One of several types; of one alone, that.
fn one_of(types: impl Iterator<Item = ValueType>) -> ValueType {
    let mut types: Vec<_> = types.collect();
    match types.pop() {
        Some(only) if types.is_empty() => only,
        Some(last) => {
            types.push(last);
            ValueType::OneOf(types)
        }
        None => ValueType::Any,
    }
}

fn named(name: &str, schema: &Map<String, Json>) -> ValueType {
    let inner = |key: &str| Box::new(schema.get(key).map(value_type).unwrap_or_default());
    match name {
        "boolean" => ValueType::Bool,
        "integer" => ValueType::Integer,
        "number" => ValueType::Number,
        "string" => ValueType::String,
        "array" => ValueType::List(inner("items")),
        "object" if schema.contains_key("properties") => ValueType::Object(fields(schema)),
        "object" => ValueType::Map(inner("additionalProperties")),
        _ => ValueType::Any,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Inputs {
        /// What it is called.
        #[schemars(extend("replaces" = true))]
        name: String,
        #[schemars(extend("sensitive" = true))]
        password: Option<String>,
        #[serde(default)]
        tags: BTreeMap<String, String>,
        #[serde(default)]
        disks: Vec<Disk>,
        boot: Option<Disk>,
        anything: Json,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code, reason = "only its schema is looked at")]
    struct Disk {
        size: u64,
        read_only: Option<bool>,
    }

    #[test]
    fn the_description_says_what_the_types_say() {
        let disk = json!({ "object": {
            "size": { "type": "integer", "required": true, "sensitive": false, "replaces": false },
            "read_only": { "type": "bool", "required": false, "sensitive": false, "replaces": false },
        } });
        let plain = |value_type: Json, required: bool| json!({ "type": value_type, "required": required, "sensitive": false, "replaces": false });
        assert_eq!(
            serde_json::to_value(config::<Inputs>()).expect("json"),
            json!({
                "name": { "type": "string", "required": true, "sensitive": false, "replaces": true,
                          "description": "What it is called." },
                "password": { "type": "string", "required": false, "sensitive": true, "replaces": false },
                "tags": plain(json!({ "map": "string" }), false),
                "disks": plain(json!({ "list": disk }), false),
                "boot": plain(disk, false),
                "anything": plain(json!("any"), true),
            })
        );
        assert_eq!(schema::<Inputs>()["additionalProperties"], json!(false));
    }
}
