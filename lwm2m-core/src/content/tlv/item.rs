//! One element on the wire (FMT-20).

use crate::content::entry::ReadError;

/// The top bits of the first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Instance = 0,
    ResourceInstance = 1,
    Multiple = 2,
    Resource = 3,
}

/// An element whose value was found whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item<'a> {
    pub(super) kind: Kind,
    pub(super) id: u16,
    pub(super) value: &'a [u8],
}

/// What stands before a value: one byte of kinds and widths, the id in 1 or 2, the length in 0 to 3.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    bytes: [u8; 6],
    len: usize,
}

impl<'a> Item<'a> {
    /// The element that begins `bytes`, and what is behind it.
    pub(super) fn split(bytes: &'a [u8]) -> Result<(Self, &'a [u8]), ReadError> {
        let (&first, rest) = bytes.split_first().ok_or(ReadError::Malformed)?;
        let kind = match first >> 6 {
            0 => Kind::Instance,
            1 => Kind::ResourceInstance,
            2 => Kind::Multiple,
            _ => Kind::Resource,
        };
        let (id, rest) = number(rest, if first & 0x20 == 0 { 1 } else { 2 })?;
        let id = u16::try_from(id).ok().filter(|&id| id != u16::MAX).ok_or(ReadError::Malformed)?;
        let (len, rest) = match first >> 3 & 3 {
            0 => (usize::from(first & 7), rest),
            width => number(rest, usize::from(width))?,
        };
        let (value, rest) = rest.split_at_checked(len).ok_or(ReadError::Malformed)?;
        Ok((Self { kind, id, value }, rest))
    }
}

impl Head {
    /// The shortest head (FMT-23); `None` for a value of 16 MiB or more, which has no head.
    pub(super) fn new(kind: Kind, id: u16, value: usize) -> Option<Self> {
        let length = u32::try_from(value).ok().filter(|&length| length < 1 << 24)?;
        let mut head = Self { bytes: [0; 6], len: 0 };
        let widths = match length {
            0..=7 => length as u8,
            8..=0xFF => 1 << 3,
            0x100..=0xFFFF => 2 << 3,
            _ => 3 << 3,
        };
        let [id_high, id_low] = id.to_be_bytes();
        head.push((kind as u8) << 6 | u8::from(id_high != 0) << 5 | widths);
        if id_high != 0 {
            head.push(id_high);
        }
        head.push(id_low);
        let [_, bytes @ ..] = length.to_be_bytes();
        let width = usize::from(widths >> 3);
        bytes.iter().skip(bytes.len() - width).for_each(|&byte| head.push(byte));
        Some(head)
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }
}

/// A big-endian number of `width` bytes, at most 3.
fn number(bytes: &[u8], width: usize) -> Result<(usize, &[u8]), ReadError> {
    let (number, rest) = bytes.split_at_checked(width).ok_or(ReadError::Malformed)?;
    Ok((number.iter().fold(0, |number, &byte| number << 8 | usize::from(byte)), rest))
}
