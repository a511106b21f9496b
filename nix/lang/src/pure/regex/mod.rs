//! Regular expressions as `builtins.match` and `builtins.split` understand them.
//!
//! Nix hands its patterns to C++'s `std::regex` with the POSIX extended grammar, and what people
//! see is what libstdc++ makes of that grammar: bytes rather than characters, the C locale's
//! classes, and a search that is neither Perl's nor quite POSIX's. Its rules, which no off-the-shelf
//! engine offers, are:
//!
//! - repetitions are greedy, and the first way found to go on after one is kept;
//! - both sides of an alternation are tried, and the longer overall match wins, the earlier one
//!   when they are equally long;
//! - the body of a loop may match the empty string once or twice more at one position, so
//!   `(a*)*` captures the empty string at the end of `aa`.
//!
//! [`exec`] follows these rules exactly and remembers what it has already tried, so that its time
//! is linear in the text where libstdc++'s is exponential.
//!
//! ```text
//! pattern bytes --parse--> Node --program--> Program --exec--> Match
//! ```

mod bracket;
mod exec;
mod parse;
mod program;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use program::Program;

/// Why a pattern cannot be used. The message is Nix's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegexError {
    /// The pattern breaks the grammar.
    #[error("invalid regular expression '{0}'")]
    Invalid(String),
    /// The pattern's repetitions unfold to too many states.
    #[error("memory limit exceeded by regular expression '{0}'")]
    TooLarge(String),
}

/// Tells whether to stop; asked now and then.
pub type Stop<'a> = &'a dyn Fn() -> bool;

/// It was stopped before it had come to anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// A compiled pattern.
#[derive(Debug)]
pub struct Regex {
    program: Program,
}

/// Where a pattern matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The whole match.
    pub range: Range<usize>,
    /// Each parenthesised group, in the order of its opening parenthesis; `None` where the group
    /// took no part in the match.
    pub groups: Vec<Option<Range<usize>>>,
}

impl Regex {
    /// Compiles a POSIX extended pattern.
    pub fn new(pattern: &[u8]) -> Result<Self, RegexError> {
        let text = || String::from_utf8_lossy(pattern).into_owned();
        let parsed = parse::parse(pattern).map_err(|parse::Invalid| RegexError::Invalid(text()))?;
        let program =
            program::compile(&parsed).map_err(|program::TooLarge| RegexError::TooLarge(text()))?;
        Ok(Self { program })
    }

    /// Matches the whole of `text`, as `builtins.match` does.
    ///
    /// # Errors
    /// If `stop` said so on the way.
    pub fn match_whole(&self, text: &[u8], stop: Stop<'_>) -> Result<Option<Match>, Stopped> {
        exec::match_whole(&self.program, text, stop)
    }

    /// All matches from left to right, as `builtins.split` separates by.
    ///
    /// # Errors
    /// If `stop` said so on the way.
    pub fn find_all(&self, text: &[u8], stop: Stop<'_>) -> Result<Vec<Match>, Stopped> {
        exec::find_all(&self.program, text, stop)
    }
}

/// Compiled patterns by their text: a program uses few patterns many times.
#[derive(Debug, Default)]
pub struct RegexCache {
    compiled: HashMap<Box<[u8]>, Arc<Regex>>,
}

impl RegexCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// The compiled form of `pattern`.
    pub fn get(&mut self, pattern: &[u8]) -> Result<Arc<Regex>, RegexError> {
        if let Some(found) = self.compiled.get(pattern) {
            return Ok(Arc::clone(found));
        }
        let regex = Arc::new(Regex::new(pattern)?);
        self.compiled.insert(pattern.into(), Arc::clone(&regex));
        Ok(regex)
    }
}
