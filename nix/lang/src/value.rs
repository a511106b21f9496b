//! Values: what an expression comes to, and the cells that hold it before and after.

use std::{
    borrow::{Borrow, Cow},
    cell::{Cell, RefCell, UnsafeCell},
    collections::BTreeSet,
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
    rc::Rc,
};

use crate::{
    builtins::Builtin,
    compile::ir::{CodeId, Lambda},
    error::EvalError,
    evaluator::Evaluator,
    hash::FastMap,
    heap::{Ref, Slice, SliceBuilder, increment},
    position::Pos,
    symbol::Symbol,
    taint::{SourceId, Taint},
};

/// A value, or (as [`Value::Thunk`]) the promise of one.
///
/// What [`Evaluator::force`](crate::Evaluator::force) returns is never a thunk.
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit float.
    Float(f64),
    /// A string, with its context.
    String(Str),
    /// An absolute, normalised path.
    Path(Str),
    /// A list; elements may be thunks.
    List(List),
    /// An attribute set; values may be thunks.
    Attrs(Attrs),
    /// A function written in Nix.
    Lambda(Ref<Closure>),
    /// A built-in function.
    Builtin(&'static Builtin),
    /// A function that has some, but not all of its arguments.
    Partial(Ref<Partial>),
    /// Not evaluated, or evaluated in a way that must be remembered with the value.
    Thunk(Thunk),
}

impl Clone for Value {
    /// As derived, but without a branch per kind: copying values is a good part of evaluation.
    #[inline]
    fn clone(&self) -> Value {
        let count = match self {
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Builtin(_) => {
                None
            }
            Value::String(text) | Value::Path(text) => Some(text.0.count()),
            Value::List(list) => Some(list.0.count()),
            Value::Attrs(attrs) => Some(attrs.0.count()),
            Value::Lambda(closure) => Some(closure.count()),
            Value::Partial(partial) => Some(partial.count()),
            Value::Thunk(thunk) => Some(thunk.0.count()),
        };
        if let Some(count) = count {
            increment(count);
        }
        // The reference that the copy holds has just been counted.
        unsafe { std::ptr::read(self) }
    }
}

impl Value {
    /// A string without context.
    pub fn string(text: impl AsRef<[u8]>) -> Value {
        Value::String(Str::new(text.as_ref()))
    }

    /// A list of these elements.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(List::from_vec(items))
    }

    /// What `builtins.typeOf` says, or "thunk".
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::String(_) => "string",
            Value::Path(_) => "path",
            Value::List(_) => "list",
            Value::Attrs(_) => "set",
            Value::Lambda(_) | Value::Builtin(_) | Value::Partial(_) => "lambda",
            Value::Thunk(_) => "thunk",
        }
    }

    /// The type with its article, as error messages say it.
    pub fn described_type(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a Boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a float",
            Value::String(text) if text.context().is_some() => "a string with context",
            Value::String(_) => "a string",
            Value::Path(_) => "a path",
            Value::List(_) => "a list",
            Value::Attrs(_) => "a set",
            Value::Lambda(_) => "a function",
            Value::Builtin(_) => "a built-in function",
            Value::Partial(partial) if matches!(partial.function, Value::Builtin(_)) => {
                "a partially applied built-in function"
            }
            Value::Partial(_) => "a function",
            Value::Thunk(_) => "a thunk",
        }
    }

    /// Whether this can be called without looking for a `__functor`.
    pub fn is_function(&self) -> bool {
        matches!(
            self,
            Value::Lambda(_) | Value::Builtin(_) | Value::Partial(_)
        )
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(b) => write!(f, "{b}"),
            Value::Int(i) => write!(f, "{i}"),
            Value::Float(x) => write!(f, "{x}"),
            Value::String(s) => write!(f, "{:?}", s.to_text()),
            Value::Path(p) => f.write_str(&p.to_text()),
            Value::List(list) => f.debug_list().entries(list.iter()).finish(),
            Value::Attrs(attrs) => write!(f, "{{ {} attributes }}", attrs.len()),
            other => write!(f, "<{}>", other.described_type()),
        }
    }
}

/// What a string refers to in the store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ContextElement {
    /// A store path.
    Opaque(Rc<str>),
    /// A derivation with everything it needs (`drvPath`).
    Deep(Rc<str>),
    /// One output of a derivation.
    Built {
        /// The derivation's store path.
        derivation: Rc<str>,
        /// The output's name.
        output: Rc<str>,
    },
}

/// The context of a string: never empty where there is one.
pub type Context = BTreeSet<ContextElement>;

/// An immutable string of bytes with an optional context, one word wide.
///
/// Bytes, not characters, because Nix's own strings are: `substring` may cut anywhere.
#[derive(Clone)]
pub struct Str(Slice<Option<Rc<Context>>, u8>);

impl Str {
    /// The longest string there is.
    pub(crate) const MAX_LEN: usize = u32::MAX as usize;

    /// A string without context.
    pub fn new(bytes: impl AsRef<[u8]>) -> Str {
        Str(Slice::from_slice(None, bytes.as_ref()))
    }

    /// A string with this context.
    pub fn with_context(bytes: impl AsRef<[u8]>, context: Context) -> Str {
        let context = if context.is_empty() {
            None
        } else {
            Some(Rc::new(context))
        };
        Str(Slice::from_slice(context, bytes.as_ref()))
    }

    /// A string with a context that is shared already.
    pub(crate) fn with_shared_context(bytes: &[u8], context: Option<Rc<Context>>) -> Str {
        Str(Slice::from_slice(context, bytes))
    }

    /// The same text without context; free where there is none.
    pub fn without_context(&self) -> Str {
        if self.context().is_none() {
            self.clone()
        } else {
            Str::new(self.as_bytes())
        }
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, with what is not UTF-8 replaced.
    pub fn to_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// The context, if any.
    #[inline]
    pub fn context(&self) -> Option<&Rc<Context>> {
        self.0.head().as_ref()
    }
}

impl PartialEq for Str {
    /// Compares the text only.
    fn eq(&self, other: &Str) -> bool {
        self.0.ptr_eq(&other.0) || self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Str {}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Str {
        Str::new(text)
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_text())
    }
}

/// An immutable list.
#[derive(Clone)]
pub struct List(pub(crate) Slice<(), Value>);

impl List {
    /// A list of these elements.
    pub fn from_vec(items: Vec<Value>) -> List {
        List(Slice::from_vec((), items))
    }

    /// Fills a list of known length in place.
    pub(crate) fn builder(capacity: usize) -> SliceBuilder<(), Value> {
        SliceBuilder::new(capacity)
    }

    /// The address that tells one list from another.
    pub(crate) fn address(&self) -> usize {
        self.0.address()
    }
}

impl Deref for List {
    type Target = [Value];

    #[inline]
    fn deref(&self) -> &[Value] {
        &self.0
    }
}

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

/// A function written in Nix, with the variables around it.
pub struct Closure {
    pub(crate) lambda: &'static Lambda,
    pub(crate) env: Env,
}

/// A function waiting for more arguments.
pub struct Partial {
    /// A lambda or a built-in of more parameters than there are arguments yet.
    pub(crate) function: Value,
    pub(crate) args: Vec<Value>,
}

/// A variable's cell: written once while its frame is set up, then only read.
pub(crate) struct Slot(UnsafeCell<Value>);

impl Slot {
    pub(crate) fn new(value: Value) -> Slot {
        Slot(UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn get(&self) -> &Value {
        // Written only by `set`, whose caller keeps no reference from `get`.
        unsafe { &*self.0.get() }
    }

    /// Fills the slot of a frame under construction.
    ///
    /// # Safety
    /// No reference obtained from `get` on this slot may be alive.
    #[inline]
    pub(crate) unsafe fn set(&self, value: Value) {
        unsafe { *self.0.get() = value };
    }
}

/// A frame of variables and the frame around it.
pub(crate) type Env = Slice<Option<Parent>, Slot>;

/// The enclosing frame.
#[derive(Clone)]
pub(crate) struct Parent(pub(crate) Env);

/// A cell for a value that is not known yet, with the taint it got when it became known.
#[derive(Clone)]
pub struct Thunk(Ref<ThunkCell>);

struct ThunkCell(UnsafeCell<State>);

/// How to compute a thunk's value.
#[derive(Clone)]
pub(crate) enum Recipe {
    /// Evaluate code in a frame.
    Code(CodeId, Env),
    Item(Ref<Batch>, u32),
    Lazy(Ref<Lazy>),
}

/// One function applied to many things, each when it is asked for.
pub(crate) struct Batch {
    pub(crate) function: Value,
    pub(crate) over: Over,
}

/// What a [`Batch`] applies its function to.
pub(crate) enum Over {
    /// The elements of a list.
    List(List),
    /// The numbers from 0.
    Numbers,
    /// The names and values of a set.
    Attrs(Attrs),
}

/// What to do later, where it is not code that says so.
pub(crate) enum Lazy {
    /// Call a function.
    Apply(Value, Value),
    /// Call a function with two arguments.
    Apply2(Value, Value, Value),
    /// Force a value and mark what comes out.
    Mark(Taint, Value),
    /// Run a built-in's own code on a value.
    Native(
        fn(&mut Evaluator, &Value) -> Result<Value, EvalError>,
        Value,
    ),
}

/// What a thunk holds.
pub(crate) enum State {
    /// Code to run in this frame; which code is in the cell's word, see [`Thunk::code`].
    Pending(Env),
    /// One item of a batch; which one is in the cell's word.
    Item(Ref<Batch>),
    Lazy(Ref<Lazy>),
    Running,
    Done(Value),
    Failed(EvalError),
    /// Evaluated, but it depends on sources that may change.
    Tracked(Ref<Tracked>),
    /// The value is in the table of sources.
    Source(SourceId),
}

/// An evaluated thunk that can be evaluated again.
pub(crate) struct Tracked {
    pub(crate) recipe: Recipe,
    pub(crate) outcome: Result<Value, EvalError>,
    /// The generation of the sources at which `outcome` was computed.
    pub(crate) evaluated_at: u64,
    /// The latest generation at which it was found to hold still.
    pub(crate) checked_at: Cell<u64>,
}

impl Thunk {
    #[inline]
    pub(crate) fn new(state: State) -> Thunk {
        Thunk(Ref::new(ThunkCell(UnsafeCell::new(state))))
    }

    #[inline]
    pub(crate) fn state(&self) -> &State {
        // `replace` is the only writer; its callers keep no reference from here across it.
        unsafe { &*self.0.0.get() }
    }

    /// Changes the state and gives back the old one.
    ///
    /// # Safety
    /// No reference obtained from `state` on this thunk may be alive.
    #[inline]
    pub(crate) unsafe fn replace(&self, state: State) -> State {
        unsafe { std::mem::replace(&mut *self.0.0.get(), state) }
    }

    /// A cell for the value of code in a frame.
    #[inline]
    pub(crate) fn pending(code: CodeId, env: Env) -> Thunk {
        let thunk = Thunk::new(State::Pending(env));
        thunk.set_code(code);
        thunk
    }

    /// The code of a pending thunk. It shares a word with the taint, which a pending thunk has
    /// not yet: that makes a thunk 24 bytes rather than 32.
    #[inline]
    pub(crate) fn code(&self) -> CodeId {
        CodeId(self.0.tag())
    }

    /// A cell for one item of a batch.
    #[inline]
    pub(crate) fn item(batch: &Ref<Batch>, index: u32) -> Thunk {
        let thunk = Thunk::new(State::Item(batch.clone()));
        thunk.0.set_tag(index);
        thunk
    }

    /// The number of a thunk that is an item, kept as the code of others is.
    #[inline]
    pub(crate) fn index(&self) -> u32 {
        self.0.tag()
    }

    pub(crate) fn set_index(&self, index: u32) {
        self.0.set_tag(index);
    }

    #[inline]
    pub(crate) fn set_code(&self, code: CodeId) {
        self.0.set_tag(code.0);
    }

    /// What the value depended on. Meaningless while pending.
    #[inline]
    pub(crate) fn taint(&self) -> Taint {
        Taint(self.0.tag())
    }

    #[inline]
    pub(crate) fn set_taint(&self, taint: Taint) {
        self.0.set_tag(taint.0);
    }

    /// What the value depended on, once that is known.
    pub(crate) fn known_taint(&self) -> Option<Taint> {
        match self.state() {
            State::Pending(_)
            | State::Item(_)
            | State::Lazy(_)
            | State::Running
            | State::Source(_) => None,
            State::Done(_) | State::Failed(_) | State::Tracked(_) => Some(self.taint()),
        }
    }

    /// The value, when it is there and depends on nothing that must be remembered.
    #[inline]
    pub(crate) fn plain(&self) -> Option<&Value> {
        match self.state() {
            State::Done(value) if self.taint() == Taint::NONE => Some(value),
            _ => None,
        }
    }

    /// Whether both are the same cell.
    pub fn ptr_eq(&self, other: &Thunk) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::size_of;

    #[test]
    fn values_and_thunks_are_small() {
        assert_eq!(size_of::<Value>(), 16);
        assert_eq!(size_of::<Option<Value>>(), 16);
        assert_eq!(size_of::<Result<Value, EvalError>>(), 16);
        assert_eq!(size_of::<Attr>(), 24);
        assert_eq!(size_of::<State>(), 16);
    }

    fn attrs(names: &[u32], value: i64) -> Attrs {
        let attr = |name| Attr {
            name: Symbol(name),
            pos: Pos::NONE,
            value: Value::Int(value),
        };
        Attrs::from_vec(names.iter().copied().map(attr).collect())
    }

    fn listed(attrs: &Attrs) -> Vec<(u32, i64)> {
        let int = |value: &Value| if let Value::Int(i) = value { *i } else { 0 };
        attrs
            .iter()
            .map(|attr| (attr.name.0, int(&attr.value)))
            .collect()
    }

    #[test]
    fn update_prefers_the_right() {
        let both = attrs(&[5, 1, 3], 1).update(&attrs(&[3, 4], 2));
        assert_eq!(listed(&both), [(1, 1), (3, 2), (4, 2), (5, 1)]);
    }

    #[test]
    fn names_are_found_in_small_and_large_sets() {
        let names: Vec<u32> = (0..40).map(|n| n * 2).collect();
        let large = attrs(&names, 7);
        assert!(names.iter().all(|name| large.get(Symbol(*name)).is_some()));
        assert!(large.get(Symbol(13)).is_none());
        assert!(attrs(&[1, 2], 0).get(Symbol(3)).is_none());
    }
}
