//! Time, as a runtime has it.

use std::task::{Context, Poll};

use coap_tcp_core::Instant;

/// A clock and one sleep on it: all that a connection wants of a runtime besides its stream. Connections of
/// one [`Layer`](crate::Layer) that share state must be told the time by one clock.
pub trait Timer {
    /// The moment of now.
    fn now(&self) -> Instant;

    /// Ready once `at` has come; until then the waker of `cx` is woken at that moment. Only the last call
    /// counts: the moment may be another one each time.
    fn poll_until(&mut self, cx: &mut Context<'_>, at: Instant) -> Poll<()>;
}
