//! Link-format (format 40, RFC 6690): FMT-60, and what Register and Discover say in it.

mod grammar;
mod objects;
mod reader;
mod writer;

pub use objects::{Listed, ObjectList, is_listable};
pub use reader::{Attribute, AttributeValue, Attributes, Link, LinkError, Links};
pub use writer::Writer;

#[cfg(test)]
mod tests;
