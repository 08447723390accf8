//! What a resource holds, and what it looks like in the formats that carry no types.

mod base64;
mod binary;
mod convert;
mod float;
mod text;

pub use binary::Binary;
pub(crate) use binary::narrow;
pub use text::Text;

use thiserror::Error;

/// The data types of LwM2M (G.2). An executable resource has none.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// UTF-8.
    String,
    /// Signed, 64 bits.
    Integer,
    /// Unsigned, 64 bits; LwM2M 1.1.
    Unsigned,
    /// IEEE 754, 64 bits.
    Float,
    /// True or false.
    Boolean,
    /// Any bytes.
    Opaque,
    /// Seconds since 1970, negative before it (FMT-14).
    Time,
    /// Object id and instance id.
    ObjectLink,
    /// Links in link-format; LwM2M 1.1.
    CoreLink,
}

/// One value. Strings and bytes are borrowed, mostly from the payload.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'a> {
    /// See [`Type::String`].
    String(&'a str),
    /// See [`Type::Integer`].
    Integer(i64),
    /// See [`Type::Unsigned`].
    Unsigned(u64),
    /// See [`Type::Float`].
    Float(f64),
    /// See [`Type::Boolean`].
    Boolean(bool),
    /// See [`Type::Opaque`].
    Opaque(&'a [u8]),
    /// See [`Type::Time`].
    Time(i64),
    /// See [`Type::ObjectLink`]; 65535:65535 means no object (FMT-13).
    ObjectLink(u16, u16),
    /// See [`Type::CoreLink`].
    CoreLink(&'a str),
}

/// Why what arrived is not a value of the declared type; 4.00 to a request (DM-37).
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ValueError {
    /// A value of a type that cannot stand for the declared one.
    #[error("value of another type")]
    Mismatch,
    /// Bytes that are no value of the declared type.
    #[error("not a value of its type")]
    Malformed,
    /// A number that the declared type cannot hold (FMT-15).
    #[error("number out of range")]
    Range,
    /// Not the peer's fault: the memory lent for decoding is too small.
    #[error("no room to decode the value")]
    Scratch,
}

impl Value<'_> {
    /// Its type.
    pub const fn ty(&self) -> Type {
        match self {
            Self::String(_) => Type::String,
            Self::Integer(_) => Type::Integer,
            Self::Unsigned(_) => Type::Unsigned,
            Self::Float(_) => Type::Float,
            Self::Boolean(_) => Type::Boolean,
            Self::Opaque(_) => Type::Opaque,
            Self::Time(_) => Type::Time,
            Self::ObjectLink(..) => Type::ObjectLink,
            Self::CoreLink(_) => Type::CoreLink,
        }
    }
}

#[cfg(test)]
mod tests;
