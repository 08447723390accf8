//! SenML in CBOR (formats 112 and 322): records of names, values and times; FMT-30 to FMT-38.

mod head;
mod item;
mod reader;
mod writer;

pub use reader::Reader;
pub use writer::Writer;

#[cfg(test)]
mod tests;
