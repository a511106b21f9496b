//! Reading MessagePack item by item from a slice.

use std::fmt;

use crate::cty::{CodecError, MAX_DEPTH};

/// The head of one MessagePack item: the item itself if it is small, else what follows it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Head {
    Nil,
    Bool(bool),
    Int(i64),
    /// Only what does not fit `Int`.
    Uint(u64),
    Float(f64),
    /// So many bytes of text follow.
    Str(usize),
    /// So many bytes follow.
    Bin(usize),
    /// So many items follow.
    Array(usize),
    /// So many pairs of items follow.
    Map(usize),
    /// So many bytes of an extension follow.
    Ext {
        kind: i8,
        len: usize,
    },
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nil => f.write_str("null"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Int(_) | Self::Uint(_) | Self::Float(_) => f.write_str("a number"),
            Self::Str(_) => f.write_str("a string"),
            Self::Bin(_) => f.write_str("binary data"),
            Self::Array(len) => write!(f, "an array of {len}"),
            Self::Map(len) => write!(f, "a map of {len}"),
            Self::Ext { .. } => f.write_str("an unknown value"),
        }
    }
}

/// The bytes that are still to be read.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Takes the given number of bytes.
    pub fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(cut_off()),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(cut_off()),
        }
    }

    fn len8(&mut self) -> Result<usize, CodecError> {
        let [len] = self.array()?;
        Ok(usize::from(len))
    }

    fn len16(&mut self) -> Result<usize, CodecError> {
        Ok(usize::from(u16::from_be_bytes(self.array()?)))
    }

    fn len32(&mut self) -> Result<usize, CodecError> {
        usize::try_from(u32::from_be_bytes(self.array()?)).map_err(|_| cut_off())
    }

    fn ext(&mut self, len: usize) -> Result<Head, CodecError> {
        let [kind] = self.array()?;
        Ok(Head::Ext {
            kind: i8::from_be_bytes([kind]),
            len,
        })
    }

    /// Reads the head of the next item.
    pub fn head(&mut self) -> Result<Head, CodecError> {
        let [marker] = self.array()?;
        Ok(match marker {
            0x00..=0x7f => Head::Int(i64::from(marker)),
            0x80..=0x8f => Head::Map(usize::from(marker & 0x0f)),
            0x90..=0x9f => Head::Array(usize::from(marker & 0x0f)),
            0xa0..=0xbf => Head::Str(usize::from(marker & 0x1f)),
            0xc0 => Head::Nil,
            0xc2 => Head::Bool(false),
            0xc3 => Head::Bool(true),
            0xc4 => Head::Bin(self.len8()?),
            0xc5 => Head::Bin(self.len16()?),
            0xc6 => Head::Bin(self.len32()?),
            0xc7 => self.len8().and_then(|len| self.ext(len))?,
            0xc8 => self.len16().and_then(|len| self.ext(len))?,
            0xc9 => self.len32().and_then(|len| self.ext(len))?,
            0xca => Head::Float(f64::from(f32::from_be_bytes(self.array()?))),
            0xcb => Head::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Head::Int(i64::from(u8::from_be_bytes(self.array()?))),
            0xcd => Head::Int(i64::from(u16::from_be_bytes(self.array()?))),
            0xce => Head::Int(i64::from(u32::from_be_bytes(self.array()?))),
            0xcf => {
                let number = u64::from_be_bytes(self.array()?);
                i64::try_from(number).map_or(Head::Uint(number), Head::Int)
            }
            0xd0 => Head::Int(i64::from(i8::from_be_bytes(self.array()?))),
            0xd1 => Head::Int(i64::from(i16::from_be_bytes(self.array()?))),
            0xd2 => Head::Int(i64::from(i32::from_be_bytes(self.array()?))),
            0xd3 => Head::Int(i64::from_be_bytes(self.array()?)),
            0xd4 => self.ext(1)?,
            0xd5 => self.ext(2)?,
            0xd6 => self.ext(4)?,
            0xd7 => self.ext(8)?,
            0xd8 => self.ext(16)?,
            0xd9 => Head::Str(self.len8()?),
            0xda => Head::Str(self.len16()?),
            0xdb => Head::Str(self.len32()?),
            0xdc => Head::Array(self.len16()?),
            0xdd => Head::Array(self.len32()?),
            0xde => Head::Map(self.len16()?),
            0xdf => Head::Map(self.len32()?),
            0xe0..=0xff => Head::Int(i64::from(i8::from_be_bytes([marker]))),
            0xc1 => {
                return Err(CodecError::new(
                    "malformed MessagePack: the byte c1 is reserved",
                ));
            }
        })
    }

    /// Reads the text after a [`Head::Str`].
    pub fn text(&mut self, len: usize) -> Result<&'a str, CodecError> {
        std::str::from_utf8(self.take(len)?)
            .map_err(|_| CodecError::new("malformed string: not valid UTF-8"))
    }

    /// Reads a key of a map or object.
    pub fn key(&mut self) -> Result<&'a str, CodecError> {
        match self.head()? {
            Head::Str(len) => self.text(len),
            head => Err(CodecError::new(format!(
                "expected a string as key, found {head}"
            ))),
        }
    }

    /// Skips the next item with all that is in it.
    pub fn skip(&mut self) -> Result<(), CodecError> {
        self.skip_below(MAX_DEPTH)
    }

    fn skip_below(&mut self, depth: usize) -> Result<(), CodecError> {
        if depth == 0 {
            return Err(too_deep());
        }
        let items = match self.head()? {
            Head::Str(len) | Head::Bin(len) | Head::Ext { len, .. } => {
                self.take(len)?;
                0
            }
            Head::Array(len) => len,
            Head::Map(len) => len.saturating_mul(2),
            _ => 0,
        };
        (0..items).try_for_each(|_| self.skip_below(depth - 1))
    }
}

fn cut_off() -> CodecError {
    CodecError::new("malformed MessagePack: the data ends in the middle of a value")
}

pub(super) fn too_deep() -> CodecError {
    CodecError::new(format!(
        "the value is nested more than {MAX_DEPTH} levels deep"
    ))
}
