//! From the syntax tree to code with all names resolved: [`ir`] is the code, [`resolve`] makes it.

pub(crate) mod ir;
mod resolve;
mod scope;

pub(crate) use resolve::{Context, compile};
