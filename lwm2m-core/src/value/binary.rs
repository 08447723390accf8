//! Values as the bytes inside a TLV (G.2, FMT-24, FMT-25).

use core::str;

use super::{Type, Value, ValueError};

/// The bytes of a value; made by [`Value::to_binary`].
#[derive(Clone, Copy, Debug)]
pub struct Binary<'a>(Bytes<'a>);

#[derive(Clone, Copy, Debug)]
enum Bytes<'a> {
    Borrowed(&'a [u8]),
    One([u8; 1]),
    Two([u8; 2]),
    Four([u8; 4]),
    Eight([u8; 8]),
}

impl Binary<'_> {
    /// What goes on the wire.
    pub fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Bytes::Borrowed(bytes) => bytes,
            Bytes::One(bytes) => bytes,
            Bytes::Two(bytes) => bytes,
            Bytes::Four(bytes) => bytes,
            Bytes::Eight(bytes) => bytes,
        }
    }
}

impl<'a> Value<'a> {
    /// Reads the bytes of a value declared as `ty`: any width that FMT-24 allows.
    pub fn from_binary(bytes: &'a [u8], ty: Type) -> Result<Self, ValueError> {
        match ty {
            Type::Opaque => Ok(Self::Opaque(bytes)),
            Type::String => utf8(bytes).map(Self::String),
            Type::CoreLink => utf8(bytes).map(Self::CoreLink),
            Type::Integer => integer(bytes).map(Self::Integer),
            Type::Time => integer(bytes).map(Self::Time),
            Type::Unsigned => unsigned(bytes).map(Self::Unsigned),
            Type::Float => float(bytes).map(Self::Float),
            Type::Boolean => match bytes {
                [0] => Ok(Self::Boolean(false)),
                [1] => Ok(Self::Boolean(true)),
                _ => Err(ValueError::Malformed),
            },
            Type::ObjectLink => match *bytes {
                [a, b, c, d] => Ok(Self::ObjectLink(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))),
                _ => Err(ValueError::Malformed),
            },
        }
    }

    /// The shortest bytes for the value (FMT-24, FMT-25).
    pub fn to_binary(&self) -> Binary<'a> {
        Binary(match *self {
            Self::String(text) | Self::CoreLink(text) => Bytes::Borrowed(text.as_bytes()),
            Self::Opaque(bytes) => Bytes::Borrowed(bytes),
            Self::Integer(n) | Self::Time(n) => shortest(n),
            // Leshan reads Unsigned as signed: a set top bit is avoided while a wider form exists.
            Self::Unsigned(n) => i64::try_from(n).map_or(Bytes::Eight(n.to_be_bytes()), shortest),
            Self::Float(n) => match narrow(n) {
                Some(bits) => Bytes::Four(bits.to_be_bytes()),
                None => Bytes::Eight(n.to_be_bytes()),
            },
            Self::Boolean(yes) => Bytes::One([u8::from(yes)]),
            Self::ObjectLink(object, instance) => {
                Bytes::Four((u32::from(object) << 16 | u32::from(instance)).to_be_bytes())
            }
        })
    }
}

/// The 32 bits of a float that says the same; `None` where none does, or only a subnormal one. Without arithmetic, which a
/// device without a floating-point unit would need code for.
pub(crate) fn narrow(n: f64) -> Option<u32> {
    const DROPPED: u32 = 52 - 23;
    let bits = n.to_bits();
    let sign = (bits >> 32) as u32 & 0x8000_0000;
    let (exponent, fraction) = ((bits >> 52) as u32 & 0x7ff, (bits >> DROPPED) as u32 & 0x7f_ffff);
    let exact = bits & ((1 << DROPPED) - 1) == 0;
    let exponent = match exponent {
        0x7ff if n.is_nan() => return Some(sign | f32::NAN.to_bits()),
        0x7ff => 0xff,
        0 if bits << 1 == 0 => 0,
        0x381..=0x47e if exact => exponent - (1023 - 127),
        _ => return None,
    };
    Some(sign | exponent << 23 | fraction)
}

fn shortest(n: i64) -> Bytes<'static> {
    if let Ok(n) = i8::try_from(n) {
        Bytes::One(n.to_be_bytes())
    } else if let Ok(n) = i16::try_from(n) {
        Bytes::Two(n.to_be_bytes())
    } else if let Ok(n) = i32::try_from(n) {
        Bytes::Four(n.to_be_bytes())
    } else {
        Bytes::Eight(n.to_be_bytes())
    }
}

fn utf8(bytes: &[u8]) -> Result<&str, ValueError> {
    str::from_utf8(bytes).map_err(|_| ValueError::Malformed)
}

fn integer(bytes: &[u8]) -> Result<i64, ValueError> {
    if let &[a] = bytes {
        Ok(i8::from_be_bytes([a]).into())
    } else if let Ok(bytes) = bytes.try_into() {
        Ok(i16::from_be_bytes(bytes).into())
    } else if let Ok(bytes) = bytes.try_into() {
        Ok(i32::from_be_bytes(bytes).into())
    } else {
        bytes.try_into().map(i64::from_be_bytes).map_err(|_| ValueError::Malformed)
    }
}

fn unsigned(bytes: &[u8]) -> Result<u64, ValueError> {
    if matches!(bytes.len(), 1 | 2 | 4 | 8) {
        Ok(bytes.iter().fold(0, |n, &byte| n << 8 | u64::from(byte)))
    } else {
        Err(ValueError::Malformed)
    }
}

fn float(bytes: &[u8]) -> Result<f64, ValueError> {
    if let Ok(bytes) = bytes.try_into() {
        Ok(f32::from_be_bytes(bytes).into())
    } else {
        bytes.try_into().map(f64::from_be_bytes).map_err(|_| ValueError::Malformed)
    }
}
