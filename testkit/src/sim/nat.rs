//! A NAT that forgets a connection which is silent for too long.

use std::time::Duration;

use coap_tcp_core::Instant;

/// What a NAT knows of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Nat {
    forgets_after: Duration,
    last: Instant,
    forgotten: bool,
}

impl Nat {
    /// It has just seen the connection.
    pub const fn new(now: Instant, forgets_after: Duration) -> Self {
        Self { forgets_after, last: now, forgotten: false }
    }

    /// Bytes come by, of either side: whether they pass. What has been forgotten never does again.
    pub fn passes(&mut self, now: Instant) -> bool {
        self.forgotten |= now.duration_since(self.last) > self.forgets_after;
        if !self.forgotten {
            self.last = now;
        }
        !self.forgotten
    }

    /// Since when it knows nothing of it, as has been noticed.
    pub fn forgotten(&self) -> Option<Instant> {
        self.forgotten.then(|| self.last + self.forgets_after)
    }
}
