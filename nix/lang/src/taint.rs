//! Provenance: which sources a value depended on, and which marks travel with it.
//!
//! A [`Taint`] is the number of an interned set, so carrying one costs a word and comparing two
//! costs nothing; the empty set is number 0 and the common case.

use std::rc::Rc;

use crate::hash::FastMap;

/// A position in the outputs the host provides: a root or something inside it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SourceId(pub(crate) u32);

/// What a value depended on: an interned set of sources and marks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Taint(pub(crate) u32);

impl Taint {
    /// Depends on nothing, carries no mark.
    pub const NONE: Taint = Taint(0);
}

/// Properties that travel with a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Marks(pub(crate) u8);

impl Marks {
    /// No mark.
    pub const NONE: Marks = Marks(0);
    /// Never to be shown.
    pub const SENSITIVE: Marks = Marks(1);
    /// Never to be kept.
    pub const EPHEMERAL: Marks = Marks(2);

    /// Both sets of marks.
    pub fn union(self, other: Marks) -> Marks {
        Marks(self.0 | other.0)
    }

    /// Whether all of `other` are here.
    pub fn contains(self, other: Marks) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether [`Marks::SENSITIVE`] is here.
    pub fn is_sensitive(self) -> bool {
        self.contains(Marks::SENSITIVE)
    }

    /// Whether [`Marks::EPHEMERAL`] is here.
    pub fn is_ephemeral(self) -> bool {
        self.contains(Marks::EPHEMERAL)
    }
}

struct Set {
    key: Rc<(Vec<SourceId>, Marks)>,
    /// The generation `changed_at` was computed for.
    checked_at: u64,
    /// The latest change of any source in the set.
    changed_at: u64,
}

/// The interned sets of one evaluator.
pub(crate) struct Taints {
    sets: Vec<Set>,
    by_key: FastMap<Rc<(Vec<SourceId>, Marks)>, Taint>,
    unions: FastMap<(Taint, Taint), Taint>,
}

impl Taints {
    pub(crate) fn new() -> Self {
        let mut taints = Taints {
            sets: Vec::new(),
            by_key: FastMap::default(),
            unions: FastMap::default(),
        };
        taints.intern(Vec::new(), Marks::NONE);
        taints
    }

    /// The set of these sources (sorted, without duplicates) and marks.
    pub(crate) fn intern(&mut self, sources: Vec<SourceId>, marks: Marks) -> Taint {
        let key = Rc::new((sources, marks));
        if let Some(taint) = self.by_key.get(&key) {
            return *taint;
        }
        let taint = Taint(self.sets.len() as u32);
        self.sets.push(Set {
            key: key.clone(),
            checked_at: 0,
            changed_at: 0,
        });
        self.by_key.insert(key, taint);
        taint
    }

    pub(crate) fn sources(&self, taint: Taint) -> &[SourceId] {
        &self.sets[taint.0 as usize].key.0
    }

    pub(crate) fn marks(&self, taint: Taint) -> Marks {
        self.sets[taint.0 as usize].key.1
    }

    pub(crate) fn union(&mut self, a: Taint, b: Taint) -> Taint {
        if a == b || b == Taint::NONE {
            return a;
        }
        if a == Taint::NONE {
            return b;
        }
        let pair = (a.min(b), a.max(b));
        if let Some(taint) = self.unions.get(&pair) {
            return *taint;
        }
        let taint = self.union_all(&[a, b]);
        self.unions.insert(pair, taint);
        taint
    }

    pub(crate) fn union_all(&mut self, taints: &[Taint]) -> Taint {
        let mut sources = Vec::new();
        let mut marks = Marks::NONE;
        for taint in taints {
            sources.extend_from_slice(self.sources(*taint));
            marks = marks.union(self.marks(*taint));
        }
        sources.sort_unstable();
        sources.dedup();
        self.intern(sources, marks)
    }

    /// The latest change of any source in `taint`; `changed` tells that of one source.
    pub(crate) fn changed_at(
        &mut self,
        taint: Taint,
        generation: u64,
        changed: impl Fn(SourceId) -> u64,
    ) -> u64 {
        let set = &mut self.sets[taint.0 as usize];
        if set.checked_at != generation {
            set.changed_at = set
                .key
                .0
                .iter()
                .map(|source| changed(*source))
                .max()
                .unwrap_or(0);
            set.checked_at = generation;
        }
        set.changed_at
    }
}

/// What the evaluation in progress has depended on so far.
///
/// Unions are put off until the evaluation ends: interning every step of a fold over thousands of
/// outputs would cost quadratic memory.
#[derive(Default)]
pub(crate) struct Accumulator {
    current: Taint,
    /// Further taints, of this and of enclosing evaluations; each owns those above its `base`.
    pending: Vec<Taint>,
    base: usize,
}

/// An enclosing evaluation's share of the accumulator, while an inner one runs.
pub(crate) struct Saved {
    current: Taint,
    base: usize,
}

/// How many put-off unions to carry before doing them.
const PENDING_LIMIT: usize = 64;

impl Accumulator {
    #[inline]
    pub(crate) fn add(&mut self, taint: Taint, taints: &mut Taints) {
        if taint != Taint::NONE && taint != self.current {
            self.add_new(taint, taints);
        }
    }

    #[cold]
    fn add_new(&mut self, taint: Taint, taints: &mut Taints) {
        if self.current == Taint::NONE {
            self.current = taint;
        } else if self.pending[self.base..].last() != Some(&taint) {
            self.pending.push(taint);
            if self.pending.len() - self.base >= PENDING_LIMIT {
                self.settle(taints);
            }
        }
    }

    /// Whether anything added since `begin` is such a taint.
    pub(crate) fn any(&self, mut is: impl FnMut(Taint) -> bool) -> bool {
        is(self.current) || self.pending[self.base..].iter().any(|taint| is(*taint))
    }

    /// The union of all that was added since `begin`.
    #[inline]
    pub(crate) fn settle(&mut self, taints: &mut Taints) -> Taint {
        if self.pending.len() > self.base {
            self.pending.push(self.current);
            let pending = &self.pending[self.base..];
            self.current = match pending {
                [a, b] => taints.union(*a, *b),
                more => taints.union_all(more),
            };
            self.pending.truncate(self.base);
        }
        self.current
    }

    #[inline]
    pub(crate) fn begin(&mut self) -> Saved {
        let saved = Saved {
            current: self.current,
            base: self.base,
        };
        self.current = Taint::NONE;
        self.base = self.pending.len();
        saved
    }

    /// Ends what `begin` began: gives its taint and goes back to the enclosing evaluation,
    /// without adding it there.
    #[inline]
    pub(crate) fn end(&mut self, saved: Saved, taints: &mut Taints) -> Taint {
        let taint = self.settle(taints);
        self.current = saved.current;
        self.base = saved.base;
        taint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn single(taints: &mut Taints, source: u32) -> Taint {
        taints.intern(vec![SourceId(source)], Marks::NONE)
    }

    #[test]
    fn unions_are_interned() {
        let mut taints = Taints::new();
        let (a, b) = (single(&mut taints, 1), single(&mut taints, 2));
        let both = taints.union(b, a);
        assert_eq!(both, taints.union(a, b));
        assert_eq!(taints.sources(both), [SourceId(1), SourceId(2)]);
        assert_eq!(taints.union(both, a), both);
        assert_eq!(taints.union(Taint::NONE, a), a);
    }

    #[test]
    fn nested_accumulations_stay_apart() {
        let mut taints = Taints::new();
        let ids: Vec<Taint> = (1..200).map(|n| single(&mut taints, n)).collect();
        let mut accumulator = Accumulator::default();
        accumulator.add(ids[0], &mut taints);
        accumulator.add(ids[1], &mut taints);
        let saved = accumulator.begin();
        ids[2..]
            .iter()
            .for_each(|id| accumulator.add(*id, &mut taints));
        let inner = accumulator.end(saved, &mut taints);
        let outer = accumulator.settle(&mut taints);
        assert_eq!(taints.sources(inner).len(), 197);
        assert_eq!(taints.sources(outer), [SourceId(1), SourceId(2)]);
    }

    #[test]
    fn changes_are_seen_in_later_generations() {
        let mut taints = Taints::new();
        let a = single(&mut taints, 1);
        assert_eq!(taints.changed_at(a, 5, |_| 3), 3);
        assert_eq!(
            taints.changed_at(a, 5, |_| 9),
            3,
            "asked once per generation"
        );
        assert_eq!(taints.changed_at(a, 6, |_| 6), 6);
    }
}
