//! The lengths at the start of a frame (T-3.2-1 to T-3.2-8).

use super::code::Code;
use crate::error::{Defect, Malformed};

/// What the first bytes of a frame tell, once all lengths are known.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The code.
    pub code: Code,
    /// Bytes before the token: 2 to 8.
    pub fixed: usize,
    /// Bytes of token.
    pub token: usize,
    /// Bytes of options, marker and payload. Up to 4,295,033,100, so not a `usize` (T-3.2-7).
    pub body: u64,
}

impl Head {
    /// The head of one whole frame, no byte less or more.
    pub(crate) fn of(frame: &[u8]) -> Result<Self, Malformed> {
        match head(frame, true)? {
            Prefix::Head(head) if head.total() == frame.len() as u64 => Ok(head),
            _ => Err(Malformed { defect: Defect::Length, at: 0 }),
        }
    }

    /// Size of the whole frame.
    pub const fn total(&self) -> u64 {
        (self.fixed + self.token) as u64 + self.body
    }
}

/// As much of a [`Head`] as there is.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prefix {
    /// All of it.
    Head(Head),
    /// At least `need` further bytes are wanted; the frame has at least `least` bytes in all, which may
    /// already be too many (T-3.2-10).
    Partial {
        /// Bytes missing before more can be told.
        need: usize,
        /// Lower bound of the whole frame's size.
        least: u64,
    },
}

/// Reads the lengths of the frame that starts at `bytes`, which may hold too little or too much.
///
/// With `extended`, token lengths are those of RFC 8974, else more than 8 is an error, found on the first
/// byte (T-3.2-11).
pub fn head(bytes: &[u8], extended: bool) -> Result<Prefix, Malformed> {
    let Some(&first) = bytes.first() else {
        return Ok(Prefix::Partial { need: 2, least: 2 });
    };
    let (length, token_length) = (first >> 4, first & 0x0f);
    if token_length == 15 || (token_length > 8 && !extended) {
        return Err(Malformed { defect: Defect::TokenLength, at: 0 });
    }
    let (wide, offset) = match length {
        13 => (1, 13),
        14 => (2, 269),
        15 => (4, 65805),
        _ => (0, u64::from(length)),
    };
    let (token_wide, token_offset) = match token_length {
        13 => (1, 13),
        14 => (2, 269),
        _ => (0, u64::from(token_length)),
    };
    let fixed = 2 + wide + token_wide;
    let body = bytes.get(1..1 + wide).map(|bytes| offset + number(bytes));
    let token = bytes.get(2 + wide..fixed).map(|bytes| token_offset + number(bytes));
    let (Some(body), Some(token), Some(&code)) = (body, token, bytes.get(1 + wide)) else {
        let least = fixed as u64 + body.unwrap_or(offset) + token.unwrap_or(token_offset);
        return Ok(Prefix::Partial { need: fixed - bytes.len(), least });
    };
    Ok(Prefix::Head(Head { code: Code(code), fixed, token: token as usize, body }))
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |n, &b| n << 8 | u64::from(b))
}

/// The most bytes of options, marker and payload in a frame of at most `limit` bytes with such a token.
pub(crate) fn body_room(limit: usize, token: usize) -> usize {
    let (_, _, wide) = super::token::encode_length(token);
    let room = limit.saturating_sub(2 + wide + token);
    let lengths = [(0, 12), (1, 268), (2, 65804), (4, usize::MAX)];
    lengths.into_iter().map(|(wide, most)| room.saturating_sub(wide).min(most)).max().unwrap_or_default()
}

/// The Len nibble, its extension, and how many bytes of that there are (T-3.2-2). A body over 4,295,033,100
/// bytes cannot be written; [`Writer`](super::Writer) refuses to make one.
pub(crate) fn encode_length(body: usize) -> (u8, [u8; 4], usize) {
    match body {
        0..=12 => (body as u8, [0; 4], 0),
        13..=268 => (13, [(body - 13) as u8, 0, 0, 0], 1),
        269..=65804 => {
            let [high, low] = ((body - 269) as u16).to_be_bytes();
            (14, [high, low, 0, 0], 2)
        }
        _ => (15, u32::try_from(body - 65805).unwrap_or(u32::MAX).to_be_bytes(), 4),
    }
}
