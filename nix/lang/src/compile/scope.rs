//! Which names are visible where, while code is resolved.

use crate::{hash::FastMap, symbol::Symbol};

/// One frame that will exist at run time.
pub(super) enum Scope {
    /// A frame of variables.
    Names(Names),
    /// A `with`: one slot, and any name may come from it.
    With,
}

/// Up to this many names are searched one by one.
const SCAN_LIMIT: usize = 10;

/// The variables of a frame.
#[derive(Default)]
pub(super) struct Names {
    list: Vec<(Symbol, u32)>,
    index: FastMap<Symbol, u32>,
}

impl Names {
    /// Later names hide earlier ones.
    pub(super) fn new(list: Vec<(Symbol, u32)>) -> Names {
        let index = if list.len() > SCAN_LIMIT {
            list.iter().copied().collect()
        } else {
            FastMap::default()
        };
        Names { list, index }
    }

    fn find(&self, name: Symbol) -> Option<u32> {
        if self.list.len() > SCAN_LIMIT {
            return self.index.get(&name).copied();
        }
        self.list
            .iter()
            .rev()
            .find(|(listed, _)| *listed == name)
            .map(|(_, slot)| *slot)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Symbol> {
        self.list.iter().map(|(name, _)| *name)
    }
}

/// Where a name is found.
pub(super) enum Found {
    Variable {
        depth: u32,
        slot: u32,
    },
    /// Not a variable; these `with`s may have it, from the innermost.
    Withs(Vec<u32>),
}

#[derive(Default)]
pub(super) struct Scopes {
    stack: Vec<Scope>,
}

impl Scopes {
    pub(super) fn push(&mut self, scope: Scope) {
        self.stack.push(scope);
    }

    pub(super) fn pop(&mut self) -> Option<Scope> {
        self.stack.pop()
    }

    pub(super) fn find(&self, name: Symbol) -> Found {
        let mut withs = Vec::new();
        for (depth, scope) in (0..).zip(self.stack.iter().rev()) {
            match scope {
                Scope::Names(names) => {
                    if let Some(slot) = names.find(name) {
                        return Found::Variable { depth, slot };
                    }
                }
                Scope::With => withs.push(depth),
            }
        }
        Found::Withs(withs)
    }

    /// All variables in scope, for suggestions.
    pub(super) fn names(&self) -> impl Iterator<Item = Symbol> {
        let frames = self.stack.iter().filter_map(|scope| match scope {
            Scope::Names(names) => Some(names),
            Scope::With => None,
        });
        frames.flat_map(Names::iter)
    }
}
