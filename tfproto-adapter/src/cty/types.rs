//! The types of provider values and their JSON form.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, SerializeTuple, Serializer};

use super::value::{Names, nfc};

/// The type of a provider value. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// A Unicode string.
    String,
    /// A number of any precision.
    Number,
    /// A truth value.
    Bool,
    /// Any type; each value brings its own.
    Dynamic,
    /// A sequence of elements of one type.
    List(Arc<Type>),
    /// An unordered collection of distinct elements of one type.
    Set(Arc<Type>),
    /// Elements of one type under string keys.
    Map(Arc<Type>),
    /// Named attributes, each of its own type.
    Object(ObjectType),
    /// A sequence of fixed length, each position of its own type.
    Tuple(Arc<[Type]>),
}

/// The attributes of an object type, sorted by name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectType {
    names: Names,
    /// Invariant: as long as `names`, in the same order.
    types: Arc<[Type]>,
}

impl ObjectType {
    /// The attribute names, shared with the objects of this type.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The type of an attribute.
    pub fn get(&self, name: &str) -> Option<&Type> {
        self.names
            .position(name)
            .map(|position| &self.types[position])
    }

    /// The type of the attribute at a position of [`ObjectType::names`].
    pub fn type_at(&self, position: usize) -> &Type {
        &self.types[position]
    }

    /// The attributes in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Type)> {
        self.names.iter().zip(self.types.iter())
    }

    /// How many attributes there are.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Tells whether there is no attribute.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }
}

impl<N: AsRef<str>> FromIterator<(N, Type)> for ObjectType {
    /// Collects attributes; of two with one name the later wins.
    fn from_iter<I: IntoIterator<Item = (N, Type)>>(attributes: I) -> Self {
        let sorted: std::collections::BTreeMap<Arc<str>, Type> = attributes
            .into_iter()
            .map(|(name, ty)| (Arc::from(&*nfc(name.as_ref())), ty))
            .collect();
        let (names, types): (Vec<_>, Vec<_>) = sorted.into_iter().unzip();
        Self {
            names: Names::from_sorted(names),
            types: types.into(),
        }
    }
}

/// A type constraint that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("invalid type constraint: {0}")]
pub struct TypeError(#[from] serde_json::Error);

impl Type {
    /// A list of elements of a type.
    pub fn list(element: Type) -> Self {
        Self::List(Arc::new(element))
    }

    /// A set of elements of a type.
    pub fn set(element: Type) -> Self {
        Self::Set(Arc::new(element))
    }

    /// A map of elements of a type.
    pub fn map(element: Type) -> Self {
        Self::Map(Arc::new(element))
    }

    /// An object with the given attributes.
    pub fn object<N: AsRef<str>>(attributes: impl IntoIterator<Item = (N, Type)>) -> Self {
        Self::Object(attributes.into_iter().collect())
    }

    /// A tuple of the given types.
    pub fn tuple(types: impl IntoIterator<Item = Type>) -> Self {
        Self::Tuple(types.into_iter().collect())
    }

    /// Reads the JSON form that schemas and dynamic values use.
    ///
    /// The marks of optional object attributes are dropped: they only matter to conversions of
    /// configuration, never on the wire.
    pub fn parse(json: &[u8]) -> Result<Self, TypeError> {
        match json {
            // Most attributes of real schemas; worth not starting a JSON parser for.
            br#""string""# => Ok(Self::String),
            br#""bool""# => Ok(Self::Bool),
            br#""number""# => Ok(Self::Number),
            _ => Ok(serde_json::from_slice(json)?),
        }
    }

    /// The JSON form, compact, attribute names sorted.
    pub fn to_json(&self) -> String {
        // Serialising to a string fails only for maps with keys that are no strings.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Tells whether values of this type may bring types of their own, at any depth.
    pub fn contains_dynamic(&self) -> bool {
        match self {
            Self::Dynamic => true,
            Self::String | Self::Number | Self::Bool => false,
            Self::List(element) | Self::Set(element) | Self::Map(element) => {
                element.contains_dynamic()
            }
            Self::Object(object) => object.types.iter().any(Self::contains_dynamic),
            Self::Tuple(types) => types.iter().any(Self::contains_dynamic),
        }
    }

    fn primitive(name: &str) -> Option<Self> {
        match name {
            "string" => Some(Self::String),
            "number" => Some(Self::Number),
            "bool" => Some(Self::Bool),
            "dynamic" => Some(Self::Dynamic),
            _ => None,
        }
    }
}

impl fmt::Display for Type {
    /// Writes the type as Terraform's documentation does, for example `list(string)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::String => f.write_str("string"),
            Self::Number => f.write_str("number"),
            Self::Bool => f.write_str("bool"),
            Self::Dynamic => f.write_str("any"),
            Self::List(element) => write!(f, "list({element})"),
            Self::Set(element) => write!(f, "set({element})"),
            Self::Map(element) => write!(f, "map({element})"),
            Self::Object(object) => {
                f.write_str("object({")?;
                for (position, (name, ty)) in object.iter().enumerate() {
                    let separator = if position == 0 { "" } else { ", " };
                    write!(f, "{separator}{name} = {ty}")?;
                }
                f.write_str("})")
            }
            Self::Tuple(types) => {
                f.write_str("tuple([")?;
                for (position, ty) in types.iter().enumerate() {
                    let separator = if position == 0 { "" } else { ", " };
                    write!(f, "{separator}{ty}")?;
                }
                f.write_str("])")
            }
        }
    }
}

impl Serialize for Type {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String => serializer.serialize_str("string"),
            Self::Number => serializer.serialize_str("number"),
            Self::Bool => serializer.serialize_str("bool"),
            Self::Dynamic => serializer.serialize_str("dynamic"),
            Self::List(element) => pair(serializer, "list", element.as_ref()),
            Self::Set(element) => pair(serializer, "set", element.as_ref()),
            Self::Map(element) => pair(serializer, "map", element.as_ref()),
            Self::Object(object) => pair(serializer, "object", object),
            Self::Tuple(types) => pair(serializer, "tuple", &TupleTypes(types)),
        }
    }
}

fn pair<S: Serializer>(s: S, kind: &str, of: &impl Serialize) -> Result<S::Ok, S::Error> {
    let mut pair = s.serialize_tuple(2)?;
    pair.serialize_element(kind)?;
    pair.serialize_element(of)?;
    pair.end()
}

struct TupleTypes<'a>(&'a [Type]);

impl Serialize for TupleTypes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut types = serializer.serialize_seq(Some(self.0.len()))?;
        for ty in self.0 {
            types.serialize_element(ty)?;
        }
        types.end()
    }
}

impl Serialize for ObjectType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, ty) in self.iter() {
            map.serialize_entry(&**name, ty)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Type {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TypeVisitor)
    }
}

struct TypeVisitor;

impl<'de> Visitor<'de> for TypeVisitor {
    type Value = Type;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a type name or an array that starts with one")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Type, E> {
        Type::primitive(name).ok_or_else(|| E::custom(format_args!("unknown type {name:?}")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Type, A::Error> {
        let kind: String = next(&mut seq, "the kind of type")?;
        let ty = match kind.as_str() {
            "list" => Type::list(next(&mut seq, "the element type")?),
            "set" => Type::set(next(&mut seq, "the element type")?),
            "map" => Type::map(next(&mut seq, "the element type")?),
            "object" => object(&mut seq)?,
            "tuple" => Type::tuple(next::<Vec<Type>, _>(&mut seq, "the types of the tuple")?),
            _ => {
                return Err(A::Error::custom(format_args!(
                    "unknown kind of type {kind:?}"
                )));
            }
        };
        match seq.next_element::<IgnoredAny>()? {
            Some(_) => Err(A::Error::custom(format_args!(
                "too many elements after {kind:?}"
            ))),
            None => Ok(ty),
        }
    }
}

fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    seq: &mut A,
    what: &str,
) -> Result<T, A::Error> {
    seq.next_element()?
        .ok_or_else(|| A::Error::custom(format_args!("{what} is missing")))
}

fn object<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Type, A::Error> {
    let Attributes(object) = next(seq, "the attributes of the object")?;
    let optional: Option<Vec<String>> = seq.next_element()?;
    for name in optional.unwrap_or_default() {
        if object.get(&nfc(&name)).is_none() {
            let problem = format_args!("optional attribute {name:?} is not in the object type");
            return Err(A::Error::custom(problem));
        }
    }
    Ok(Type::Object(object))
}

struct Attributes(ObjectType);

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AttributesVisitor)
    }
}

struct AttributesVisitor;

impl<'de> Visitor<'de> for AttributesVisitor {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attribute types")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let mut attributes: Vec<(String, Type)> = Vec::new();
        while let Some(attribute) = map.next_entry()? {
            attributes.push(attribute);
        }
        let count = attributes.len();
        let object: ObjectType = attributes.into_iter().collect();
        match object.len() == count {
            true => Ok(Attributes(object)),
            false => Err(A::Error::custom("an attribute name occurs twice")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &str) -> String {
        Type::parse(json.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn every_kind_reads_and_prints_its_json_form() {
        for json in [
            r#""string""#,
            r#""number""#,
            r#""bool""#,
            r#""dynamic""#,
            r#"["list","string"]"#,
            r#"["set",["map","bool"]]"#,
            r#"["object",{"a":"number","b":["list","dynamic"]}]"#,
            r#"["object",{}]"#,
            r#"["tuple",["string",["tuple",[]]]]"#,
        ] {
            assert_eq!(Type::parse(json.as_bytes()).unwrap().to_json(), json);
        }
    }

    #[test]
    fn white_space_and_attribute_order_do_not_matter() {
        let ty = Type::parse(b" [ \"object\" , {\"b\" : \"bool\",\n\"a\":\"string\"} ] ").unwrap();
        assert_eq!(ty.to_json(), r#"["object",{"a":"string","b":"bool"}]"#);
    }

    #[test]
    fn optional_marks_are_dropped_at_every_depth() {
        let ty = Type::parse(
            br#"["list",["object",{"a":["object",{"c":"bool"},["c"]],"b":"bool"},["a"]]]"#,
        );
        assert_eq!(
            ty.unwrap().to_json(),
            r#"["list",["object",{"a":["object",{"c":"bool"}],"b":"bool"}]]"#
        );
    }

    #[test]
    fn bad_constraints_are_refused_with_a_reason() {
        assert!(error(r#""capsule""#).contains("unknown type \"capsule\""));
        assert!(error(r#"["bag","string"]"#).contains("unknown kind of type \"bag\""));
        assert!(error(r#"["list"]"#).contains("the element type is missing"));
        assert!(error(r#"["list","string","bool"]"#).contains("too many elements after \"list\""));
        assert!(error(r#"["object",{"a":"bool"},["b"]]"#).contains("optional attribute \"b\""));
        assert!(error(r#"["object",{"a":"bool","a":"bool"}]"#).contains("occurs twice"));
        assert!(error("7").contains("a type name or an array"));
        assert!(error("").starts_with("invalid type constraint: EOF"));
        assert!(error(&"[\"list\",".repeat(100_000)).contains("recursion limit"));
    }

    #[test]
    fn types_read_well_in_messages() {
        let ty = Type::object([
            ("b", Type::tuple([Type::Bool, Type::Dynamic])),
            ("a", Type::list(Type::String)),
        ]);
        assert_eq!(
            ty.to_string(),
            "object({a = list(string), b = tuple([bool, any])})"
        );
    }
}
