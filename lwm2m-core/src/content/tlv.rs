//! TLV (format 11542): nested type, length, value; FMT-20 to FMT-26.
//!
//! The shape depends on what was asked for (FMT-22): an object is a row of instances, an instance a row of resources, a
//! resource one element, a resource instance one element. Values carry no types: the reader yields bytes.

mod item;
mod reader;
mod writer;

pub use reader::{Reader, named_instance};
pub use writer::Writer;

#[cfg(test)]
mod tests;
