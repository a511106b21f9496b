//! What the provider has.

use std::collections::BTreeMap;

use nixops4_proto::tfplugin::v6;
use nixops4_tfproto::cty::Type;
use v6::schema::{Attribute, Block, NestedBlock, Object, nested_block, object};

use super::{Answered, Provider};

/// What an attribute can be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Required,
    Optional,
    Computed,
    OptionalComputed,
}
use Is::{Computed, Optional, OptionalComputed, Required};

fn attribute(name: &str, ty: &str, is: Is) -> Attribute {
    Attribute {
        name: name.to_owned(),
        r#type: ty.as_bytes().to_vec(),
        required: is == Required,
        optional: matches!(is, Optional | OptionalComputed),
        computed: matches!(is, Computed | OptionalComputed),
        description: format!("The {name}."),
        ..Attribute::default()
    }
}

const STRING: &str = r#""string""#;
const NUMBER: &str = r#""number""#;
const BOOL: &str = r#""bool""#;

fn nested(name: &str, nesting: object::NestingMode, attributes: Vec<Attribute>) -> Attribute {
    Attribute {
        r#type: Vec::new(),
        nested_type: Some(Object {
            attributes,
            nesting: nesting.into(),
            ..Object::default()
        }),
        ..attribute(name, "", Optional)
    }
}

fn block(
    name: &str,
    nesting: nested_block::NestingMode,
    attributes: Vec<Attribute>,
) -> NestedBlock {
    NestedBlock {
        type_name: name.to_owned(),
        block: Some(Block {
            attributes,
            ..Block::default()
        }),
        nesting: nesting.into(),
        ..NestedBlock::default()
    }
}

fn schema(version: i64, attributes: Vec<Attribute>, block_types: Vec<NestedBlock>) -> v6::Schema {
    v6::Schema {
        version,
        block: Some(Block {
            attributes,
            block_types,
            ..Block::default()
        }),
    }
}

/// What may be told with every call.
pub fn provider_meta() -> v6::Schema {
    schema(0, vec![attribute("module", STRING, Optional)], Vec::new())
}

fn thing(version: i64, with_nested: bool) -> v6::Schema {
    let mut attributes = vec![
        attribute("id", STRING, Computed),
        // Changing it forces a replacement.
        attribute("name", STRING, Required),
        attribute("size", NUMBER, Optional),
        attribute("enabled", BOOL, OptionalComputed),
        attribute("tags", r#"["map","string"]"#, Optional),
        attribute("ports", r#"["list","number"]"#, Optional),
        attribute("labels", r#"["set","string"]"#, Optional),
        attribute("extra", r#""dynamic""#, Optional),
        attribute("note", STRING, OptionalComputed),
        // Counts updates.
        attribute("revision", NUMBER, Computed),
        Attribute {
            sensitive: true,
            ..attribute("secret", STRING, Optional)
        },
        Attribute {
            write_only: true,
            ..attribute("password", STRING, Optional)
        },
        Attribute {
            deprecated: true,
            deprecation_message: "Use size.".to_owned(),
            ..attribute("volume", NUMBER, Optional)
        },
    ];
    if with_nested {
        attributes.push(nested(
            "settings",
            object::NestingMode::Single,
            vec![
                attribute("mode", STRING, Optional),
                attribute("level", NUMBER, OptionalComputed),
            ],
        ));
        attributes.push(nested(
            "disks",
            object::NestingMode::List,
            vec![
                attribute("size", NUMBER, Required),
                attribute("device", STRING, Computed),
            ],
        ));
    }
    let blocks = vec![
        block(
            "rule",
            nested_block::NestingMode::List,
            vec![
                attribute("port", NUMBER, Required),
                attribute("cidr", STRING, Optional),
            ],
        ),
        block(
            "timeouts",
            nested_block::NestingMode::Single,
            vec![attribute("create", STRING, Optional)],
        ),
    ];
    schema(version, attributes, blocks)
}

fn wide(count: usize) -> v6::Schema {
    let mut attributes = vec![attribute("id", STRING, Computed)];
    attributes.extend((0..count).map(|i| attribute(&format!("a{i}"), STRING, Optional)));
    schema(0, attributes, Vec::new())
}

/// The data sources.
pub fn data_sources() -> BTreeMap<String, v6::Schema> {
    let thing = vec![
        attribute("name", STRING, Required),
        attribute("id", STRING, Computed),
        attribute("size", NUMBER, Computed),
    ];
    let echo = vec![
        attribute("input", STRING, Required),
        attribute("output", STRING, Computed),
    ];
    BTreeMap::from([
        ("fake_thing".to_owned(), schema(0, thing, Vec::new())),
        ("fake_echo".to_owned(), schema(0, echo, Vec::new())),
    ])
}

/// The provider's own configuration.
pub fn provider() -> v6::Schema {
    let attributes = vec![
        attribute("endpoint", STRING, Optional),
        attribute("region", STRING, Optional),
        Attribute {
            sensitive: true,
            ..attribute("token", STRING, Optional)
        },
    ];
    schema(0, attributes, Vec::new())
}

/// The ephemeral resource.
pub fn ephemeral() -> v6::Schema {
    let attributes = vec![
        attribute("length", NUMBER, Optional),
        Attribute {
            sensitive: true,
            ..attribute("value", STRING, Computed)
        },
    ];
    schema(0, attributes, Vec::new())
}

/// The configuration of a search.
pub fn list() -> v6::Schema {
    schema(0, vec![attribute("prefix", STRING, Optional)], Vec::new())
}

/// The configuration of the action.
pub fn action() -> v6::Schema {
    let attributes = vec![
        attribute("message", STRING, Required),
        attribute("count", NUMBER, Optional),
    ];
    schema(0, attributes, Vec::new())
}

fn state_store() -> v6::Schema {
    schema(0, vec![attribute("prefix", STRING, Optional)], Vec::new())
}

fn functions() -> BTreeMap<String, v6::Function> {
    let parameter = |name: &str, ty: &str, any: bool| v6::function::Parameter {
        name: name.to_owned(),
        r#type: ty.as_bytes().to_vec(),
        allow_null_value: any,
        allow_unknown_values: any,
        ..v6::function::Parameter::default()
    };
    let function = |parameters, variadic_parameter| v6::Function {
        parameters,
        variadic_parameter,
        r#return: Some(v6::function::Return {
            r#type: STRING.as_bytes().to_vec(),
        }),
        summary: "A function.".to_owned(),
        ..v6::Function::default()
    };
    let separator = parameter("separator", STRING, false);
    let parts = parameter("parts", STRING, false);
    BTreeMap::from([
        ("join".to_owned(), function(vec![separator], Some(parts))),
        (
            "describe".to_owned(),
            function(vec![parameter("value", r#""dynamic""#, true)], None),
        ),
        (
            "fail".to_owned(),
            function(vec![parameter("text", STRING, false)], None),
        ),
    ])
}

/// The identity of things.
pub fn identity() -> v6::ResourceIdentitySchema {
    v6::ResourceIdentitySchema {
        version: 1,
        identity_attributes: vec![v6::resource_identity_schema::IdentityAttribute {
            name: "id".to_owned(),
            r#type: STRING.as_bytes().to_vec(),
            required_for_import: true,
            ..Default::default()
        }],
    }
}

/// The type of the values that follow a schema.
pub fn implied(schema: &v6::Schema) -> Type {
    schema
        .block
        .as_ref()
        .map_or_else(|| Type::object::<&str>([]), block_type)
}

fn block_type(block: &Block) -> Type {
    let attributes = block
        .attributes
        .iter()
        .map(|a| (a.name.clone(), attribute_type(a)));
    let blocks = block.block_types.iter().map(|nested| {
        let inner = nested.block.as_ref().map_or(Type::Dynamic, block_type);
        let ty = match nested.nesting() {
            nested_block::NestingMode::List => Type::list(inner),
            nested_block::NestingMode::Set => Type::set(inner),
            nested_block::NestingMode::Map => Type::map(inner),
            _ => inner,
        };
        (nested.type_name.clone(), ty)
    });
    Type::object(attributes.chain(blocks))
}

fn attribute_type(attribute: &Attribute) -> Type {
    let Some(nested) = &attribute.nested_type else {
        return Type::parse(&attribute.r#type).unwrap_or(Type::Dynamic);
    };
    let inner = Type::object(
        nested
            .attributes
            .iter()
            .map(|a| (a.name.clone(), attribute_type(a))),
    );
    match nested.nesting() {
        object::NestingMode::List => Type::list(inner),
        object::NestingMode::Set => Type::set(inner),
        object::NestingMode::Map => Type::map(inner),
        _ => inner,
    }
}

impl Provider {
    /// The managed resource types.
    pub(super) fn resources(&self) -> BTreeMap<String, v6::Schema> {
        let thing = thing(self.schema_version, self.nested);
        let mut resources = BTreeMap::from([("fake_thing".to_owned(), thing)]);
        if self.wide > 0 {
            resources.insert("fake_wide".to_owned(), wide(self.wide));
        }
        resources
    }

    fn capabilities(&self) -> v6::ServerCapabilities {
        let with = |name: &str| !self.without.iter().any(|without| without == name);
        v6::ServerCapabilities {
            plan_destroy: with("plan_destroy"),
            get_provider_schema_optional: with("get_provider_schema_optional"),
            move_resource_state: with("move_resource_state"),
            generate_resource_config: with("generate_resource_config"),
        }
    }

    /// Lists the names of everything.
    pub fn metadata(&self, _: v6::get_metadata::Request) -> Answered<v6::get_metadata::Response> {
        use v6::get_metadata::*;
        let schema = self.schema(v6::get_provider_schema::Request {})?;
        macro_rules! types {
            ($map:ident as $message:ident) => {
                schema
                    .$map
                    .into_keys()
                    .map(|type_name| $message { type_name })
                    .collect()
            };
        }
        Ok(Response {
            server_capabilities: schema.server_capabilities,
            diagnostics: Vec::new(),
            data_sources: types!(data_source_schemas as DataSourceMetadata),
            resources: types!(resource_schemas as ResourceMetadata),
            functions: schema
                .functions
                .into_keys()
                .map(|name| FunctionMetadata { name })
                .collect(),
            ephemeral_resources: types!(ephemeral_resource_schemas as EphemeralMetadata),
            list_resources: types!(list_resource_schemas as ListResourceMetadata),
            state_stores: types!(state_store_schemas as StateStoreMetadata),
            actions: types!(action_schemas as ActionMetadata),
        })
    }

    /// Describes everything.
    pub fn schema(
        &self,
        _: v6::get_provider_schema::Request,
    ) -> Answered<v6::get_provider_schema::Response> {
        let one = |name: &str, schema| BTreeMap::from([(name.to_owned(), schema)]);
        Ok(v6::get_provider_schema::Response {
            provider: Some(provider()),
            resource_schemas: self.resources(),
            data_source_schemas: data_sources(),
            functions: functions(),
            ephemeral_resource_schemas: one("fake_token", ephemeral()),
            list_resource_schemas: one("fake_thing", list()),
            state_store_schemas: one("fake_store", state_store()),
            action_schemas: BTreeMap::from([(
                "fake_ping".to_owned(),
                v6::ActionSchema {
                    schema: Some(action()),
                },
            )]),
            diagnostics: Vec::new(),
            provider_meta: Some(provider_meta()),
            server_capabilities: Some(self.capabilities()),
        })
    }

    /// Describes functions again: a configured provider has no more than an unconfigured one.
    pub fn functions(
        &self,
        _: v6::get_functions::Request,
    ) -> Answered<v6::get_functions::Response> {
        Ok(v6::get_functions::Response {
            functions: functions(),
            diagnostics: Vec::new(),
        })
    }

    /// Describes the identity of things.
    pub fn identity_schemas(
        &self,
        _: v6::get_resource_identity_schemas::Request,
    ) -> Answered<v6::get_resource_identity_schemas::Response> {
        Ok(v6::get_resource_identity_schemas::Response {
            identity_schemas: BTreeMap::from([("fake_thing".to_owned(), identity())]),
            diagnostics: Vec::new(),
        })
    }
}
