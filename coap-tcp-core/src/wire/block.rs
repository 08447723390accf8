//! Block1 and Block2 values, with BERT (RFC 7959, RFC 8323 section 6).

use super::option::uint;

/// A block size: 16 to 1024 bytes, or BERT, whose unit is 1024 bytes and of which a message carries several.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum BlockSize {
    /// 16 bytes
    B16,
    /// 32 bytes
    B32,
    /// 64 bytes
    B64,
    /// 128 bytes
    B128,
    /// 256 bytes
    B256,
    /// 512 bytes
    B512,
    /// 1024 bytes
    B1024,
    /// Multiples of 1024 bytes (B-6-1)
    Bert,
}

impl BlockSize {
    const ALL: [Self; 8] =
        [Self::B16, Self::B32, Self::B64, Self::B128, Self::B256, Self::B512, Self::B1024, Self::Bert];

    /// The next smaller one.
    pub fn smaller(self) -> Option<Self> {
        Self::ALL.into_iter().rev().find(|&size| size < self)
    }

    /// The unit that block numbers count, in bytes.
    pub const fn unit(self) -> u32 {
        match self {
            Self::Bert => 1024,
            _ => 16 << self as u8,
        }
    }
}

/// What a Block option says: which block, whether more follow, and how large blocks are (B-2.2-1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Block {
    /// Number of the block, or of the first unit of a BERT payload: below 2^20.
    pub number: u32,
    /// More blocks follow.
    pub more: bool,
    /// Size exponent.
    pub size: BlockSize,
}

impl Block {
    /// The largest block number.
    pub const MAX_NUMBER: u32 = (1 << 20) - 1;

    /// Reads an option value of 0 to 3 bytes; `None` for a longer one.
    pub fn read(value: &[u8]) -> Option<Self> {
        if value.len() > 3 {
            return None;
        }
        let n = uint(value)?;
        let size = BlockSize::ALL.get((n & 7) as usize).copied()?;
        Some(Self { number: n >> 4, more: n & 8 == 8, size })
    }

    /// The number to be written as the option's uint. A block number over 2^20 − 1 saturates.
    pub const fn value(self) -> u32 {
        let number = if self.number > Self::MAX_NUMBER { Self::MAX_NUMBER } else { self.number };
        number << 4 | (self.more as u32) << 3 | self.size as u32
    }

    /// Where in the body this block begins (B-6-3).
    pub const fn offset(self) -> u64 {
        self.number as u64 * self.size.unit() as u64
    }
}
