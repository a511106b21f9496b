//! Values as Nix text, to be pasted into a deployment.

use std::fmt::Write as _;

use nixops4_core::value::{Kind, Value};

const INDENT: &str = "  ";

/// An expression, its later lines indented so many steps. A secret is left out, with a comment in
/// its place.
pub fn expression(value: &Value, depth: usize) -> String {
    let mut text = String::new();
    write_value(&mut text, value, depth);
    text
}

fn write_value(text: &mut String, value: &Value, depth: usize) {
    if value.marks.sensitive {
        text.push_str("null /* secret: say here where it comes from */");
        return;
    }
    match &value.kind {
        Kind::Null | Kind::Unknown => text.push_str("null"),
        Kind::Bool(truth) => text.push_str(&truth.to_string()),
        Kind::Number(number) => {
            let number = number.to_string();
            match number.starts_with('-') {
                // In a list, a minus would be an operator.
                true => write!(text, "({number})").unwrap_or_default(),
                false => text.push_str(&number),
            }
        }
        Kind::String(content) => text.push_str(&string(content)),
        Kind::List(elements) if elements.is_empty() => text.push_str("[ ]"),
        Kind::List(elements) if elements.iter().all(is_short) => {
            text.push_str("[ ");
            for element in elements {
                write_value(text, element, depth);
                text.push(' ');
            }
            text.push(']');
        }
        Kind::List(elements) => {
            text.push('[');
            for element in elements {
                new_line(text, depth + 1);
                write_value(text, element, depth + 1);
            }
            new_line(text, depth);
            text.push(']');
        }
        Kind::Attrs(attrs) if attrs.is_empty() => text.push_str("{ }"),
        Kind::Attrs(attrs) => {
            text.push('{');
            for (name, value) in attrs {
                new_line(text, depth + 1);
                let _ = write!(text, "{} = ", attribute(name));
                write_value(text, value, depth + 1);
                text.push(';');
            }
            new_line(text, depth);
            text.push('}');
        }
    }
}

fn new_line(text: &mut String, depth: usize) {
    text.push('\n');
    text.push_str(&INDENT.repeat(depth));
}

fn is_short(value: &Value) -> bool {
    match &value.kind {
        Kind::List(_) | Kind::Attrs(_) => false,
        Kind::String(text) => text.len() <= 24,
        _ => !value.marks.sensitive,
    }
}

/// A string literal.
pub fn string(content: &str) -> String {
    let mut text = String::from("\"");
    let mut rest = content.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '$' if rest.peek() == Some(&'{') => text.push_str("\\$"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// The name of an attribute, quoted where it must be.
pub fn attribute(name: &str) -> String {
    const WORDS: [&str; 10] = [
        "assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with",
    ];
    let mut chars = name.chars();
    let plain = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\''));
    match plain && !WORDS.contains(&name) {
        true => name.to_owned(),
        false => string(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_people_write_them() {
        let value = Value::attrs([
            ("a b", Value::list([1.into(), (-2).into()])),
            ("cost", "${x} \"5$\"\n".into()),
            ("empty", Value::attrs::<String>([])),
            ("if", Value::from("secret").sensitive()),
            ("rule", Value::list([Value::attrs([("port", 80.into())])])),
        ]);
        assert_eq!(
            expression(&value, 1),
            r#"{
    "a b" = [ 1 (-2) ];
    cost = "\${x} \"5$\"\n";
    empty = { };
    "if" = null /* secret: say here where it comes from */;
    rule = [
      {
        port = 80;
      }
    ];
  }"#
        );
    }
}
