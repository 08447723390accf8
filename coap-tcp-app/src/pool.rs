//! Buffers that exist only while there is something in them.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};

use coap_tcp_core::{Buf, Full};

/// Buffers that a thread keeps for the next connection in need of one.
const KEPT: usize = 32;
/// Larger ones are given back to the system.
const LARGEST_KEPT: usize = 64 * 1024;
/// The first allocation of a buffer.
const SMALLEST: usize = 512;
/// What one read can take.
const READ: usize = 64 * 1024;

/// Bytes that all connections of the process may hold in unfinished messages and unsent answers.
static BUDGET: AtomicUsize = AtomicUsize::new(256 * 1024 * 1024);
static IN_USE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static POOL: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
    static READ_BUFFER: RefCell<Option<Box<[u8]>>> = const { RefCell::new(None) };
}

/// Limits the memory that the buffers of all connections in this process take together; 256 MiB unless set.
/// A connection that would exceed it is aborted with "out of memory" (row 71). Limits on single messages do
/// not bound memory, since they multiply with connections.
pub fn set_buffer_budget(bytes: usize) {
    BUDGET.store(bytes, Ordering::Relaxed);
}

/// Bytes of [`set_buffer_budget`] in use now.
pub fn buffer_bytes_in_use() -> usize {
    IN_USE.load(Ordering::Relaxed)
}

/// A buffer from the thread's pool. While empty it has no memory.
#[derive(Debug, Default)]
pub struct Pooled(Vec<u8>);

impl Pooled {
    /// Makes room for `more` bytes, from the pool first.
    fn reserve(&mut self, more: usize) -> Result<(), Full> {
        if self.0.capacity() == 0 {
            let kept = POOL.with_borrow_mut(Vec::pop).unwrap_or_default();
            charge(kept.capacity())?;
            self.0 = kept;
        }
        let (len, capacity) = (self.0.len(), self.0.capacity());
        if capacity - len >= more {
            return Ok(());
        }
        let wanted = len.saturating_add(more).max(capacity.saturating_mul(2)).max(SMALLEST);
        charge(wanted - capacity)?;
        if self.0.try_reserve_exact(wanted - len).is_err() {
            IN_USE.fetch_sub(wanted - capacity, Ordering::Relaxed);
            return Err(Full);
        }
        IN_USE.fetch_add(self.0.capacity() - wanted, Ordering::Relaxed);
        Ok(())
    }
}

fn charge(bytes: usize) -> Result<(), Full> {
    let budget = BUDGET.load(Ordering::Relaxed);
    let before = IN_USE.fetch_add(bytes, Ordering::Relaxed);
    if bytes > 0 && before.saturating_add(bytes) > budget {
        IN_USE.fetch_sub(bytes, Ordering::Relaxed);
        return Err(Full);
    }
    Ok(())
}

impl Buf for Pooled {
    fn as_slice(&self) -> &[u8] {
        &self.0
    }

    fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        if !bytes.is_empty() {
            self.reserve(bytes.len())?;
            self.0.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    fn consume(&mut self, n: usize) {
        if n >= self.0.len() {
            self.release();
        } else {
            self.0.drain(..n);
        }
    }

    fn room(&self) -> usize {
        usize::MAX
    }

    fn release(&mut self) {
        let mut bytes = core::mem::take(&mut self.0);
        IN_USE.fetch_sub(bytes.capacity(), Ordering::Relaxed);
        bytes.clear();
        if (1..=LARGEST_KEPT).contains(&bytes.capacity()) {
            // While a thread ends its pool may be gone already.
            let _ = POOL.try_with(|pool| {
                let mut pool = pool.borrow_mut();
                if pool.len() < KEPT {
                    pool.push(bytes);
                }
            });
        }
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        self.release();
    }
}

/// Lends the thread's read buffer. It is taken out of its place and put back, not borrowed, since what runs
/// meanwhile may poll another connection.
pub fn with_read_buffer<R>(use_it: impl FnOnce(&mut [u8]) -> R) -> R {
    let taken = READ_BUFFER.with_borrow_mut(Option::take);
    let mut buffer = taken.unwrap_or_else(|| vec![0; READ].into_boxed_slice());
    let result = use_it(&mut buffer);
    READ_BUFFER.with_borrow_mut(|place| *place = Some(buffer));
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_buffer_has_no_memory_and_the_next_one_reuses_it() {
        let mut first = Pooled::default();
        first.append(&[1; 700]).unwrap();
        let place = first.as_slice().as_ptr();
        first.consume(100);
        assert_eq!(first.as_slice().len(), 600);
        first.consume(600);
        assert_eq!(first.0.capacity(), 0);
        let mut second = Pooled::default();
        second.append(&[2; 10]).unwrap();
        assert_eq!(second.as_slice().as_ptr(), place);
    }
}
