//! What both sides allow.

use crate::config::Config;
use crate::event::Settings;
use crate::wire::{Block, BlockSize, body_room};

/// What limits the blocks between us and the peer, as its CSM and our configuration have it now. Cheap to
/// make: take new ones for each message, since a later CSM may change them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// The peer's limit for a whole message.
    pub(super) max_message_size: u32,
    /// Blocks may be sent unasked (D-C-6).
    pub(super) may_offer: bool,
    /// The peer understands BERT (T-5.3.2-2).
    bert_to_peer: bool,
    /// We said that we do.
    bert_from_peer: bool,
    /// The peer's CSM is here.
    pub(super) settled: bool,
    largest: BlockSize,
    units: u16,
}

impl Terms {
    /// Between a configuration of ours and what the peer has said.
    pub const fn new(ours: &Config, theirs: &Settings) -> Self {
        Self {
            max_message_size: theirs.max_message_size,
            may_offer: theirs.block_wise || ours.tolerance.unannounced_blocks,
            bert_to_peer: theirs.bert(),
            bert_from_peer: ours.block_wise && ours.max_message_size > Settings::BASE.max_message_size,
            settled: true,
            largest: BlockSize::Bert,
            units: 64,
        }
    }

    /// The same before the peer's CSM: what does not fit has to wait for it (T-3.3-4).
    pub(crate) const fn unsettled(mut self) -> Self {
        self.settled = false;
        self
    }

    /// The largest block that we send or ask for. BERT, as far as the peer understands it.
    #[must_use]
    pub const fn largest(mut self, size: BlockSize) -> Self {
        self.largest = size;
        self
    }

    /// Units of 1024 bytes in one BERT message at most, so that other messages get their turn in between
    /// (D-E-6). 64.
    #[must_use]
    pub const fn bert_units(mut self, units: u16) -> Self {
        self.units = units;
        self
    }

    /// Whether the peer takes a whole message of so many bytes (T-5.3.1-3).
    pub const fn takes(&self, size: usize) -> bool {
        size <= self.max_message_size as usize
    }

    /// Bytes of a body that one message to the peer carries at most: what to have at hand, and one more, before
    /// sending a part of a body whose end is not known.
    pub fn chunk(&self) -> usize {
        match self.at_most(BlockSize::Bert) {
            BlockSize::Bert => (usize::from(self.units) * 1024).min(self.max_message_size as usize),
            size => size.unit() as usize,
        }
    }

    /// The largest size that we may send or ask for, where `size` is wanted (B-6-5).
    pub fn offer(&self, size: BlockSize) -> BlockSize {
        match self.at_most(size) {
            BlockSize::Bert if !self.bert_from_peer => BlockSize::B1024,
            size => size,
        }
    }

    /// Whether the peer's CSM is here, or will not come any more.
    pub const fn is_settled(&self) -> bool {
        self.settled
    }

    /// Whether blocks may be asked for, or sent unasked (D-C-6).
    pub const fn may_offer(&self) -> bool {
        self.settled && self.may_offer
    }

    /// Whether the peer may use this size towards us: SZX 7 is reserved for those who have agreed on BERT
    /// (B-2.2-2).
    pub(super) const fn accepts(&self, size: BlockSize) -> bool {
        self.bert_from_peer || !matches!(size, BlockSize::Bert)
    }

    /// The largest size that we may send where the peer has asked for `size` (B-6-5).
    pub(super) fn at_most(&self, size: BlockSize) -> BlockSize {
        match size.min(self.largest) {
            BlockSize::Bert if !self.bert_to_peer => BlockSize::B1024,
            size => size,
        }
    }

    /// Bytes for a payload, marker not counted, in a message with so many bytes of token and options.
    pub(super) fn room(&self, token: usize, options: usize) -> usize {
        body_room(self.max_message_size as usize, token).saturating_sub(options + 1)
    }

    /// The block that begins at `offset`, and its bytes: as large as `largest`, the room of a message and the
    /// terms allow (B-6-5). `None` where not even 16 bytes go, or the number would be over 2^20 − 1.
    pub(super) fn fit(
        &self,
        offset: usize,
        left: usize,
        room: usize,
        largest: BlockSize,
    ) -> Option<(Block, usize)> {
        let mut size = self.at_most(largest);
        loop {
            let most = match size {
                BlockSize::Bert => room.min(usize::from(self.units) * 1024),
                size => room.min(size.unit() as usize),
            };
            let unit = size.unit() as usize;
            let whole = most / unit * unit;
            // The last block may be of any length, the others are full (B-2.3-2, B-6-2).
            let takes = if left <= most { Some(left) } else { Some(whole).filter(|&whole| whole > 0) };
            let fits = offset % unit == 0 && (size != BlockSize::Bert || whole > 0);
            if let (true, Some(takes)) = (fits, takes) {
                let number = u32::try_from(offset / unit).ok().filter(|&n| n <= Block::MAX_NUMBER)?;
                return Some((Block { number, more: takes < left, size }, takes));
            }
            size = size.smaller()?;
        }
    }
}
