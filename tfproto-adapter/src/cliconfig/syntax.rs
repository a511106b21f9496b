//! The configuration language of the CLI config and the lock file.
//!
//! A subset of HCL 1 that both kinds of file stay within, and its JSON spelling. Written here
//! because HCL 2 parsers refuse quoted argument names (`"ns/type" = "/dir"`), which
//! `dev_overrides` consists of.

use std::path::Path;

/// The items between two braces, or of a whole file, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Body {
    pub(crate) items: Vec<Item>,
}

/// One argument or block.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub name: String,
    /// Quoted words between the name and the brace.
    pub labels: Vec<String>,
    pub value: Value,
    pub line: usize,
}

/// What an item says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(String),
    /// A number, as written.
    Number(String),
    Bool(bool),
    List(Vec<Value>),
    Object(Body),
}

/// A text that does not follow the syntax.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    message: String,
}

impl SyntaxError {
    pub(crate) fn new(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

impl Body {
    /// Reads a file's text, as JSON when it looks like it.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, SyntaxError> {
        let is_json = path
            .extension()
            .is_some_and(|extension| extension == "json");
        if is_json || text.trim_start().starts_with('{') {
            return from_json(text);
        }
        Self::parse_native(text)
    }

    /// Reads a text that is never JSON.
    pub(crate) fn parse_native(text: &str) -> Result<Self, SyntaxError> {
        let mut parser = Parser {
            text,
            at: 0,
            line: 1,
            depth: 0,
        };
        parser.body(None)
    }

    /// The items of that name.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Item> {
        self.items.iter().filter(move |item| item.name == name)
    }

    /// The blocks of that name; JSON writes repeated ones as a list.
    pub(crate) fn blocks<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = (&'a Item, &'a Body)> {
        self.named(name)
            .flat_map(|item| item.bodies().map(move |body| (item, body)))
    }
}

impl Item {
    /// The bodies this item holds, if it is a block.
    pub(crate) fn bodies(&self) -> impl Iterator<Item = &Body> {
        let values = match &self.value {
            Value::List(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        values.iter().filter_map(|value| match value {
            Value::Object(body) => Some(body),
            _ => None,
        })
    }

    /// The text of a string argument.
    pub(crate) fn text(&self) -> Result<&str, SyntaxError> {
        match &self.value {
            Value::Text(text) => Ok(text),
            _ => Err(self.wrong("a string")),
        }
    }

    /// The texts of a list of strings.
    pub(crate) fn texts(&self) -> Result<Vec<&str>, SyntaxError> {
        let Value::List(values) = &self.value else {
            return Err(self.wrong("a list of strings"));
        };
        values
            .iter()
            .map(|value| match value {
                Value::Text(text) => Ok(text.as_str()),
                _ => Err(self.wrong("a list of strings")),
            })
            .collect()
    }

    /// A small whole number.
    pub(crate) fn count(&self) -> Result<u32, SyntaxError> {
        let number = match &self.value {
            Value::Number(text) => text.parse().ok(),
            _ => None,
        };
        number.ok_or_else(|| self.wrong("a whole number"))
    }

    /// A yes or a no.
    pub(crate) fn flag(&self) -> Result<bool, SyntaxError> {
        match self.value {
            Value::Bool(value) => Ok(value),
            _ => Err(self.wrong("true or false")),
        }
    }

    /// A block's label; in JSON, labels are members of an object around the blocks.
    pub(crate) fn labelled(&self) -> Vec<(&str, &Body)> {
        if let [label] = self.labels.as_slice() {
            return self.bodies().map(|body| (label.as_str(), body)).collect();
        }
        let items = self.bodies().flat_map(|body| &body.items);
        items
            .flat_map(|item| item.bodies().map(|body| (item.name.as_str(), body)))
            .collect()
    }

    fn wrong(&self, expected: &str) -> SyntaxError {
        SyntaxError::new(self.line, format!("\"{}\" must be {expected}", self.name))
    }
}

const MAX_DEPTH: usize = 64;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    depth: usize,
}

impl Parser<'_> {
    /// Reads items up to the closing brace, or to the end of the file without one.
    fn body(&mut self, opened_on: Option<usize>) -> Result<Body, SyntaxError> {
        let mut items = Vec::new();
        loop {
            self.skip_blank()?;
            match self.peek() {
                None => match opened_on {
                    Some(line) => return Err(SyntaxError::new(line, "this \"{\" is never closed")),
                    None => return Ok(Body { items }),
                },
                Some('}') if opened_on.is_some() => {
                    self.bump();
                    return Ok(Body { items });
                }
                // Commas between items are allowed, as in HCL 1 objects.
                Some(',') if !items.is_empty() => self.bump(),
                Some(_) => items.push(self.item()?),
            }
        }
    }

    fn item(&mut self) -> Result<Item, SyntaxError> {
        let line = self.line;
        let name = self.key()?;
        let mut labels = Vec::new();
        loop {
            self.skip_blank()?;
            match self.peek() {
                // Only blocks have labels.
                Some('=') if labels.is_empty() => {
                    self.bump();
                    self.skip_blank()?;
                    let value = self.value()?;
                    return Ok(Item {
                        name,
                        labels,
                        value,
                        line,
                    });
                }
                Some('{') => {
                    let value = self.value()?;
                    return Ok(Item {
                        name,
                        labels,
                        value,
                        line,
                    });
                }
                Some('"') => labels.push(self.quoted()?),
                Some(c) if is_word(c) => labels.push(self.word()),
                other if labels.is_empty() => {
                    return Err(self.unexpected(other, "\"=\" or \"{\""));
                }
                other => return Err(self.unexpected(other, "\"{\"")),
            }
        }
    }

    fn key(&mut self) -> Result<String, SyntaxError> {
        match self.peek() {
            Some('"') => self.quoted(),
            Some(c) if is_word(c) => Ok(self.word()),
            other => Err(self.unexpected(other, "a name")),
        }
    }

    fn value(&mut self) -> Result<Value, SyntaxError> {
        if self.depth == MAX_DEPTH {
            return Err(SyntaxError::new(self.line, "too deeply nested"));
        }
        self.depth += 1;
        let value = match self.peek() {
            Some('"') => self.quoted().map(Value::Text),
            Some('[') => self.list(),
            Some('{') => {
                let line = self.line;
                self.bump();
                self.body(Some(line)).map(Value::Object)
            }
            Some('<') => Err(SyntaxError::new(
                self.line,
                "here-documents are not supported here",
            )),
            Some(c) if is_word(c) => {
                let word = self.word();
                match word.as_str() {
                    "true" => Ok(Value::Bool(true)),
                    "false" => Ok(Value::Bool(false)),
                    _ if word.starts_with(|c: char| c.is_ascii_digit() || c == '-') => {
                        Ok(Value::Number(word))
                    }
                    _ => Err(SyntaxError::new(
                        self.line,
                        format!("\"{word}\" is not a value; texts are written in quotes"),
                    )),
                }
            }
            other => Err(self.unexpected(other, "a value")),
        };
        self.depth -= 1;
        value
    }

    fn list(&mut self) -> Result<Value, SyntaxError> {
        self.bump();
        let mut values = Vec::new();
        loop {
            self.skip_blank()?;
            if self.peek() == Some(']') {
                self.bump();
                return Ok(Value::List(values));
            }
            values.push(self.value()?);
            self.skip_blank()?;
            match self.peek() {
                Some(',') => self.bump(),
                Some(']') => {}
                other => return Err(self.unexpected(other, "\",\" or \"]\"")),
            }
        }
    }

    fn quoted(&mut self) -> Result<String, SyntaxError> {
        let line = self.line;
        self.bump();
        let mut text = String::new();
        loop {
            let next = self.peek();
            self.bump();
            match next {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                None | Some('\n') => {
                    return Err(SyntaxError::new(line, "this string has no closing quote"));
                }
                Some(c) => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxError> {
        let letter = self.peek();
        self.bump();
        let digits = match letter {
            Some('n') => return Ok('\n'),
            Some('t') => return Ok('\t'),
            Some('r') => return Ok('\r'),
            Some(c @ ('"' | '\\')) => return Ok(c),
            Some('u') => 4,
            Some('U') => 8,
            other => return Err(self.unexpected(other, "an escape sequence")),
        };
        let hex = self.text.get(self.at..self.at + digits);
        let code = hex
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .and_then(char::from_u32)
            .ok_or_else(|| SyntaxError::new(self.line, "not a Unicode escape"))?;
        self.at += digits;
        Ok(code)
    }

    fn word(&mut self) -> String {
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    fn skip_blank(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = &self.text[self.at..];
            if rest.starts_with(|c: char| c.is_whitespace() || c == '\u{feff}') {
                self.bump();
            } else if rest.starts_with('#') || rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let Some(end) = rest.find("*/") else {
                    return Err(SyntaxError::new(self.line, "this comment is never closed"));
                };
                self.line += rest[..end].matches('\n').count();
                self.at += end + 2;
            } else {
                return Ok(());
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn bump(&mut self) {
        if let Some(c) = self.peek() {
            self.at += c.len_utf8();
            self.line += usize::from(c == '\n');
        }
    }

    fn unexpected(&self, found: Option<char>, expected: &str) -> SyntaxError {
        let found = match found {
            Some(c) => format!("\"{c}\""),
            None => "the end of the file".to_owned(),
        };
        SyntaxError::new(self.line, format!("expected {expected}, found {found}"))
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn from_json(text: &str) -> Result<Body, SyntaxError> {
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| SyntaxError::new(error.line().max(1), format!("not JSON: {error}")))?;
    match json_value(value) {
        Some(Value::Object(body)) => Ok(body),
        _ => Err(SyntaxError::new(1, "expected a JSON object")),
    }
}

/// JSON null means that the item is absent.
fn json_value(value: serde_json::Value) -> Option<Value> {
    use serde_json::Value as Json;
    Some(match value {
        Json::Null => return None,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(number) => Value::Number(number.to_string()),
        Json::String(text) => Value::Text(text),
        Json::Array(values) => Value::List(values.into_iter().filter_map(json_value).collect()),
        Json::Object(members) => {
            let item = |(name, value)| {
                Some(Item {
                    name,
                    labels: Vec::new(),
                    value: json_value(value)?,
                    line: 1,
                })
            };
            Value::Object(Body {
                items: members.into_iter().filter_map(item).collect(),
            })
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Body, SyntaxError> {
        Body::parse(Path::new("test.rc"), text)
    }

    #[test]
    fn blocks_arguments_lists_and_comments() {
        let body = parse(
            "# one\nouter \"label\" {\n  a = \"x\\n\\u00e9\" // two\n  /* three\n */ b = [\"p\", \"q\",]\n  \
             \"ns/t\" = true\n  n = 12\n}\n",
        )
        .expect("parses");
        let outer = &body.items[0];
        assert_eq!(
            (outer.labels.join(","), outer.line),
            ("label".to_owned(), 2)
        );
        let inner = outer.bodies().next().expect("a block");
        assert_eq!(inner.items[0].text(), Ok("x\n\u{e9}"));
        assert_eq!(inner.items[1].texts(), Ok(vec!["p", "q"]));
        assert_eq!(inner.items[1].line, 5);
        assert_eq!(inner.items[2].name, "ns/t");
        assert_eq!(inner.items[3].value, Value::Number("12".into()));
    }

    #[test]
    fn json_says_the_same() {
        let hcl = parse("a { b = [\"c\"] }").expect("parses");
        let json = parse("{\"a\": {\"b\": [\"c\"], \"x\": null}}").expect("parses");
        assert_eq!(hcl, json);
        let repeated = parse("{\"a\": [{\"b\": 1}, {\"b\": 2}]}").expect("parses");
        assert_eq!(repeated.blocks("a").count(), 2);
    }

    #[test]
    fn errors_have_a_line() {
        for (text, message) in [
            ("a {\n b = 1\n", "line 1: this \"{\" is never closed"),
            (
                "\na = ",
                "line 2: expected a value, found the end of the file",
            ),
            ("a = \"x\n\"", "line 1: this string has no closing quote"),
            (
                "a = x",
                "line 1: \"x\" is not a value; texts are written in quotes",
            ),
            ("a = [1 2]", "line 1: expected \",\" or \"]\", found \"2\""),
            (
                "a = <<E\nE",
                "line 1: here-documents are not supported here",
            ),
            ("/* a", "line 1: this comment is never closed"),
            ("}", "line 1: expected a name, found \"}\""),
            (
                "a = \"\\q\"",
                "line 1: expected an escape sequence, found \"q\"",
            ),
            (
                "{\"a\": }",
                "line 1: not JSON: expected value at line 1 column 7",
            ),
        ] {
            assert_eq!(parse(text).expect_err("an error").to_string(), message);
        }
        let deep = format!("a = {}", "[".repeat(100_000));
        assert_eq!(
            parse(&deep).expect_err("an error").to_string(),
            "line 1: too deeply nested"
        );
    }
}
