//! JSON: `toJSON` and `fromJSON`.

use super::{Builtin, Table};
use crate::{
    error::{Doing, ErrorKind, EvalError},
    eval::{Coercion, Eval, StringBuilder},
    evaluator::Evaluator,
    position::{Pos, Span},
    pure::number::float_json,
    stack::grow_stack,
    symbol::known,
    value::{Attr, Attrs, List, Str, Value},
};

pub(super) const TABLE: &Table = &[
    Builtin::new("toJSON", 1, 0, to_json),
    Builtin::new("fromJSON", 1, 1, from_json),
];

fn to_json(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let mut out = StringBuilder::default();
    evaluator.json_into(&args[0], true, &mut out)?;
    Ok(Value::String(out.finish()?))
}

impl Evaluator {
    /// A value as JSON text, forcing all of it. Paths are named, not copied to the store.
    pub fn to_json(&mut self, value: &Value) -> Result<String, EvalError> {
        let mut out = StringBuilder::default();
        self.json_into(value, false, &mut out)?;
        Ok(out.finish()?.to_text().into_owned())
    }

    pub(crate) fn json_into(
        &mut self,
        value: &Value,
        copy: bool,
        out: &mut StringBuilder,
    ) -> Eval<()> {
        // What is shared is written each time, so this may go on for long.
        self.step()?;
        self.check_text(out.len())?;
        match self.force(value)? {
            Value::Null => out.push_bytes(b"null"),
            Value::Bool(bool) => out.push_bytes(if bool { b"true" } else { b"false" }),
            Value::Int(int) => out.push_bytes(int.to_string().as_bytes()),
            Value::Float(float) => out.push_bytes(float_json(float).as_bytes()),
            Value::String(text) => json_string(&text, out)?,
            path @ Value::Path(_) => {
                let text = self.coerce(&path, Coercion { more: false, copy })?;
                json_string(&text, out)?;
            }
            Value::List(list) => {
                out.push_bytes(b"[");
                let mut awaiting = None;
                for (index, item) in list.iter().enumerate() {
                    if index > 0 {
                        out.push_bytes(b",");
                    }
                    let written = self.nested(|this| this.json_into(item, copy, out));
                    self.collect(written, &mut awaiting)?;
                }
                awaiting.map_or(Ok(()), Err)?;
                out.push_bytes(b"]");
            }
            Value::Attrs(attrs) => self.json_attrs(attrs, copy, out)?,
            other => {
                let message = format!("cannot convert {} to JSON", self.describe(&other));
                return Err(EvalError::type_error(message));
            }
        }
        Ok(())
    }

    /// Goes on after a suspension, to learn what else is awaited; not after another error.
    pub(super) fn collect(
        &mut self,
        outcome: Eval<()>,
        awaiting: &mut Option<EvalError>,
    ) -> Eval<()> {
        let Err(error) = outcome else { return Ok(()) };
        if !error.is_suspended() {
            return Err(match awaiting.take() {
                Some(earlier) => self.join_errors(earlier, error),
                None => error,
            });
        }
        *awaiting = Some(match awaiting.take() {
            Some(earlier) => self.join_errors(earlier, error),
            None => error,
        });
        Ok(())
    }

    fn json_attrs(&mut self, attrs: Attrs, copy: bool, out: &mut StringBuilder) -> Eval<()> {
        if attrs.get(known::TO_STRING).is_some() {
            let text = self.coerce(&Value::Attrs(attrs), Coercion { more: false, copy })?;
            return json_string(&text, out);
        }
        if let Some(path) = attrs.get(known::OUT_PATH) {
            return self.nested(|this| this.json_into(&path.value, copy, out));
        }
        out.push_bytes(b"{");
        let mut awaiting = None;
        let sorted: Vec<Attr> = self.sorted_attrs(&attrs).into_iter().cloned().collect();
        for (index, attr) in sorted.iter().enumerate() {
            if index > 0 {
                out.push_bytes(b",");
            }
            let name = self.symbols.name(attr.name).clone();
            json_string(&name, out)?;
            out.push_bytes(b":");
            let written = self.nested(|this| this.json_into(&attr.value, copy, out));
            let written = written
                .map_err(|error| error.frame(Span::at(attr.pos), Doing::Attribute(attr.name)));
            self.collect(written, &mut awaiting)?;
        }
        awaiting.map_or(Ok(()), Err)?;
        out.push_bytes(b"}");
        Ok(())
    }
}

fn json_string(text: &Str, out: &mut StringBuilder) -> Eval<()> {
    let Ok(valid) = std::str::from_utf8(text.as_bytes()) else {
        let message = format!("the string '{}' is not UTF-8, so not JSON", text.to_text());
        return Err(EvalError::new(ErrorKind::Value, message));
    };
    if let Some(context) = text.context() {
        out.push_context(context);
    }
    out.push_bytes(b"\"");
    let mut plain = 0;
    for (at, byte) in valid.bytes().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0x08 => b"\\b",
            0x0c => b"\\f",
            0..0x20 => b"",
            _ => continue,
        };
        out.push_bytes(&text.as_bytes()[plain..at]);
        if escape.is_empty() {
            out.push_bytes(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.push_bytes(escape);
        }
        plain = at + 1;
    }
    out.push_bytes(&text.as_bytes()[plain..]);
    out.push_bytes(b"\"");
    Ok(())
}

/// The shortest text that reads back as the same float, always recognisable as one.
fn from_json(evaluator: &mut Evaluator, args: &[Value]) -> Eval {
    let text = evaluator.plain_string(&args[0])?;
    let mut reader = Reader {
        bytes: text.as_bytes(),
        at: 0,
        evaluator,
    };
    reader.blanks();
    let value = reader.value()?;
    reader.blanks();
    if reader.at < reader.bytes.len() {
        return reader.wrong("unexpected text after the value");
    }
    Ok(value)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    evaluator: &'a mut Evaluator,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn wrong<T>(&self, why: &str) -> Eval<T> {
        let before = &self.bytes[..self.at.min(self.bytes.len())];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let column = before
            .iter()
            .rev()
            .take_while(|byte| **byte != b'\n')
            .count()
            + 1;
        let message = format!("invalid JSON at line {line}, column {column}: {why}");
        Err(EvalError::new(ErrorKind::Value, message))
    }

    fn value(&mut self) -> Eval {
        match self.peek() {
            b'{' => grow_stack(|| self.object()),
            b'[' => grow_stack(|| self.array()),
            b'"' => Ok(Value::string(self.string()?)),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'n' => self.word("null", Value::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ if self.at >= self.bytes.len() => self.wrong("unexpected end of input"),
            _ => self.wrong("expected a value"),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Eval {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            return Ok(value);
        }
        self.wrong("expected a value")
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at - start
    }

    fn number(&mut self) -> Eval {
        let start = self.at;
        self.at += usize::from(self.peek() == b'-');
        let zero = self.peek() == b'0';
        let whole = self.digits();
        let mut float = false;
        let mut wellformed = whole > 0 && !(zero && whole > 1);
        if self.peek() == b'.' {
            self.at += 1;
            wellformed &= self.digits() > 0;
            float = true;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            wellformed &= self.digits() > 0;
            float = true;
        }
        let text = String::from_utf8_lossy(&self.bytes[start..self.at]).into_owned();
        if !wellformed {
            return self.wrong("malformed number");
        }
        if !float {
            if let Ok(int) = text.parse() {
                return Ok(Value::Int(int));
            }
            if text.parse::<u64>().is_ok() {
                let message = format!("unsigned json number {text} outside of Nix integer range");
                return Err(EvalError::new(ErrorKind::Value, message));
            }
        }
        match text.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Value::Float(float)),
            _ => self.wrong("number out of range"),
        }
    }

    fn array(&mut self) -> Eval {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blanks();
            if items.is_empty() && self.peek() == b']' {
                break;
            }
            items.push(self.value()?);
            self.blanks();
            match self.peek() {
                b',' => self.at += 1,
                b']' => break,
                _ => return self.wrong("expected ',' or ']'"),
            }
        }
        self.at += 1;
        Ok(Value::List(List::from_vec(items)))
    }

    fn object(&mut self) -> Eval {
        self.at += 1;
        let mut items: Vec<Attr> = Vec::new();
        loop {
            self.blanks();
            if items.is_empty() && self.peek() == b'}' {
                break;
            }
            if self.peek() != b'"' {
                return self.wrong("expected a name in quotes");
            }
            let name = self.string()?;
            let name = self.evaluator.symbols.intern(&name);
            self.blanks();
            if self.peek() != b':' {
                return self.wrong("expected ':'");
            }
            self.at += 1;
            self.blanks();
            let value = self.value()?;
            items.push(Attr {
                name,
                pos: Pos::NONE,
                value,
            });
            self.blanks();
            match self.peek() {
                b',' => self.at += 1,
                b'}' => break,
                _ => return self.wrong("expected ',' or '}'"),
            }
        }
        self.at += 1;
        Ok(Value::Attrs(Attrs::from_vec(items)))
    }

    fn string(&mut self) -> Eval<Vec<u8>> {
        self.at += 1;
        let mut text = Vec::new();
        loop {
            let rest = &self.bytes[self.at..];
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
                .unwrap_or(rest.len());
            text.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    if std::str::from_utf8(&text).is_err() {
                        return self.wrong("a string that is not UTF-8");
                    }
                    return Ok(text);
                }
                Some(b'\\') => self.escape(&mut text)?,
                Some(_) => return self.wrong("control character in a string"),
                None => return self.wrong("string without an end"),
            }
        }
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Eval<()> {
        self.at += 1;
        let byte = self.peek();
        self.at += 1;
        text.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 0x08,
            b'f' => 0x0c,
            b'u' => {
                let char = self.unicode()?;
                text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                return Ok(());
            }
            _ => return self.wrong("unknown escape"),
        });
        Ok(())
    }

    fn hex4(&mut self) -> Eval<u32> {
        let digits = self
            .bytes
            .get(self.at..self.at + 4)
            .and_then(|d| std::str::from_utf8(d).ok());
        let all_hex = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        match digits
            .filter(all_hex)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        {
            Some(unit) => {
                self.at += 4;
                Ok(unit)
            }
            None => self.wrong("malformed \\u escape"),
        }
    }

    fn unicode(&mut self) -> Eval<char> {
        let first = self.hex4()?;
        let code = if (0xD800..0xDC00).contains(&first) && self.bytes[self.at..].starts_with(b"\\u")
        {
            self.at += 2;
            let second = self.hex4()?;
            if !(0xDC00..0xE000).contains(&second) {
                return self.wrong("unpaired surrogate in a \\u escape");
            }
            0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
        } else {
            first
        };
        match char::from_u32(code) {
            Some(char) => Ok(char),
            None => self.wrong("unpaired surrogate in a \\u escape"),
        }
    }
}

impl Evaluator {
    /// Reads JSON text as a value.
    pub fn value_from_json(&mut self, text: &str) -> Result<Value, EvalError> {
        from_json(self, &[Value::string(text)])
    }
}
