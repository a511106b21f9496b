//! JSON strings as `toJSON` writes them.

/// Why a byte string has no JSON form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// A byte that no UTF-8 text has there.
    #[error("invalid UTF-8 byte at index {index}: 0x{byte:02X}")]
    InvalidUtf8 {
        /// Where the byte stands.
        index: usize,
        /// The byte.
        byte: u8,
    },
    /// The text ends within a character.
    #[error("incomplete UTF-8 string; last byte: 0x{0:02X}")]
    Incomplete(u8),
}

/// Appends `text` as a JSON string, with its quotes.
pub fn write_string(text: &[u8], out: &mut String) -> Result<(), JsonError> {
    match std::str::from_utf8(text) {
        Ok(text) => {
            write_str(text, out);
            Ok(())
        }
        Err(error) => Err(match (error.error_len(), text.last()) {
            (None, Some(last)) => JsonError::Incomplete(*last),
            // The offending byte is the one after those that began a character well.
            (length, _) => {
                let index = error.valid_up_to() + length.unwrap_or(1) - 1;
                let index = first_bad_byte(text, error.valid_up_to(), index);
                JsonError::InvalidUtf8 {
                    index,
                    byte: text[index],
                }
            }
        }),
    }
}

/// A byte that starts no character is itself the offence; else it is the first that does not
/// continue the character begun.
fn first_bad_byte(text: &[u8], start: usize, last_good: usize) -> usize {
    let starts = matches!(text[start], 0xc2..=0xf4);
    if starts && last_good + 1 < text.len() {
        last_good + 1
    } else {
        start
    }
}

/// Appends `text` as a JSON string, with its quotes.
pub fn write_str(text: &str, out: &mut String) {
    out.reserve(text.len() + 2);
    out.push('"');
    let mut plain = 0;
    for (index, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain..index]);
        plain = index + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => {
                out.push_str(if byte < 16 { "\\u000" } else { "\\u001" });
                out.extend(char::from_digit(u32::from(byte % 16), 16));
            }
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &[u8]) -> Result<String, String> {
        let mut out = String::new();
        write_string(text, &mut out).map_err(|error| error.to_string())?;
        Ok(out)
    }

    #[test]
    fn escapes_what_json_must_escape() {
        assert_eq!(json(b"a\"\\/\n\r\t").unwrap(), r#""a\"\\/\n\r\t""#);
        assert_eq!(
            json("\u{8}\u{c}\u{1f}\u{1}\u{7f}é".as_bytes()).unwrap(),
            "\"\\b\\f\\u001f\\u0001\u{7f}é\""
        );
        assert_eq!(json(b"").unwrap(), "\"\"");
    }

    #[test]
    fn names_the_byte_that_is_no_utf8() {
        assert_eq!(
            json(b"\xc3").unwrap_err(),
            "incomplete UTF-8 string; last byte: 0xC3"
        );
        assert_eq!(
            json(b"ab\xa9").unwrap_err(),
            "invalid UTF-8 byte at index 2: 0xA9"
        );
        assert_eq!(
            json(b"\xc3(").unwrap_err(),
            "invalid UTF-8 byte at index 1: 0x28"
        );
        assert_eq!(
            json(b"\xff").unwrap_err(),
            "invalid UTF-8 byte at index 0: 0xFF"
        );
    }
}
