//! What a provider says of itself, for people: every type with its fields, their types and what
//! they are for. The same shape for every kind of provider; nothing is planned with it.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// What kind of thing is described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DocumentKind {
    /// The provider's own configuration.
    Provider,
    /// A resource type.
    Resource,
    /// A data source.
    DataSource,
    /// An ephemeral resource type.
    Ephemeral,
    /// A function.
    Function,
    /// An action.
    Action,
    /// A resource type that can be searched.
    List,
    /// A state store.
    StateStore,
}

impl DocumentKind {
    /// All that have names.
    pub const NAMED: [Self; 7] = [
        Self::Resource,
        Self::DataSource,
        Self::Ephemeral,
        Self::Function,
        Self::Action,
        Self::List,
        Self::StateStore,
    ];

    /// In words, for one.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Provider => "configuration",
            Self::Resource => "resource type",
            Self::DataSource => "data source",
            Self::Ephemeral => "ephemeral resource type",
            Self::Function => "function",
            Self::Action => "action",
            Self::List => "searchable resource type",
            Self::StateStore => "state store",
        }
    }

    /// In words, for several.
    pub fn plural(self) -> String {
        format!("{}s", self.singular())
    }
}

/// The names of what a provider has.
pub type Contents = BTreeMap<DocumentKind, Vec<String>>;

/// One thing that a provider has.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// Its name; empty for the provider's own configuration.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What the provider says if it is deprecated; may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// Version of the form of its state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_version: Option<u64>,
    /// What the user sets; also what the provider reports, where it does not tell these apart.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldDocument>,
    /// Whether there may be others.
    pub open: bool,
    /// What identifies an object, where the provider tells.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identity: Vec<FieldDocument>,
    /// How it is called, for a function.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionDocument>,
}

impl Document {
    /// Nothing is known of it but its name.
    pub fn new(kind: DocumentKind, name: &str) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            description: String::new(),
            deprecated: None,
            schema_version: None,
            fields: Vec::new(),
            open: false,
            identity: Vec::new(),
            function: None,
        }
    }
}

/// An attribute, or blocks of one type.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldDocument {
    /// Its name.
    pub name: String,
    /// What values it has.
    #[serde(rename = "type")]
    pub shape: Shape,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The user must set it.
    #[serde(skip_serializing_if = "is_false")]
    pub required: bool,
    /// The user may set it.
    #[serde(skip_serializing_if = "is_false")]
    pub optional: bool,
    /// The provider decides, alone or where the user does not.
    #[serde(skip_serializing_if = "is_false")]
    pub computed: bool,
    /// It is secret.
    #[serde(skip_serializing_if = "is_false")]
    pub sensitive: bool,
    /// It is never remembered.
    #[serde(skip_serializing_if = "is_false")]
    pub write_only: bool,
    /// A change of it needs another object.
    #[serde(skip_serializing_if = "is_false")]
    pub replaces: bool,
    /// What the provider says if it is deprecated; may be empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<String>,
    /// What is inside, where the provider tells more than types.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nested: Option<NestedDocument>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_false(value: &bool) -> bool {
    !value
}

/// What is inside a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NestedDocument {
    /// Whether these are blocks, which cannot be null.
    pub block: bool,
    /// How the occurrences are told apart.
    pub nesting: Nesting,
    /// How many there must be.
    pub min_items: u64,
    /// How many there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_items: Option<u64>,
    /// What is in one.
    pub fields: Vec<FieldDocument>,
}

/// How often something nested occurs, and how the occurrences are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Nesting {
    /// At most once.
    Single,
    /// Exactly once, whether written or not.
    Group,
    /// In order.
    List,
    /// Without order.
    Set,
    /// By key.
    Map,
}

/// What values there can be.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Shape {
    /// Anything.
    #[default]
    Any,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// Text.
    String,
    /// In order.
    List(Box<Shape>),
    /// Without order.
    Set(Box<Shape>),
    /// By key.
    Map(Box<Shape>),
    /// These attributes.
    Object(BTreeMap<String, Shape>),
    /// A list with these elements.
    Tuple(Vec<Shape>),
    /// Any of several.
    OneOf(Vec<Shape>),
}

impl fmt::Display for Shape {
    /// In words, as a Nix user would say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |shapes: &[Self], between: &str| {
            let words: Vec<_> = shapes.iter().map(ToString::to_string).collect();
            words.join(between)
        };
        match self {
            Self::Any => f.write_str("anything"),
            Self::Bool => f.write_str("bool"),
            Self::Integer => f.write_str("integer"),
            Self::Number => f.write_str("number"),
            Self::String => f.write_str("string"),
            Self::List(of) => write!(f, "list of {of}"),
            Self::Set(of) => write!(f, "set of {of}"),
            Self::Map(of) => write!(f, "attribute set of {of}"),
            Self::Object(fields) => {
                f.write_str("{ ")?;
                for (name, shape) in fields {
                    write!(f, "{name}: {shape}; ")?;
                }
                f.write_str("}")
            }
            Self::Tuple(of) => write!(f, "[ {} ]", words(of, " ")),
            Self::OneOf(of) => f.write_str(&words(of, " or ")),
        }
    }
}

/// How a function is called.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunctionDocument {
    /// What it takes, in order.
    pub parameters: Vec<ParameterDocument>,
    /// What it takes beyond, any number of times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variadic: Option<ParameterDocument>,
    /// What it gives.
    pub returns: Shape,
}

/// A parameter of a function.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParameterDocument {
    /// Its name.
    pub name: String,
    /// What values it takes.
    #[serde(rename = "type")]
    pub shape: Shape,
    /// Whether `null` is one of them.
    pub nullable: bool,
    /// What it is for.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
}
