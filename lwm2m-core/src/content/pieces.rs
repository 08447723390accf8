//! Strings of CBOR as they stand in the payload, in one piece or in several (FMT-35).

use minicbor::Decoder;
use minicbor::data::Type;

/// A text or byte string. Checked when made: walking it cannot fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pieces<'a> {
    encoded: &'a [u8],
    text: bool,
}

impl<'a> Pieces<'a> {
    /// Takes the string that comes next; `None` where there is none, or it is cut off or no UTF-8.
    pub(super) fn take(decoder: &mut Decoder<'a>) -> Option<Self> {
        let start = decoder.position();
        let text = match decoder.datatype() {
            Ok(Type::String | Type::StringIndef) => true,
            Ok(Type::Bytes | Type::BytesIndef) => false,
            _ => return None,
        };
        let whole = if text {
            decoder.str_iter().and_then(|mut pieces| pieces.try_for_each(|piece| piece.map(drop)))
        } else {
            decoder.bytes_iter().and_then(|mut pieces| pieces.try_for_each(|piece| piece.map(drop)))
        };
        whole.ok()?;
        let encoded = decoder.input().get(start..decoder.position())?;
        Some(Self { encoded, text })
    }

    /// Whether it is text, which is UTF-8, piece by piece.
    pub const fn is_text(self) -> bool {
        self.text
    }

    /// The pieces, in order.
    pub fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        let mut decoder = Decoder::new(self.encoded);
        if matches!(decoder.datatype(), Ok(Type::StringIndef | Type::BytesIndef)) {
            decoder.set_position(1);
        }
        // The break at the end of several, or the end of the input behind one, is no string: there it stops.
        core::iter::from_fn(move || {
            if self.text { decoder.str().ok().map(str::as_bytes) } else { decoder.bytes().ok() }
        })
    }

    /// All pieces in a row, in `scratch`; `None` where it is too small.
    pub fn gather(self, scratch: &'a mut [u8]) -> Option<&'a [u8]> {
        let mut len = 0;
        for piece in self.iter() {
            let end = len + piece.len();
            scratch.get_mut(len..end)?.copy_from_slice(piece);
            len = end;
        }
        scratch.get(..len)
    }

    /// The string, where it is one piece.
    pub(super) fn whole(self) -> Option<&'a [u8]> {
        let mut pieces = self.iter();
        let first = pieces.next().unwrap_or_default();
        pieces.next().is_none().then_some(first)
    }

    /// Byte by byte.
    pub(super) fn bytes(self) -> impl Iterator<Item = u8> {
        self.iter().flatten().copied()
    }
}
