//! One Opaque value as its bytes (format 42): FMT-16.

use coap_tcp_core::Buf;

use super::entry::{Entry, Raw, ReadError};
use super::output::Output;
use super::values::{Values, WriteError};
use crate::path::Path;
use crate::value::Value;

/// Writes the one value of its target, which must be Opaque.
#[derive(Debug)]
pub struct Writer<'b> {
    out: Output<'b>,
    target: Path,
    done: bool,
}

impl<'b> Writer<'b> {
    /// `target` is a resource or a resource instance.
    pub fn new(buf: &'b mut dyn Buf, target: Path) -> Self {
        Self { out: Output::new(buf), target, done: false }
    }
}

impl Values for Writer<'_> {
    fn value(&mut self, path: Path, value: Value<'_>) -> Result<(), WriteError> {
        match value {
            Value::Opaque(bytes) if path == self.target && path.depth() >= 3 && !self.done => {
                self.out.append(bytes)?;
                self.done = true;
                Ok(())
            }
            _ => Err(WriteError::Form),
        }
    }
}

/// The one value of `target`, a resource or a resource instance.
pub fn read(payload: &[u8], target: Path) -> Result<Entry<'_>, ReadError> {
    if target.depth() < 3 {
        return Err(ReadError::Misplaced);
    }
    Ok(Entry { path: target, raw: Raw::Typed(Value::Opaque(payload)), time: None })
}
