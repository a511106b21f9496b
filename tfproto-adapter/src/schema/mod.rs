//! What a provider says of its types, in the shape that everything else works with.
//!
//! ```text
//! GetProviderSchema ──► Image (one slice per type, on disk) ──► Schemas ──one type──► TypeSchema
//! ```
//! A provider may have thousands of types of which a deployment uses a few, so each is decoded
//! when it is first asked for.

mod convert;
mod document;
mod image;
mod set;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;

pub use convert::SchemaError;
pub use image::{Image, Kind};
pub use set::{Schemas, cache_path};

use crate::cty::{Object, ObjectType, Step, Type, Value};

/// The schema of a resource type, a data source or a provider's configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeSchema {
    /// The version that state is stored with.
    pub version: u64,
    /// The top level.
    pub block: Arc<Block>,
}

/// The attributes and nested blocks of one level; also the attributes of a nested attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    ty: ObjectType,
    /// Invariant: as long as `ty` and in its order, which is that of the names.
    fields: Vec<Field>,
    /// What the provider says if it is deprecated.
    pub deprecated: Option<String>,
}

/// One attribute or nested block type.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: FieldKind,
}

/// What a [`Field`] is.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    /// An attribute.
    Attribute(Attribute),
    /// Blocks.
    Block(NestedBlock),
}

/// An attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The type of its value.
    pub ty: Type,
    /// Its own attributes, where the schema tells more than their types.
    pub nested: Option<Nested>,
    /// The user must set it.
    pub required: bool,
    /// The user may set it.
    pub optional: bool,
    /// The provider decides, alone or where the user does not.
    pub computed: bool,
    /// Its value is secret.
    pub sensitive: bool,
    /// Its value is never in a plan or a state.
    pub write_only: bool,
    /// What the provider says if it is deprecated.
    pub deprecated: Option<String>,
}

/// The attributes inside an attribute.
#[derive(Clone, Debug, PartialEq)]
pub struct Nested {
    /// What they are the elements of.
    pub nesting: Nesting,
    /// The attributes.
    pub object: Arc<Block>,
}

/// Blocks of one type.
#[derive(Clone, Debug, PartialEq)]
pub struct NestedBlock {
    /// The type of all of them together.
    pub ty: Type,
    /// How they are told apart.
    pub nesting: Nesting,
    /// What is in one.
    pub block: Arc<Block>,
    /// How many there must be.
    pub min_items: u64,
    /// How many there may be; 0 is no limit.
    pub max_items: u64,
}

/// How often something nested occurs, and how the occurrences are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// At most once.
    Single,
    /// Exactly once, whether written or not. Only blocks.
    Group,
    /// In order.
    List,
    /// Without order.
    Set,
    /// By key.
    Map,
}

impl Block {
    /// Makes a block from its fields.
    pub fn new(mut fields: Vec<Field>) -> Self {
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        fields.dedup_by(|later, first| later.name == first.name);
        let ty = fields
            .iter()
            .map(|field| (&field.name, field.ty().clone()))
            .collect();
        Self {
            ty,
            fields,
            deprecated: None,
        }
    }

    /// The type of values of this block.
    pub fn ty(&self) -> &ObjectType {
        &self.ty
    }

    /// The type of values of this block, as a type.
    pub fn object_type(&self) -> Type {
        Type::Object(self.ty.clone())
    }

    /// The fields, in the order of the object's values.
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The field of that name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.ty
            .names()
            .position(name)
            .map(|position| &self.fields[position])
    }

    /// Makes a value from what `make` gives for each field.
    pub fn build(&self, make: impl FnMut(&Field) -> Value) -> Value {
        let values = self.fields.iter().map(make).collect();
        // As many values as fields, by construction.
        Object::from_values(self.ty.names(), values).map_or(Value::Null, Value::Object)
    }

    /// The fields with the values an object of this block has for them.
    pub fn zip<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = (&'a Field, &'a Value)> {
        self.fields.iter().zip(object.values())
    }

    /// The value of a block in which nothing is written.
    pub fn empty(&self) -> Value {
        self.build(Field::absent)
    }
}

impl Field {
    /// The type of its value.
    pub fn ty(&self) -> &Type {
        match &self.kind {
            FieldKind::Attribute(attribute) => &attribute.ty,
            FieldKind::Block(block) => &block.ty,
        }
    }

    /// What it is, if it is an attribute.
    pub fn attribute(&self) -> Option<&Attribute> {
        match &self.kind {
            FieldKind::Attribute(attribute) => Some(attribute),
            FieldKind::Block(_) => None,
        }
    }

    /// What its elements are made of, where the schema tells, and how they are nested in it.
    pub fn nested(&self) -> Option<(Nesting, &Block)> {
        match &self.kind {
            FieldKind::Attribute(attribute) => {
                let nested = attribute.nested.as_ref()?;
                Some((nested.nesting, &nested.object))
            }
            FieldKind::Block(nested) => Some((nested.nesting, &nested.block)),
        }
    }

    /// Its value where nothing is written.
    pub fn absent(&self) -> Value {
        match &self.kind {
            FieldKind::Attribute(_) => Value::Null,
            FieldKind::Block(block) => block.absent(),
        }
    }

    /// The step that leads to it.
    pub fn step(&self) -> Step {
        Step::Attribute(self.name.clone())
    }
}

impl NestedBlock {
    /// The value where no such block is written.
    pub fn absent(&self) -> Value {
        match self.nesting {
            Nesting::Single => Value::Null,
            Nesting::Group => self.block.empty(),
            Nesting::List => Value::List(Vec::new()),
            Nesting::Set => Value::set([]),
            Nesting::Map => Value::Map(Default::default()),
        }
    }
}

impl Nesting {
    /// The type of all occurrences together.
    ///
    /// Lists and maps of blocks with dynamic attributes stay lists and maps: that is what plugins
    /// expect, whatever the documentation of the protocol says of tuples and objects.
    pub fn wrap(self, element: Type) -> Type {
        match self {
            Self::Single | Self::Group => element,
            Self::List => Type::list(element),
            Self::Set => Type::set(element),
            Self::Map => Type::map(element),
        }
    }

    /// Rebuilds a value of this nesting from its elements, in the order of [`elements`].
    pub fn rebuild(self, like: &Value, elements: Vec<Value>) -> Value {
        match (self, like.concrete()) {
            (Self::Map, Value::Map(map)) => Value::Map(map.keys().cloned().zip(elements).collect()),
            (Self::Set, _) => Value::set(elements),
            (Self::Single | Self::Group, _) => elements.into_iter().next().unwrap_or(Value::Null),
            _ => Value::List(elements),
        }
    }
}

/// The occurrences in a known value of something nested, each with the step that leads to it.
pub fn elements(nesting: Nesting, value: &Value) -> Vec<(Option<Step>, &Value)> {
    let plain = value.concrete();
    match (nesting, plain) {
        (_, Value::Null | Value::Unknown(_)) => Vec::new(),
        (Nesting::Single | Nesting::Group, _) => vec![(None, plain)],
        (Nesting::Map, Value::Map(map)) => {
            let step = |key: &String| Some(Step::Key(key.as_str().into()));
            map.iter().map(|(key, value)| (step(key), value)).collect()
        }
        _ => {
            let elements = plain.as_elements().unwrap_or_default().iter().enumerate();
            elements
                .map(|(index, value)| (Some(Step::Index(index)), value))
                .collect()
        }
    }
}
