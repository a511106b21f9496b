//! Sources: values the host provides, which may be unknown now and change later.
//!
//! A *root* is what one resource puts out. Every position inside it is a source of its own, found
//! by its path, with one thunk for ever; so a value that read `vpc.id` depends on exactly that,
//! and a new tree invalidates only what read a leaf that changed.

use std::{collections::BTreeMap, fmt, rc::Rc};

use crate::{
    error::EvalError,
    evaluator::Evaluator,
    hash::FastMap,
    position::Pos,
    symbol::Symbol,
    taint::{Marks, SourceId, Taint},
    value::{Attr, Attrs, List, State, Str, Thunk, Value},
};

/// What the host says a source's value is.
#[derive(Clone, PartialEq, Debug)]
pub struct ExternalValue {
    /// The value itself.
    pub kind: ExternalKind,
    /// The marks it carries, beside those of what is around it.
    pub marks: Marks,
}

/// The shapes of an [`ExternalValue`].
#[derive(Clone, PartialEq, Debug)]
pub enum ExternalKind {
    /// Not known yet.
    Unknown,
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// A string.
    String(String),
    /// A list.
    List(Vec<ExternalValue>),
    /// An attribute set.
    Attrs(BTreeMap<String, ExternalValue>),
}

impl From<ExternalKind> for ExternalValue {
    fn from(kind: ExternalKind) -> Self {
        ExternalValue {
            kind,
            marks: Marks::NONE,
        }
    }
}

impl ExternalValue {
    /// A value not known yet.
    pub fn unknown() -> Self {
        ExternalKind::Unknown.into()
    }

    /// A string.
    pub fn string(text: impl Into<String>) -> Self {
        ExternalKind::String(text.into()).into()
    }

    /// An attribute set.
    pub fn attrs<K: Into<String>>(fields: impl IntoIterator<Item = (K, ExternalValue)>) -> Self {
        ExternalKind::Attrs(fields.into_iter().map(|(k, v)| (k.into(), v)).collect()).into()
    }

    /// The same with more marks.
    pub fn marked(mut self, marks: Marks) -> Self {
        self.marks = self.marks.union(marks);
        self
    }
}

/// One step of a path inside a root.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum PathStep {
    /// An attribute.
    Name(Rc<str>),
    /// A list element.
    Index(u32),
}

/// A path inside a root; empty for the root itself.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct AttrPath(pub Vec<PathStep>);

impl fmt::Display for AttrPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Name(name) if index == 0 => write!(f, "{name}")?,
                PathStep::Name(name) => write!(f, ".{name}")?,
                PathStep::Index(n) => write!(f, "[{n}]")?,
            }
        }
        Ok(())
    }
}

struct Source {
    root: SourceId,
    path: AttrPath,
    /// Is in a root's bookkeeping but not reported: the root's own set of names.
    silent: bool,
    state: Known,
    /// What reading it depends on: itself, and its marks.
    taint: Taint,
    /// The generation of its latest change.
    changed_at: u64,
    thunk: Value,
    children: BTreeMap<PathStep, SourceId>,
}

enum Known {
    /// The host said nothing, or took it back.
    Unset,
    Unknown,
    Value(Value),
}

/// The sources of one evaluator.
#[derive(Default)]
pub(crate) struct Sources {
    sources: Vec<Source>,
    labels: FastMap<SourceId, String>,
}

impl Sources {
    pub(crate) fn changed_at(&self, source: SourceId) -> u64 {
        self.sources[source.0 as usize].changed_at
    }

    fn get(&self, source: SourceId) -> &Source {
        &self.sources[source.0 as usize]
    }

    fn get_mut(&mut self, source: SourceId) -> &mut Source {
        &mut self.sources[source.0 as usize]
    }

    fn add(&mut self, root: Option<SourceId>, path: AttrPath, silent: bool) -> SourceId {
        let id = SourceId(self.sources.len() as u32);
        self.sources.push(Source {
            root: root.unwrap_or(id),
            path,
            silent,
            state: Known::Unset,
            taint: Taint::NONE,
            changed_at: 0,
            thunk: Value::Thunk(Thunk::new(State::Source(id))),
            children: BTreeMap::new(),
        });
        id
    }
}

/// The silent companion of a root follows it directly.
fn spine(root: SourceId) -> SourceId {
    SourceId(root.0 + 1)
}

impl Evaluator {
    /// Registers a root source, under a label for messages (such as a member path).
    pub fn new_source(&mut self, label: impl Into<String>) -> SourceId {
        let root = self.sources.add(None, AttrPath::default(), false);
        let spine = self.sources.add(Some(root), AttrPath::default(), true);
        self.sources.get_mut(root).taint = self.taints.intern(vec![root], Marks::NONE);
        self.sources.get_mut(spine).taint = self.taints.intern(vec![spine], Marks::NONE);
        self.sources.labels.insert(root, label.into());
        root
    }

    /// The label a root was registered under.
    pub fn source_label(&self, root: SourceId) -> &str {
        self.sources.labels.get(&root).map_or("", String::as_str)
    }

    /// The value of a root: a thunk that suspends until the host says what it is.
    pub fn external(&self, root: SourceId) -> Value {
        self.sources.get(root).thunk.clone()
    }

    /// Says what a root's value is, or says it anew. Only what differs counts as changed.
    pub fn set_external(&mut self, root: SourceId, value: &ExternalValue) {
        self.generation += 1;
        self.update_source(root, value, Marks::NONE);
    }

    /// Takes a root's value back: reading it suspends again.
    pub fn clear_external(&mut self, root: SourceId) {
        self.generation += 1;
        self.unset_source(root);
    }

    /// The sources in a taint: their roots, and the paths inside.
    pub fn taint_sources(&self, taint: Taint) -> impl Iterator<Item = (SourceId, &AttrPath)> {
        let sources = self
            .taints
            .sources(taint)
            .iter()
            .map(|id| self.sources.get(*id));
        sources
            .filter(|source| !source.silent)
            .map(|source| (source.root, &source.path))
    }

    /// Whether the host has said what is at a path inside a root.
    pub fn is_source_known(&self, root: SourceId, path: &AttrPath) -> bool {
        let mut source = self.sources.get(root);
        for step in &path.0 {
            match source.children.get(step) {
                Some(child) => source = self.sources.get(*child),
                None => return false,
            }
        }
        matches!(source.state, Known::Value(_))
    }

    /// The marks in a taint.
    pub fn taint_marks(&self, taint: Taint) -> Marks {
        self.taints.marks(taint)
    }

    /// The union of two taints.
    pub fn taint_union(&mut self, a: Taint, b: Taint) -> Taint {
        self.taints.union(a, b)
    }

    fn touch(&mut self, source: SourceId) {
        let generation = self.generation;
        self.sources.get_mut(source).changed_at = generation;
        let root = self.sources.get(source).root;
        if root == source {
            self.sources.get_mut(spine(root)).changed_at = generation;
        }
    }

    fn unset_source(&mut self, source: SourceId) {
        if !matches!(self.sources.get(source).state, Known::Unset) {
            self.sources.get_mut(source).state = Known::Unset;
            self.touch(source);
        }
        let children: Vec<SourceId> = self
            .sources
            .get(source)
            .children
            .values()
            .copied()
            .collect();
        children
            .into_iter()
            .for_each(|child| self.unset_source(child));
    }

    fn update_source(&mut self, source: SourceId, value: &ExternalValue, around: Marks) {
        let marks = around.union(value.marks);
        let taint = self.taints.intern(vec![source], marks);
        let state = self.source_state(source, &value.kind, marks);
        let old = self.sources.get(source);
        if old.taint != taint || !state.same(&old.state) {
            let source_mut = self.sources.get_mut(source);
            source_mut.state = state;
            source_mut.taint = taint;
            self.touch(source);
        }
    }

    fn source_state(&mut self, source: SourceId, kind: &ExternalKind, marks: Marks) -> Known {
        let value = match kind {
            ExternalKind::Unknown => {
                self.keep_children(source, &[]);
                return Known::Unknown;
            }
            ExternalKind::Null => Value::Null,
            ExternalKind::Bool(bool) => Value::Bool(*bool),
            ExternalKind::Int(int) => Value::Int(*int),
            ExternalKind::Float(float) => Value::Float(*float),
            ExternalKind::String(text) => Value::String(Str::new(text)),
            ExternalKind::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                let mut kept = Vec::with_capacity(items.len());
                for (index, item) in (0..).zip(items) {
                    let child = self.child(source, PathStep::Index(index), item, marks);
                    list.push(self.sources.get(child).thunk.clone());
                    kept.push(child);
                }
                self.keep_children(source, &kept);
                return Known::Value(Value::List(List::from_vec(list)));
            }
            ExternalKind::Attrs(fields) => {
                let mut attrs = Vec::with_capacity(fields.len());
                let mut kept = Vec::with_capacity(fields.len());
                for (name, field) in fields {
                    let child =
                        self.child(source, PathStep::Name(name.as_str().into()), field, marks);
                    let symbol: Symbol = self.symbols.intern(name.as_bytes());
                    let value = self.sources.get(child).thunk.clone();
                    attrs.push(Attr {
                        name: symbol,
                        pos: Pos::NONE,
                        value,
                    });
                    kept.push(child);
                }
                self.keep_children(source, &kept);
                return Known::Value(Value::Attrs(Attrs::from_vec(attrs)));
            }
        };
        self.keep_children(source, &[]);
        Known::Value(value)
    }

    fn child(
        &mut self,
        source: SourceId,
        step: PathStep,
        value: &ExternalValue,
        around: Marks,
    ) -> SourceId {
        let parent = self.sources.get(source);
        let child = match parent.children.get(&step) {
            Some(child) => *child,
            None => {
                let (root, mut path) = (parent.root, parent.path.clone());
                path.0.push(step.clone());
                let child = self.sources.add(Some(root), path, false);
                self.sources.get_mut(source).children.insert(step, child);
                child
            }
        };
        self.update_source(child, value, around);
        child
    }

    /// Unsets what was inside a source and is not any more.
    fn keep_children(&mut self, source: SourceId, kept: &[SourceId]) {
        let children = self.sources.get(source).children.values();
        let gone: Vec<SourceId> = children
            .copied()
            .filter(|child| !kept.contains(child))
            .collect();
        gone.into_iter().for_each(|child| self.unset_source(child));
    }

    pub(crate) fn force_source(&mut self, id: SourceId) -> Result<Value, EvalError> {
        let source = self.sources.get(id);
        let known_root = source.root == id && matches!(source.state, Known::Value(_));
        // A root's set of names is static, so reading it says nothing about the resource; it is
        // noted silently, because planned and actual outputs may yet differ in their names.
        let noted = if known_root { spine(id) } else { id };
        let (taint, marks) = (
            self.sources.get(noted).taint,
            self.taints.marks(source.taint),
        );
        let result = match &self.sources.get(id).state {
            Known::Value(value) => Ok(value.clone()),
            Known::Unset | Known::Unknown => Err(()),
        };
        self.accumulator.add(taint, &mut self.taints);
        if known_root && marks != Marks::NONE {
            let marked = self.taints.intern(Vec::new(), marks);
            self.accumulator.add(marked, &mut self.taints);
        }
        result.map_err(|()| {
            let awaited = self.taints.intern(vec![id], Marks::NONE);
            EvalError::suspended(awaited)
        })
    }
}

impl Known {
    /// Whether readers cannot tell the two apart. What is inside counts for itself.
    fn same(&self, other: &Known) -> bool {
        match (self, other) {
            (Known::Unset, Known::Unset) | (Known::Unknown, Known::Unknown) => true,
            (Known::Value(a), Known::Value(b)) => match (a, b) {
                (Value::Null, Value::Null) => true,
                (Value::Bool(a), Value::Bool(b)) => a == b,
                (Value::Int(a), Value::Int(b)) => a == b,
                (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits(),
                (Value::String(a), Value::String(b)) => a == b,
                (Value::List(a), Value::List(b)) => a.len() == b.len(),
                (Value::Attrs(a), Value::Attrs(b)) => a
                    .iter()
                    .map(|attr| attr.name)
                    .eq(b.iter().map(|attr| attr.name)),
                _ => false,
            },
            _ => false,
        }
    }
}
