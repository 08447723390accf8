//! The buffer that a payload is appended to.

use core::fmt;

use coap_tcp_core::wire::Decimal;
use coap_tcp_core::{Buf, Full};

use crate::path::Path;

/// A borrowed buffer. What it held before is never touched: all offsets come from [`Output::len`].
pub(super) struct Output<'b>(&'b mut dyn Buf);

impl<'b> Output<'b> {
    pub(super) fn new(buf: &'b mut dyn Buf) -> Self {
        Self(buf)
    }

    /// Where the next byte goes.
    pub(super) fn len(&self) -> usize {
        self.0.as_slice().len()
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.0.append(bytes)
    }

    /// Appends decimal digits.
    pub(super) fn number(&mut self, number: u64) -> Result<(), Full> {
        self.append(Decimal::new(number).as_slice())
    }

    /// Appends a path as text.
    pub(super) fn path(&mut self, path: Path) -> Result<(), Full> {
        path.append_to(self.0)
    }

    /// Takes back what was appended beyond `len`.
    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Runs `write`; when that fails, what it appended is taken back.
    pub(super) fn atomically<E>(&mut self, write: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<(), E> {
        let before = self.len();
        let written = write(self);
        if written.is_err() {
            self.truncate(before);
        }
        written
    }

    /// Puts `head` in the place of the `old` bytes at `at`, moving what follows, up to `end`. The bytes that it grows by
    /// must have been appended behind `end` already: so this cannot fail halfway.
    pub(super) fn replace(&mut self, at: usize, old: usize, head: &[u8], end: usize) {
        let bytes = self.0.as_mut_slice();
        let (from, to) = (at + old, at + head.len());
        if from <= end && to + (end - from) <= bytes.len() {
            bytes.copy_within(from..end, to);
            if let Some(place) = bytes.get_mut(at..to) {
                place.copy_from_slice(head);
            }
        }
    }
}

impl fmt::Write for Output<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text.as_bytes()).map_err(|Full| fmt::Error)
    }
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output at {}", self.len())
    }
}
