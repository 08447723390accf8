//! What is known of a path, beyond one connection.

use std::sync::atomic::{AtomicU32, Ordering};

use coap_tcp_core::KeepAliveSearch;

/// What the connections over one path have learned of the silence that it survives
/// ([`KeepAlive::Adaptive`](coap_tcp_core::KeepAlive)): each begins with it, and adds to it, from any thread. Of several
/// at once the last that learns something has the say.
///
/// A program keeps [`KnownPath::search`] in a file over its restarts: `to_bytes` are four bytes.
#[derive(Debug)]
pub struct KnownPath(AtomicU32);

impl KnownPath {
    /// Goes on with what is known already.
    pub const fn new(search: KeepAliveSearch) -> Self {
        Self(AtomicU32::new(u32::from_le_bytes(search.to_bytes())))
    }

    /// What is known now.
    pub fn search(&self) -> KeepAliveSearch {
        KeepAliveSearch::from_bytes(self.0.load(Ordering::Relaxed).to_le_bytes())
    }

    pub(crate) fn learn(&self, search: KeepAliveSearch) {
        self.0.store(u32::from_le_bytes(search.to_bytes()), Ordering::Relaxed);
    }
}

impl Default for KnownPath {
    fn default() -> Self {
        Self::new(KeepAliveSearch::new())
    }
}
