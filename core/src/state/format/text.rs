//! Parses JSON that may be nested more deeply than the parser takes by itself.

use serde::Deserialize;

/// Deepest nesting that is read. The parser's own limit of 128 is too low for what providers may
/// report, and what was written has to be readable.
const MAX_DEPTH: usize = 400;

/// Parses a text.
pub(super) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    match serde_json::from_str(text) {
        Err(error) if is_depth(&error) && depth(text) <= MAX_DEPTH => {
            let mut deserializer = serde_json::Deserializer::from_str(text);
            deserializer.disable_recursion_limit();
            T::deserialize(&mut deserializer)
        }
        result => result,
    }
    .map_err(|error| message(&error))
}

fn is_depth(error: &serde_json::Error) -> bool {
    error.to_string().starts_with("recursion limit")
}

/// What is wrong, without the place: that is one in a part of the file.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => text,
    }
}

/// How deeply a JSON text is nested.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    #[test]
    fn deep_values_are_read_up_to_a_limit() {
        let nested = |depth: usize| format!("{}\"]\"{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse::<Json>(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(
            parse::<Json>(&nested(MAX_DEPTH + 1)),
            Err("recursion limit exceeded".into())
        );
        assert_eq!(parse::<Json>("[1,]"), Err("trailing comma".into()));
    }
}
