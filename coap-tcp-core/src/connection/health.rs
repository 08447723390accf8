//! Signs of life and the lack of them. Plain deadlines: a device has a handful.

use core::time::Duration;

use crate::config::Config;
use crate::keep_alive::{KeepAlive, KeepAliveSearch, Rung};
use crate::time::Instant;

/// Which deadline comes next; for traces.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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

/// The first of some deadlines; of several at once the one that was added first.
pub(crate) struct Soonest(Option<(Instant, Why)>);

impl From<Option<(Instant, Why)>> for Soonest {
    fn from(first: Option<(Instant, Why)>) -> Self {
        Self(first)
    }
}

impl Soonest {
    pub(crate) const NONE: Self = Self(None);

    // A function of its own, since every deadline there is passes through it.
    #[inline(never)]
    pub(crate) fn add(&mut self, at: Option<Instant>, why: Why) {
        if let Some(at) = at {
            if self.0.is_none_or(|(first, _)| at < first) {
                self.0 = Some((at, why));
            }
        }
    }

    pub(crate) const fn get(self) -> Option<(Instant, Why)> {
        self.0
    }
}

pub(super) fn after(since: Option<Instant>, patience: Duration) -> Option<Instant> {
    since.map(|since| since + patience)
}

#[derive(Debug)]
pub(super) struct Health {
    /// When the last byte came.
    pub(super) received: Instant,
    /// When the last byte left; while bytes wait, since when none has.
    pub(super) sent: Instant,
    /// Bytes wait in `tx` after a flush.
    pub(super) waiting: bool,
    /// Something was appended since `tx` was last seen empty.
    pub(super) unsent: bool,
    /// Something of that is a request or notification of ours, not an answer.
    pub(super) unasked: bool,
    /// A Ping of ours without Custody, unanswered.
    pub(super) ping: Option<Instant>,
    /// How long a Pong with Custody is held back at most, while one is.
    pub(super) hold_until: Option<Instant>,
    /// The longest silence that a word of ours has ended since the last message came.
    pub(super) silence: Rung,
    pub(super) search: KeepAliveSearch,
}

impl Health {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            received: now,
            sent: now,
            waiting: false,
            unsent: false,
            unasked: false,
            ping: None,
            hold_until: None,
            silence: Rung::NONE,
            search: KeepAliveSearch::new(),
        }
    }

    /// Bytes have left, or have not: `left` remain.
    pub(super) fn sent(&mut self, now: Instant, n: usize, left: usize) {
        let waiting = left > 0;
        if n > 0 {
            let since = self.received.max(self.sent).as_micros();
            self.silence = self.silence.max(Rung::of(now.as_micros().saturating_sub(since)));
        }
        if n > 0 || (waiting && !self.waiting) {
            self.sent = now;
        }
        self.waiting = waiting;
        self.unsent = waiting;
        self.unasked &= waiting;
    }

    /// When a keep-alive is due. While bytes wait none is: their own deadline judges the peer (T-5.4-4).
    pub(super) fn keep_alive_due(&self, config: &Config) -> Option<Instant> {
        let since = match config.keep_alive {
            _ if self.unsent => return None,
            KeepAlive::Off => return None,
            KeepAlive::Empty(_) => self.sent,
            KeepAlive::Ping(_) | KeepAlive::Adaptive(_) if self.ping.is_some() => return None,
            KeepAlive::Ping(_) | KeepAlive::Adaptive(_) => self.received,
        };
        Some(config.keep_alive.due(self.search, since, config.jitter))
    }

    /// A Pong has come: what it ends was no silence too long (K-4.3-3).
    pub(super) fn learn_from_pong(&mut self, config: &Config) {
        if let KeepAlive::Adaptive(bounds) = &config.keep_alive {
            bounds.learn_success(&mut self.search, self.silence);
        }
    }

    /// The connection has ended with a word of ours unanswered.
    pub(super) fn learn_from_death(&mut self, config: &Config) {
        if let KeepAlive::Adaptive(bounds) = &config.keep_alive {
            bounds.learn_failure(&mut self.search, self.silence);
        }
    }

    /// When the connection counts as idle.
    pub(super) fn idle_due(&self, after: Duration) -> Instant {
        self.received.max(self.sent) + after
    }
}
