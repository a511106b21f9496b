//! The code the evaluator runs: variables are places in frames, names are symbols.
//!
//! Code is never freed: an evaluator reads each file once, thunks hold plain references to what
//! they will run, and checking lifetimes at every step would cost more than the text it holds.

use crate::{
    position::{Pos, Span},
    symbol::Symbol,
    value::{Hint, Value},
};

pub(crate) use crate::syntax::ast::BinaryOp;

/// Code that thunks may be made of, by its index in the evaluator's table.
///
/// An index, because four bytes fit into a thunk's state where a reference does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CodeId(pub(crate) u32);

/// An expression and where it stands.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) expr: Expr,
    pub(crate) span: Span,
    /// Set for code that is evaluated later.
    pub(crate) code: CodeId,
}

impl Node {
    /// For code that is only evaluated at once.
    pub(crate) const NO_CODE: CodeId = CodeId(u32::MAX);
}

/// What to do. Cheap to copy: everything below is shared.
#[derive(Clone)]
pub(crate) enum Expr {
    Const(Value),
    /// A built-in value that is computed when it is first asked for.
    Global(Value),
    /// A variable of the innermost frame.
    Local(u32),
    /// A variable `depth` frames out.
    Outer {
        depth: u32,
        slot: u32,
    },
    /// A name looked up in the sets of enclosing `with`s.
    FromWith(&'static FromWith),
    Select(&'static Select),
    HasAttr(&'static HasAttr),
    Call(&'static Call),
    Lambda(&'static Lambda),
    Let(&'static Let),
    Attrs(&'static AttrsCode),
    List(&'static [Node]),
    If(&'static [Node; 3]),
    Assert(&'static [Node; 2]),
    With(&'static [Node; 2]),
    Not(&'static Node),
    Negate(&'static Node),
    And(&'static [Node; 2]),
    Or(&'static [Node; 2]),
    Implies(&'static [Node; 2]),
    Binary(BinaryOp, &'static [Node; 2]),
    /// A string with interpolations.
    Template(&'static [Node]),
    /// A path with interpolations.
    PathTemplate(&'static [Node]),
    SearchPath(&'static str),
    CurrentPosition,
    /// What is put off even where doing it at once costs less.
    Later(&'static Node),
}

pub(crate) struct FromWith {
    pub(crate) name: Symbol,
    /// How many frames out each `with` is, from the innermost.
    pub(crate) depths: Box<[u32]>,
}

/// One step of an attribute path.
pub(crate) enum Name {
    Static(Symbol, Span, Hint),
    Dynamic(Node),
}

pub(crate) struct Select {
    pub(crate) base: Node,
    pub(crate) path: Box<[Name]>,
    pub(crate) default: Option<Node>,
}

pub(crate) struct HasAttr {
    pub(crate) base: Node,
    pub(crate) path: Box<[Name]>,
}

pub(crate) struct Call {
    pub(crate) function: Node,
    pub(crate) args: Box<[Node]>,
}

/// A function. `x: y: { z }: body` is one lambda of three parameters, with one frame.
pub(crate) struct Lambda {
    pub(crate) name: Option<Symbol>,
    pub(crate) span: Span,
    /// The parameters that are plain names: how many.
    pub(crate) plain: u32,
    /// Their names.
    pub(crate) names: Box<[Symbol]>,
    /// The last parameter, where it is a pattern.
    pub(crate) pattern: Option<Pattern>,
    pub(crate) body: Node,
}

impl Lambda {
    /// Whether this is `a: b: a < b`.
    pub(crate) fn is_less_than(&self) -> bool {
        let Expr::Binary(BinaryOp::Less, operands) = &self.body.expr else {
            return false;
        };
        let in_order = matches!(
            operands,
            [
                Node {
                    expr: Expr::Local(0),
                    ..
                },
                Node {
                    expr: Expr::Local(1),
                    ..
                }
            ]
        );
        in_order && self.plain == 2 && self.pattern.is_none()
    }

    pub(crate) fn arity(&self) -> usize {
        self.plain as usize + usize::from(self.pattern.is_some())
    }
}

/// `{ a, b ? 1, ... }@bind`: its slots follow those of the plain parameters.
pub(crate) struct Pattern {
    /// In symbol order.
    pub(crate) formals: Box<[Formal]>,
    pub(crate) ellipsis: bool,
    /// The name of one more slot, which takes the whole argument.
    pub(crate) bind: Option<Symbol>,
}

pub(crate) struct Formal {
    pub(crate) name: Symbol,
    pub(crate) pos: Pos,
    pub(crate) default: Option<Node>,
}

pub(crate) struct Let {
    pub(crate) slots: Box<[Binding]>,
    pub(crate) body: Node,
}

/// How a slot of a recursive frame is filled.
pub(crate) struct Binding {
    pub(crate) node: Node,
    /// The node is a variable of the frame under construction, which may not be filled yet.
    pub(crate) forward: bool,
}

/// An attribute set.
pub(crate) struct AttrsCode {
    /// Slots of a frame for this set: the fields of a recursive one in the order of `fields`, then
    /// the sources of `inherit (…)`. Without slots there is no frame.
    pub(crate) slots: Box<[Binding]>,
    /// In symbol order.
    pub(crate) fields: Box<[FieldCode]>,
    pub(crate) dynamic: Box<[DynamicCode]>,
    /// The slot of `__overrides`, for a recursive set that has it.
    pub(crate) overrides: Option<u32>,
}

pub(crate) struct FieldCode {
    pub(crate) name: Symbol,
    pub(crate) pos: Pos,
    pub(crate) value: FieldValue,
}

pub(crate) enum FieldValue {
    /// What is in that slot of the set's frame.
    Slot(u32),
    /// Code in the scope around the set.
    Outside(Node),
    /// Code in the set's own frame.
    Inside(Node),
}

pub(crate) struct DynamicCode {
    pub(crate) name: Node,
    pub(crate) value: Node,
    pub(crate) pos: Pos,
}
