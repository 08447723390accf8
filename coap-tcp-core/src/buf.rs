//! Bytes that are the caller's: where frames are gathered (`spill`) and where answers wait to leave (`tx`).

use crate::error::Full;

/// Bytes that can be appended to, patched and cut back.
///
/// The core never keeps a buffer of its own: it appends to what it is lent, and either appends whole frames
/// or changes nothing. Implemented for [`Fixed`] and [`Slice`] (no allocator), and for `Vec<u8>` and
/// `BytesMut` behind features.
pub trait Buf {
    /// What is held now.
    fn as_slice(&self) -> &[u8];

    /// The same, to patch in place.
    fn as_mut_slice(&mut self) -> &mut [u8];

    /// Adds all of `bytes` at the end, or fails and changes nothing.
    fn append(&mut self, bytes: &[u8]) -> Result<(), Full>;

    /// Keeps the first `len` bytes; does nothing when there are fewer.
    fn truncate(&mut self, len: usize);

    /// Gives up the first `n` bytes: they have been sent, or acknowledged where the stack cannot send them
    /// again by itself (K-A-1).
    fn consume(&mut self, n: usize);

    /// Bytes that can still be appended. `usize::MAX` where only memory is the limit.
    fn room(&self) -> usize;

    /// Forgets everything, and gives memory back where that is possible.
    fn release(&mut self) {
        self.truncate(0);
    }
}

impl<T: Buf + ?Sized> Buf for &mut T {
    fn as_slice(&self) -> &[u8] {
        (**self).as_slice()
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        (**self).as_mut_slice()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        (**self).append(bytes)
    }

    fn truncate(&mut self, len: usize) {
        (**self).truncate(len);
    }

    fn consume(&mut self, n: usize) {
        (**self).consume(n);
    }

    fn room(&self) -> usize {
        (**self).room()
    }

    fn release(&mut self) {
        (**self).release();
    }
}

/// An array of `N` bytes and how many of them are in use.
#[derive(Clone, Debug)]
pub struct Fixed<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Fixed<N> {
    /// Empty.
    pub const fn new() -> Self {
        Self { bytes: [0; N], len: 0 }
    }
}

impl<const N: usize> Default for Fixed<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Buf for Fixed<N> {
    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        append(&mut self.bytes, &mut self.len, bytes)
    }

    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    fn consume(&mut self, n: usize) {
        consume(&mut self.bytes, &mut self.len, n);
    }

    fn room(&self) -> usize {
        N - self.len
    }
}

/// Memory lent by somebody else, a linker section for example, and how much of it is in use.
#[derive(Debug)]
pub struct Slice<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl<'a> Slice<'a> {
    /// Empty, over all of `bytes`.
    pub const fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, len: 0 }
    }
}

impl Buf for Slice<'_> {
    // Out of line, as `truncate`: both are called from many places, and a device is short of flash.
    #[inline(never)]
    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        append(self.bytes, &mut self.len, bytes)
    }

    #[inline(never)]
    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    fn consume(&mut self, n: usize) {
        consume(self.bytes, &mut self.len, n);
    }

    fn room(&self) -> usize {
        self.bytes.len() - self.len
    }
}

fn append(store: &mut [u8], len: &mut usize, bytes: &[u8]) -> Result<(), Full> {
    let end = len.checked_add(bytes.len()).ok_or(Full)?;
    store.get_mut(*len..end).ok_or(Full)?.copy_from_slice(bytes);
    *len = end;
    Ok(())
}

fn consume(store: &mut [u8], len: &mut usize, n: usize) {
    let n = n.min(*len);
    store.copy_within(n..*len, 0);
    *len -= n;
}

#[cfg(any(feature = "alloc", test))]
impl Buf for alloc::vec::Vec<u8> {
    fn as_slice(&self) -> &[u8] {
        self
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.try_reserve(bytes.len()).map_err(|_| Full)?;
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn truncate(&mut self, len: usize) {
        Self::truncate(self, len);
    }

    fn consume(&mut self, n: usize) {
        self.drain(..n.min(self.len()));
    }

    fn room(&self) -> usize {
        usize::MAX
    }

    fn release(&mut self) {
        *self = Self::new();
    }
}

#[cfg(feature = "bytes")]
impl Buf for bytes::BytesMut {
    fn as_slice(&self) -> &[u8] {
        self
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        self
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn truncate(&mut self, len: usize) {
        Self::truncate(self, len);
    }

    fn consume(&mut self, n: usize) {
        bytes::Buf::advance(self, n.min(self.len()));
    }

    fn room(&self) -> usize {
        usize::MAX
    }

    fn release(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn behaves(buf: &mut dyn Buf, capacity: Option<usize>) {
        buf.append(b"hello").unwrap();
        buf.as_mut_slice()[0] = b'j';
        buf.consume(1);
        assert_eq!(buf.as_slice(), b"ello");
        buf.truncate(9);
        buf.truncate(2);
        assert_eq!(buf.as_slice(), b"el");
        if let Some(capacity) = capacity {
            assert_eq!(buf.room(), capacity - 2);
            assert_eq!(buf.append(&[0; 9]), Err(Full));
            assert_eq!(buf.as_slice(), b"el", "all or nothing");
            buf.append(&[0; 6]).unwrap();
            assert_eq!(buf.room(), 0);
        }
        buf.consume(99);
        assert!(buf.as_slice().is_empty());
        buf.release();
    }

    #[test]
    fn every_buffer_keeps_the_contract() {
        behaves(&mut Fixed::<8>::new(), Some(8));
        behaves(&mut Slice::new(&mut [0; 8]), Some(8));
        behaves(&mut alloc::vec::Vec::new(), None);
        #[cfg(feature = "bytes")]
        behaves(&mut bytes::BytesMut::new(), None);
    }
}
