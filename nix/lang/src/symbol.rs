//! Interned names: attribute and variable names as small numbers.

use crate::{hash::FastMap, value::Str};

/// An interned name. Symbols of one evaluator mean nothing to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Symbol(pub(crate) u32);

/// The names an evaluator has met.
pub(crate) struct Symbols {
    names: Vec<Str>,
    by_name: FastMap<Str, Symbol>,
}

macro_rules! known {
    ($($constant:ident = $text:literal),* $(,)?) => {
        /// Names the evaluator itself looks for.
        pub(crate) mod known {
            use super::Symbol;
            #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
            #[repr(u32)]
            enum Index { $($constant),* }
            $(pub(crate) const $constant: Symbol = Symbol(Index::$constant as u32);)*
        }
        const KNOWN: &[&str] = &[$($text),*];
    };
}

known! {
    OUT_PATH = "outPath",
    TO_STRING = "__toString",
    FUNCTOR = "__functor",
    OVERRIDES = "__overrides",
    TYPE = "type",
    NAME = "name",
    VALUE = "value",
    BODY = "body",
    SUCCESS = "success",
    RIGHT = "right",
    WRONG = "wrong",
    FILE = "file",
    LINE = "line",
    COLUMN = "column",
    START_SET = "startSet",
    OPERATOR = "operator",
    KEY = "key",
    PATH = "path",
    PREFIX = "prefix",
    ALL_OUTPUTS = "allOutputs",
    OUTPUTS = "outputs",
    FIND_FILE = "__findFile",
    NIX_PATH = "__nixPath",
    VERSION = "version",
    HASH = "hash",
    HASH_ALGO = "hashAlgo",
    TO_HASH_FORMAT = "toHashFormat",
    STRUCTURED_ATTRS = "__structuredAttrs",
    IGNORE_NULLS = "__ignoreNulls",
    CONTENT_ADDRESSED = "__contentAddressed",
    IMPURE = "__impure",
    ARGS = "args",
    BUILDER = "builder",
    SYSTEM = "system",
    OUTPUT_HASH = "outputHash",
    OUTPUT_HASH_ALGO = "outputHashAlgo",
    OUTPUT_HASH_MODE = "outputHashMode",
    DRV_PATH = "drvPath",
    FILTER = "filter",
    RECURSIVE = "recursive",
    SHA256 = "sha256",
    URL = "url",
    OR = "or",
    BUILTINS = "builtins",
}

impl Symbols {
    pub(crate) fn new() -> Self {
        let mut symbols = Symbols {
            names: Vec::new(),
            by_name: FastMap::default(),
        };
        for name in KNOWN {
            symbols.intern(name.as_bytes());
        }
        symbols
    }

    pub(crate) fn intern(&mut self, name: &[u8]) -> Symbol {
        match self.by_name.get(name) {
            Some(symbol) => *symbol,
            None => self.add(Str::new(name)),
        }
    }

    /// Interns a string value without copying it.
    pub(crate) fn intern_str(&mut self, name: &Str) -> Symbol {
        match self.by_name.get(name.as_bytes()) {
            Some(symbol) => *symbol,
            None => self.add(name.without_context()),
        }
    }

    fn add(&mut self, name: Str) -> Symbol {
        let symbol = Symbol(self.names.len() as u32);
        self.names.push(name.clone());
        self.by_name.insert(name, symbol);
        symbol
    }

    /// The symbol of a name, if anyone has used it.
    pub(crate) fn find(&self, name: &[u8]) -> Option<Symbol> {
        self.by_name.get(name).copied()
    }

    pub(crate) fn name(&self, symbol: Symbol) -> &Str {
        &self.names[symbol.0 as usize]
    }

    pub(crate) fn text(&self, symbol: Symbol) -> std::borrow::Cow<'_, str> {
        self.name(symbol).to_text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_have_their_numbers() {
        let mut symbols = Symbols::new();
        assert_eq!(symbols.intern(b"outPath"), known::OUT_PATH);
        assert_eq!(symbols.intern(b"builtins"), known::BUILTINS);
        let new = symbols.intern(b"something new");
        assert_eq!(symbols.intern_str(&Str::new(b"something new")), new);
        assert_eq!(symbols.name(new).as_bytes(), b"something new");
    }
}
