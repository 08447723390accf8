//! Payloads: what reads are written into, and what writes are read from.
//!
//! Which formats there are to choose from is said by the features `text`, `tlv` and `senml-cbor`, all on by default: a
//! device that needs one saves the code of the others. The modules are there in any case.
//!
//! Every writer appends to a buffer that may hold other bytes already, and either writes a value whole or changes nothing.
//! Every reader borrows the payload and yields entries; none allocates, recurses without bound or panics (FMT-5).

mod entry;
mod format;
pub mod link;
pub mod opaque;
mod output;
mod pieces;
pub mod senml_cbor;
mod short;
pub mod text;
pub mod tlv;
mod values;

use coap_tcp_core::Buf;

use crate::path::Path;
use crate::value::Value;

pub use entry::{Entry, Raw, ReadError};
pub use format::ContentFormat;
pub use pieces::Pieces;
pub use values::{Values, WriteError};

/// The formats that are read and written here, in the order in which a Register names them (REG-22).
pub const FORMATS: &[ContentFormat] = &[
    #[cfg(feature = "text")]
    ContentFormat::TEXT,
    ContentFormat::OPAQUE,
    #[cfg(feature = "senml-cbor")]
    ContentFormat::SENML_CBOR,
    #[cfg(feature = "tlv")]
    ContentFormat::TLV,
];

/// The writer for a format.
#[derive(Debug)]
pub enum Writer<'b> {
    /// See [`text`].
    #[cfg(feature = "text")]
    Text(text::Writer<'b>),
    /// See [`opaque`].
    Opaque(opaque::Writer<'b>),
    /// See [`tlv`].
    #[cfg(feature = "tlv")]
    Tlv(tlv::Writer<'b>),
    /// See [`senml_cbor`].
    #[cfg(feature = "senml-cbor")]
    SenmlCbor(senml_cbor::Writer<'b>),
}

/// The reader for a format.
#[derive(Clone, Debug)]
pub enum Reader<'a> {
    /// The one value of a format that carries no more.
    Single(Option<Entry<'a>>),
    /// See [`tlv`].
    #[cfg(feature = "tlv")]
    Tlv(tlv::Reader<'a>),
    /// See [`senml_cbor`].
    #[cfg(feature = "senml-cbor")]
    SenmlCbor(senml_cbor::Reader<'a>),
}

/// Whether `format` can say what is at `target`, as far as the path tells: a format for one value needs a resource or a
/// resource instance, TLV an object. Formats that are not known here fit nothing.
///
/// Where it does not, a Read is answered 4.06 (DM-13) and a Write 4.15 (DM-41).
pub fn fits(format: ContentFormat, target: Path) -> bool {
    match format {
        ContentFormat::TEXT => cfg!(feature = "text") && target.depth() >= 3,
        ContentFormat::OPAQUE => target.depth() >= 3,
        ContentFormat::TLV => cfg!(feature = "tlv") && target.depth() >= 1,
        ContentFormat::SENML_CBOR | ContentFormat::SENML_ETCH_CBOR => cfg!(feature = "senml-cbor"),
        _ => false,
    }
}

impl<'b> Writer<'b> {
    /// Writes what is at `target` to `buf`; [`WriteError::Form`] where the format does not fit it.
    pub fn new(format: ContentFormat, target: Path, buf: &'b mut dyn Buf) -> Result<Self, WriteError> {
        match format {
            _ if !fits(format, target) => Err(WriteError::Form),
            #[cfg(feature = "text")]
            ContentFormat::TEXT => Ok(Self::Text(text::Writer::new(buf, target))),
            ContentFormat::OPAQUE => Ok(Self::Opaque(opaque::Writer::new(buf, target))),
            #[cfg(feature = "tlv")]
            ContentFormat::TLV => Ok(Self::Tlv(tlv::Writer::new(buf, target))),
            #[cfg(feature = "senml-cbor")]
            ContentFormat::SENML_CBOR | ContentFormat::SENML_ETCH_CBOR => {
                senml_cbor::Writer::new(buf, target).map(Self::SenmlCbor)
            }
            _ => Err(WriteError::Form),
        }
    }
}

impl Values for Writer<'_> {
    fn value(&mut self, path: Path, value: Value<'_>) -> Result<(), WriteError> {
        match self {
            #[cfg(feature = "text")]
            Self::Text(writer) => writer.value(path, value),
            Self::Opaque(writer) => writer.value(path, value),
            #[cfg(feature = "tlv")]
            Self::Tlv(writer) => writer.value(path, value),
            #[cfg(feature = "senml-cbor")]
            Self::SenmlCbor(writer) => writer.value(path, value),
        }
    }

    fn container(&mut self, path: Path) -> Result<(), WriteError> {
        match self {
            #[cfg(feature = "text")]
            Self::Text(writer) => writer.container(path),
            Self::Opaque(writer) => writer.container(path),
            #[cfg(feature = "tlv")]
            Self::Tlv(writer) => writer.container(path),
            #[cfg(feature = "senml-cbor")]
            Self::SenmlCbor(writer) => writer.container(path),
        }
    }
}

impl<'a> Reader<'a> {
    /// Reads what `payload` says of `target`; `None` where the format does not fit it.
    pub fn new(format: ContentFormat, target: Path, payload: &'a [u8]) -> Option<Self> {
        match format {
            _ if !fits(format, target) => None,
            #[cfg(feature = "text")]
            ContentFormat::TEXT => text::read(payload, target).ok().map(|entry| Self::Single(Some(entry))),
            ContentFormat::OPAQUE => {
                opaque::read(payload, target).ok().map(|entry| Self::Single(Some(entry)))
            }
            #[cfg(feature = "tlv")]
            ContentFormat::TLV => Some(Self::Tlv(tlv::Reader::new(payload, target))),
            #[cfg(feature = "senml-cbor")]
            ContentFormat::SENML_CBOR | ContentFormat::SENML_ETCH_CBOR => {
                Some(Self::SenmlCbor(senml_cbor::Reader::new(payload, target)))
            }
            _ => None,
        }
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Entry<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Single(entry) => entry.take().map(Ok),
            #[cfg(feature = "tlv")]
            Self::Tlv(reader) => reader.next(),
            #[cfg(feature = "senml-cbor")]
            Self::SenmlCbor(reader) => reader.next(),
        }
    }
}

#[cfg(test)]
mod tests;
