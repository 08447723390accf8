//! The options of a message with those of block-wise transfer among them.

use crate::buf::Buf;
use crate::error::WriteError;
use crate::wire::{OptionNumber, Writer, encode_head, encode_uint};

/// An option that block-wise transfer adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extra {
    number: OptionNumber,
    bytes: [u8; 8],
    start: usize,
}

impl Extra {
    pub(super) fn uint(number: OptionNumber, value: u32) -> Self {
        let mut extra = Self { number, bytes: [0; 8], start: 8 };
        let (bytes, start) = encode_uint(value);
        extra.bytes.iter_mut().rev().zip(bytes.iter().skip(start).rev()).for_each(|(to, &from)| {
            *to = from;
            extra.start -= 1;
        });
        extra
    }

    pub(super) const fn etag(etag: [u8; 8]) -> Self {
        Self { number: OptionNumber::ETAG, bytes: etag, start: 0 }
    }

    fn value(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

/// Both, in the order of their numbers; `extras` are sorted.
pub(super) fn merge<'o: 'e, 'e, I: Iterator<Item = (OptionNumber, &'o [u8])>>(
    options: I,
    extras: &'e [Option<Extra>],
) -> impl Iterator<Item = (OptionNumber, &'e [u8])> + use<'o, 'e, I> {
    let mut options = options.peekable();
    let mut extras = extras.iter().flatten().peekable();
    core::iter::from_fn(move || {
        let next = options.peek().map(|&(number, _)| number);
        match extras.next_if(|extra| next.is_none_or(|next| extra.number < next)) {
            Some(extra) => Some((extra.number, extra.value())),
            None => options.next(),
        }
    })
}

/// Bytes that options take.
pub(super) fn size_of<'o>(options: impl Iterator<Item = (OptionNumber, &'o [u8])>) -> usize {
    let sized = options.fold((0, 0), |(size, last), (number, value): (OptionNumber, &[u8])| {
        (size + encode_head(number.0.saturating_sub(last), value.len()).1 + value.len(), number.0)
    });
    sized.0
}

pub(super) fn write<'o, T: Buf + ?Sized>(
    writer: &mut Writer<'_, T>,
    mut options: impl Iterator<Item = (OptionNumber, &'o [u8])>,
) -> Result<(), WriteError> {
    options.try_for_each(|(number, value)| writer.option(number, value).map(drop))
}
