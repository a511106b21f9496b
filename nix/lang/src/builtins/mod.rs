//! The built-in functions. Each file has a `TABLE` of its own; [`install`] makes them visible.
//!
//! A function gets its arguments unevaluated, except those whose bit is set in [`Builtin::strict`]:
//! these the caller may evaluate first, which saves a thunk each. Set a bit only where the function
//! would force that argument before anything else can fail or be decided.

mod attrs;
mod constants;
mod context;
mod control;
mod derivations;
mod descriptions;
mod fetch;
mod files;
mod flakes;
mod hashes;
mod json;
mod lists;
mod marks;
mod numbers;
mod objects;
mod patterns;
mod strings;
mod toml;
mod types;
mod versions;
mod xml;

pub(crate) use descriptions::description;
pub use flakes::CALL_FLAKE;
pub(crate) use objects::Source;

use crate::{
    error::EvalError,
    eval::{Eval, lazy_native},
    evaluator::Evaluator,
    position::Pos,
    symbol::Symbol,
    value::{Attr, Attrs, Value},
};

type NativeFn = fn(&mut Evaluator, &[Value]) -> Eval;
type EmbeddedFn = dyn Fn(&mut Evaluator, &[Value]) -> Result<Value, EvalError>;

/// A built-in function.
pub struct Builtin {
    /// Its name in `builtins`.
    pub name: &'static str,
    /// How many arguments it takes.
    pub arity: usize,
    /// Which arguments may be evaluated before the call, by bit.
    pub(crate) strict: u8,
    code: Code,
}

enum Code {
    Native(NativeFn),
    Embedded(&'static EmbeddedFn),
}

/// What one file of built-ins offers.
type Table = [Builtin];

impl Builtin {
    const fn new(name: &'static str, arity: usize, strict: u8, function: NativeFn) -> Builtin {
        Builtin {
            name,
            arity,
            strict,
            code: Code::Native(function),
        }
    }

    pub(crate) fn embedded(
        name: &str,
        arity: usize,
        function: impl Fn(&mut Evaluator, &[Value]) -> Result<Value, EvalError> + 'static,
    ) -> Builtin {
        Builtin {
            name: String::leak(name.to_owned()),
            arity,
            strict: 0,
            code: Code::Embedded(Box::leak(Box::new(function))),
        }
    }

    #[inline]
    pub(crate) fn run(&self, evaluator: &mut Evaluator, args: &[Value]) -> Eval {
        match self.code {
            Code::Native(function) => {
                function(evaluator, args).map_err(|error| evaluator.showable(error))
            }
            // An embedder leaves out itself what is not to be shown.
            Code::Embedded(function) => {
                // What an embedder gives back may still be a thunk.
                let value = function(evaluator, args)?;
                evaluator.force(&value)
            }
        }
    }
}

const TABLES: &[&Table] = &[
    attrs::TABLE,
    context::TABLE,
    control::TABLE,
    derivations::TABLE,
    fetch::TABLE,
    files::TABLE,
    flakes::TABLE,
    hashes::TABLE,
    json::TABLE,
    lists::TABLE,
    marks::TABLE,
    numbers::TABLE,
    objects::TABLE,
    patterns::TABLE,
    strings::TABLE,
    toml::TABLE,
    types::TABLE,
    versions::TABLE,
    xml::TABLE,
];

/// Built-ins that are also visible without `builtins.` and without underscores.
const BARE: &[&str] = &[
    "abort",
    "baseNameOf",
    "break",
    "derivation",
    "derivationStrict",
    "dirOf",
    "fetchGit",
    "fetchMercurial",
    "fetchTarball",
    "fetchTree",
    "fromTOML",
    "import",
    "isNull",
    "map",
    "placeholder",
    "removeAttrs",
    "scopedImport",
    "throw",
    "toString",
    "null",
    "true",
    "false",
];

/// Makes all built-ins visible.
pub(crate) fn install(evaluator: &mut Evaluator) {
    let mut items: Vec<(&'static str, Value)> = TABLES
        .iter()
        .flat_map(|table| table.iter())
        .map(|builtin| (builtin.name, Value::Builtin(builtin)))
        .collect();
    items.extend(constants::values(evaluator));
    let mut attrs = Vec::with_capacity(items.len() + 1);
    for (name, value) in items {
        let symbol: Symbol = evaluator.symbols.intern(name.as_bytes());
        let global = if BARE.contains(&name) {
            symbol
        } else {
            evaluator.symbols.intern(format!("__{name}").as_bytes())
        };
        evaluator.globals.insert(global, value.clone());
        attrs.push(Attr {
            name: symbol,
            pos: Pos::NONE,
            value,
        });
    }
    // `builtins.builtins` is what people find when they look around.
    let own = lazy_native(|evaluator, _| Ok(evaluator.builtins.clone()), Value::Null);
    attrs.push(Attr {
        name: crate::symbol::known::BUILTINS,
        pos: Pos::NONE,
        value: own,
    });
    evaluator.set_builtins(Attrs::from_vec(attrs));
}
