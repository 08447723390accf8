//! What a device answered: from a payload to values (DM-19, ERR-70, ERR-71).

use alloc::vec::Vec;

use coap_tcp_core::wire::OptionNumber;
use coap_tcp_core::{Code, Message};
use thiserror::Error;

use super::event::Op;
use crate::content::{ContentFormat, Raw, ReadError, Reader};
use crate::objects::schema::{DEVICE, ObjectDef, SERVER, TEMPERATURE};
use crate::path::Path;
use crate::value::{Type, Value, ValueError};

/// One value of an answer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Reading<'a> {
    /// A resource, or one of its instances; at or below what was asked for.
    pub path: Path,
    /// Its value.
    pub value: Value<'a>,
    /// The time that the payload gives it, in seconds: since 1970, or from now on where it is below 2^28 (FMT-34).
    pub time: Option<f64>,
}

/// Why an answer has no values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The device refused (ERR-72).
    #[error("refused with {0}")]
    Refused(Code),
    /// A success that is none of this operation (ERR-71).
    #[error("unexpected {0}")]
    Code(Code),
    /// A payload that does not say what it is (ERR-70).
    #[error("answer without a content format")]
    NoFormat,
    /// A format that is not known here, or cannot say what was asked for.
    #[error("answer in {0}")]
    Format(ContentFormat),
    /// A payload that its format forbids, or about something else (DM-19).
    #[error(transparent)]
    Payload(#[from] ReadError),
    /// A value that its definition forbids.
    #[error("{0}: {1}")]
    Value(Path, ValueError),
}

/// The definitions that this crate has.
pub fn known(object: u16) -> Option<&'static ObjectDef> {
    [&SERVER, &DEVICE, &TEMPERATURE].into_iter().find(|def| def.id == object)
}

/// Hands each value of an answer or notification to `each`.
///
/// `schema` gives definitions, and with them types; [`known`] may serve. Without one, values have the types of their
/// format: all of TLV is Opaque then, all text a String (OBJ-2). Values before an error have been handed over.
pub fn read_answer(
    op: &Op,
    message: &Message<'_>,
    schema: impl Fn(u16) -> Option<&'static ObjectDef>,
    mut each: impl FnMut(Reading<'_>),
) -> Result<(), AnswerError> {
    match message.code {
        code if !code.is_success() => return Err(AnswerError::Refused(code)),
        code if code != op.operation.rule().success => return Err(AnswerError::Code(code)),
        _ => {}
    }
    let format = message.uint(OptionNumber::CONTENT_FORMAT).and_then(|number| u16::try_from(number).ok());
    let format = ContentFormat(format.ok_or(AnswerError::NoFormat)?);
    let reader = Reader::new(format, op.path, message.payload).ok_or(AnswerError::Format(format))?;
    let mut scratch = Vec::new();
    for entry in reader {
        let entry = entry?;
        let resource = || schema(entry.path.object()?)?.resource(entry.path.resource()?);
        let needs = matches!(entry.raw, Raw::Pieces(_) | Raw::Text(_));
        scratch.resize(if needs { message.payload.len() } else { 0 }, 0);
        let value = match (entry.raw, resource().and_then(|def| def.ty)) {
            // An instance or a multiple resource that is there and empty.
            (Raw::Empty, _) => continue,
            (raw, Some(ty)) => raw.typed(ty, &mut scratch),
            (Raw::Typed(value), None) => Ok(value),
            (raw @ Raw::Text(_), None) => raw.typed(Type::String, &mut scratch),
            (Raw::Binary(bytes), None) => Ok(Value::Opaque(bytes)),
            (raw @ Raw::Pieces(pieces), None) if pieces.is_text() => raw.typed(Type::String, &mut scratch),
            (raw, None) => raw.typed(Type::Opaque, &mut scratch),
        };
        let value = value.map_err(|error| AnswerError::Value(entry.path, error))?;
        each(Reading { path: entry.path, value, time: entry.time });
    }
    Ok(())
}
