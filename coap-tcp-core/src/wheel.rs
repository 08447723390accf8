//! Many deadlines in constant time each: for servers, which have one per connection.

use alloc::vec::Vec;

use crate::time::Instant;

/// Ticks are milliseconds; each level has 64 slots and is 64 times as coarse as the one below.
const LEVELS: usize = 6;
const SLOT_BITS: usize = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// What is due, and what lies behind the last level, 2.2 years ahead.
const DUE: usize = LEVELS * SLOTS;
const FAR: usize = DUE + 1;
const LISTS: usize = FAR + 1;

/// No key.
const NONE: u32 = u32::MAX;
/// No deadline. Instants end long before.
const UNSET: u64 = u64::MAX;

/// A deadline for each of many things, which are known by small numbers: the places of a slab, for example.
/// Takes 16 bytes for each number up to the largest in use.
///
/// A hierarchical timer wheel without a clock: whoever drives it asks [`Wheel::next_deadline`] how long to
/// sleep, and then [`Wheel::advance`] for what is due. Nothing fires before its time, or a millisecond after.
///
/// ```
/// use coap_tcp_core::{Instant, Wheel};
///
/// let mut wheel = Wheel::new();
/// wheel.set(7, Instant::from_millis(1500));
/// assert_eq!(wheel.advance(Instant::from_millis(1499)), None);
/// assert_eq!(wheel.advance(Instant::from_millis(1500)), Some(7));
/// assert_eq!(wheel.next_deadline(), None);
/// ```
#[derive(Clone, Debug)]
pub struct Wheel {
    timers: Vec<Timer>,
    /// Where each list begins.
    first: [u32; LISTS],
    /// Which slots of each level have something in them.
    occupied: [u64; LEVELS],
    /// Where time stands. What is due by then is in the list of that name; where else a timer is filed
    /// follows from the highest digit in which it differs from this.
    now: u64,
}

/// A place in one of the lists.
#[derive(Clone, Copy, Debug)]
struct Timer {
    at: u64,
    next: u32,
    previous: u32,
}

impl Timer {
    const UNSET: Self = Self { at: UNSET, next: NONE, previous: NONE };
}

impl Wheel {
    /// Without deadlines.
    pub const fn new() -> Self {
        Self { timers: Vec::new(), first: [NONE; LISTS], occupied: [0; LEVELS], now: 0 }
    }

    /// Gives `key` a deadline, in place of the one it had.
    pub fn set(&mut self, key: u32, at: Instant) {
        let at = at.as_micros().div_ceil(1000);
        let place = key as usize;
        if self.timers.get(place).is_some_and(|timer| timer.at == at) {
            return;
        }
        self.remove(key);
        if self.timers.len() <= place {
            self.timers.resize(place + 1, Timer::UNSET);
        }
        self.file(key, at);
    }

    /// Takes the deadline of `key` away; `false` when it had none.
    pub fn remove(&mut self, key: u32) -> bool {
        let Some(timer) = self.timer(key).filter(|timer| timer.at != UNSET) else {
            return false;
        };
        let Timer { at, next, previous } = core::mem::replace(timer, Timer::UNSET);
        if let Some(next) = self.timer(next) {
            next.previous = previous;
        }
        match self.timer(previous) {
            Some(previous) => previous.next = next,
            None => self.begin(self.list(at), next),
        }
        true
    }

    /// When to call [`Wheel::advance`]: not after the first deadline. It may be before, since what is far
    /// ahead is filed coarsely: then ask again. Eight such steps reach any deadline of the next 2.2 years.
    pub fn next_deadline(&self) -> Option<Instant> {
        let due = self.first(DUE).map(|_| self.now);
        due.or_else(|| self.next_list().map(|(tick, _)| tick)).map(Instant::from_millis)
    }

    /// One key whose deadline has come, which it then has no longer. Call until `None`: then the next
    /// deadline is later than `now`. Earlier deadlines come first, to the millisecond.
    pub fn advance(&mut self, now: Instant) -> Option<u32> {
        let now = now.as_micros() / 1000;
        loop {
            if let Some(key) = self.first(DUE) {
                self.remove(key);
                return Some(key);
            }
            match self.next_list().filter(|&(tick, _)| tick <= now) {
                Some((tick, list)) => self.arrive(tick, list),
                None => {
                    self.now = self.now.max(now);
                    return None;
                }
            }
        }
    }

    /// The slot that time reaches next, and when. What lies on a lower level is earlier; on its own level, it
    /// is ahead of where time stands.
    fn next_list(&self) -> Option<(u64, usize)> {
        let lowest = self.occupied.iter().enumerate().find(|&(_, &slots)| slots != 0);
        if let Some((level, &slots)) = lowest {
            let (slot, shift) = (slots.trailing_zeros() as usize, level * SLOT_BITS);
            let round = self.now >> (shift + SLOT_BITS);
            return Some(((round << SLOT_BITS | slot as u64) << shift, level * SLOTS + slot));
        }
        let top = LEVELS * SLOT_BITS;
        self.first(FAR).map(|_| (((self.now >> top) + 1) << top, FAR))
    }

    /// Time reaches a slot: what is in it is filed again, on lower levels.
    fn arrive(&mut self, tick: u64, list: usize) {
        let mut key = self.first(list).unwrap_or(NONE);
        self.begin(list, NONE);
        self.now = tick;
        while let Some(&mut Timer { at, next, .. }) = self.timer(key) {
            self.file(key, at);
            key = next;
        }
    }

    fn file(&mut self, key: u32, at: u64) {
        let list = self.list(at);
        let next = self.first(list).unwrap_or(NONE);
        if let Some(next) = self.timer(next) {
            next.previous = key;
        }
        if let Some(timer) = self.timer(key) {
            *timer = Timer { at, next, previous: NONE };
        }
        self.begin(list, key);
    }

    fn list(&self, at: u64) -> usize {
        if at <= self.now {
            return DUE;
        }
        let level = (at ^ self.now).ilog2() as usize / SLOT_BITS;
        match level {
            0..LEVELS => level * SLOTS + (at >> (level * SLOT_BITS)) as usize % SLOTS,
            _ => FAR,
        }
    }

    fn begin(&mut self, list: usize, key: u32) {
        if let Some(first) = self.first.get_mut(list) {
            *first = key;
        }
        if let Some(slots) = self.occupied.get_mut(list / SLOTS) {
            let slot = 1 << (list % SLOTS);
            *slots = if key == NONE { *slots & !slot } else { *slots | slot };
        }
    }

    fn first(&self, list: usize) -> Option<u32> {
        self.first.get(list).copied().filter(|&key| key != NONE)
    }

    fn timer(&mut self, key: u32) -> Option<&mut Timer> {
        self.timers.get_mut(key as usize)
    }
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
