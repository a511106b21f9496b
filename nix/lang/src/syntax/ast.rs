//! The syntax tree: a flat vector of nodes that name each other by index.
//!
//! Flat, so that dropping a tree nested a hundred thousand levels deep takes no stack.

use crate::{
    hash::FastMap,
    position::{Pos, Span},
    symbol::Symbol,
};

pub(crate) type Id = u32;

/// A parsed text.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
}

pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

pub(crate) enum Kind {
    Int(i64),
    Float(f64),
    Text(Vec<u8>),
    /// A string with interpolations.
    Template(Vec<Part>),
    /// A path; the first part is text and says what it is relative to.
    Path(Vec<Part>),
    SearchPath(String),
    Variable(Symbol),
    CurrentPosition,
    Select {
        base: Id,
        path: Vec<Name>,
        default: Option<Id>,
    },
    HasAttr {
        base: Id,
        path: Vec<Name>,
    },
    Call {
        function: Id,
        args: Vec<Id>,
    },
    Lambda(Box<Lambda>),
    List(Vec<Id>),
    Attrs(Box<Bindings>),
    Let(Box<Bindings>, Id),
    With(Id, Id),
    If(Id, Id, Id),
    Assert(Id, Id),
    Binary(BinaryOp, Id, Id),
    Not(Id),
    Negate(Id),
}

pub(crate) enum Part {
    Text(Vec<u8>),
    Expr(Id),
}

/// One step of an attribute path.
#[derive(Clone, Copy)]
pub(crate) enum Name {
    Static(Symbol, Span),
    Dynamic(Id, Span),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum BinaryOp {
    Concat,
    Update,
    Add,
    Sub,
    Mul,
    Div,
    And,
    Or,
    Implies,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

pub(crate) struct Lambda {
    pub(crate) param: Param,
    pub(crate) body: Id,
}

pub(crate) enum Param {
    Ident(Symbol),
    Pattern {
        formals: Vec<Formal>,
        ellipsis: bool,
        bind: Option<Symbol>,
    },
}

pub(crate) struct Formal {
    pub(crate) name: Symbol,
    pub(crate) pos: Pos,
    pub(crate) default: Option<Id>,
}

/// What stands between the braces of a set or between `let` and `in`.
#[derive(Default)]
pub(crate) struct Bindings {
    pub(crate) recursive: bool,
    pub(crate) fields: Vec<Field>,
    pub(crate) dynamic: Vec<Dynamic>,
    /// The sources of `inherit (source) names;`.
    pub(crate) sources: Vec<Id>,
    index: FastMap<Symbol, u32>,
}

#[derive(Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: Symbol,
    pub(crate) span: Span,
    pub(crate) value: FieldValue,
}

#[derive(Clone, Copy)]
pub(crate) enum FieldValue {
    Expr(Id),
    /// The variable of the same name in the scope around.
    Inherit,
    /// Selected from that source.
    InheritFrom(u32),
}

#[derive(Clone, Copy)]
pub(crate) struct Dynamic {
    pub(crate) name: Id,
    pub(crate) pos: Pos,
    pub(crate) value: Id,
}

/// Up to this many fields are searched one by one.
const SCAN_LIMIT: usize = 12;

impl Bindings {
    pub(crate) fn find(&self, name: Symbol) -> Option<usize> {
        if self.fields.len() <= SCAN_LIMIT {
            self.fields.iter().position(|field| field.name == name)
        } else {
            self.index.get(&name).map(|index| *index as usize)
        }
    }

    /// Adds a field that `find` does not find.
    pub(crate) fn push(&mut self, field: Field) {
        self.fields.push(field);
        let len = self.fields.len();
        if len == SCAN_LIMIT + 1 {
            self.index = (0..)
                .zip(&self.fields)
                .map(|(n, field)| (field.name, n))
                .collect();
        } else if len > SCAN_LIMIT {
            self.index.insert(field.name, len as u32 - 1);
        }
    }
}
