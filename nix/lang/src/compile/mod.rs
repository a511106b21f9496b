//! From the syntax tree to code with all names resolved: [`ir`] is the code, [`resolve`] and
//! [`bindings`] make it.

mod bindings;
pub(crate) mod ir;
mod resolve;
mod scope;

pub(crate) use resolve::{Context, compile};
