//! A body that is made while it is sent.

/// So much of a body as is at hand, from the first byte that the peer does not have yet.
///
/// Until the end is known there has to be more of it than [`Terms::chunk`](super::Terms::chunk), so that a block is
/// full, and is not said to be followed by another where nothing follows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stock {
    /// Bytes at hand.
    pub ready: usize,
    /// They are the last ones.
    pub ended: bool,
    /// All bytes of the body, if that is known: a hint for the peer (B-4-1).
    pub total: Option<u32>,
}

impl Stock {
    /// The rest of a body of `length` bytes, of which the peer has `at`.
    pub(super) const fn rest(length: u32, at: u32) -> Self {
        Self { ready: length.saturating_sub(at) as usize, ended: true, total: Some(length) }
    }

    /// Bytes that may go at most, and bytes that there are still to go, for all that is known.
    pub(super) fn limits(&self, room: usize) -> (usize, usize) {
        match self.ended {
            true => (room, self.ready),
            false => (room.min(self.ready), usize::MAX),
        }
    }
}
