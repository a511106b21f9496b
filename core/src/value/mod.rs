//! [`Value`]: what inputs and outputs are made of. Every node may be unknown, remembers the outputs
//! it depended on, and carries marks.

mod number;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use number::Number;
pub use wire::{RefTable, WireError};

use crate::{AttrPath, OutputRef, Step};

/// A value, as users and providers see it: untyped, with unknown leaves, provenance and marks.
///
/// Equality ([`PartialEq`]) compares everything; [`Value::same_content`] leaves out provenance.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The value itself.
    pub kind: Kind,
    /// The outputs on which the value (for a container: its structure) depended.
    pub provenance: Provenance,
    /// Properties that travel with it.
    pub marks: Marks,
}

/// What a [`Value`] is.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Kind {
    /// Not set.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A number of any size.
    Number(Number),
    /// Text.
    String(Arc<str>),
    /// Values in order. Providers' sets are lists here.
    List(Vec<Value>),
    /// Values by name: attribute sets, objects and maps.
    Attrs(BTreeMap<String, Value>),
    /// Not known before an output that it needs exists.
    Unknown,
}

/// A set of outputs; cheap to clone, free when empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance(Option<Arc<BTreeSet<OutputRef>>>);

impl Provenance {
    /// The outputs, in order.
    pub fn iter(&self) -> impl Iterator<Item = &OutputRef> {
        self.0.iter().flat_map(|set| set.iter())
    }

    /// Whether the value depended on no output.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (_, None) => {}
            (this @ None, Some(_)) => *this = other.0.clone(),
            (Some(this), Some(more)) => {
                if !Arc::ptr_eq(this, more) && !more.is_subset(this) {
                    Arc::make_mut(this).extend(more.iter().cloned());
                }
            }
        }
    }
}

impl FromIterator<OutputRef> for Provenance {
    fn from_iter<I: IntoIterator<Item = OutputRef>>(refs: I) -> Self {
        let set: BTreeSet<_> = refs.into_iter().collect();
        Self((!set.is_empty()).then(|| Arc::new(set)))
    }
}

/// Properties that travel with a value into everything made from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Never shown.
    pub sensitive: bool,
    /// Never stored.
    pub ephemeral: bool,
}

impl Marks {
    /// The marks of something made from both.
    pub fn union(self, other: Self) -> Self {
        Self {
            sensitive: self.sensitive || other.sensitive,
            ephemeral: self.ephemeral || other.ephemeral,
        }
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

impl Default for Value {
    fn default() -> Self {
        Kind::Null.into()
    }
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Self {
        Self {
            kind,
            provenance: Provenance::default(),
            marks: Marks::default(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Kind::String(text.into()).into()
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Kind::Bool(value).into()
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Kind::Number(value.into()).into()
    }
}

impl Value {
    /// The value that is not set.
    pub fn null() -> Self {
        Self::default()
    }

    /// An unknown value that depends on no named output.
    pub fn unknown() -> Self {
        Kind::Unknown.into()
    }

    /// An attribute set.
    pub fn attrs<K: Into<String>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Kind::Attrs(entries.into_iter().map(|(k, v)| (k.into(), v)).collect()).into()
    }

    /// A list.
    pub fn list(elements: impl IntoIterator<Item = Self>) -> Self {
        Kind::List(elements.into_iter().collect()).into()
    }

    /// The same value, marked sensitive.
    pub fn sensitive(mut self) -> Self {
        self.marks.sensitive = true;
        self
    }

    /// Whether it is not set.
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// Whether it, as a whole, is unknown.
    pub fn is_unknown(&self) -> bool {
        matches!(self.kind, Kind::Unknown)
    }

    /// Whether nothing inside it is unknown.
    pub fn is_wholly_known(&self) -> bool {
        match &self.kind {
            Kind::Unknown => false,
            Kind::List(elements) => elements.iter().all(Self::is_wholly_known),
            Kind::Attrs(attrs) => attrs.values().all(Self::is_wholly_known),
            _ => true,
        }
    }

    /// The text, if it is a known string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// The attributes, if it is a known attribute set.
    pub fn as_attrs(&self) -> Option<&BTreeMap<String, Self>> {
        match &self.kind {
            Kind::Attrs(attrs) => Some(attrs),
            _ => None,
        }
    }

    /// The elements, if it is a known list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.kind {
            Kind::List(elements) => Some(elements),
            _ => None,
        }
    }

    /// The value at `path`, if there is one.
    pub fn get(&self, path: &AttrPath) -> Option<&Self> {
        path.0
            .iter()
            .try_fold(self, |value, step| match (&value.kind, step) {
                (Kind::Attrs(attrs), Step::Name(name)) => attrs.get(name),
                (Kind::List(elements), Step::Index(index)) => {
                    elements.get(usize::try_from(*index).ok()?)
                }
                _ => None,
            })
    }

    /// Equality of everything but provenance: what a provider or a person could tell apart.
    pub fn same_content(&self, other: &Self) -> bool {
        self.marks == other.marks
            && match (&self.kind, &other.kind) {
                (Kind::List(a), Kind::List(b)) => {
                    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_content(b))
                }
                (Kind::Attrs(a), Kind::Attrs(b)) => {
                    a.len() == b.len()
                        && a.iter()
                            .zip(b)
                            .all(|((ka, a), (kb, b))| ka == kb && a.same_content(b))
                }
                (a, b) => a == b,
            }
    }

    /// The same value, without provenance: as an output that others refer to by its own name.
    pub fn without_provenance(&self) -> Self {
        let kind = match &self.kind {
            Kind::List(elements) => {
                Kind::List(elements.iter().map(Self::without_provenance).collect())
            }
            Kind::Attrs(attrs) => Kind::Attrs(
                attrs
                    .iter()
                    .map(|(name, value)| (name.clone(), value.without_provenance()))
                    .collect(),
            ),
            other => other.clone(),
        };
        Self {
            kind,
            provenance: Provenance::default(),
            marks: self.marks,
        }
    }

    /// Everything that any part of it depended on or waits for.
    pub fn all_provenance(&self) -> Provenance {
        let mut all = Provenance::default();
        self.visit(&mut |_, value, provenance, _| {
            all.extend(&value.provenance);
            all.extend(provenance);
        });
        all
    }

    /// Calls `visit` with every leaf (and every empty container): its path, itself, and the
    /// provenance and marks it has from itself and from everything around it.
    pub fn visit(&self, visit: &mut impl FnMut(&AttrPath, &Self, &Provenance, Marks)) {
        let mut path = AttrPath::root();
        self.visit_at(&mut path, &Provenance::default(), Marks::default(), visit);
    }

    fn visit_at(
        &self,
        path: &mut AttrPath,
        outer: &Provenance,
        outer_marks: Marks,
        visit: &mut impl FnMut(&AttrPath, &Self, &Provenance, Marks),
    ) {
        let mut provenance = outer.clone();
        provenance.extend(&self.provenance);
        let marks = outer_marks.union(self.marks);
        let mut inner = |step: Step, value: &Self| {
            path.0.push(step);
            value.visit_at(path, &provenance, marks, visit);
            path.0.pop();
        };
        match &self.kind {
            Kind::List(elements) if !elements.is_empty() => {
                elements
                    .iter()
                    .enumerate()
                    .for_each(|(i, value)| inner(i.into(), value));
            }
            Kind::Attrs(attrs) if !attrs.is_empty() => {
                attrs
                    .iter()
                    .for_each(|(name, value)| inner(name.as_str().into(), value));
            }
            _ => visit(path, self, &provenance, marks),
        }
    }
}

#[cfg(test)]
mod tests;
