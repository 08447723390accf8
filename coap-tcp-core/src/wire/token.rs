//! Tokens, and how their length is written (C-3-1, RFC 8974).

use core::fmt;

/// A token of at most 8 bytes, kept by value: the longest that RFC 7252 knows.
///
/// Longer ones (RFC 8974) are read and echoed as slices; only what must be remembered is a `Token`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Token {
    len: u8,
    bytes: [u8; 8],
}

impl Token {
    /// The empty token, which is one like any other (C-5.3.1-1).
    pub const EMPTY: Self = Self { len: 0, bytes: [0; 8] };

    /// A copy of `bytes`; `None` when they are more than 8.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let mut token = Self { len: u8::try_from(bytes.len()).ok()?, ..Self::EMPTY };
        token.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(token)
    }

    /// A number without leading zero bytes.
    pub fn from_number(number: u64) -> Self {
        let bytes = number.to_be_bytes();
        let start = number.leading_zeros() as usize / 8;
        bytes.get(start..).and_then(Self::new).unwrap_or_default()
    }

    /// The number that [`Token::from_number`] made it from; `None` for what it never makes.
    pub fn to_number(bytes: &[u8]) -> Option<u64> {
        if bytes.len() > 8 || bytes.first() == Some(&0) {
            return None;
        }
        Some(bytes.iter().fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    /// The bytes as they are on the wire.
    #[inline(never)]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Token {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// The TKL nibble, its extension, and how many bytes of that there are (X-2.1-1). Lengths over 65804 cannot
/// be written and saturate; no buffer of ours holds such a token.
pub(crate) fn encode_length(len: usize) -> (u8, [u8; 2], usize) {
    match len {
        0..=12 => (len as u8, [0; 2], 0),
        13..=268 => (13, [(len - 13) as u8, 0], 1),
        _ => (14, u16::try_from(len - 269).unwrap_or(u16::MAX).to_be_bytes(), 2),
    }
}
