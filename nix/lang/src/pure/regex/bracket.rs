//! Bracket expressions: `[abc]`, `[^a-z]`, `[[:alpha:]]`, `[[.hyphen.]]`, `[[=a=]]`.

use super::parse::Invalid;

/// A set of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(super) fn single(byte: u8) -> Self {
        let mut set = Self::default();
        set.insert(byte);
        set
    }

    pub(super) fn insert(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }

    pub(super) fn negated(self) -> Self {
        Self(self.0.map(|word| !word))
    }

    pub(super) fn union(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine |= theirs;
        }
    }

    fn insert_where(&mut self, wanted: impl Fn(u8) -> bool) {
        for byte in 0..=u8::MAX {
            if wanted(byte) {
                self.insert(byte);
            }
        }
    }
}

/// What stood just before: only a lone character can start a range.
enum Last {
    Nothing,
    Char(u8),
    Class,
}

enum Token<'a> {
    Char(u8),
    Dash,
    Close,
    Class(&'a [u8]),
    Collating(&'a [u8]),
    Equivalence(&'a [u8]),
}

/// Reads a bracket expression from behind its `[`, and returns what follows its `]`.
pub(super) fn parse(input: &[u8]) -> Result<(ByteSet, &[u8]), Invalid> {
    let (negate, rest) = match input.strip_prefix(b"^") {
        Some(rest) => (true, rest),
        None => (false, input),
    };
    let mut reader = Reader { rest, first: true };
    let mut set = ByteSet::default();
    reader.items(&mut set)?;
    Ok((if negate { set.negated() } else { set }, reader.rest))
}

struct Reader<'a> {
    rest: &'a [u8],
    /// Nothing read yet: a `]` here stands for itself.
    first: bool,
}

impl<'a> Reader<'a> {
    fn items(&mut self, set: &mut ByteSet) -> Result<(), Invalid> {
        let mut last = Last::Nothing;
        let mut opening = true;
        loop {
            last = match self.token()? {
                Token::Close => return Ok(()),
                Token::Char(byte) => insert_char(set, byte),
                // Only the first dash, and one before the `]`, stand for themselves.
                Token::Dash if opening => insert_char(set, b'-'),
                Token::Dash => match self.range_end(&last)? {
                    Some((from, to)) => {
                        insert_range(set, from, to)?;
                        Last::Nothing
                    }
                    None => {
                        set.insert(b'-');
                        return Ok(());
                    }
                },
                Token::Class(name) => {
                    insert_class(set, name)?;
                    Last::Class
                }
                Token::Collating(name) => insert_char(set, collating_element(name)?),
                Token::Equivalence(name) => {
                    let lower = collating_element(name)?.to_ascii_lowercase();
                    set.insert_where(|byte| byte.to_ascii_lowercase() == lower);
                    Last::Class
                }
            };
            opening = false;
        }
    }

    /// After a dash in the middle: the range it makes with what stood before, or `None` where
    /// the bracket ends instead.
    fn range_end(&mut self, last: &Last) -> Result<Option<(u8, u8)>, Invalid> {
        let next = self.token()?;
        match (next, last) {
            (Token::Close, _) => Ok(None),
            (Token::Char(to), Last::Char(from)) => Ok(Some((*from, to))),
            (Token::Dash, Last::Char(from)) => Ok(Some((*from, b'-'))),
            _ => Err(Invalid),
        }
    }

    fn token(&mut self) -> Result<Token<'a>, Invalid> {
        let (&byte, rest) = self.rest.split_first().ok_or(Invalid)?;
        self.rest = rest;
        let first = std::mem::replace(&mut self.first, false);
        Ok(match byte {
            b'-' => Token::Dash,
            b']' if !first => Token::Close,
            b'[' => match rest.first().ok_or(Invalid)? {
                b':' => Token::Class(self.name(b":]")?),
                b'.' => Token::Collating(self.name(b".]")?),
                b'=' => Token::Equivalence(self.name(b"=]")?),
                _ => Token::Char(b'['),
            },
            _ => Token::Char(byte),
        })
    }

    /// The name between `[:` and `:]`; the first `:` must be the one of the end.
    fn name(&mut self, end: &[u8; 2]) -> Result<&'a [u8], Invalid> {
        let rest = &self.rest[1..];
        let length = rest
            .iter()
            .position(|byte| *byte == end[0])
            .ok_or(Invalid)?;
        self.rest = rest[length..].strip_prefix(end).ok_or(Invalid)?;
        Ok(&rest[..length])
    }
}

fn insert_char(set: &mut ByteSet, byte: u8) -> Last {
    set.insert(byte);
    Last::Char(byte)
}

/// C++'s `char` is signed here: bytes from 0x80 come before the others.
fn insert_range(set: &mut ByteSet, from: u8, to: u8) -> Result<(), Invalid> {
    let (from, to) = (from.cast_signed(), to.cast_signed());
    if from > to {
        return Err(Invalid);
    }
    set.insert_where(|byte| (from..=to).contains(&byte.cast_signed()));
    Ok(())
}

fn insert_class(set: &mut ByteSet, name: &[u8]) -> Result<(), Invalid> {
    let wanted: fn(u8) -> bool = match name.to_ascii_lowercase().as_slice() {
        b"alnum" => |b| b.is_ascii_alphanumeric(),
        b"alpha" => |b| b.is_ascii_alphabetic(),
        b"blank" => |b| b == b' ' || b == b'\t',
        b"cntrl" => |b| b.is_ascii_control(),
        b"digit" | b"d" => |b| b.is_ascii_digit(),
        b"graph" => |b| b.is_ascii_graphic(),
        b"lower" => |b| b.is_ascii_lowercase(),
        b"print" => |b| b.is_ascii_graphic() || b == b' ',
        b"punct" => |b| b.is_ascii_punctuation(),
        // The vertical tab counts, unlike in Rust's notion of white space.
        b"space" | b"s" => |b| b.is_ascii_whitespace() || b == 0x0b,
        b"upper" => |b| b.is_ascii_uppercase(),
        b"xdigit" => |b| b.is_ascii_hexdigit(),
        b"w" => |b| b.is_ascii_alphanumeric() || b == b'_',
        _ => return Err(Invalid),
    };
    set.insert_where(wanted);
    Ok(())
}

/// POSIX's names of the ASCII characters, in their order. A letter is its own name; other
/// characters have only the long one.
const NAMES: [&str; 128] = [
    "NUL",
    "SOH",
    "STX",
    "ETX",
    "EOT",
    "ENQ",
    "ACK",
    "alert",
    "backspace",
    "tab",
    "newline",
    "vertical-tab",
    "form-feed",
    "carriage-return",
    "SO",
    "SI",
    "DLE",
    "DC1",
    "DC2",
    "DC3",
    "DC4",
    "NAK",
    "SYN",
    "ETB",
    "CAN",
    "EM",
    "SUB",
    "ESC",
    "IS4",
    "IS3",
    "IS2",
    "IS1",
    "space",
    "exclamation-mark",
    "quotation-mark",
    "number-sign",
    "dollar-sign",
    "percent-sign",
    "ampersand",
    "apostrophe",
    "left-parenthesis",
    "right-parenthesis",
    "asterisk",
    "plus-sign",
    "comma",
    "hyphen",
    "period",
    "slash",
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "colon",
    "semicolon",
    "less-than-sign",
    "equals-sign",
    "greater-than-sign",
    "question-mark",
    "commercial-at",
    "A",
    "B",
    "C",
    "D",
    "E",
    "F",
    "G",
    "H",
    "I",
    "J",
    "K",
    "L",
    "M",
    "N",
    "O",
    "P",
    "Q",
    "R",
    "S",
    "T",
    "U",
    "V",
    "W",
    "X",
    "Y",
    "Z",
    "left-square-bracket",
    "backslash",
    "right-square-bracket",
    "circumflex",
    "underscore",
    "grave-accent",
    "a",
    "b",
    "c",
    "d",
    "e",
    "f",
    "g",
    "h",
    "i",
    "j",
    "k",
    "l",
    "m",
    "n",
    "o",
    "p",
    "q",
    "r",
    "s",
    "t",
    "u",
    "v",
    "w",
    "x",
    "y",
    "z",
    "left-curly-bracket",
    "vertical-line",
    "right-curly-bracket",
    "tilde",
    "DEL",
];

fn collating_element(name: &[u8]) -> Result<u8, Invalid> {
    let index = NAMES
        .iter()
        .position(|known| known.as_bytes() == name)
        .ok_or(Invalid)?;
    u8::try_from(index).map_err(|_| Invalid)
}
