//! How the name at the end of a text could go on.

use nixops4_lang::{Input, Value, attr_name};
use nixops4_proto::evaluator::{CompleteInput, Completions};

use super::dependencies::pick;
use super::variables;
use crate::session::Session;

/// The end of a text: the name that is being typed, and what it is selected from.
#[derive(Debug, PartialEq)]
struct Tail<'a> {
    /// Where the name begins; with its quote, if it has one.
    start: usize,
    /// The name as far as it is there, without a quote.
    name: &'a str,
    /// The expression before the dot.
    base: Option<&'a str>,
}

impl Session {
    /// Completes the name at the end of a text.
    pub fn complete(&mut self, ask: &CompleteInput) -> Completions {
        let Some(tail) = tail(&ask.text) else {
            return Completions::default();
        };
        // Nobody has asked for what it says.
        self.wire.keep_quiet(true);
        let mut names = match tail.base {
            None => self.names_in_scope(ask.members),
            Some(base) => self.names_inside(base, ask.members),
        };
        self.wire.keep_quiet(false);
        names.retain(|name| {
            // Names for internal use are offered to whoever has begun one.
            name.starts_with(tail.name) && (!name.starts_with('_') || tail.name.starts_with('_'))
        });
        names.sort();
        names.dedup();
        Completions {
            start: tail.start as u64,
            candidates: names
                .iter()
                .map(|name| attr_name(name.as_bytes()))
                .collect(),
        }
    }

    fn names_in_scope(&mut self, members: bool) -> Vec<String> {
        let mut names: Vec<String> = self.evaluator.global_names().collect();
        names.extend(self.scope.variables.keys().cloned());
        if let Some(members) = self.scope.members.clone().filter(|_| members) {
            names.extend(self.attr_names(&members));
        }
        names
    }

    fn names_inside(&mut self, base: &str, members: bool) -> Vec<String> {
        let leaf = members.then(|| self.leaf_named(base)).flatten();
        let Some((root, path)) = leaf else {
            let variables = variables(&self.scope);
            let read = self
                .evaluator
                .read_input(base, "string", &self.scope.base, &variables);
            return match read {
                Ok(Input::Expression(value)) => self.attr_names(&value),
                _ => Vec::new(),
            };
        };
        let (value, _) = self
            .evaluator
            .with_taint(|evaluator| pick(evaluator, root, &path));
        let Ok(value) = value else {
            return Vec::new();
        };
        let mut names = self.attr_names(&value);
        let (members, _) = self
            .evaluator
            .with_taint(|evaluator| evaluator.select_opt(&value, "members"));
        if let Ok(Some(members)) = members {
            names.extend(self.attr_names(&members));
        }
        names
    }

    /// The names in a set; none of anything else, and of a set that is secret which it is.
    fn attr_names(&mut self, value: &Value) -> Vec<String> {
        let (attrs, taint) = self
            .evaluator
            .with_taint(|evaluator| evaluator.attrs_of(value));
        match attrs {
            Ok(attrs) if !self.evaluator.taint_marks(taint).is_sensitive() => attrs
                .iter()
                .map(|attr| self.evaluator.symbol_name(attr.name))
                .collect(),
            _ => Vec::new(),
        }
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'\'')
}

fn begins_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

/// Takes the end of a text apart. `None` where no name could stand.
fn tail(text: &str) -> Option<Tail<'_>> {
    let bytes = text.as_bytes();
    let quoted = text.rfind(".\"").filter(|at| !text[at + 2..].contains('"'));
    let (start, name) = match quoted {
        Some(dot) => (dot + 1, &text[dot + 2..]),
        None => {
            let start = name_before(bytes, bytes.len());
            (start, &text[start..])
        }
    };
    let before = start.checked_sub(1).map(|at| bytes[at]);
    if before != Some(b'.') {
        // The end of a number or a path.
        let is_other = before.is_some_and(|byte| byte.is_ascii_digit() || byte == b'/');
        return (!is_other).then_some(Tail {
            start,
            name,
            base: None,
        });
    }
    let base = base_before(bytes, start - 1)?;
    Some(Tail {
        start,
        name,
        base: Some(&text[base..start - 1]),
    })
}

/// Where the name that ends at `end` begins.
fn name_before(bytes: &[u8], end: usize) -> usize {
    let mut start = end;
    while start > 0 && is_name_byte(bytes[start - 1]) {
        start -= 1;
    }
    while start < end && !begins_name(bytes[start]) {
        start += 1;
    }
    start
}

/// Where what can be selected from, and ends at `end`, begins: names, quoted names and an expression
/// in parentheses, with dots between them.
fn base_before(bytes: &[u8], mut end: usize) -> Option<usize> {
    loop {
        let start = match *bytes.get(end.checked_sub(1)?)? {
            b'"' => bytes[..end - 1].iter().rposition(|byte| *byte == b'"')?,
            b')' => return opening_before(bytes, end),
            _ => name_before(bytes, end),
        };
        if start == end {
            return None;
        }
        if start == 0 || bytes[start - 1] != b'.' {
            let is_path = start > 0 && bytes[start - 1] == b'/';
            return (begins_name(bytes[start]) && !is_path).then_some(start);
        }
        end = start - 1;
    }
}

/// The parenthesis that the one before `end` closes.
fn opening_before(bytes: &[u8], end: usize) -> Option<usize> {
    let mut open = 0usize;
    for at in (0..end).rev() {
        match bytes[at] {
            b')' => open += 1,
            b'(' if open == 1 => return Some(at),
            b'(' => open -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, base: Option<&str>, name: &str) {
        let tail = tail(text).expect(text);
        assert_eq!((tail.base, tail.name), (base, name), "{text}");
    }

    #[test]
    fn the_name_being_typed_is_at_the_end() {
        check("", None, "");
        check("ma", None, "ma");
        check("1 + ma", None, "ma");
        check("[ -x", None, "x");
        check("members.", Some("members"), "");
        check("members.vpc.out", Some("members.vpc"), "out");
        check("f members.vpc.out", Some("members.vpc"), "out");
        check("-a.b", Some("a"), "b");
        check("\"${x.y", Some("x"), "y");
        check("a.\"b c\".d", Some("a.\"b c\""), "d");
        check("(f { a = (1); }).x.y", Some("(f { a = (1); }).x"), "y");
        check("x = a-b.c'", Some("a-b"), "c'");
    }

    #[test]
    fn a_quoted_name_may_be_open() {
        let tail = tail("a.\"b c").expect("a tail");
        assert_eq!((tail.start, tail.name, tail.base), (2, "b c", Some("a")));
    }

    #[test]
    fn numbers_and_paths_are_no_bases() {
        for text in ["1.", "./.", "../a.", ".x", "[ ].a", "1", "x.1a", "./a"] {
            let found = tail(text);
            let usable = found.as_ref().is_some_and(|tail| tail.base.is_some());
            assert!(!usable, "{text}: {found:?}");
            assert!(text != "./a" || found.is_none());
        }
    }
}
