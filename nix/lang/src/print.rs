//! Values as text: exactly what `nix-instantiate --eval --strict` prints, and a short form for
//! error messages.

use crate::{
    error::EvalError,
    evaluator::Evaluator,
    hash::FastSet,
    pure::number::float_general,
    stack::grow_stack,
    value::{State, Str, Value},
};

/// A string as a literal of the language.
pub fn quoted(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('"');
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '"' => literal.push_str("\\\""),
            '\\' => literal.push_str("\\\\"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '$' if chars.peek() == Some(&'{') => literal.push_str("\\$"),
            other => literal.push(other),
        }
    }
    literal.push('"');
    literal
}

fn is_identifier(name: &[u8]) -> bool {
    let keywords: &[&[u8]] = &[
        b"if", b"then", b"else", b"assert", b"with", b"let", b"in", b"rec", b"inherit",
    ];
    let first = name
        .first()
        .is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    first
        && name
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'\''))
        && !keywords.contains(&name)
}

/// An attribute name as it is written, quoted where it must be.
pub fn attr_name(name: &[u8]) -> String {
    if is_identifier(name) {
        String::from_utf8_lossy(name).into_owned()
    } else {
        quoted(name)
    }
}

/// What stands for a sensitive value.
pub(crate) const HIDDEN: &str = "(sensitive)";

/// How much of a value an error message shows.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) depth: u32,
    pub(crate) items: usize,
    pub(crate) text: usize,
}

impl Evaluator {
    /// The value as `nix-instantiate --eval` prints it; `strict` forces everything first.
    pub fn print(&mut self, value: &Value, strict: bool) -> Result<String, EvalError> {
        let value = if strict {
            self.force_deep(value)?
        } else {
            self.force(value)?
        };
        let mut out = String::new();
        self.print_into(&value, &mut FastSet::default(), &mut out);
        Ok(out)
    }

    fn print_into(&self, value: &Value, seen: &mut FastSet<usize>, out: &mut String) {
        match known(value) {
            None => out.push_str("<CODE>"),
            Some(Value::Null) => out.push_str("null"),
            Some(Value::Bool(bool)) => out.push_str(if bool { "true" } else { "false" }),
            Some(Value::Int(int)) => out.push_str(&int.to_string()),
            Some(Value::Float(float)) => out.push_str(&float_general(float)),
            Some(Value::String(text)) => out.push_str(&quoted(text.as_bytes())),
            Some(Value::Path(path)) => out.push_str(&path.to_text()),
            Some(Value::List(list)) => {
                if !list.is_empty() && !seen.insert(list.address()) {
                    return out.push_str("«repeated»");
                }
                out.push_str("[ ");
                for item in list.iter() {
                    grow_stack(|| self.print_into(item, seen, out));
                    out.push(' ');
                }
                out.push(']');
            }
            Some(Value::Attrs(attrs)) => {
                if !attrs.is_empty() && !seen.insert(attrs.address()) {
                    return out.push_str("«repeated»");
                }
                out.push_str("{ ");
                for attr in self.sorted_attrs(&attrs) {
                    out.push_str(&attr_name(self.symbols.name(attr.name).as_bytes()));
                    out.push_str(" = ");
                    grow_stack(|| self.print_into(&attr.value, seen, out));
                    out.push_str("; ");
                }
                out.push('}');
            }
            Some(Value::Lambda(_)) => out.push_str("<LAMBDA>"),
            Some(Value::Partial(partial)) => {
                let builtin = matches!(partial.function, Value::Builtin(_));
                out.push_str(if builtin { "<PRIMOP-APP>" } else { "<LAMBDA>" });
            }
            Some(Value::Builtin(_)) => out.push_str("<PRIMOP>"),
            Some(Value::Thunk(_)) => out.push_str("<CODE>"),
        }
    }

    /// The value, if it has been evaluated already.
    pub(crate) fn at_hand(&self, value: &Value) -> Option<Value> {
        known(value)
    }

    /// A type error: something else was expected.
    #[cold]
    pub fn expected(&self, expected: &str, found: &Value) -> EvalError {
        let found = self.describe(found);
        EvalError::type_error(format!("expected {expected} but found {found}"))
    }

    /// The value's type and a little of the value, evaluating nothing.
    pub(crate) fn describe(&self, value: &Value) -> String {
        match value {
            Value::Null => "null".into(),
            _ => format!("{}: {}", value.described_type(), self.show_briefly(value)),
        }
    }

    /// A little of the value, evaluating nothing.
    pub(crate) fn show_briefly(&self, value: &Value) -> String {
        if self
            .accumulator
            .any(|taint| self.taints.marks(taint).is_sensitive())
        {
            return HIDDEN.into();
        }
        let mut out = String::new();
        self.brief(
            value,
            Limits {
                depth: 3,
                items: 10,
                text: 400,
            },
            &mut out,
        );
        out
    }

    pub(crate) fn brief(&self, value: &Value, limits: Limits, out: &mut String) {
        if let Value::Thunk(thunk) = value
            && thunk
                .known_taint()
                .is_some_and(|taint| self.taints.marks(taint).is_sensitive())
        {
            return out.push_str(HIDDEN);
        }
        match known(value) {
            None => out.push_str("«thunk»"),
            Some(Value::String(text)) => out.push_str(&brief_text(&text, limits.text)),
            Some(Value::List(list)) if limits.depth > 0 && !list.is_empty() => {
                let limits = Limits {
                    depth: limits.depth - 1,
                    ..limits
                };
                out.push_str("[ ");
                for item in list.iter().take(limits.items) {
                    self.brief(item, limits, out);
                    out.push(' ');
                }
                if list.len() > limits.items {
                    out.push_str(&format!("«{} items elided» ", list.len() - limits.items));
                }
                out.push(']');
            }
            Some(Value::Attrs(attrs)) if limits.depth > 0 && !attrs.is_empty() => {
                let limits = Limits {
                    depth: limits.depth - 1,
                    ..limits
                };
                out.push_str("{ ");
                for attr in self.sorted_attrs(&attrs).into_iter().take(limits.items) {
                    out.push_str(&attr_name(self.symbols.name(attr.name).as_bytes()));
                    out.push_str(" = ");
                    self.brief(&attr.value, limits, out);
                    out.push_str("; ");
                }
                if attrs.len() > limits.items {
                    out.push_str(&format!(
                        "«{} attributes elided» ",
                        attrs.len() - limits.items
                    ));
                }
                out.push('}');
            }
            Some(Value::List(list)) if list.is_empty() => out.push_str("[ ]"),
            Some(Value::Attrs(attrs)) if attrs.is_empty() => out.push_str("{ }"),
            Some(Value::List(_)) => out.push_str("[ ... ]"),
            Some(Value::Attrs(_)) => out.push_str("{ ... }"),
            Some(Value::Lambda(closure)) => self.brief_lambda(&closure, out),
            Some(Value::Builtin(builtin)) => {
                out.push_str(&format!("«primop {}»", builtin.name));
            }
            Some(Value::Partial(partial)) => match &partial.function {
                Value::Builtin(builtin) => {
                    out.push_str(&format!("«partially applied primop {}»", builtin.name));
                }
                other => self.brief(other, limits, out),
            },
            Some(other) => self.print_into(&other, &mut FastSet::default(), out),
        }
    }

    fn brief_lambda(&self, closure: &crate::value::Closure, out: &mut String) {
        out.push_str("«lambda");
        if let Some(name) = closure.lambda.name {
            out.push_str(&format!(" {}", self.symbols.text(name)));
        }
        if let Some(at) = self.files.locate(closure.lambda.span) {
            out.push_str(&format!(" @ {}:{}:{}", at.origin, at.line, at.column));
        }
        out.push('»');
    }
}

/// The value, where it is known and may be shown.
fn known(value: &Value) -> Option<Value> {
    match value {
        Value::Thunk(thunk) => match thunk.state() {
            State::Done(value) => Some(value.clone()),
            State::Tracked(tracked) => tracked.outcome.clone().ok(),
            _ => None,
        },
        other => Some(other.clone()),
    }
}

fn brief_text(text: &Str, limit: usize) -> String {
    let bytes = text.as_bytes();
    if bytes.len() <= limit {
        return quoted(bytes);
    }
    format!(
        "{} «{} bytes elided»",
        quoted(&bytes[..limit]),
        bytes.len() - limit
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_they_must_be() {
        assert_eq!(attr_name(b"a-b'"), "a-b'");
        assert_eq!(attr_name(b"or"), "or");
        assert_eq!(attr_name(b"if"), "\"if\"");
        assert_eq!(attr_name(b"1a"), "\"1a\"");
        assert_eq!(attr_name(b""), "\"\"");
    }
}
