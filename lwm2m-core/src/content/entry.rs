//! What reading a payload yields.

use core::str;

use thiserror::Error;

use super::pieces::Pieces;
use crate::path::{Path, PathError};
use crate::value::{Type, Value, ValueError};

/// One thing that a payload says of one path.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Entry<'a> {
    /// Of what; at or below the target that the reader was given.
    pub path: Path,
    /// What.
    pub raw: Raw<'a>,
    /// Seconds, as sent: since 1970, or, when below 2^28, from now on (FMT-34). `None` where the payload says no time.
    pub time: Option<f64>,
}

/// A value before its declared type is known, or what stands in its place.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Raw<'a> {
    /// Text, which says nothing of its type.
    Text(&'a [u8]),
    /// Bytes of a TLV, which say nothing of their type.
    Binary(&'a [u8]),
    /// A value of the type that the format says, which may be coarser than the declared one.
    Typed(Value<'a>),
    /// A string of CBOR that came in more than one piece (FMT-35).
    Pieces(Pieces<'a>),
    /// A null: delete what is there (FMT-37).
    Null,
    /// A path alone, in a request of Read-Composite (DM-16).
    Name,
    /// An instance or a multiple resource that holds nothing (FMT-21).
    Empty,
}

/// Why a payload is refused; 4.00 to a request (ERR-38).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ReadError {
    /// The bytes are not of the format.
    #[error("malformed payload")]
    Malformed,
    /// Well formed, but not what can stand at this place: a value at an object, a resource in a resource (FMT-21).
    #[error("misplaced element")]
    Misplaced,
    /// A path that is none.
    #[error("bad path: {0}")]
    Path(#[from] PathError),
    /// A path that is not at or below the target (DM-38).
    #[error("path outside the target")]
    Outside,
    /// The same identifier twice, at one place (FMT-26), or the same label twice, in one record (FMT-35).
    #[error("repeated element")]
    Duplicate,
    /// Something that must not be ignored and is not understood (FMT-31, FMT-33).
    #[error("unsupported element")]
    Unsupported,
    /// Legal perhaps, but nested deeper or in a worse order than a reader without memory follows (FMT-5).
    #[error("payload too complex")]
    Complex,
    /// A number that no type holds (FMT-15).
    #[error("number out of range")]
    Range,
}

impl Entry<'_> {
    /// The time in seconds since 1970, given the time now (FMT-34).
    pub fn unix_time(&self, now: f64) -> Option<f64> {
        const ABSOLUTE: f64 = 268_435_456.0;
        self.time.map(|time| if time < ABSOLUTE { now + time } else { time })
    }
}

impl<'a> Raw<'a> {
    /// The value, read as the declared type `ty`.
    ///
    /// `scratch` is needed for Opaque in text (3 bytes for 4 of the text) and for strings in pieces (their length), and
    /// says [`ValueError::Scratch`] when it is too small; else it may be empty. What is no value is a
    /// [`ValueError::Mismatch`].
    pub fn typed(self, ty: Type, scratch: &'a mut [u8]) -> Result<Value<'a>, ValueError> {
        match self {
            Self::Text(text) => Value::from_text(text, ty, scratch),
            Self::Binary(bytes) => Value::from_binary(bytes, ty),
            Self::Typed(value) => value.to(ty),
            Self::Pieces(pieces) => {
                let whole = pieces.gather(scratch).ok_or(ValueError::Scratch)?;
                let value = if pieces.is_text() {
                    Value::String(str::from_utf8(whole).map_err(|_| ValueError::Malformed)?)
                } else {
                    Value::Opaque(whole)
                };
                value.to(ty)
            }
            Self::Null | Self::Name | Self::Empty => Err(ValueError::Mismatch),
        }
    }
}
