//! One value as text (format 0): FMT-10 to FMT-14.

use coap_tcp_core::Buf;

use super::entry::{Entry, Raw, ReadError};
use super::output::Output;
use super::values::{Values, WriteError};
use crate::path::Path;
use crate::value::Value;

/// Writes the one value of its target.
#[derive(Debug)]
pub struct Writer<'b> {
    out: Output<'b>,
    target: Path,
    done: bool,
}

impl<'b> Writer<'b> {
    /// `target` is a resource or a resource instance. A multiple resource has its values below, and none at, the target:
    /// they are refused as [`WriteError::Form`] (DM-13).
    pub fn new(buf: &'b mut dyn Buf, target: Path) -> Self {
        Self { out: Output::new(buf), target, done: false }
    }
}

impl Values for Writer<'_> {
    fn value(&mut self, path: Path, value: Value<'_>) -> Result<(), WriteError> {
        let text = value.as_text().ok_or(WriteError::Form)?;
        if path != self.target || path.depth() < 3 || self.done {
            return Err(WriteError::Form);
        }
        self.out.atomically(|out| text.pieces(&mut |piece| out.append(piece)))?;
        self.done = true;
        Ok(())
    }
}

/// The one value of `target`, a resource or a resource instance (DM-41).
pub fn read(payload: &[u8], target: Path) -> Result<Entry<'_>, ReadError> {
    if target.depth() < 3 {
        return Err(ReadError::Misplaced);
    }
    Ok(Entry { path: target, raw: Raw::Text(payload), time: None })
}
