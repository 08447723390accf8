//! From the types of a format to the declared type.

use super::text::object_link;
use super::{Type, Value, ValueError};

impl Value<'_> {
    /// The same value as `ty`, for formats whose types are coarser than ours.
    ///
    /// Numbers become each other where nothing is lost (FMT-15; an integer that becomes a Float may be rounded), strings
    /// become links (FMT-32). A number is never a Boolean.
    pub fn to(self, ty: Type) -> Result<Self, ValueError> {
        match (self, ty) {
            (value, ty) if value.ty() == ty => Ok(value),
            (Self::Integer(n) | Self::Time(n), _) => signed(n, ty),
            (Self::Unsigned(n), _) => unsigned(n, ty),
            (Self::Float(n), _) => float(n, ty),
            (Self::CoreLink(text), Type::String) => Ok(Self::String(text)),
            (Self::String(text), Type::CoreLink) => Ok(Self::CoreLink(text)),
            (Self::String(text), Type::ObjectLink) => object_link(text.as_bytes()),
            _ => Err(ValueError::Mismatch),
        }
    }
}

fn signed(n: i64, ty: Type) -> Result<Value<'static>, ValueError> {
    match ty {
        Type::Integer => Ok(Value::Integer(n)),
        Type::Time => Ok(Value::Time(n)),
        Type::Unsigned => n.try_into().map(Value::Unsigned).map_err(|_| ValueError::Range),
        Type::Float => Ok(Value::Float(n as f64)),
        _ => Err(ValueError::Mismatch),
    }
}

fn unsigned(n: u64, ty: Type) -> Result<Value<'static>, ValueError> {
    match ty {
        Type::Float => Ok(Value::Float(n as f64)),
        Type::Integer | Type::Time => signed(n.try_into().map_err(|_| ValueError::Range)?, ty),
        _ => Err(ValueError::Mismatch),
    }
}

fn float(n: f64, ty: Type) -> Result<Value<'static>, ValueError> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    // A cast saturates, so only what is in range may be compared with its own cast.
    let integral = |cast_back: f64| if cast_back == n { Ok(()) } else { Err(ValueError::Range) };
    match ty {
        Type::Unsigned if (0.0..2.0 * TWO_TO_63).contains(&n) => {
            integral(n as u64 as f64).map(|()| Value::Unsigned(n as u64))
        }
        Type::Integer | Type::Time if (-TWO_TO_63..TWO_TO_63).contains(&n) => {
            integral(n as i64 as f64).and_then(|()| signed(n as i64, ty))
        }
        Type::Unsigned | Type::Integer | Type::Time => Err(ValueError::Range),
        _ => Err(ValueError::Mismatch),
    }
}
