//! From source text to a syntax tree: [`lexer`], [`parser`], and what strings need ([`strings`]).
//!
//! Why an own parser, where `rnix` exists: an evaluator wants no lossless tree. Parsing straight
//! into a flat tree is several times faster, follows the real grammar (rnix accepts `(1 ]` and
//! cannot read `10/(2)`), and has no nesting limit of 512. `rnix` remains the yardstick in tests.

pub(crate) mod ast;
mod lexer;
mod parser;
mod show;
mod strings;
#[cfg(test)]
mod yardstick;

pub(crate) use parser::{is_blank, parse, parse_bindings};
pub(crate) use show::Shower;

/// Text that is not Nix, with the byte range at fault.
pub(crate) struct SyntaxError {
    pub(crate) message: String,
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Whether more text after what there is could make it right.
    pub(crate) ended_early: bool,
}

impl SyntaxError {
    pub(crate) fn new(message: impl Into<String>, start: usize, end: usize) -> Self {
        SyntaxError {
            message: message.into(),
            start,
            end,
            ended_early: false,
        }
    }

    /// The text ended where more of it was needed.
    pub(crate) fn ended_early(mut self) -> Self {
        self.ended_early = true;
        self
    }
}
