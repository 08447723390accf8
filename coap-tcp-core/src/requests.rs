//! Exchanges under way: one table for ours that await an answer, theirs that are owed one, theirs that are
//! observed, and for Custody in either direction.
//!
//! The token of a request of ours names its slot and a generation, so a match needs neither map nor hash, a
//! late answer is recognised, and no token comes round (E-4.2-1).

use crate::time::Instant;
use crate::wire::Token;

/// A token carries the slot in its lowest 12 bits.
pub(crate) const MAX_SLOTS: usize = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 12;

/// Names one use of one slot.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    slot: u16,
    generation: u32,
}

impl Key {
    pub(crate) fn token(self, salt: Option<u64>) -> Token {
        let number = u64::from(self.generation) << SLOT_BITS | u64::from(self.slot);
        match salt {
            None => Token::from_number(number),
            Some(salt) => Token::new(&(number ^ salt).to_be_bytes()).unwrap_or_default(),
        }
    }

    /// The key behind a token; `None` for one that we never make.
    pub(crate) fn from_token(token: &[u8], salt: Option<u64>) -> Option<Self> {
        let number = match salt {
            None => Token::to_number(token)?,
            Some(salt) => u64::from_be_bytes(token.try_into().ok()?) ^ salt,
        };
        let slot = (number & (MAX_SLOTS as u64 - 1)) as u16;
        Some(Self { slot, generation: u32::try_from(number >> SLOT_BITS).ok()? })
    }
}

/// A request of ours under way; names it in [`Event`](crate::Event)s and commands. Never names another one.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId(pub(crate) Key);

/// A request of the peer's that will be answered later.
///
/// Whoever drops it without an answer owes the peer a 5.00 (row 70): the core cannot see it go.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(PartialEq, Eq, Hash, Debug)]
#[must_use = "the peer waits for an answer"]
pub struct Ticket(pub(crate) Key);

/// An observation of the peer's, until it cancels, a notification ends it, or the connection closes.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Observer(pub(crate) Key);

/// How far a request of ours is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Asked {
    /// One answer is awaited.
    Once,
    /// Registered as an observation, if the answer says so.
    Observe,
    /// The answer said so: notifications may come.
    Observing,
    /// Cancelled on the wire: what still comes with Observe is from before (O-7.4-3).
    Cancelling,
}

/// What a slot holds. `CustodyPing` is one of ours under way, `Pong` one of ours that waits for answers owed.
#[derive(Debug)]
pub(crate) enum Held<T> {
    Free,
    Ours { tag: T, deadline: Option<Instant>, asked: Asked },
    Owed { token: Token, no_response: u8, before_ping: bool },
    Observer { token: Token },
    CustodyPing { sent: Instant },
    Pong { token: Token },
}

/// Room for one exchange. Make them with [`Slot::FREE`].
#[derive(Debug)]
pub struct Slot<T> {
    generation: u32,
    held: Held<T>,
}

impl<T> Slot<T> {
    /// Nothing in it.
    pub const FREE: Self = Self { generation: 0, held: Held::Free };

    const fn is_free(&self) -> bool {
        matches!(self.held, Held::Free)
    }
}

/// Where the slots are: an array, lent memory, or a `Vec` that grows as needed (feature `alloc`).
///
/// The tag is whatever the caller wants back with the answer: `()`, a number, a channel.
pub trait Slots {
    /// Kept beside each request of ours.
    type Tag;

    /// All slots there are now.
    fn as_slice(&self) -> &[Slot<Self::Tag>];

    /// The same, to change.
    fn as_mut_slice(&mut self) -> &mut [Slot<Self::Tag>];

    /// Adds a free slot at the end; `false` where that cannot be.
    fn grow(&mut self) -> bool {
        false
    }

    /// All slots are free: memory may be given back.
    fn release(&mut self) {}
}

impl<T, const N: usize> Slots for [Slot<T>; N] {
    type Tag = T;

    fn as_slice(&self) -> &[Slot<T>] {
        self
    }

    fn as_mut_slice(&mut self) -> &mut [Slot<T>] {
        self
    }
}

impl<T> Slots for &mut [Slot<T>] {
    type Tag = T;

    fn as_slice(&self) -> &[Slot<T>] {
        self
    }

    fn as_mut_slice(&mut self) -> &mut [Slot<T>] {
        self
    }
}

#[cfg(any(feature = "alloc", test))]
impl<T> Slots for alloc::vec::Vec<Slot<T>> {
    type Tag = T;

    fn as_slice(&self) -> &[Slot<T>] {
        self
    }

    fn as_mut_slice(&mut self) -> &mut [Slot<T>] {
        self
    }

    fn grow(&mut self) -> bool {
        let grows = self.len() < MAX_SLOTS && self.try_reserve(1).is_ok();
        if grows {
            self.push(Slot::FREE);
        }
        grows
    }

    fn release(&mut self) {
        *self = Self::new();
    }
}

/// The table.
#[derive(Debug)]
pub(crate) struct Requests<S> {
    slots: S,
    generation: u32,
    /// Ours that await an answer; observations under way are not among them (C-5.9-1).
    pub(crate) awaiting: u16,
    /// All of ours, observations included.
    pub(crate) ours: u16,
    /// Theirs to be answered later.
    pub(crate) owed: u16,
    /// Theirs observed.
    pub(crate) observers: u16,
    custody_ping: bool,
    held_pong: bool,
    /// A request of ours has had its time, and no message has come since.
    pub(crate) unanswered: bool,
}

impl<S: Slots> Requests<S> {
    pub(crate) const fn new(slots: S) -> Self {
        Self {
            slots,
            generation: 1,
            awaiting: 0,
            ours: 0,
            owed: 0,
            observers: 0,
            custody_ping: false,
            held_pong: false,
            unanswered: false,
        }
    }

    /// The key that the next use of a free slot would have. Nothing is taken yet.
    pub(crate) fn vacant(&mut self) -> Option<Key> {
        let free = |slots: &S| slots.as_slice().iter().position(Slot::is_free);
        let slot = match free(&self.slots) {
            Some(slot) => slot,
            None if self.slots.grow() => free(&self.slots)?,
            None => return None,
        };
        Some(Key { slot: u16::try_from(slot).ok()?, generation: self.generation })
    }

    /// Takes the slot that [`Requests::vacant`] named.
    pub(crate) fn occupy(&mut self, key: Key, held: Held<S::Tag>) {
        self.count(&held, 1);
        if let Some(slot) = self.slots.as_mut_slice().get_mut(usize::from(key.slot)) {
            *slot = Slot { generation: key.generation, held };
        }
        // 0 would make an empty token out of slot 0, which peers' tokenless errors would match.
        self.generation = self.generation.checked_add(1).unwrap_or(1);
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Held<S::Tag>> {
        let slot = self.slots.as_slice().get(usize::from(key.slot))?;
        (slot.generation == key.generation && !slot.is_free()).then_some(&slot.held)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Held<S::Tag>> {
        let slot = self.slots.as_mut_slice().get_mut(usize::from(key.slot))?;
        (slot.generation == key.generation && !slot.is_free()).then_some(&mut slot.held)
    }

    /// Frees a slot and gives back what it held.
    pub(crate) fn take(&mut self, key: Key) -> Option<Held<S::Tag>> {
        let held = core::mem::replace(self.get_mut(key)?, Held::Free);
        self.count(&held, -1);
        let used = self.ours + self.owed + self.observers;
        if used == 0 && !self.custody_ping && !self.held_pong {
            self.slots.release();
        }
        Some(held)
    }

    /// [`Requests::take`] for a request of ours.
    pub(crate) fn take_tag(&mut self, key: Key) -> Option<S::Tag> {
        match self.get(key)? {
            Held::Ours { .. } => match self.take(key)? {
                Held::Ours { tag, .. } => Some(tag),
                _ => None,
            },
            _ => None,
        }
    }

    /// Moves a request of ours on.
    pub(crate) fn set_asked(&mut self, key: Key, to: Asked, until: Option<Instant>) {
        let Some(Held::Ours { asked, deadline, .. }) = self.get_mut(key) else {
            return;
        };
        let before = core::mem::replace(asked, to);
        *deadline = until;
        self.awaiting =
            self.awaiting + u16::from(to != Asked::Observing) - u16::from(before != Asked::Observing);
    }

    /// The observation that the peer registered with this token.
    pub(crate) fn observer(&self, wanted: &[u8]) -> Option<Key> {
        if self.observers == 0 {
            return None;
        }
        self.keys().find_map(|(key, held)| match held {
            Held::Observer { token } if token.as_slice() == wanted => Some(key),
            _ => None,
        })
    }

    /// The request of ours whose deadline comes first.
    pub(crate) fn next_deadline(&self) -> Option<(Instant, Key)> {
        if self.awaiting == 0 {
            return None;
        }
        let mut first: Option<(Instant, Key)> = None;
        for (key, held) in self.keys() {
            match held {
                Held::Ours { deadline: Some(at), .. } if first.is_none_or(|(first, _)| *at < first) => {
                    first = Some((*at, key));
                }
                _ => {}
            }
        }
        first
    }

    /// Any request of ours at all.
    pub(crate) fn any_of_ours(&self) -> Option<Key> {
        if self.ours == 0 {
            return None;
        }
        self.keys().find_map(|(key, held)| matches!(held, Held::Ours { .. }).then_some(key))
    }

    /// Our Ping with Custody, and since when it is under way.
    pub(crate) fn custody_ping(&self) -> Option<(Instant, Key)> {
        if !self.custody_ping {
            return None;
        }
        self.keys().find_map(|(key, held)| match held {
            Held::CustodyPing { sent } => Some((*sent, key)),
            _ => None,
        })
    }

    /// The Pong that waits.
    pub(crate) fn held_pong(&self) -> Option<(Token, Key)> {
        if !self.held_pong {
            return None;
        }
        self.keys().find_map(|(key, held)| match held {
            Held::Pong { token } => Some((*token, key)),
            _ => None,
        })
    }

    /// Marks what is owed now as older than the Ping that has just come.
    pub(crate) fn mark_before_ping(&mut self) {
        for slot in self.slots.as_mut_slice() {
            if let Held::Owed { before_ping, .. } = &mut slot.held {
                *before_ping = true;
            }
        }
    }

    /// Whether an answer is owed that a held Pong waits for.
    pub(crate) fn owes_before_ping(&self) -> bool {
        self.owed > 0 && self.keys().any(|(_, held)| matches!(held, Held::Owed { before_ping: true, .. }))
    }

    fn keys(&self) -> impl Iterator<Item = (Key, &Held<S::Tag>)> {
        let slots = self.slots.as_slice().iter().zip(0..);
        slots.map(|(slot, n)| (Key { slot: n, generation: slot.generation }, &slot.held))
    }

    fn count(&mut self, held: &Held<S::Tag>, by: i16) {
        let add = |n: &mut u16| *n = n.wrapping_add_signed(by);
        match held {
            Held::Free => {}
            Held::Ours { asked, .. } => {
                add(&mut self.ours);
                if *asked != Asked::Observing {
                    add(&mut self.awaiting);
                }
            }
            Held::Owed { .. } => add(&mut self.owed),
            Held::Observer { .. } => add(&mut self.observers),
            Held::CustodyPing { .. } => self.custody_ping = by > 0,
            Held::Pong { .. } => self.held_pong = by > 0,
        }
    }
}
