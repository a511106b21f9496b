//! Escapes in strings, and the indentation of indented strings.

/// Resolves backslash escapes; carriage returns become newlines, as in Nix.
pub(crate) fn unescape(raw: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => text.push(b'\n'),
                Some(b'r') => text.push(b'\r'),
                Some(b't') => text.push(b'\t'),
                Some(other) => text.push(other),
                None => {}
            },
            b'\r' => {
                text.push(b'\n');
                bytes.next_if_eq(&b'\n');
            }
            _ => text.push(byte),
        }
    }
    text
}

/// A piece of an indented string, as written.
pub(crate) enum Piece<E> {
    /// Text whose leading spaces count.
    Text(Vec<u8>),
    /// Text from an escape, whose spaces do not count.
    Escape(Vec<u8>),
    Expr(E),
}

/// Removes the indentation that all lines share, and a last line of blanks.
pub(crate) fn strip_indentation<E>(pieces: Vec<Piece<E>>) -> Vec<Piece<E>> {
    let indent = common_indentation(&pieces);
    let last = pieces.len().wrapping_sub(1);
    let mut strip = Strip {
        indent,
        at_line_start: true,
        dropped: 0,
    };
    let mut stripped = Vec::with_capacity(pieces.len());
    for (index, piece) in pieces.into_iter().enumerate() {
        match piece {
            Piece::Expr(_) => {
                strip.at_line_start = false;
                strip.dropped = 0;
                stripped.push(piece);
            }
            Piece::Text(text) | Piece::Escape(text) => {
                let mut text = strip.text(&text);
                if index == last {
                    remove_blank_end(&mut text);
                }
                if !text.is_empty() {
                    stripped.push(Piece::Text(text));
                }
            }
        }
    }
    stripped
}

fn common_indentation<E>(pieces: &[Piece<E>]) -> usize {
    let mut common = usize::MAX;
    let mut current = 0;
    let mut at_line_start = true;
    for piece in pieces {
        let Piece::Text(text) = piece else {
            if at_line_start {
                at_line_start = false;
                common = common.min(current);
            }
            continue;
        };
        for byte in text {
            match byte {
                b'\n' => {
                    at_line_start = true;
                    current = 0;
                }
                b' ' if at_line_start => current += 1,
                _ if at_line_start => {
                    at_line_start = false;
                    common = common.min(current);
                }
                _ => {}
            }
        }
    }
    common
}

struct Strip {
    indent: usize,
    at_line_start: bool,
    dropped: usize,
}

impl Strip {
    fn text(&mut self, text: &[u8]) -> Vec<u8> {
        let mut stripped = Vec::with_capacity(text.len());
        for byte in text {
            match byte {
                b'\n' => {
                    self.at_line_start = true;
                    self.dropped = 0;
                    stripped.push(b'\n');
                }
                b' ' if self.at_line_start => {
                    if self.dropped >= self.indent {
                        stripped.push(b' ');
                    }
                    self.dropped += 1;
                }
                other => {
                    self.at_line_start = false;
                    stripped.push(*other);
                }
            }
        }
        stripped
    }
}

fn remove_blank_end(text: &mut Vec<u8>) {
    if let Some(newline) = text.iter().rposition(|byte| *byte == b'\n')
        && text[newline + 1..].iter().all(|byte| *byte == b' ')
    {
        text.truncate(newline + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str) -> String {
        let pieces: Vec<Piece<()>> = vec![Piece::Text(text.as_bytes().to_vec())];
        let mut all = Vec::new();
        for piece in strip_indentation(pieces) {
            if let Piece::Text(text) = piece {
                all.extend(text);
            }
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn indentation_is_the_least_of_all_lines() {
        assert_eq!(stripped("    a\n      b\n\n    c\n  "), "a\n  b\n\nc\n");
        assert_eq!(stripped("  a\n b"), " a\nb");
        assert_eq!(stripped("   "), "");
        assert_eq!(stripped("\ta\n\t b"), "\ta\n\t b");
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(b"a\\n\\t\\\"\\${x}\\q"), b"a\n\t\"${x}q");
        assert_eq!(unescape(b"a\r\nb\rc"), b"a\nb\nc");
    }
}
