//! What is written about a value, and where it was written: for someone at a prompt.

use crate::{
    builtins::description,
    error::{ErrorKind, EvalError},
    evaluator::Evaluator,
    position::{Location, Origin, Span},
    value::Value,
};

/// What is known of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Documentation {
    /// Of a built-in one, how it is called.
    pub usage: Option<String>,
    /// Where another one was written.
    pub place: Option<Location>,
    /// What it does, as somebody has written it.
    pub text: Option<String>,
}

impl Evaluator {
    /// What is known of a function: of a built-in one what it takes and gives, of another one where
    /// it was written, with the comment before it.
    ///
    /// # Errors
    /// Where the value is no function, or evaluation fails.
    pub fn documentation(&mut self, value: &Value) -> Result<Documentation, EvalError> {
        let value = self.force(value)?;
        let function = self.bare_function(&value)?;
        if let Value::Builtin(builtin) = &function {
            let name = builtin.name;
            let (takes, gives) = description(name).unzip();
            return Ok(Documentation {
                usage: Some(format!("builtins.{name} {}", takes.unwrap_or("…"))),
                place: None,
                text: gives.map(str::to_owned),
            });
        }
        let Some(span) = span_of(&function) else {
            return Err(no_function(&value));
        };
        Ok(Documentation {
            usage: None,
            place: self.locate(span),
            text: self.files.text_before(span).and_then(comment),
        })
    }

    /// Where a function was written, or the file that a path or string names.
    ///
    /// # Errors
    /// Where a value says of no file, or evaluation fails.
    pub fn written_in(&mut self, value: &Value) -> Result<Location, EvalError> {
        let value = self.force(value)?;
        let file = match &value {
            Value::Path(path) => Some(path.to_text().into_owned()),
            Value::String(text) => Some(text.to_text().into_owned()),
            _ => None,
        };
        if let Some(file) = file {
            return Ok(Location {
                origin: Origin::File(self.readable(file.as_ref())),
                line: 1,
                column: 1,
                text: String::new(),
                width: 1,
            });
        }
        let function = self.bare_function(&value)?;
        let place = span_of(&function)
            .and_then(|span| self.locate(span))
            .filter(|place| place.origin.path().is_some());
        place.ok_or_else(|| {
            let message = format!(
                "a path, or a function that is written in a file, is needed here, not {}",
                value.described_type()
            );
            EvalError::type_error(message)
        })
    }

    /// The function in a set that can be called, or under the arguments that it has already.
    fn bare_function(&mut self, value: &Value) -> Result<Value, EvalError> {
        match value {
            Value::Partial(partial) => Ok(partial.function.clone()),
            Value::Attrs(_) => {
                let functor = self.select_opt(value, "__functor")?;
                functor.map_or(Ok(value.clone()), |functor| self.force(&functor))
            }
            other => Ok(other.clone()),
        }
    }
}

fn no_function(value: &Value) -> EvalError {
    let found = value.described_type();
    EvalError::new(
        ErrorKind::Type,
        format!("only functions are documented, not {found}"),
    )
}

fn span_of(function: &Value) -> Option<Span> {
    match function {
        Value::Lambda(closure) => Some(closure.lambda.span),
        _ => None,
    }
}

/// The comment that the text before a function ends with, or that stands before the binding whose
/// value the function is.
fn comment(before: &str) -> Option<String> {
    let before = before.trim_end_matches(|c: char| c.is_whitespace() || c == '(');
    let own = ending_comment(before);
    own.or_else(|| {
        let binding = before.strip_suffix('=')?.trim_end();
        let path = |c: char| c.is_alphanumeric() || "_-'.\"".contains(c);
        ending_comment(binding.trim_end_matches(path).trim_end())
    })
}

fn ending_comment(text: &str) -> Option<String> {
    if let Some(inside) = text.strip_suffix("*/") {
        let begins = inside.rfind("/*")?;
        let inside = inside[begins + 2..].trim_start_matches('*');
        // The first line begins after the mark, wherever that is.
        let (first, rest) = inside.split_once('\n').unwrap_or((inside, ""));
        let text = format!("{}\n{}", first.trim(), unindented(rest));
        return Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    }
    let mut lines: Vec<&str> = text
        .lines()
        .rev()
        .map_while(|line| line.trim_start().strip_prefix('#'))
        .collect();
    lines.reverse();
    Some(unindented(&lines.join("\n"))).filter(|text| !text.is_empty())
}

/// Lines without the blanks that all of them begin with.
fn unindented(text: &str) -> String {
    let indented = text.lines().filter(|line| !line.trim().is_empty());
    let least = indented.map(|line| line.len() - line.trim_start().len());
    let least = least.min().unwrap_or(0);
    let lines = text.lines().map(|line| line.get(least..).unwrap_or(""));
    lines.map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::{Evaluator, NoHost, Options};

    fn said(text: &str) -> String {
        let mut evaluator = Evaluator::new(Box::new(NoHost), Options::default());
        let value = evaluator.eval_str(text, "test", Path::new("/"));
        match value.and_then(|value| evaluator.documentation(&value)) {
            Ok(found) => {
                assert_ne!(found.usage.is_some(), found.place.is_some());
                found.text.unwrap_or_else(|| "nothing".into())
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn functions_say_what_is_written_before_them() {
        for (text, expected) in [
            ("/** Gives it back. */ x: x", "Gives it back."),
            (
                "{ /** Twice.\n      Or more.\n    */\n f.g = a: b: a; }.f.g 1",
                "Twice.\nOr more.",
            ),
            (
                "let\n  # One.\n  # Two.\n  f = ({ x }: x); in f",
                "One.\nTwo.",
            ),
            (
                "{ /**\n     A:\n\n       code\n   */ __functor = self: x: x; }",
                "A:\n\n  code",
            ),
            ("x: x", "nothing"),
            ("{ /* a */ a = 1; f = x: x; }.f", "nothing"),
        ] {
            assert_eq!(said(text), expected);
        }
        assert!(said("/* not its */ 1 + 2").starts_with("only functions"));
        assert!(said("builtins.map (x: x)").starts_with("What the function gives"));
    }
}
