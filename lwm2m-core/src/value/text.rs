//! Values as text/plain writes them (G.2, FMT-10 to FMT-14).

use core::fmt;
use core::str;

use coap_tcp_core::Buf;
use coap_tcp_core::wire::Decimal;

use super::{Type, Value, ValueError, base64, float as shortest};

/// A value as text; made by [`Value::as_text`].
#[derive(Clone, Copy, Debug)]
pub struct Text<'a>(Value<'a>);

impl<'a> Value<'a> {
    /// Reads the text of a value declared as `ty`; `scratch` is used for Opaque, which is base64 in text (FMT-12).
    ///
    /// An empty text is an empty String, CoreLink or Opaque, and an error for all others (FMT-10).
    pub fn from_text(text: &'a [u8], ty: Type, scratch: &'a mut [u8]) -> Result<Self, ValueError> {
        if ty == Type::Opaque {
            return base64::decode(text, scratch).map(Self::Opaque);
        }
        let utf8 = str::from_utf8(text).map_err(|_| ValueError::Malformed)?;
        match ty {
            Type::String => Ok(Self::String(utf8)),
            Type::CoreLink => Ok(Self::CoreLink(utf8)),
            Type::Integer => integer(utf8).map(Self::Integer),
            Type::Time => integer(utf8).map(Self::Time),
            Type::Unsigned => {
                digits(text).and_then(|()| utf8.parse().map_err(|_| ValueError::Range)).map(Self::Unsigned)
            }
            Type::Float => float(utf8).map(Self::Float),
            Type::Boolean => match text {
                b"0" => Ok(Self::Boolean(false)),
                b"1" => Ok(Self::Boolean(true)),
                _ => Err(ValueError::Malformed),
            },
            Type::ObjectLink => object_link(text),
            Type::Opaque => Err(ValueError::Mismatch),
        }
    }

    /// What displays the value as text/plain writes it; `None` for NaN and the infinities, which have no text (FMT-10).
    pub fn as_text(&self) -> Option<Text<'a>> {
        match self {
            Self::Float(n) if !n.is_finite() => None,
            _ => Some(Text(*self)),
        }
    }
}

impl Text<'_> {
    /// Hands out the text, piece by piece; each is UTF-8 by itself. For a device, which has no `core::fmt`.
    pub(crate) fn pieces<E>(&self, each: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut digits = |n: u64| each(Decimal::new(n).as_slice());
        match self.0 {
            Value::Unsigned(n) => digits(n),
            Value::Boolean(yes) => digits(yes.into()),
            Value::ObjectLink(object, instance) => {
                digits(object.into())?;
                each(b":")?;
                each(Decimal::new(instance.into()).as_slice())
            }
            Value::Integer(n) | Value::Time(n) => {
                if n < 0 {
                    each(b"-")?;
                }
                each(Decimal::new(n.unsigned_abs()).as_slice())
            }
            Value::String(text) | Value::CoreLink(text) => each(text.as_bytes()),
            Value::Float(n) => each(shortest::text(n).as_slice()),
            Value::Opaque(bytes) => base64::encode(bytes, each),
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces(&mut |piece| f.write_str(str::from_utf8(piece).map_err(|_| fmt::Error)?))
    }
}

/// `oid:iid`, as all formats but TLV write it (FMT-13).
pub(super) fn object_link(text: &[u8]) -> Result<Value<'static>, ValueError> {
    // An example of the OMA text writes the null link in hexadecimal.
    if text == b"FFFF:FFFF" {
        return Ok(Value::ObjectLink(u16::MAX, u16::MAX));
    }
    let colon = text.iter().position(|byte| *byte == b':').ok_or(ValueError::Malformed)?;
    let (object, instance) = text.split_at_checked(colon).ok_or(ValueError::Malformed)?;
    Ok(Value::ObjectLink(id(object)?, id(instance.get(1..).unwrap_or_default())?))
}

fn id(text: &[u8]) -> Result<u16, ValueError> {
    digits(text)?;
    text.iter()
        .try_fold(0u16, |id, digit| id.checked_mul(10)?.checked_add(u16::from(digit - b'0')))
        .ok_or(ValueError::Range)
}

fn integer(text: &str) -> Result<i64, ValueError> {
    digits(text.strip_prefix('-').unwrap_or(text).as_bytes())?;
    text.parse().map_err(|_| ValueError::Range)
}

/// `-?digits[.digits][(e|E)[+-]digits]`; what Rust would read beyond that (`inf`, `.5`, `+1`) is refused.
fn float(text: &str) -> Result<f64, ValueError> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent)),
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    for part in [whole, fraction, exponent] {
        digits(part.as_bytes())?;
    }
    let number: f64 = text.parse().map_err(|_| ValueError::Malformed)?;
    if number.is_finite() { Ok(number) } else { Err(ValueError::Range) }
}

fn digits(text: &[u8]) -> Result<(), ValueError> {
    if !text.is_empty() && text.iter().all(u8::is_ascii_digit) { Ok(()) } else { Err(ValueError::Malformed) }
}
