//! Deadlines of many things, each with one.

use alloc::collections::BTreeSet;

use coap_tcp_core::Instant;

/// What is due when. The owner of a deadline keeps it, too, and says it again to change it.
#[derive(Debug)]
pub(super) struct Timers<D>(BTreeSet<(Instant, D)>);

impl<D: Ord + Copy> Timers<D> {
    pub(super) const fn new() -> Self {
        Self(BTreeSet::new())
    }

    /// Moves a deadline from `old` to `new`.
    pub(super) fn set(&mut self, due: D, old: &mut Option<Instant>, new: Option<Instant>) {
        if let Some(old) = *old {
            self.0.remove(&(old, due));
        }
        if let Some(new) = new {
            self.0.insert((new, due));
        }
        *old = new;
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    /// The first that is due by now, which is then no longer a deadline.
    pub(super) fn pop(&mut self, now: Instant) -> Option<D> {
        self.next().filter(|at| *at <= now)?;
        self.0.pop_first().map(|(_, due)| due)
    }
}
