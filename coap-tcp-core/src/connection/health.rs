//! Signs of life and the lack of them. Plain deadlines: a device has a handful.

use core::time::Duration;

use crate::config::{Config, KeepAlive};
use crate::time::Instant;
use crate::wire::Token;

/// Which deadline comes next; for traces.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Why {
    /// The peer's CSM is missing.
    Csm,
    /// A request of ours is unanswered.
    Request,
    /// A keep-alive is due.
    KeepAlive,
    /// A Pong is missing.
    Pong,
    /// A Pong with Custody is missing.
    CustodyPong,
    /// A Pong with Custody has been held long enough.
    CustodyHold,
    /// A frame was begun and not ended.
    Frame,
    /// The peer does not read.
    Write,
    /// The peer has not closed after our Release.
    Release,
    /// Answers still owed are not ready.
    Drain,
    /// The last bytes have had their time.
    Linger,
    /// Nothing has happened for long.
    Idle,
}

/// A Pong that waits for answers owed.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldPong {
    pub(super) token: Token,
    pub(super) until: Instant,
}

#[derive(Debug)]
pub(super) struct Health {
    /// When the last byte came.
    pub(super) received: Instant,
    /// When the last byte left.
    pub(super) sent: Instant,
    /// Bytes wait in `tx`, and since when none has left.
    pub(super) stalled: Option<Instant>,
    /// Something was appended since `tx` was last seen empty.
    pub(super) unsent: bool,
    /// Something of that is a request or notification of ours, not an answer.
    pub(super) unasked: bool,
    /// A Ping of ours without Custody, unanswered.
    pub(super) ping: Option<Instant>,
    /// A Ping of ours with Custody, unanswered.
    pub(super) custody_ping: Option<Instant>,
    pub(super) held_pong: Option<HeldPong>,
}

impl Health {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            received: now,
            sent: now,
            stalled: None,
            unsent: false,
            unasked: false,
            ping: None,
            custody_ping: None,
            held_pong: None,
        }
    }

    /// Bytes have left, or have not: `left` remain.
    pub(super) fn sent(&mut self, now: Instant, n: usize, left: usize) {
        if n > 0 {
            self.sent = now;
        }
        self.unsent = left > 0;
        self.unasked &= left > 0;
        self.stalled = match (left, self.stalled) {
            (0, _) => None,
            (_, Some(since)) if n == 0 => Some(since),
            _ => Some(now),
        };
    }

    /// When a keep-alive is due. While bytes wait none is: their own deadline judges the peer (T-5.4-4).
    pub(super) fn keep_alive_due(&self, config: &Config) -> Option<Instant> {
        match config.keep_alive {
            _ if self.unsent => None,
            KeepAlive::Off => None,
            KeepAlive::Empty(period) => Some(self.sent + period),
            KeepAlive::Ping(_) if self.ping.is_some() => None,
            KeepAlive::Ping(period) => Some(self.received + period),
        }
    }

    /// When the connection counts as idle.
    pub(super) fn idle_due(&self, after: Duration) -> Instant {
        self.received.max(self.sent) + after
    }
}
