//! A plugin's types in the words of the native protocol.

use std::collections::BTreeMap;

use nixops4_proto::native::{
    DataSourceSpec, Describe, Described, InputSpec, OptionalOperation, OutputSpec, ResourceTypeSpec,
};

use crate::schema::{Block, Field, FieldKind, Kind, SchemaError, Schemas};

const OPERATIONS: [OptionalOperation; 7] = [
    OptionalOperation::Validate,
    OptionalOperation::Upgrade,
    OptionalOperation::Read,
    OptionalOperation::Plan,
    OptionalOperation::Update,
    OptionalOperation::Delete,
    OptionalOperation::Import,
];

/// What can be done with a state store, which is a state handler to others.
const OF_STATE_STORES: [OptionalOperation; 4] = [
    OptionalOperation::Validate,
    OptionalOperation::StateRead,
    OptionalOperation::StateEvent,
    OptionalOperation::StateLock,
];

/// Whether a type is one of state stores. Where a resource has the same name it is the resource's.
pub(super) fn is_state_store(schemas: &Schemas, name: &str) -> bool {
    let there = |kind| schemas.get(kind, name).is_ok_and(|schema| schema.is_some());
    there(Kind::StateStore) && !there(Kind::Resource)
}

/// Describes the types that are asked for. All of them would often be thousands.
pub(super) fn describe(schemas: &Schemas, asked: &Describe) -> Result<Described, SchemaError> {
    let mut described = Described {
        validates_config: true,
        more: true,
        ..Described::default()
    };
    if let Some(provider) = schemas.get(Kind::Provider, "")? {
        described.config = inputs(&provider.block);
    }
    for name in &asked.types {
        if let Some(schema) = schemas.get(Kind::Resource, name)? {
            let spec = ResourceTypeSpec {
                inputs: inputs(&schema.block),
                outputs: outputs(&schema.block),
                require_state: true,
                schema_version: schema.version,
                operations: OPERATIONS.to_vec(),
                ..ResourceTypeSpec::default()
            };
            described.resource_types.insert(name.clone(), spec);
        } else if let Some(schema) = schemas.get(Kind::StateStore, name)? {
            let spec = ResourceTypeSpec {
                inputs: inputs(&schema.block),
                operations: OF_STATE_STORES.to_vec(),
                ..ResourceTypeSpec::default()
            };
            described.resource_types.insert(name.clone(), spec);
        }
        if let Some(schema) = schemas.get(Kind::DataSource, name)? {
            let (inputs, outputs) = (inputs(&schema.block), outputs(&schema.block));
            let spec = DataSourceSpec {
                inputs,
                outputs,
                ..DataSourceSpec::default()
            };
            described.data_sources.insert(name.clone(), spec);
        }
    }
    Ok(described)
}

/// What can be set. Types are left to our own check, which converts as Terraform does.
fn inputs(block: &Block) -> BTreeMap<String, InputSpec> {
    let settable = block.fields().iter().filter_map(|field| {
        let spec = match &field.kind {
            FieldKind::Attribute(attribute) if attribute.optional || attribute.required => {
                InputSpec {
                    required: attribute.required,
                    sensitive: attribute.sensitive,
                    ..InputSpec::default()
                }
            }
            FieldKind::Attribute(_) => return None,
            FieldKind::Block(_) => InputSpec::default(),
        };
        Some((field.name.to_string(), spec))
    });
    settable.collect()
}

fn outputs(block: &Block) -> BTreeMap<String, OutputSpec> {
    let output = |field: &Field| {
        let sensitive =
            matches!(&field.kind, FieldKind::Attribute(attribute) if attribute.sensitive);
        (
            field.name.to_string(),
            OutputSpec {
                sensitive,
                ..OutputSpec::default()
            },
        )
    };
    block.fields().iter().map(output).collect()
}
