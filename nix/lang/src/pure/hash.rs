//! Hashes: the algorithms Nix knows, and the notations it reads and writes them in.

use std::io;

use md5::Digest as _;

/// A hash algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// MD5, 128 bits.
    Md5,
    /// SHA-1, 160 bits.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// A notation for hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lower-case hexadecimal.
    Base16,
    /// Nix's own base 32.
    Nix32,
    /// Base 64 with padding.
    Base64,
    /// The algorithm's name, a dash and base 64.
    Sri,
}

/// What is wrong with a hash, in Nix's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// No such algorithm.
    #[error("unknown hash algorithm '{0}', expect 'md5', 'sha1', 'sha256', or 'sha512'")]
    UnknownAlgorithm(String),
    /// No such notation.
    #[error("unknown hash format '{0}', expect 'base16', 'base32', 'base64', or 'sri'")]
    UnknownFormat(String),
    /// Neither the hash nor its context names the algorithm.
    #[error("hash '{0}' does not include a type, nor is the type otherwise known from context")]
    NoAlgorithm(String),
    /// The hash names another algorithm than its context.
    #[error("hash '{0}' should have type '{1}'")]
    OtherAlgorithm(String, &'static str),
    /// No notation of this algorithm's hashes has this length.
    #[error("hash '{0}' has wrong length for hash algorithm '{1}'")]
    WrongLength(String, &'static str),
    /// Characters outside the notation, or spare bits that are set.
    #[error("invalid {notation} hash '{text}'")]
    Invalid {
        /// The notation.
        notation: &'static str,
        /// The hash without its algorithm.
        text: String,
    },
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Md5, Self::Sha1, Self::Sha256, Self::Sha512];

    /// The algorithm of that name.
    pub fn parse(name: &str) -> Result<Self, HashError> {
        let known = Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name);
        known.ok_or_else(|| HashError::UnknownAlgorithm(name.into()))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// The length of its hashes in bytes.
    pub fn size(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// Hashes `data`.
    pub fn hash(self, data: &[u8]) -> Hash {
        let mut hasher = Hasher::new(self);
        hasher.update(data);
        hasher.finish()
    }
}

impl Format {
    /// The notation of that name. `base32` is an old name of `nix32`.
    pub fn parse(name: &str) -> Result<Self, HashError> {
        match name {
            "base16" => Ok(Self::Base16),
            "nix32" | "base32" => Ok(Self::Nix32),
            "base64" => Ok(Self::Base64),
            "sri" => Ok(Self::Sri),
            _ => Err(HashError::UnknownFormat(name.into())),
        }
    }
}

/// Computes a hash of data that comes in pieces.
#[derive(Debug, Clone)]
pub struct Hasher(State);

#[derive(Debug, Clone)]
enum State {
    Md5(md5::Md5),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
    Sha512(sha2::Sha512),
}

impl Hasher {
    /// A hasher that has seen no data.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Md5 => State::Md5(md5::Md5::new()),
            Algorithm::Sha1 => State::Sha1(sha1::Sha1::new()),
            Algorithm::Sha256 => State::Sha256(sha2::Sha256::new()),
            Algorithm::Sha512 => State::Sha512(sha2::Sha512::new()),
        })
    }

    /// Adds data.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Md5(state) => state.update(data),
            State::Sha1(state) => state.update(data),
            State::Sha256(state) => state.update(data),
            State::Sha512(state) => state.update(data),
        }
    }

    /// The hash of all data added.
    pub fn finish(self) -> Hash {
        let (algorithm, bytes) = match self.0 {
            State::Md5(state) => (Algorithm::Md5, state.finalize().to_vec()),
            State::Sha1(state) => (Algorithm::Sha1, state.finalize().to_vec()),
            State::Sha256(state) => (Algorithm::Sha256, state.finalize().to_vec()),
            State::Sha512(state) => (Algorithm::Sha512, state.finalize().to_vec()),
        };
        Hash { algorithm, bytes }
    }
}

impl io::Write for Hasher {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.update(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A hash and its algorithm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Hash {
    /// The hash that nothing is expected to have.
    pub fn zero(algorithm: Algorithm) -> Self {
        Self {
            algorithm,
            bytes: vec![0; algorithm.size()],
        }
    }

    /// The algorithm that made it.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Writes it without its algorithm, except in SRI.
    pub fn format(&self, format: Format) -> String {
        match format {
            Format::Base16 => base16(&self.bytes),
            Format::Nix32 => nix32(&self.bytes),
            Format::Base64 => base64(&self.bytes),
            Format::Sri => format!("{}-{}", self.algorithm.name(), base64(&self.bytes)),
        }
    }

    /// Writes it as `algorithm:hash`, except in SRI.
    pub fn format_with_algorithm(&self, format: Format) -> String {
        match format {
            Format::Sri => self.format(format),
            _ => format!("{}:{}", self.algorithm.name(), self.format(format)),
        }
    }

    /// Reads `algorithm:hash`, SRI or, where `expected` gives the algorithm, a bare hash, in any
    /// notation of the right length.
    pub fn parse_any(text: &str, expected: Option<Algorithm>) -> Result<Self, HashError> {
        let (named, digits, sri) = match (text.split_once(':'), text.split_once('-')) {
            (Some((name, digits)), _) => (Some(Algorithm::parse(name)?), digits, false),
            (None, Some((name, digits))) => (Some(Algorithm::parse(name)?), digits, true),
            (None, None) => (None, text, false),
        };
        let algorithm = match (named, expected) {
            (Some(named), Some(expected)) if named != expected => {
                return Err(HashError::OtherAlgorithm(text.into(), expected.name()));
            }
            (named, expected) => named.or(expected),
        };
        let algorithm = algorithm.ok_or_else(|| HashError::NoAlgorithm(text.into()))?;
        Self::parse_digits(digits, algorithm, sri)
    }

    /// Reads a hash without its algorithm; the notation follows from the length, except that an
    /// SRI hash has only one.
    fn parse_digits(text: &str, algorithm: Algorithm, sri: bool) -> Result<Self, HashError> {
        let size = algorithm.size();
        let (notation, bytes) = match text.len() {
            _ if sri => ("SRI", from_base64(text)),
            length if length == size * 2 => ("base-16", from_base16(text)),
            length if length == nix32_length(size) => ("base-32", from_nix32(text, size)),
            length if length == size.div_ceil(3) * 4 => ("base-64", from_base64(text)),
            _ => return Err(HashError::WrongLength(text.into(), algorithm.name())),
        };
        match bytes {
            Some(bytes) if bytes.len() == size => Ok(Self { algorithm, bytes }),
            _ => Err(HashError::Invalid {
                notation,
                text: text.into(),
            }),
        }
    }
}

/// Lower-case hexadecimal.
pub fn base16(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

fn from_base16(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
    text.as_bytes().chunks_exact(2).map(pair).collect()
}

/// Without the letters e, o, t and u, so that no swear word comes about.
const NIX32: &[u8; 32] = b"0123456789abcdfghijklmnpqrsvwxyz";

fn nix32_length(size: usize) -> usize {
    (size * 8).div_ceil(5)
}

/// Nix's base 32: the bytes are one little-endian number, written from its highest digit down.
pub fn nix32(bytes: &[u8]) -> String {
    let digit = |position: usize| {
        let (byte, bit) = (position * 5 / 8, position * 5 % 8);
        let high = bytes.get(byte + 1).copied().unwrap_or(0);
        let pair = u16::from_le_bytes([bytes[byte], high]);
        char::from(NIX32[usize::from(pair >> bit & 31)])
    };
    (0..nix32_length(bytes.len())).rev().map(digit).collect()
}

fn from_nix32(text: &str, size: usize) -> Option<Vec<u8>> {
    // One byte more than wanted takes the spare bits of the highest digit.
    let mut bytes = vec![0; size + 1];
    for (position, letter) in text.bytes().rev().enumerate() {
        let value = NIX32.iter().position(|known| *known == letter)?;
        let (byte, bit) = (position * 5 / 8, position * 5 % 8);
        let [low, high] = ((value as u16) << bit).to_le_bytes();
        bytes[byte] |= low;
        if let Some(next) = bytes.get_mut(byte + 1) {
            *next |= high;
        }
    }
    (bytes.pop() == Some(0)).then_some(bytes)
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base 64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index| u32::from(chunk.get(index).copied().unwrap_or(0));
        let value = byte(0) << 16 | byte(1) << 8 | byte(2);
        for index in 0..4 {
            let digit = BASE64[(value >> (18 - 6 * index) & 63) as usize];
            text.push(if index <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}

/// Reads base 64; padding and line ends may be missing or present, as in Nix.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut pending, mut bits) = (Vec::with_capacity(text.len()), 0_u32, 0);
    for letter in text
        .bytes()
        .take_while(|byte| *byte != b'=')
        .filter(|byte| *byte != b'\n')
    {
        let value = BASE64.iter().position(|known| *known == letter)?;
        pending = pending << 6 | value as u32;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((pending >> bits & 255) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    const B32: &str = "020ay2q1av2xs4n842rb3d7vz8qms1dcb87a5yd6azaci20x11lz";
    const SRI: &str = "sha256-n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg=";

    #[test]
    fn hashes_in_every_notation() {
        let hash = Algorithm::Sha256.hash(b"test");
        assert_eq!(hash.format(Format::Base16), HEX);
        assert_eq!(hash.format(Format::Nix32), B32);
        assert_eq!(hash.format(Format::Sri), SRI);
        assert_eq!(hash.format(Format::Base64), SRI[7..]);
        assert_eq!(
            hash.format_with_algorithm(Format::Nix32),
            format!("sha256:{B32}")
        );
        for text in [
            format!("sha256:{HEX}"),
            format!("sha256:{}", HEX.to_uppercase()),
            format!("sha256:{B32}"),
            SRI.into(),
            SRI.trim_end_matches('=').into(),
            SRI.replace('-', ":"),
        ] {
            assert_eq!(Hash::parse_any(&text, None), Ok(hash.clone()), "{text}");
        }
        assert_eq!(Hash::parse_any(HEX, Some(Algorithm::Sha256)), Ok(hash));
    }

    #[test]
    fn every_algorithm_gives_its_known_hash() {
        for algorithm in Algorithm::ALL {
            let hash = algorithm.hash(b"");
            let text = hash.format(Format::Nix32);
            assert_eq!(Hash::parse_any(&text, Some(algorithm)), Ok(hash));
        }
        let md5 = Algorithm::Md5.hash(b"").format(Format::Base16);
        assert_eq!(md5, "d41d8cd98f00b204e9800998ecf8427e");
        let sha1 = Algorithm::Sha1.hash(b"abc").format(Format::Base16);
        assert_eq!(sha1, "a9993e364706816aba3e25717850c26c9cd0d89d");
        let sha512 = Algorithm::Sha512.hash(b"").format(Format::Base16);
        assert!(
            sha512.starts_with("cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9c")
        );
    }

    #[test]
    fn bad_hashes_are_explained() {
        let error =
            |text: &str, algorithm| Hash::parse_any(text, algorithm).unwrap_err().to_string();
        let sha256 = Some(Algorithm::Sha256);
        let spare_bits = "1zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzze";
        assert_eq!(
            error("abc", None),
            "hash 'abc' does not include a type, nor is the type otherwise known from context"
        );
        assert_eq!(
            error("abc", sha256),
            "hash 'abc' has wrong length for hash algorithm 'sha256'"
        );
        assert_eq!(
            error("sha1:abc", sha256),
            "hash 'sha1:abc' should have type 'sha256'"
        );
        assert_eq!(error("sha256-abc", None), "invalid SRI hash 'abc'");
        assert_eq!(
            error(&"z".repeat(52), sha256),
            format!("invalid base-32 hash '{}'", "z".repeat(52))
        );
        assert_eq!(
            error(spare_bits, sha256),
            format!("invalid base-32 hash '{spare_bits}'")
        );
        assert_eq!(
            error(&"g".repeat(64), sha256),
            format!("invalid base-16 hash '{}'", "g".repeat(64))
        );
        assert_eq!(
            error("foo:1", None),
            "unknown hash algorithm 'foo', expect 'md5', 'sha1', 'sha256', or 'sha512'"
        );
    }
}
