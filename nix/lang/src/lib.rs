//! A Nix-language evaluator that knows where each value came from.
//!
//! ```text
//!  text ──lexer──► tokens ──parser──► syntax tree ──resolve──► code (names are places in frames)
//!                                                                │
//!                     host: files, store, environment ◄──── evaluator ────► values
//!                                                                │
//!   set_external(root, tree) ──► sources ──force──► thunk: value + what it depended on (taint)
//! ```
//!
//! * [`Evaluator`] owns everything. It is single-threaded; values belong to their evaluator.
//! * A [`Value`] may be a thunk. [`Evaluator::force`] gives a value that is not.
//! * Values the host provides ([`Evaluator::new_source`], [`Evaluator::set_external`]) may be
//!   unknown: forcing one ends in an error for which [`EvalError::is_suspended`] holds, and which is
//!   asked anew once the host has set the value.
//! * [`Evaluator::with_taint`] says what an evaluation depended on. Forcing a thunk again says the
//!   same again; after a source changed, exactly what depends on it is evaluated anew. So keep
//!   thunks, not forced values, of what you will ask for again.
//! * The outside world is the [`Host`] trait and nothing else.
//!
//! ```
//! use nixops4_lang::{Evaluator, ExternalValue, NoHost, Options};
//! # fn main() -> Result<(), nixops4_lang::EvalError> {
//! let mut evaluator = Evaluator::new(Box::new(NoHost), Options::default());
//! let vpc = evaluator.new_source("vpc");
//! let outputs = evaluator.external(vpc);
//! let function = evaluator.eval_str("vpc: \"id is ${vpc.id}\"", "demo", "/".as_ref())?;
//! assert!(evaluator.call(&function, outputs.clone()).is_err_and(|e| e.is_suspended()));
//! evaluator.set_external(vpc, &ExternalValue::attrs([("id", ExternalValue::string("v-1"))]));
//! let (text, taint) = evaluator.with_taint(|evaluator| evaluator.call(&function, outputs));
//! assert_eq!(evaluator.string_of(&text?)?, "id is v-1");
//! let read: Vec<String> =
//!     evaluator.taint_sources(taint).map(|(_, path)| path.to_string()).collect();
//! assert_eq!(read, ["id"]);
//! # Ok(())
//! # }
//! ```

mod builtins;
mod command;
mod compile;
pub mod content;
mod documentation;
mod error;
mod eval;
mod evaluator;
mod external;
mod fetcher;
mod foreign;
mod hash;
mod heap;
mod host;
mod input;
mod object_store;
mod path;
mod pool;
mod position;
mod pretty;
mod print;
mod pure;
mod realise;
mod render;
mod stack;
mod store;
mod suggest;
mod symbol;
mod syntax;
mod taint;
#[cfg(test)]
mod tests;
mod value;

pub use builtins::{Builtin, CALL_FLAKE};
pub use documentation::Documentation;
pub use error::{Doing, ErrorKind, EvalError, Frame};
pub use evaluator::{Evaluator, Options};
pub use external::{AttrPath, ExternalKind, ExternalValue, PathStep};
pub use fetcher::{
    FetchRules, Fetched, Fetcher, FlakeName, LockedFlake, SourceAttr, SourceAttrs, SourceName,
    TreeRequest, UrlRequest,
};
pub use foreign::{ForeignError, ForeignFunctions, Parameter, Signature};
pub use heap::{Ref, Slice};
pub use host::{FileType, Host, HostError, MemoryHost, NoHost, RealFs, RegularFile};
pub use input::Input;
pub use object_store::{MemoryStore, NewContents, NewObject, ObjectStore};
pub use position::{Location, Origin, Pos, SourceFile, Span};
pub use pretty::Pretty;
pub use print::{attr_name, quoted};
pub use render::RenderOptions;
pub use symbol::Symbol;
pub use taint::{Marks, SourceId, Taint};
pub use value::{
    Attr, Attrs, Closure, Context, ContextElement, Fallback, List, Partial, Str, Thunk, Value,
};
