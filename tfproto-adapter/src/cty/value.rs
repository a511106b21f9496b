//! Values of provider types: null, unknown or known, at every depth.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use super::{Number, Path, Step, Type};

/// A value of some type that the holder knows from the schema.
///
/// `==` is deep and structural: unknown equals unknown with the same refinements, sets compare
/// without regard to the order they were written in. Whether two values are *certainly* equal
/// once everything is known is [`Value::certainly_equal`].
///
/// The order is that in which Terraform iterates over sets: known before null before unknown,
/// false before true, numbers ascending, strings by their bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string in normal form C. Make it with [`Value::string`].
    String(String),
    /// The elements of a list.
    List(Vec<Value>),
    /// The elements of a set.
    Set(Set),
    /// The elements of a map by key.
    Map(BTreeMap<String, Value>),
    /// The attributes of an object.
    Object(Object),
    /// The elements of a tuple.
    Tuple(Vec<Value>),
    /// A value at a dynamic position, with the type chosen for it.
    Dynamic(Box<DynamicValue>),
    /// The null value; at a dynamic position one without a type.
    Null,
    /// A value that is not known yet, with what is known about it.
    Unknown(Option<Box<Refinements>>),
}

/// A value together with its type. Invariant: `ty` is not [`Type::Dynamic`] itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DynamicValue {
    /// The type of the value.
    pub ty: Type,
    /// The value.
    pub value: Value,
}

/// What is known about an unknown value.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refinements {
    /// The value will not be null.
    pub not_null: bool,
    /// What the string will start with.
    pub prefix: Option<String>,
    /// The smallest number it may be.
    pub lower: Option<Bound>,
    /// The greatest number it may be.
    pub upper: Option<Bound>,
    /// The fewest elements it will have.
    pub min_length: Option<u64>,
    /// The most elements it will have.
    pub max_length: Option<u64>,
}

/// One end of a range of numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound {
    /// The end.
    pub number: Number,
    /// Whether the end itself is in the range.
    pub inclusive: bool,
}

/// The sorted names of an object's attributes, shared between the type and its values.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Names(Arc<Vec<Arc<str>>>);

/// The attributes of an object value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Object {
    names: Names,
    /// Invariant: as long as `names`, in the same order.
    values: Box<[Value]>,
}

/// The elements of a set. Invariant: sorted; no two wholly known elements are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Set(Vec<Value>);

/// Brings a string into the normal form in which strings are compared and sent.
pub fn nfc(text: &str) -> Cow<'_, str> {
    match text.is_ascii() || unicode_normalization::is_nfc(text) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.nfc().collect()),
    }
}

impl Ord for Names {
    fn cmp(&self, other: &Self) -> Ordering {
        // The elements of a collection share their names, and sets are sorted.
        match Arc::ptr_eq(&self.0, &other.0) {
            true => Ordering::Equal,
            false => self.0.cmp(&other.0),
        }
    }
}

impl PartialOrd for Names {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Names {
    /// Invariant: the names are sorted and distinct.
    pub(super) fn from_sorted(names: Vec<Arc<str>>) -> Self {
        Self(Arc::new(names))
    }

    /// Where a name is, if it is there.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.0.binary_search_by(|probe| (**probe).cmp(name)).ok()
    }

    /// The names in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<str>> {
        self.0.iter()
    }

    /// The name at a position.
    pub fn at(&self, position: usize) -> &Arc<str> {
        &self.0[position]
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Object {
    /// Makes an object of a known type from its attributes in the order of their names.
    ///
    /// Returns nothing if the counts differ.
    pub fn from_values(names: &Names, values: Vec<Value>) -> Option<Self> {
        (names.len() == values.len()).then(|| Self {
            names: names.clone(),
            values: values.into(),
        })
    }

    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.names
            .position(name)
            .map(|position| &self.values[position])
    }

    /// The value of an attribute, to be changed in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.names
            .position(name)
            .map(|position| &mut self.values[position])
    }

    /// The attributes in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Value)> {
        self.names.iter().zip(self.values.iter())
    }

    /// The attributes in the order of their names, to be changed in place.
    pub fn iter_mut(&mut self) -> impl ExactSizeIterator<Item = (&Arc<str>, &mut Value)> {
        self.names.iter().zip(self.values.iter_mut())
    }

    /// The names of the attributes.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The values in the order of the names.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// Takes the object apart into its values, in the order of the names.
    pub fn into_values(self) -> Vec<Value> {
        self.values.into_vec()
    }
}

impl<N: AsRef<str>> FromIterator<(N, Value)> for Object {
    /// Collects attributes; of two with one name the later wins.
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(attributes: I) -> Self {
        let sorted: BTreeMap<Arc<str>, Value> = attributes
            .into_iter()
            .map(|(name, value)| (Arc::from(&*nfc(name.as_ref())), value))
            .collect();
        let (names, values): (Vec<_>, Vec<_>) = sorted.into_iter().unzip();
        Self {
            names: Names::from_sorted(names),
            values: values.into(),
        }
    }
}

impl Set {
    /// The elements in the set's own order.
    pub fn iter(&self) -> std::slice::Iter<'_, Value> {
        self.0.iter()
    }

    /// The elements in the set's own order.
    pub fn as_slice(&self) -> &[Value] {
        &self.0
    }

    /// Takes the set apart.
    pub fn into_vec(self) -> Vec<Value> {
        self.0
    }

    /// How many elements there are; at most so many if one of them is not wholly known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether a wholly known element is in the set.
    pub fn contains(&self, element: &Value) -> bool {
        element.is_wholly_known() && self.0.binary_search(element).is_ok()
    }
}

impl FromIterator<Value> for Set {
    /// Collects elements; those that are wholly known and equal become one.
    fn from_iter<I: IntoIterator<Item = Value>>(elements: I) -> Self {
        let mut elements: Vec<Value> = elements.into_iter().collect();
        // Many senders have them in this order already.
        if !elements.is_sorted_by(|one, next| one < next) {
            elements.sort();
            elements.dedup_by(|next, kept| next == kept && next.is_wholly_known());
        }
        Self(elements)
    }
}

impl IntoIterator for Set {
    type Item = Value;
    type IntoIter = std::vec::IntoIter<Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Set {
    type Item = &'a Value;
    type IntoIter = std::slice::Iter<'a, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Value {
    /// An unknown value of which nothing more is known.
    pub const UNKNOWN: Self = Self::Unknown(None);

    /// A string, brought into normal form.
    pub fn string(text: impl AsRef<str> + Into<String>) -> Self {
        match nfc(text.as_ref()) {
            Cow::Owned(normal) => Self::String(normal),
            Cow::Borrowed(_) => Self::String(text.into()),
        }
    }

    /// A number that fits into 64 bits.
    pub fn int(number: i64) -> Self {
        Self::Number(Number::from(number))
    }

    /// A set.
    pub fn set(elements: impl IntoIterator<Item = Value>) -> Self {
        Self::Set(elements.into_iter().collect())
    }

    /// A map; keys are brought into normal form.
    pub fn map<K: AsRef<str>>(elements: impl IntoIterator<Item = (K, Value)>) -> Self {
        let normal = |(key, value): (K, Value)| (nfc(key.as_ref()).into_owned(), value);
        Self::Map(elements.into_iter().map(normal).collect())
    }

    /// An object.
    pub fn object<N: AsRef<str>>(attributes: impl IntoIterator<Item = (N, Value)>) -> Self {
        Self::Object(attributes.into_iter().collect())
    }

    /// A value at a dynamic position, with its type.
    pub fn dynamic(ty: Type, value: Value) -> Self {
        match ty {
            Type::Dynamic => value,
            ty => Self::Dynamic(Box::new(DynamicValue { ty, value })),
        }
    }

    /// An unknown value with refinements; without any, the plain unknown value.
    pub fn unknown(refinements: Refinements) -> Self {
        match refinements == Refinements::default() {
            true => Self::UNKNOWN,
            false => Self::Unknown(Some(Box::new(refinements))),
        }
    }

    /// The value inside a dynamic position; otherwise the value itself.
    pub fn concrete(&self) -> &Self {
        match self {
            Self::Dynamic(dynamic) => dynamic.value.concrete(),
            other => other,
        }
    }

    /// Tells whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self.concrete(), Self::Null)
    }

    /// Tells whether this is unknown as a whole.
    pub fn is_unknown(&self) -> bool {
        matches!(self.concrete(), Self::Unknown(_))
    }

    /// Tells whether nothing in here is unknown.
    pub fn is_wholly_known(&self) -> bool {
        !self.is_unknown() && self.children().all(Self::is_wholly_known)
    }

    /// The text, if this is a known string.
    pub fn as_str(&self) -> Option<&str> {
        match self.concrete() {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.concrete() {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The number, if this is a known one.
    pub fn as_number(&self) -> Option<&Number> {
        match self.concrete() {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The object, if this is a known one.
    pub fn as_object(&self) -> Option<&Object> {
        match self.concrete() {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The elements in order, if this is a known list, set or tuple.
    pub fn as_elements(&self) -> Option<&[Value]> {
        match self.concrete() {
            Self::List(elements) | Self::Tuple(elements) => Some(elements),
            Self::Set(elements) => Some(elements.as_slice()),
            _ => None,
        }
    }

    /// The elements by key, if this is a known map.
    pub fn as_map(&self) -> Option<&BTreeMap<String, Value>> {
        match self.concrete() {
            Self::Map(elements) => Some(elements),
            _ => None,
        }
    }

    /// Tells whether both values are wholly known and equal: whether they will be equal whatever
    /// becomes known later.
    pub fn certainly_equal(&self, other: &Self) -> bool {
        self == other && self.is_wholly_known()
    }

    /// The direct parts of a known value.
    pub fn children(&self) -> Box<dyn Iterator<Item = &Value> + '_> {
        match self {
            Self::List(elements) | Self::Tuple(elements) => Box::new(elements.iter()),
            Self::Set(elements) => Box::new(elements.iter()),
            Self::Map(elements) => Box::new(elements.values()),
            Self::Object(object) => Box::new(object.values.iter()),
            Self::Dynamic(dynamic) => Box::new(std::iter::once(&dynamic.value)),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// The part one step inside; set elements have no step of their own.
    pub fn step(&self, step: &Step) -> Option<&Value> {
        match (self.concrete(), step) {
            (Self::Object(object), Step::Attribute(name) | Step::Key(name)) => object.get(name),
            (Self::Map(map), Step::Attribute(name) | Step::Key(name)) => map.get(&**name),
            (Self::List(elements) | Self::Tuple(elements), Step::Index(i)) => elements.get(*i),
            _ => None,
        }
    }

    /// The part at a path, if every step of it exists.
    pub fn at(&self, path: &Path) -> Option<&Value> {
        path.0.iter().try_fold(self, |value, step| value.step(step))
    }

    /// Rebuilds the value from the inside out, each part replaced by what `change` makes of it.
    ///
    /// `change` also gets the path; elements of sets have their position as index.
    pub fn transform(self, change: &mut dyn FnMut(&Path, Value) -> Value) -> Value {
        transform(self, &mut Path::root(), change)
    }

    /// A copy without refinements, at any depth.
    #[must_use]
    pub fn without_refinements(self) -> Value {
        self.transform(&mut |_, value| match value {
            Self::Unknown(_) => Self::UNKNOWN,
            other => other,
        })
    }

    /// The paths of all unknown parts.
    pub fn unknown_paths(&self) -> Vec<Path> {
        let mut found = Vec::new();
        self.clone().transform(&mut |path, value| {
            if matches!(value, Self::Unknown(_)) {
                found.push(path.clone());
            }
            value
        });
        found
    }
}

fn transform(
    value: Value,
    path: &mut Path,
    change: &mut dyn FnMut(&Path, Value) -> Value,
) -> Value {
    let rebuilt = match value {
        Value::List(elements) => Value::List(transform_elements(elements, path, change)),
        Value::Tuple(elements) => Value::Tuple(transform_elements(elements, path, change)),
        Value::Set(set) => Value::set(transform_elements(set.0, path, change)),
        Value::Map(map) => Value::Map(
            map.into_iter()
                .map(|(key, value)| {
                    path.0.push(Step::Key(key.as_str().into()));
                    let value = transform(value, path, change);
                    path.0.pop();
                    (key, value)
                })
                .collect(),
        ),
        Value::Object(mut object) => {
            for (name, value) in object.names.iter().zip(object.values.iter_mut()) {
                path.0.push(Step::Attribute(name.clone()));
                *value = transform(std::mem::replace(value, Value::Null), path, change);
                path.0.pop();
            }
            Value::Object(object)
        }
        Value::Dynamic(dynamic) => {
            Value::dynamic(dynamic.ty, transform(dynamic.value, path, change))
        }
        leaf => return change(path, leaf),
    };
    change(path, rebuilt)
}

fn transform_elements(
    elements: Vec<Value>,
    path: &mut Path,
    change: &mut dyn FnMut(&Path, Value) -> Value,
) -> Vec<Value> {
    let one = |(index, value): (usize, Value)| {
        path.0.push(Step::Index(index));
        let value = transform(value, path, change);
        path.0.pop();
        value
    };
    elements.into_iter().enumerate().map(one).collect()
}

impl fmt::Display for Value {
    /// Names the value in an error message: its kind, and its content where that is short.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Number(_) => f.write_str("a number"),
            Self::String(_) => f.write_str("a string"),
            Self::List(elements) => write!(f, "a list of {}", elements.len()),
            Self::Set(elements) => write!(f, "a set of {}", elements.len()),
            Self::Map(elements) => write!(f, "a map of {}", elements.len()),
            Self::Object(_) => f.write_str("an object"),
            Self::Tuple(elements) => write!(f, "a tuple of {}", elements.len()),
            Self::Dynamic(dynamic) => dynamic.value.fmt(f),
            Self::Null => f.write_str("null"),
            Self::Unknown(_) => f.write_str("an unknown value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_normalised_wherever_they_enter() {
        let decomposed = "e\u{301}";
        assert_eq!(Value::string(decomposed), Value::string("\u{e9}"));
        assert_eq!(
            Value::map([(decomposed, Value::Null)]),
            Value::map([("\u{e9}", Value::Null)])
        );
        let object = Value::object([(decomposed, Value::Null)]);
        assert_eq!(
            object.as_object().unwrap().get("\u{e9}"),
            Some(&Value::Null)
        );
    }

    #[test]
    fn sets_ignore_order_and_repetition() {
        let one = Value::set([Value::int(2), Value::int(1), Value::int(2)]);
        let other = Value::set([Value::int(1), Value::int(2)]);
        assert_eq!(one, other);
        assert!(one.certainly_equal(&other));
    }

    #[test]
    fn unknown_set_elements_never_collapse() {
        let half = || Value::object([("a", Value::UNKNOWN)]);
        let Value::Set(set) = Value::set([half(), half(), Value::Null, Value::Null]) else {
            panic!("not a set")
        };
        assert_eq!(set.len(), 3);
        assert!(!set.contains(&half()));
        assert!(set.contains(&Value::Null));
    }

    #[test]
    fn iteration_order_is_known_null_unknown() {
        let Value::Set(set) = Value::set([
            Value::UNKNOWN,
            Value::Null,
            Value::string("b"),
            Value::string("a"),
        ]) else {
            panic!("not a set")
        };
        assert_eq!(
            set.into_vec(),
            [
                Value::string("a"),
                Value::string("b"),
                Value::Null,
                Value::UNKNOWN
            ]
        );
    }

    #[test]
    fn null_and_unknown_show_through_a_dynamic_position() {
        assert!(Value::dynamic(Type::String, Value::Null).is_null());
        assert!(Value::dynamic(Type::String, Value::UNKNOWN).is_unknown());
        assert_eq!(Value::dynamic(Type::Dynamic, Value::Null), Value::Null);
        assert_eq!(
            Value::dynamic(Type::String, Value::string("x")).as_str(),
            Some("x")
        );
    }

    #[test]
    fn paths_lead_into_objects_maps_and_lists() {
        let value = Value::object([(
            "rules",
            Value::List(vec![Value::Null, Value::map([("k", Value::Bool(true))])]),
        )]);
        let path = Path::root().attribute("rules").child(Step::Index(1));
        assert_eq!(
            value.at(&path.child(Step::Key("k".into()))),
            Some(&Value::Bool(true))
        );
        assert_eq!(value.at(&path.child(Step::Key("x".into()))), None);
        assert_eq!(
            value.at(&Path::root().attribute("rules").child(Step::Index(2))),
            None
        );
    }

    #[test]
    fn transform_sees_every_part_and_its_path() {
        let value = Value::object([
            ("a", Value::UNKNOWN),
            (
                "b",
                Value::map([("x", Value::List(vec![Value::int(1), Value::UNKNOWN]))]),
            ),
        ]);
        let paths: Vec<String> = value.unknown_paths().iter().map(Path::to_string).collect();
        assert_eq!(paths, ["a", "b[\"x\"][1]"]);
        let refined = Refinements {
            not_null: true,
            ..Refinements::default()
        };
        assert_eq!(
            Value::unknown(refined).without_refinements(),
            Value::UNKNOWN
        );
    }
}
