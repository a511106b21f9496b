//! Attribute sets.

use std::{
    cell::{Cell, RefCell},
    ops::Deref,
};

use super::Value;
use crate::{
    hash::FastMap,
    heap::{Ref, Slice, SliceBuilder},
    position::Pos,
    symbol::Symbol,
};

/// One attribute of a set.
#[derive(Clone)]
pub struct Attr {
    /// The name.
    pub name: Symbol,
    /// Where it was defined; [`Pos::NONE`] when made by a built-in.
    pub pos: Pos,
    /// The value, mostly a thunk.
    pub value: Value,
}

/// What an open attribute set does for a name it does not list.
pub struct Fallback {
    /// Called with the name.
    pub(crate) function: Value,
    /// What was asked for before.
    pub(crate) memo: RefCell<FastMap<Symbol, Value>>,
}

/// An immutable attribute set, sorted by symbol.
#[derive(Clone)]
pub struct Attrs(pub(crate) Slice<Option<Ref<Fallback>>, Attr>);

/// Where code found an attribute when it last looked. The sets that one place sees are mostly of one
/// shape, or the same set.
#[derive(Default)]
pub(crate) struct Hint(Cell<u32>);

/// Up to this size a scan finds a name faster than a binary search does.
const SCAN_LIMIT: usize = 8;

impl Attrs {
    /// A set of these attributes, in any order. Of two with one name the later wins.
    pub fn from_vec(mut items: Vec<Attr>) -> Attrs {
        items.sort_by_key(|attr| attr.name);
        let mut builder = SliceBuilder::new(items.len());
        let mut items = items.into_iter().peekable();
        while let Some(item) = items.next() {
            if items.peek().is_none_or(|next| next.name != item.name) {
                builder.push(item);
            }
        }
        Attrs(builder.finish(None))
    }

    /// Fills a set in place; the caller pushes in symbol order.
    pub(crate) fn builder(capacity: usize) -> SliceBuilder<Option<Ref<Fallback>>, Attr> {
        SliceBuilder::new(capacity)
    }

    /// The attribute of that name, not asking the fallback of an open set.
    #[inline]
    pub fn get(&self, name: Symbol) -> Option<&Attr> {
        let items: &[Attr] = self;
        if items.len() <= SCAN_LIMIT {
            return items.iter().find(|attr| attr.name == name);
        }
        items
            .binary_search_by_key(&name, |attr| attr.name)
            .ok()
            .map(|index| &items[index])
    }

    /// As [`Self::get`], by a place in code that remembers where it found the name.
    #[inline]
    pub(crate) fn get_near(&self, name: Symbol, hint: &Hint) -> Option<&Attr> {
        match self.0.get(hint.0.get() as usize) {
            Some(attr) if attr.name == name => Some(attr),
            _ => self.get_anew(name, hint),
        }
    }

    fn get_anew(&self, name: Symbol, hint: &Hint) -> Option<&Attr> {
        let attr = self.get(name)?;
        let offset = self.0.element_offset(attr).unwrap_or_default();
        hint.0.set(u32::try_from(offset).unwrap_or_default());
        Some(attr)
    }

    /// Whether names that are not listed may be selected too.
    pub fn is_open(&self) -> bool {
        self.0.head().is_some()
    }

    pub(crate) fn fallback(&self) -> Option<&Ref<Fallback>> {
        self.0.head().as_ref()
    }

    /// The address that tells one set from another.
    pub(crate) fn address(&self) -> usize {
        self.0.address()
    }

    /// `self // other`.
    pub fn update(&self, other: &Attrs) -> Attrs {
        if other.is_empty() && !other.is_open() {
            return self.clone();
        }
        if self.is_empty() && !self.is_open() {
            return other.clone();
        }
        let mut builder = Attrs::builder(self.len() + other.len());
        let mut rest: &[Attr] = self;
        for attr in other.iter() {
            // Sets are often large on the left and small on the right.
            let before = if rest.len() > SCAN_LIMIT * 2 {
                rest.partition_point(|left| left.name < attr.name)
            } else {
                rest.iter().take_while(|left| left.name < attr.name).count()
            };
            builder.extend(&rest[..before]);
            let replaced = rest.get(before).is_some_and(|left| left.name == attr.name);
            rest = &rest[before + usize::from(replaced)..];
            builder.push(attr.clone());
        }
        builder.extend(rest);
        let fallback = other.fallback().or(self.fallback()).cloned();
        Attrs(builder.finish(fallback))
    }
}

impl Deref for Attrs {
    type Target = [Attr];

    #[inline]
    fn deref(&self) -> &[Attr] {
        &self.0
    }
}
