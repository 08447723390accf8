//! What an item of CBOR begins with (RFC 8949, section 3), or is, where it is a number.

use crate::value::narrow;

/// An item in its shortest form, up to the bytes of a string and the items of an array or a map.
#[derive(Clone, Copy)]
pub(super) struct Head {
    bytes: [u8; 9],
    len: usize,
}

impl Head {
    pub(super) const NULL: Self = Self::new(7, 22);

    pub(super) const fn unsigned(n: u64) -> Self {
        Self::new(0, n)
    }

    pub(super) const fn int(n: i64) -> Self {
        if n < 0 { Self::new(1, !n as u64) } else { Self::new(0, n as u64) }
    }

    pub(super) const fn bytes(length: usize) -> Self {
        Self::new(2, length as u64)
    }

    pub(super) const fn text(length: usize) -> Self {
        Self::new(3, length as u64)
    }

    pub(super) const fn array(items: u64) -> Self {
        Self::new(4, items)
    }

    pub(super) const fn map(pairs: u64) -> Self {
        Self::new(5, pairs)
    }

    pub(super) const fn bool(yes: bool) -> Self {
        Self::new(7, 20 + yes as u64)
    }

    /// 32 bits where they say the same.
    pub(super) fn float(n: f64) -> Self {
        match narrow(n) {
            Some(bits) => Self::wide(7, 4, bits.into()),
            None => Self::wide(7, 8, n.to_bits()),
        }
    }

    const fn new(major: u8, n: u64) -> Self {
        match n {
            0..=23 => Self { bytes: [major << 5 | n as u8, 0, 0, 0, 0, 0, 0, 0, 0], len: 1 },
            24..=0xff => Self::wide(major, 1, n),
            0x100..=0xffff => Self::wide(major, 2, n),
            0x1_0000..=0xffff_ffff => Self::wide(major, 4, n),
            _ => Self::wide(major, 8, n),
        }
    }

    /// A number in 1, 2, 4 or 8 bytes.
    const fn wide(major: u8, width: u32, n: u64) -> Self {
        let [a, b, c, d, e, f, g, h] = (n << (64 - 8 * width)).to_be_bytes();
        let first = major << 5 | (24 + width.ilog2()) as u8;
        Self { bytes: [first, a, b, c, d, e, f, g, h], len: 1 + width as usize }
    }

    #[inline(never)]
    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
