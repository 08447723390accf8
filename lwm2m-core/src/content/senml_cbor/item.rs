//! Single items of CBOR, as SenML uses them.

use core::fmt::Write;
use core::str;

use minicbor::Decoder;
use minicbor::data::Type;

use crate::content::entry::{Raw, ReadError};
use crate::content::pieces::Pieces;
use crate::content::short::Short;
use crate::value::{self, Value, ValueError};

/// How deep something ignored may be nested (FMT-5).
const MAX_DEPTH: u8 = 8;

/// An integer, a float or a decimal fraction: the number as exact as it came (FMT-15, FMT-35).
pub(super) fn number<'a>(decoder: &mut Decoder<'a>) -> Result<Value<'a>, ReadError> {
    let value = match decoder.datatype().map_err(malformed)? {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
            let n = decoder.u64().map_err(malformed)?;
            i64::try_from(n).map_or(Value::Unsigned(n), Value::Integer)
        }
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => Value::Integer(decoder.i64().map_err(malformed)?),
        Type::Int => return Err(ReadError::Range),
        Type::F16 => Value::Float(half(decoder)?),
        Type::F32 | Type::F64 => Value::Float(decoder.f64().map_err(malformed)?),
        Type::Tag => Value::Float(decimal_fraction(decoder)?),
        _ => return Err(ReadError::Malformed),
    };
    Ok(value)
}

/// A time: any number that is finite (FMT-34).
pub(super) fn seconds(decoder: &mut Decoder<'_>) -> Result<f64, ReadError> {
    match number(decoder)?.to(value::Type::Float) {
        Ok(Value::Float(time)) if time.is_finite() => Ok(time),
        _ => Err(ReadError::Range),
    }
}

/// A text or byte string as a value.
pub(super) fn string<'a>(decoder: &mut Decoder<'a>, text: bool) -> Result<Raw<'a>, ReadError> {
    let pieces =
        Pieces::take(decoder).filter(|pieces| pieces.is_text() == text).ok_or(ReadError::Malformed)?;
    match pieces.whole() {
        None => Ok(Raw::Pieces(pieces)),
        Some(bytes) if text => Ok(Raw::Typed(Value::String(str::from_utf8(bytes).map_err(malformed)?))),
        Some(bytes) => Ok(Raw::Typed(Value::Opaque(bytes))),
    }
}

/// `oid:iid` as text (FMT-13).
pub(super) fn object_link<'a>(decoder: &mut Decoder<'a>) -> Result<Raw<'a>, ReadError> {
    let mut scratch = [0; 11];
    match string(decoder, true)?.typed(value::Type::ObjectLink, &mut scratch) {
        Ok(Value::ObjectLink(object, instance)) => Ok(Raw::Typed(Value::ObjectLink(object, instance))),
        Err(ValueError::Range) => Err(ReadError::Range),
        _ => Err(ReadError::Malformed),
    }
}

/// Passes over one item of any kind, `depth` levels below what is ignored.
pub(super) fn skip(decoder: &mut Decoder<'_>, depth: u8) -> Result<(), ReadError> {
    let items = match decoder.datatype().map_err(malformed)? {
        Type::Array | Type::ArrayIndef => decoder.array().map_err(malformed)?,
        Type::Map | Type::MapIndef => match decoder.map().map_err(malformed)? {
            Some(pairs) => Some(pairs.checked_mul(2).ok_or(ReadError::Malformed)?),
            None => None,
        },
        Type::Tag => {
            decoder.tag().map_err(malformed)?;
            Some(1)
        }
        // The decoder's own `skip` takes a break for an item, and without `alloc` does not nest.
        Type::Break | Type::Unknown(_) => return Err(ReadError::Malformed),
        _ => return decoder.skip().map_err(malformed),
    };
    if depth == MAX_DEPTH {
        return Err(ReadError::Complex);
    }
    let mut left = items;
    while !ended(decoder, &mut left)? {
        skip(decoder, depth + 1)?;
    }
    Ok(())
}

/// Whether an array or map is over: `left` items of a definite one, or a break, which is taken.
pub(super) fn ended(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, ReadError> {
    if let Some(left) = left {
        let before = *left;
        *left = before.saturating_sub(1);
        return Ok(before == 0);
    }
    let at_break = decoder.datatype().map_err(malformed)? == Type::Break;
    if at_break {
        decoder.set_position(decoder.position() + 1);
    }
    Ok(at_break)
}

pub(super) fn malformed<E>(_: E) -> ReadError {
    ReadError::Malformed
}

/// A half-precision float, which `minicbor` reads only with a crate more.
fn half(decoder: &mut Decoder<'_>) -> Result<f64, ReadError> {
    let start = decoder.position();
    let Some(&[_, high, low]) = decoder.input().get(start..start.saturating_add(3)) else {
        return Err(ReadError::Malformed);
    };
    decoder.set_position(start + 3);
    let bits = u16::from_be_bytes([high, low]);
    let (sign, exponent, fraction) = (u64::from(bits >> 15), bits >> 10 & 0x1F, u64::from(bits & 0x3FF));
    let exponent = match exponent {
        // Subnormal: an exact multiple of 2^-24.
        0 => {
            let magnitude = fraction as f64 / 16_777_216.0;
            return Ok(if sign == 0 { magnitude } else { -magnitude });
        }
        0x1F => 0x7FF,
        _ => u64::from(exponent) + 1023 - 15,
    };
    Ok(f64::from_bits(sign << 63 | exponent << 52 | fraction << 42))
}

/// Tag 4: an array of exponent and mantissa, of base 10 (FMT-35).
fn decimal_fraction(decoder: &mut Decoder<'_>) -> Result<f64, ReadError> {
    let tag = decoder.tag().map_err(malformed)?.as_u64();
    if tag != 4 || decoder.array().map_err(malformed)? != Some(2) {
        return Err(ReadError::Malformed);
    }
    let exponent = decoder.i64().map_err(malformed)?;
    let mantissa = decoder.i64().map_err(malformed)?;
    // Only the parser of decimals rounds right: two integers and a letter are at most 41 bytes.
    let mut decimal = Short::<41>::new();
    write!(decimal, "{mantissa}e{exponent}").map_err(malformed)?;
    decimal.as_str().parse::<f64>().ok().filter(|n| n.is_finite()).ok_or(ReadError::Range)
}
