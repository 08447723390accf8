//! A body that passes by, and the part of it that is kept.

use core::fmt;

use super::key::Hash;
use crate::buf::Buf;
use crate::error::Full;

/// Skips so many bytes of a body, keeps the next so many, and counts and hashes them all: a large answer
/// needs no buffer when it can be made again for each block.
///
/// Writes as text, too: `write!(window, ..)`.
#[derive(Debug)]
pub struct Window<'t> {
    to: Sink<'t>,
    skip: u64,
    takes: usize,
    length: u64,
    hash: Hash,
}

struct Sink<'t>(&'t mut dyn Buf);

impl fmt::Debug for Sink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.as_slice().len())
    }
}

impl<'t> Window<'t> {
    /// Appends bytes `skip..skip + takes` of what is pushed to `to`.
    pub fn new(to: &'t mut dyn Buf, skip: u64, takes: usize) -> Self {
        Self { to: Sink(to), skip, takes, length: 0, hash: Hash::NEW }
    }

    /// The next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let skip = self.skip.saturating_sub(self.length);
        let seen = bytes.get(usize::try_from(skip).unwrap_or(usize::MAX)..).unwrap_or_default();
        let kept = seen.get(..self.takes.min(seen.len())).unwrap_or_default();
        if !kept.is_empty() {
            self.to.0.append(kept)?;
        }
        self.takes -= kept.len();
        self.length += bytes.len() as u64;
        self.hash.add(bytes);
        Ok(())
    }

    /// Bytes of the body so far.
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Of the body so far.
    pub const fn etag(&self) -> [u8; 8] {
        self.hash.etag()
    }
}

impl fmt::Write for Window<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes()).map_err(|_| fmt::Error)
    }
}
