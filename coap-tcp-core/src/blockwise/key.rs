//! Which messages belong to one operation, and which bodies are the same.

use crate::wire::{Message, OptionNumber};

/// Names a block-wise operation on one connection: the code and all options that tell it from others, a
/// Request-Tag among them (E-3-1).
///
/// Left out are Block1 and Block2, elective options that are no cache key, and those that only some messages
/// of an operation have: Observe (B-2.6-1) and If-None-Match (B-2.10-1). It is a hash; a peer that makes two
/// of its own operations collide mixes up nobody's bodies but its own.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key(u64);

impl Key {
    /// Of the operation that a request belongs to.
    pub fn of(request: &Message<'_>) -> Self {
        let mut hash = Hash::NEW;
        hash.add(&[request.code.0]);
        for (number, value) in request.options().filter(|&(number, _)| counts(number)) {
            hash.add(&number.0.to_be_bytes());
            hash.add(&(value.len() as u32).to_be_bytes());
            hash.add(value);
        }
        Self(hash.0)
    }
}

fn counts(number: OptionNumber) -> bool {
    let varies = matches!(
        number,
        OptionNumber::BLOCK1 | OptionNumber::BLOCK2 | OptionNumber::OBSERVE | OptionNumber::IF_NONE_MATCH
    );
    !varies && (number.is_critical() || !number.is_no_cache_key())
}

/// FNV-1a with 64 bits: tells bodies apart, and withstands nobody who wants to make two alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Hash(u64);

impl Hash {
    pub(super) const NEW: Self = Self(0xcbf2_9ce4_8422_2325);

    pub(super) fn add(&mut self, bytes: &[u8]) {
        let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        self.0 = bytes.iter().fold(self.0, step);
    }

    /// As an ETag.
    pub(super) const fn etag(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }
}
