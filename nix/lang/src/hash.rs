//! A fast, non-cryptographic hash for the evaluator's internal tables.
//!
//! Keys come from source text the user chose to run, so resistance to crafted collisions buys
//! nothing here and would cost on every attribute name.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
};

pub(crate) type FastMap<K, V> = HashMap<K, V, BuildHasherDefault<FastHasher>>;
pub(crate) type FastSet<K> = HashSet<K, BuildHasherDefault<FastHasher>>;

const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// Multiply-and-fold over words of eight bytes.
#[derive(Default, Clone, Copy)]
pub(crate) struct FastHasher(u64);

impl FastHasher {
    #[inline]
    fn add(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word).wrapping_mul(u128::from(FACTOR));
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for FastHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.add(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.add(u64::from_le_bytes(last) ^ ((rest.len() as u64) << 56));
        }
    }

    #[inline]
    fn write_u8(&mut self, word: u8) {
        self.add(u64::from(word) + 1);
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.add(u64::from(word) + 1);
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.add(word.wrapping_add(1));
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.add((word as u64).wrapping_add(1));
    }

    #[inline]
    fn finish(&self) -> u64 {
        // The table takes its control bits from the top and its index from the bottom.
        self.0 ^ self.0.rotate_left(32)
    }
}
