//! What a native program says of itself, in the shape that is shown to people.

use std::collections::BTreeMap;

use nixops4_proto::native::{
    DataSourceSpec, Described, InputSpec, OutputSpec, ParameterSpec, ResourceTypeSpec, ValueType,
};

use super::{NativeProvider, Spec};
use crate::diagnostic::Diagnostic;
use crate::provider::document::{
    Contents, Document, DocumentKind, FieldDocument, FunctionDocument, NestedDocument, Nesting,
    ParameterDocument, Shape,
};
use crate::provider::{Failure, Mode};

impl NativeProvider {
    /// The names of what it has.
    pub(super) async fn names(&self) -> Result<Contents, Failure> {
        let mut contents = Contents::new();
        if let Some(described) = self.described().await? {
            let names = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>();
            let resources = names(described.resource_types.keys().collect());
            contents.insert(DocumentKind::Resource, resources);
            let sources = names(described.data_sources.keys().collect());
            contents.insert(DocumentKind::DataSource, sources);
            let functions = names(described.functions.keys().collect());
            contents.insert(DocumentKind::Function, functions);
            contents.retain(|_, names| !names.is_empty());
        }
        Ok(contents)
    }

    /// One thing that it has.
    pub(super) async fn told(&self, kind: DocumentKind, name: &str) -> Result<Document, Failure> {
        let mode = match kind {
            DocumentKind::Provider => {
                let nothing = Described::default();
                let described = self.described().await?.unwrap_or(&nothing);
                return Ok(Document {
                    fields: inputs(&described.config),
                    ..Document::new(kind, "")
                });
            }
            DocumentKind::Function => return self.told_function(name).await,
            DocumentKind::Resource => Mode::Managed,
            DocumentKind::DataSource => Mode::Data,
            _ => {
                let text = format!("native providers have no {}", kind.plural());
                return Err(Diagnostic::error(text).into());
            }
        };
        Ok(match self.spec(mode, name).await? {
            Spec::Resource(spec) => resource(name, &spec),
            Spec::Data(spec) => data_source(name, &spec),
            Spec::Unknown => Document {
                open: true,
                description: "A program of an earlier version does not describe its types."
                    .to_owned(),
                ..Document::new(kind, name)
            },
        })
    }
}

impl NativeProvider {
    async fn told_function(&self, name: &str) -> Result<Document, Failure> {
        let described = self.described().await?;
        let Some(spec) = described.and_then(|described| described.functions.get(name)) else {
            let text = format!("there is no function `{name}`");
            return Err(Diagnostic::error(text).into());
        };
        let function = FunctionDocument {
            parameters: spec.parameters.iter().map(parameter).collect(),
            variadic: spec.variadic.as_ref().map(parameter),
            returns: Shape::Any,
        };
        Ok(Document {
            description: spec.description.clone(),
            function: Some(function),
            ..Document::new(DocumentKind::Function, name)
        })
    }
}

fn parameter(spec: &ParameterSpec) -> ParameterDocument {
    ParameterDocument {
        name: spec.name.clone(),
        shape: shape(&spec.value_type),
        nullable: spec.allow_null,
        description: spec.description.clone(),
    }
}

fn resource(name: &str, spec: &ResourceTypeSpec) -> Document {
    Document {
        description: spec.description.clone(),
        schema_version: Some(spec.schema_version),
        fields: fields(&spec.inputs, &spec.outputs),
        open: spec.open_inputs || spec.open_outputs,
        ..Document::new(DocumentKind::Resource, name)
    }
}

fn data_source(name: &str, spec: &DataSourceSpec) -> Document {
    Document {
        description: spec.description.clone(),
        fields: fields(&spec.inputs, &spec.outputs),
        open: spec.open_inputs || spec.open_outputs,
        ..Document::new(DocumentKind::DataSource, name)
    }
}

/// Inputs and outputs; an output of the name of an input is the same field.
fn fields(
    specs: &BTreeMap<String, InputSpec>,
    outputs: &BTreeMap<String, OutputSpec>,
) -> Vec<FieldDocument> {
    let mut fields = inputs(specs);
    for field in &mut fields {
        field.computed = outputs.contains_key(&field.name) && !field.required;
    }
    let reported = outputs
        .iter()
        .filter(|(name, _)| !specs.contains_key(*name));
    fields.extend(reported.map(|(name, spec)| FieldDocument {
        name: name.clone(),
        shape: shape(&spec.value_type),
        description: spec.description.clone(),
        computed: true,
        sensitive: spec.sensitive,
        ..FieldDocument::default()
    }));
    fields
}

fn inputs(specs: &BTreeMap<String, InputSpec>) -> Vec<FieldDocument> {
    let field = |(name, spec): (&String, &InputSpec)| FieldDocument {
        name: name.clone(),
        shape: shape(&spec.value_type),
        description: spec.description.clone(),
        required: spec.required,
        optional: !spec.required,
        sensitive: spec.sensitive,
        replaces: spec.replaces,
        nested: nested(&spec.value_type),
        ..FieldDocument::default()
    };
    specs.iter().map(field).collect()
}

/// What is inside, where that is objects with fields.
fn nested(value_type: &ValueType) -> Option<NestedDocument> {
    let (nesting, specs) = match value_type {
        ValueType::Object(specs) => (Nesting::Single, specs),
        ValueType::List(of) => match &**of {
            ValueType::Object(specs) => (Nesting::List, specs),
            _ => return None,
        },
        ValueType::Map(of) => match &**of {
            ValueType::Object(specs) => (Nesting::Map, specs),
            _ => return None,
        },
        _ => return None,
    };
    Some(NestedDocument {
        block: false,
        nesting,
        min_items: 0,
        max_items: None,
        fields: inputs(specs),
    })
}

fn shape(value_type: &ValueType) -> Shape {
    match value_type {
        ValueType::Any => Shape::Any,
        ValueType::Bool => Shape::Bool,
        ValueType::Integer => Shape::Integer,
        ValueType::Number => Shape::Number,
        ValueType::String => Shape::String,
        ValueType::List(of) => Shape::List(Box::new(shape(of))),
        ValueType::Map(of) => Shape::Map(Box::new(shape(of))),
        ValueType::Object(specs) => {
            let fields = specs.iter();
            Shape::Object(
                fields
                    .map(|(name, spec)| (name.clone(), shape(&spec.value_type)))
                    .collect(),
            )
        }
        ValueType::OneOf(of) => Shape::OneOf(of.iter().map(shape).collect()),
    }
}
