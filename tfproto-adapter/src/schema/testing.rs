//! Short notations for schemas in tests.

use std::sync::Arc;

use super::{Attribute, Block, Field, FieldKind, Nested, NestedBlock, Nesting};
use crate::cty::Type;

pub fn block(fields: impl IntoIterator<Item = Field>) -> Block {
    Block::new(fields.into_iter().collect())
}

pub fn attr(name: &str, attribute: Attribute) -> Field {
    Field {
        name: name.into(),
        kind: FieldKind::Attribute(attribute),
    }
}

pub fn blocks(name: &str, nesting: Nesting, block: Block, min_items: u64, max_items: u64) -> Field {
    let ty = nesting.wrap(block.object_type());
    let block = Arc::new(block);
    let kind = FieldKind::Block(NestedBlock {
        ty,
        nesting,
        block,
        min_items,
        max_items,
    });
    Field {
        name: name.into(),
        kind,
    }
}

/// An optional attribute with nested ones.
pub fn nested(name: &str, nesting: Nesting, object: Block) -> Field {
    attr(name, with_nested(optional(Type::Bool), nesting, object))
}

pub fn with_nested(attribute: Attribute, nesting: Nesting, object: Block) -> Attribute {
    let ty = nesting.wrap(object.object_type());
    Attribute {
        ty,
        nested: Some(Nested {
            nesting,
            object: Arc::new(object),
        }),
        ..attribute
    }
}

pub fn optional(ty: Type) -> Attribute {
    Attribute {
        ty,
        nested: None,
        required: false,
        optional: true,
        computed: false,
        sensitive: false,
        write_only: false,
        deprecated: None,
    }
}

pub fn required(ty: Type) -> Attribute {
    Attribute {
        required: true,
        optional: false,
        ..optional(ty)
    }
}

pub fn computed(ty: Type) -> Attribute {
    Attribute {
        computed: true,
        optional: false,
        ..optional(ty)
    }
}

pub fn optional_computed(ty: Type) -> Attribute {
    Attribute {
        computed: true,
        ..optional(ty)
    }
}

pub fn ty(json: &str) -> Type {
    Type::parse(json.as_bytes()).expect("a type")
}

/// Random schemas and values of them, small enough that equal values are common.
pub mod random {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;
    use crate::cty::Value;

    fn flags() -> impl Strategy<Value = Attribute> {
        prop_oneof![
            Just(required(Type::Bool)),
            Just(optional(Type::Bool)),
            Just(computed(Type::Bool)),
            Just(optional_computed(Type::Bool)),
        ]
    }

    fn nesting(sets: bool) -> impl Strategy<Value = Nesting> {
        let modes = [
            Nesting::Single,
            Nesting::List,
            Nesting::Map,
            Nesting::Group,
            Nesting::Set,
        ];
        (0..if sets { 5usize } else { 4 }).prop_map(move |index| modes[index])
    }

    fn plain_type(sets: bool) -> impl Strategy<Value = Type> {
        let types = [
            Type::String,
            Type::Number,
            Type::list(Type::String),
            Type::map(Type::Bool),
            Type::set(Type::String),
        ];
        (0..if sets { 5usize } else { 4 }).prop_map(move |index| types[index].clone())
    }

    fn attribute(depth: u32, sets: bool) -> BoxedStrategy<Attribute> {
        let plain = (flags(), plain_type(sets)).prop_map(|(flags, ty)| Attribute { ty, ..flags });
        if depth == 0 {
            return plain.boxed();
        }
        let inner = btree_map("[a-d]", attribute(depth - 1, sets), 1..4).prop_map(fields);
        let nested = (flags(), nesting(sets), inner).prop_map(|(flags, nesting, inner)| {
            // Only blocks have groups.
            let nesting = if nesting == Nesting::Group {
                Nesting::Single
            } else {
                nesting
            };
            with_nested(flags, nesting, Block::new(inner))
        });
        prop_oneof![2 => plain, 1 => nested].boxed()
    }

    fn fields(attributes: std::collections::BTreeMap<String, Attribute>) -> Vec<Field> {
        attributes
            .into_iter()
            .map(|(name, attribute)| attr(&name, attribute))
            .collect()
    }

    /// A random block; without `sets`, nothing in it is a set.
    pub fn any_block(depth: u32, sets: bool) -> BoxedStrategy<Block> {
        let attributes = btree_map("[a-d]", attribute(depth.min(2), sets), 1..4).prop_map(fields);
        if depth == 0 {
            return attributes.prop_map(Block::new).boxed();
        }
        let inner = btree_map("[w-z]", (nesting(sets), any_block(depth - 1, sets)), 0..3);
        (attributes, inner)
            .prop_map(|(mut fields, inner)| {
                for (name, (nesting, block)) in inner {
                    fields.push(blocks(&name, nesting, block, 0, 0));
                }
                Block::new(fields)
            })
            .boxed()
    }

    /// Who writes a value: the user leaves out what the provider decides; a state is complete.
    #[derive(Clone, Copy, PartialEq)]
    pub enum Author {
        /// A configuration, which may have unknown parts.
        User,
        /// A state, which has none.
        Provider,
    }

    /// A random value of a block.
    pub fn value_of(block: &Block, author: Author) -> BoxedStrategy<Value> {
        let parts: Vec<_> = block
            .fields()
            .iter()
            .map(|field| field_value(field, author))
            .collect();
        let block = block.clone();
        parts
            .prop_map(move |values| {
                let mut values = values.into_iter();
                block.build(|_| values.next().unwrap_or(Value::Null))
            })
            .boxed()
    }

    fn field_value(field: &Field, author: Author) -> BoxedStrategy<Value> {
        let unknown = u32::from(author == Author::User);
        match &field.kind {
            FieldKind::Attribute(attribute) => {
                let settable = attribute.optional || attribute.required;
                if author == Author::User && !settable {
                    return Just(Value::Null).boxed();
                }
                let known = match &attribute.nested {
                    Some(nested) => many(nested.nesting, &nested.object, author),
                    None => plain_value(&attribute.ty),
                };
                let null = u32::from(!attribute.required || author == Author::Provider);
                prop_oneof![4 => known, null => Just(Value::Null), unknown => Just(Value::UNKNOWN)]
                    .boxed()
            }
            FieldKind::Block(nested) => {
                let known = many(nested.nesting, &nested.block, author);
                let null = u32::from(nested.nesting == Nesting::Single);
                let unknown = unknown * u32::from(nested.nesting != Nesting::Group);
                prop_oneof![6 => known, null => Just(Value::Null), unknown => Just(Value::UNKNOWN)]
                    .boxed()
            }
        }
    }

    fn many(nesting: Nesting, block: &Block, author: Author) -> BoxedStrategy<Value> {
        let one = value_of(block, author);
        match nesting {
            Nesting::Single | Nesting::Group => one,
            Nesting::List => vec(one, 0..3).prop_map(Value::List).boxed(),
            Nesting::Set => vec(one, 0..3).prop_map(Value::set).boxed(),
            Nesting::Map => btree_map("[kl]", one, 0..3).prop_map(Value::map).boxed(),
        }
    }

    fn plain_value(ty: &Type) -> BoxedStrategy<Value> {
        match ty {
            Type::Number => (0..2i64).prop_map(Value::int).boxed(),
            Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
            Type::List(element) => vec(plain_value(element), 0..2)
                .prop_map(Value::List)
                .boxed(),
            Type::Set(element) => vec(plain_value(element), 0..2).prop_map(Value::set).boxed(),
            Type::Map(element) => btree_map("[kl]", plain_value(element), 0..2)
                .prop_map(Value::map)
                .boxed(),
            _ => prop_oneof![Just("a"), Just("b")]
                .prop_map(Value::string)
                .boxed(),
        }
    }
}
