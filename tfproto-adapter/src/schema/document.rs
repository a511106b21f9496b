//! A plugin's schemas in the shape that is shown to people, with the descriptions that nothing else
//! reads.

use nixops4_core::provider::document::{
    Contents, Document, DocumentKind, FieldDocument, FunctionDocument, NestedDocument, Nesting,
    ParameterDocument, Shape,
};
use nixops4_proto::tfplugin::v6::{self, function, schema};

use super::{Kind, Schemas};
use crate::cty::{MAX_DEPTH, Type};

/// Why a schema cannot be shown.
type Problem = String;

impl Schemas {
    /// The names of all that the plugin has.
    pub fn contents(&self) -> Contents {
        DocumentKind::NAMED
            .into_iter()
            .map(|kind| (kind, self.names(entry(kind)).map(str::to_owned).collect()))
            .filter(|(_, names): &(_, Vec<String>)| !names.is_empty())
            .collect()
    }

    /// One thing that the plugin has; `None` if it has no such thing.
    pub fn document(&self, kind: DocumentKind, name: &str) -> Result<Option<Document>, Problem> {
        if kind == DocumentKind::Function {
            let read = self.image().read::<v6::Function>(Kind::Function, name);
            return match read.map_err(|error| error.to_string())? {
                Some(message) => of_function(name, message).map(Some),
                None => Ok(None),
            };
        }
        let read = self.message(entry(kind), name);
        let Some(message) = read.map_err(|error| error.to_string())? else {
            return Ok(None);
        };
        let block = message.block.unwrap_or_default();
        let identity = match kind {
            DocumentKind::Resource => self.identity(name).ok().flatten(),
            _ => None,
        };
        Ok(Some(Document {
            description: text(&block.description),
            deprecated: deprecation(block.deprecated, &block.deprecation_message),
            schema_version: match kind {
                DocumentKind::Resource => u64::try_from(message.version).ok(),
                _ => None,
            },
            identity: identity.map(of_identity).transpose()?.unwrap_or_default(),
            fields: of_block(block, MAX_DEPTH)?,
            ..Document::new(kind, name)
        }))
    }
}

fn entry(kind: DocumentKind) -> Kind {
    match kind {
        DocumentKind::Provider => Kind::Provider,
        DocumentKind::Resource => Kind::Resource,
        DocumentKind::DataSource => Kind::DataSource,
        DocumentKind::Ephemeral => Kind::Ephemeral,
        DocumentKind::Function => Kind::Function,
        DocumentKind::Action => Kind::Action,
        DocumentKind::List => Kind::List,
        DocumentKind::StateStore => Kind::StateStore,
    }
}

fn of_block(block: schema::Block, depth: usize) -> Result<Vec<FieldDocument>, Problem> {
    let depth = depth.checked_sub(1).ok_or("it is nested too deeply")?;
    let mut fields = of_attributes(block.attributes, depth)?;
    for nested in block.block_types {
        fields.push(of_nested(nested, depth)?);
    }
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(fields)
}

fn of_attributes(
    attributes: Vec<schema::Attribute>,
    depth: usize,
) -> Result<Vec<FieldDocument>, Problem> {
    let mut fields = Vec::new();
    for attribute in attributes {
        let nested = attribute.nested_type.map(|object| of_object(object, depth));
        let nested = nested.transpose()?;
        let shape = match &nested {
            Some(nested) => shape_of(nested),
            None => parsed(&attribute.r#type)?,
        };
        fields.push(FieldDocument {
            description: text(&attribute.description),
            deprecated: deprecation(attribute.deprecated, &attribute.deprecation_message),
            name: attribute.name,
            shape,
            required: attribute.required,
            optional: attribute.optional,
            computed: attribute.computed,
            sensitive: attribute.sensitive,
            write_only: attribute.write_only,
            replaces: false,
            nested,
        });
    }
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(fields)
}

fn of_object(object: schema::Object, depth: usize) -> Result<NestedDocument, Problem> {
    use schema::object::NestingMode as Mode;
    let depth = depth.checked_sub(1).ok_or("it is nested too deeply")?;
    Ok(NestedDocument {
        block: false,
        nesting: match object.nesting() {
            Mode::Set => Nesting::Set,
            Mode::List => Nesting::List,
            Mode::Map => Nesting::Map,
            Mode::Single | Mode::Invalid => Nesting::Single,
        },
        min_items: 0,
        max_items: None,
        fields: of_attributes(object.attributes, depth)?,
    })
}

fn of_nested(nested: schema::NestedBlock, depth: usize) -> Result<FieldDocument, Problem> {
    use schema::nested_block::NestingMode as Mode;
    let nesting = match nested.nesting() {
        Mode::Group => Nesting::Group,
        Mode::List => Nesting::List,
        Mode::Set => Nesting::Set,
        Mode::Map => Nesting::Map,
        Mode::Single | Mode::Invalid => Nesting::Single,
    };
    let block = nested.block.unwrap_or_default();
    let (description, deprecated) = (
        text(&block.description),
        deprecation(block.deprecated, &block.deprecation_message),
    );
    let inside = NestedDocument {
        block: true,
        nesting,
        min_items: u64::try_from(nested.min_items).unwrap_or_default(),
        max_items: u64::try_from(nested.max_items).ok().filter(|max| *max > 0),
        fields: of_block(block, depth)?,
    };
    Ok(FieldDocument {
        name: nested.type_name,
        shape: shape_of(&inside),
        description,
        deprecated,
        required: inside.min_items > 0,
        optional: inside.min_items == 0,
        nested: Some(inside),
        ..FieldDocument::default()
    })
}

fn shape_of(nested: &NestedDocument) -> Shape {
    let fields = nested.fields.iter();
    let one = Shape::Object(
        fields
            .map(|field| (field.name.clone(), field.shape.clone()))
            .collect(),
    );
    match nested.nesting {
        Nesting::Single | Nesting::Group => one,
        Nesting::List => Shape::List(Box::new(one)),
        Nesting::Set => Shape::Set(Box::new(one)),
        Nesting::Map => Shape::Map(Box::new(one)),
    }
}

fn of_identity(identity: v6::ResourceIdentitySchema) -> Result<Vec<FieldDocument>, Problem> {
    let mut fields = Vec::new();
    for attribute in identity.identity_attributes {
        fields.push(FieldDocument {
            shape: parsed(&attribute.r#type)?,
            description: text(&attribute.description),
            required: attribute.required_for_import,
            optional: attribute.optional_for_import,
            name: attribute.name,
            ..FieldDocument::default()
        });
    }
    Ok(fields)
}

fn of_function(name: &str, message: v6::Function) -> Result<Document, Problem> {
    let parameter = |parameter: function::Parameter| {
        Ok::<_, Problem>(ParameterDocument {
            shape: parsed(&parameter.r#type)?,
            nullable: parameter.allow_null_value,
            description: text(&parameter.description),
            name: parameter.name,
        })
    };
    let parameters: Result<Vec<_>, _> = message.parameters.into_iter().map(parameter).collect();
    let paragraphs = [text(&message.summary), text(&message.description)];
    let said = paragraphs.into_iter().filter(|text| !text.is_empty());
    Ok(Document {
        description: said.collect::<Vec<_>>().join("\n\n"),
        deprecated: deprecation(
            !message.deprecation_message.is_empty(),
            &message.deprecation_message,
        ),
        function: Some(FunctionDocument {
            parameters: parameters?,
            variadic: message.variadic_parameter.map(parameter).transpose()?,
            returns: match message.r#return {
                Some(returned) => parsed(&returned.r#type)?,
                None => Shape::Any,
            },
        }),
        ..Document::new(DocumentKind::Function, name)
    })
}

fn parsed(bytes: &[u8]) -> Result<Shape, Problem> {
    let parsed = Type::parse(bytes).map_err(|error| error.to_string())?;
    Ok(shape(&parsed))
}

fn shape(of: &Type) -> Shape {
    match of {
        Type::String => Shape::String,
        Type::Number => Shape::Number,
        Type::Bool => Shape::Bool,
        Type::Dynamic => Shape::Any,
        Type::List(of) => Shape::List(Box::new(shape(of))),
        Type::Set(of) => Shape::Set(Box::new(shape(of))),
        Type::Map(of) => Shape::Map(Box::new(shape(of))),
        Type::Object(object) => {
            let fields = object.iter();
            Shape::Object(
                fields
                    .map(|(name, of)| (name.to_string(), shape(of)))
                    .collect(),
            )
        }
        Type::Tuple(of) => Shape::Tuple(of.iter().map(shape).collect()),
    }
}

fn text(description: &str) -> String {
    description.trim().to_owned()
}

fn deprecation(deprecated: bool, message: &str) -> Option<String> {
    deprecated.then(|| message.to_owned())
}
