//! From the protocol's schema messages to ours.

use std::sync::Arc;

use nixops4_proto::tfplugin::v6::{self, schema};

use super::{Attribute, Block, Field, FieldKind, Nested, NestedBlock, Nesting, TypeSchema};
use crate::cty::{MAX_DEPTH, Type};

/// A schema that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider's schema of {type_name} is invalid: {problem}")]
pub struct SchemaError {
    /// The type that is described, `aws_vpc`.
    pub type_name: String,
    /// What is wrong, with the attribute.
    pub problem: String,
}

type Problem = String;

impl TypeSchema {
    /// Reads a schema message.
    pub fn from_message(type_name: &str, message: v6::Schema) -> Result<Self, SchemaError> {
        let fail = |problem| SchemaError {
            type_name: type_name.to_owned(),
            problem,
        };
        let version = u64::try_from(message.version)
            .map_err(|_| fail(format!("its version is {}", message.version)))?;
        let block = block(message.block.unwrap_or_default(), MAX_DEPTH).map_err(fail)?;
        Ok(Self {
            version,
            block: Arc::new(block),
        })
    }
}

fn block(message: schema::Block, depth: usize) -> Result<Block, Problem> {
    let depth = deeper(depth)?;
    let deprecated = deprecation(message.deprecated, message.deprecation_message);
    let count = message.attributes.len() + message.block_types.len();
    let mut fields = attributes(message.attributes, depth)?;
    for nested in message.block_types {
        let name = nested.type_name.clone();
        let kind = nested_block(nested, depth).map_err(|problem| format!("{name}: {problem}"))?;
        fields.push(Field {
            name: name.into(),
            kind: FieldKind::Block(kind),
        });
    }
    let block = Block {
        deprecated,
        ..Block::new(fields)
    };
    match block.fields.len() == count {
        true => Ok(block),
        false => Err("an attribute or block name occurs twice".to_owned()),
    }
}

fn attributes(messages: Vec<schema::Attribute>, depth: usize) -> Result<Vec<Field>, Problem> {
    messages
        .into_iter()
        .map(|message| {
            let name = message.name.clone();
            let kind = attribute(message, depth).map_err(|problem| format!("{name}: {problem}"))?;
            Ok(Field {
                name: name.into(),
                kind: FieldKind::Attribute(kind),
            })
        })
        .collect()
}

fn attribute(message: schema::Attribute, depth: usize) -> Result<Attribute, Problem> {
    let nested = message
        .nested_type
        .map(|object| nested_object(object, depth))
        .transpose()?;
    let ty = match &nested {
        Some(nested) => nested.nesting.wrap(nested.object.object_type()),
        None => Type::parse(&message.r#type).map_err(|error| error.to_string())?,
    };
    Ok(Attribute {
        ty,
        nested,
        required: message.required,
        optional: message.optional,
        computed: message.computed,
        sensitive: message.sensitive,
        write_only: message.write_only,
        deprecated: deprecation(message.deprecated, message.deprecation_message),
    })
}

fn nested_object(message: schema::Object, depth: usize) -> Result<Nested, Problem> {
    use schema::object::NestingMode as Mode;
    let depth = deeper(depth)?;
    let nesting = match message.nesting() {
        Mode::Single => Nesting::Single,
        Mode::List => Nesting::List,
        Mode::Set => Nesting::Set,
        Mode::Map => Nesting::Map,
        Mode::Invalid => return Err("its nesting mode is unknown".to_owned()),
    };
    let object = Arc::new(Block::new(attributes(message.attributes, depth)?));
    Ok(Nested { nesting, object })
}

fn nested_block(message: schema::NestedBlock, depth: usize) -> Result<NestedBlock, Problem> {
    use schema::nested_block::NestingMode as Mode;
    let nesting = match message.nesting() {
        Mode::Single => Nesting::Single,
        Mode::Group => Nesting::Group,
        Mode::List => Nesting::List,
        Mode::Set => Nesting::Set,
        Mode::Map => Nesting::Map,
        Mode::Invalid => return Err("its nesting mode is unknown".to_owned()),
    };
    let limit = |items: i64| u64::try_from(items).map_err(|_| format!("{items} items"));
    let (min_items, max_items) = (limit(message.min_items)?, limit(message.max_items)?);
    let block = Arc::new(block(message.block.unwrap_or_default(), depth)?);
    let ty = nesting.wrap(block.object_type());
    Ok(NestedBlock {
        ty,
        nesting,
        block,
        min_items,
        max_items,
    })
}

fn deprecation(deprecated: bool, message: String) -> Option<String> {
    deprecated.then_some(message)
}

fn deeper(depth: usize) -> Result<usize, Problem> {
    depth
        .checked_sub(1)
        .ok_or_else(|| "it is nested too deeply".to_owned())
}
