//! Printed Nix values in colours, for a terminal.

use anstyle::{AnsiColor, Style};

use super::style::{DIM, paint};

const STRING: Style = AnsiColor::Green.on_default();
const LITERAL: Style = AnsiColor::Cyan.on_default();

/// A printed value, with its strings and literals in colours. What stands for something that is not
/// printed is dim.
pub fn coloured(text: &str) -> String {
    let mut rest = text;
    let mut out = String::with_capacity(text.len());
    while let Some(first) = rest.chars().next() {
        let (style, length) = match first {
            '"' => (Some(STRING), string_length(rest)),
            '«' => (
                Some(DIM),
                rest.find('»')
                    .map_or(rest.len(), |end| end + '»'.len_utf8()),
            ),
            _ if is_word(first) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                (
                    Some(LITERAL).filter(|_| is_literal(&rest[..length])),
                    length,
                )
            }
            _ => (None, first.len_utf8()),
        };
        let (token, after) = rest.split_at(length);
        // The name of an attribute is no string.
        let style = style.filter(|_| !after.trim_start().starts_with('='));
        match style {
            Some(style) => out.push_str(&paint(style, token)),
            None => out.push_str(token),
        }
        rest = after;
    }
    out
}

fn string_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || "_-'./+".contains(c)
}

fn is_literal(word: &str) -> bool {
    ["true", "false", "null"].contains(&word) || word.parse::<f64>().is_ok_and(f64::is_finite)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_literals_have_colours_and_names_have_none() {
        let text = r#"{ a = "x \" = 1"; "b c" = [ -1.5e3 null /a/1 ]; d = «lambda»; }"#;
        let shown = coloured(text)
            .replace(&format!("{STRING:#}"), ">")
            .replace(&STRING.to_string(), "s<")
            .replace(&LITERAL.to_string(), "l<")
            .replace(&DIM.to_string(), "d<");
        let expected =
            r#"{ a = s<"x \" = 1">; "b c" = [ l<-1.5e3> l<null> /a/1 ]; d = d<«lambda»>; }"#;
        assert_eq!(shown, expected);
        assert_eq!(
            anstream::adapter::strip_str(&coloured(text)).to_string(),
            text
        );
    }
}
