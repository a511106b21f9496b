//! The cells of values: variables in their frames, and thunks.

use std::cell::{Cell, UnsafeCell};

use super::{Attrs, List, Value};
use crate::{
    compile::ir::CodeId,
    error::EvalError,
    evaluator::Evaluator,
    heap::{Ref, Slice},
    taint::{SourceId, Taint},
};

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
pub struct Thunk(pub(super) Ref<ThunkCell>);

pub(super) struct ThunkCell(UnsafeCell<State>);

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

    /// The code that a thunk is going to run, as long as it has not.
    pub(crate) fn pending_code(&self) -> Option<CodeId> {
        match self.state() {
            State::Pending(_) => Some(self.code()),
            _ => None,
        }
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

    /// Tells this cell apart from all others that live.
    pub(crate) fn address(&self) -> usize {
        self.0.address()
    }

    /// Whether both are the same cell.
    pub fn ptr_eq(&self, other: &Thunk) -> bool {
        self.0.ptr_eq(&other.0)
    }
}
