//! Block1 sent: a request whose body may be too large for one message.

use core::ops::Range;

use super::merge::{Extra, merge, size_of, write};
use super::sequence::Fault;
use super::stock::Stock;
use super::terms::Terms;
use crate::buf::Buf;
use crate::error::{Full, SendError};
use crate::wire::{Block, BlockSize, Code, Message, OptionNumber, Writer};

/// The body of one request of ours, cut into blocks where it has to be (D-E-5): what to write next, and what
/// an answer means for it. The body itself stays with the caller.
///
/// For each block begin a request, let [`Chunks::write`] fill it, finish it, and give its answer to
/// [`Chunks::handle_response`]. Until then writing again writes the same block again.
#[derive(Clone, Copy, Debug)]
pub struct Chunks {
    /// Bytes that the peer has.
    at: u32,
    /// Bytes of the block under way.
    sent: u32,
    /// All bytes of the body.
    length: u32,
    /// The largest block that the peer wants.
    size: BlockSize,
    stage: Stage,
    tag: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Nothing has been cut: the whole goes in one message if it can.
    Whole,
    /// There is nothing to cut, or the caller does it by hand.
    AsIs,
    /// The peer has asked for blocks.
    Asked,
    /// A block that others follow.
    More,
    /// The last block.
    Last,
}

/// What an answer means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Send the next block, or the same one smaller.
    Send,
    /// This is the answer to the request.
    Over,
}

impl Chunks {
    /// Nothing sent yet.
    pub const fn new() -> Self {
        Self { at: 0, sent: 0, length: 0, size: BlockSize::Bert, stage: Stage::Whole, tag: None }
    }

    /// Puts this number into a Request-Tag on each block, which keeps operations apart that otherwise look
    /// alike. It must not be used again before this one is over (E-3-1).
    #[must_use]
    pub const fn tagged(mut self, tag: u32) -> Self {
        self.tag = Some(tag);
        self
    }

    /// Whether the body goes in blocks.
    pub const fn is_cut(&self) -> bool {
        !matches!(self.stage, Stage::Whole | Stage::AsIs)
    }

    /// Writes the request with its next block: `options` are those of the request as a whole, sorted, and
    /// nothing but the token is in `writer` yet. Options that already speak of Block1 are left as they are.
    ///
    /// [`SendError::TooLarge`]: it does not fit, and the peer has not said that it takes blocks (D-C-6).
    pub fn write<'o, T: Buf + ?Sized>(
        &mut self,
        writer: &mut Writer<'_, T>,
        options: impl Iterator<Item = (OptionNumber, &'o [u8])> + Clone,
        body: &[u8],
        terms: &Terms,
    ) -> Result<(), SendError> {
        let fill = |range, payload: &mut dyn Buf| payload.append(body.get(range).unwrap_or_default());
        self.write_with(writer, options, body.len(), terms, fill)
    }

    /// [`Chunks::write`] for a body that is nowhere as a whole: `fill` appends the bytes it is asked for.
    pub fn write_with<'o, T: Buf + ?Sized>(
        &mut self,
        writer: &mut Writer<'_, T>,
        options: impl Iterator<Item = (OptionNumber, &'o [u8])> + Clone,
        length: usize,
        terms: &Terms,
        fill: impl FnOnce(Range<usize>, &mut dyn Buf) -> Result<(), Full>,
    ) -> Result<(), SendError> {
        let too_large = SendError::TooLarge { limit: terms.max_message_size };
        let length = u32::try_from(length).map_err(|_| too_large)?;
        let (at, stock) = (self.at as usize, Stock::rest(length, self.at));
        let fill = |takes, payload: &mut dyn Buf| fill(at..at + takes, payload);
        self.write_from(writer, options, stock, terms, fill)
    }

    /// [`Chunks::write`] for a body that is made while it is sent. `fill` appends the first so many bytes of
    /// the stock, which stay in it until [`Chunks::position`] has gone past them.
    pub fn write_from<'o, T: Buf + ?Sized>(
        &mut self,
        writer: &mut Writer<'_, T>,
        options: impl Iterator<Item = (OptionNumber, &'o [u8])> + Clone,
        stock: Stock,
        terms: &Terms,
        fill: impl FnOnce(usize, &mut dyn Buf) -> Result<(), Full>,
    ) -> Result<(), SendError> {
        let too_large = SendError::TooLarge { limit: terms.max_message_size };
        let known = u32::try_from(stock.ready).ok().and_then(|ready| self.at.checked_add(ready));
        self.length = known.ok_or(too_large)?.max(stock.total.unwrap_or(0));
        let token = writer.token_len();
        let whole = stock.ended && self.at == 0;
        if whole && stock.ready == 0 || options.clone().any(|(number, _)| number == OptionNumber::BLOCK1) {
            self.stage = Stage::AsIs;
        }
        let fits = || whole && stock.ready <= terms.room(token, size_of(options.clone()));
        if self.stage == Stage::AsIs || self.stage == Stage::Whole && fits() {
            write(writer, options)?;
            writer.payload_with(|payload| fill(stock.ready, payload))?;
            return Ok(());
        }
        match self.stage {
            Stage::Whole if !terms.settled => return Err(SendError::NotReady),
            Stage::Whole if !terms.may_offer => return Err(too_large),
            _ => {}
        }
        // B-2.10-1: If-None-Match is asked once.
        let first = self.at == 0;
        let options = options.filter(move |&(number, _)| first || number != OptionNumber::IF_NONE_MATCH);
        let tag = self.tag.map(|tag| Extra::uint(OptionNumber::REQUEST_TAG, tag));
        // B-4-1: the first block tells how long it will be.
        let total = stock.total.filter(|_| first);
        let size1 = total.map(|total| Extra::uint(OptionNumber::SIZE1, total));
        let extras = |block: u32| [Some(Extra::uint(OptionNumber::BLOCK1, block)), size1, tag];
        let widest = extras(0x00ff_ffff);
        let room = terms.room(token, size_of(merge(options.clone(), &widest)));
        let (most, left) = stock.limits(room);
        let (block, takes) = terms.fit(self.at as usize, left, most, self.size).ok_or(too_large)?;
        write(writer, merge(options, &extras(block.value())))?;
        writer.payload_with(|payload| fill(takes, payload))?;
        self.sent = takes as u32;
        self.stage = if block.more { Stage::More } else { Stage::Last };
        Ok(())
    }

    /// Bytes that the peer has taken.
    pub const fn position(&self) -> u32 {
        self.at
    }

    /// Takes the answer to what was written last.
    pub fn handle_response(&mut self, response: &Message<'_>) -> Result<Next, Fault> {
        let block = response.block(OptionNumber::BLOCK1).map_err(|_| Fault::Malformed)?;
        let smaller = block.map(|block| block.size).filter(|&size| size < self.size);
        match (response.code, self.stage) {
            (_, Stage::AsIs) => Ok(Next::Over),
            (Code::REQUEST_ENTITY_TOO_LARGE, _) => Ok(self.shrink(response, block)),
            (_, Stage::Whole | Stage::Asked | Stage::Last) => Ok(Next::Over),
            (code, _) if !code.is_success() => Ok(Next::Over),
            // B-2.5-1: M=0 here says that this block has been acted upon already; the others still want to be
            // sent. Without any Block1 it is the answer to who knows what.
            (code, Stage::More) if code == Code::CONTINUE || block.is_some() => {
                // At our own offset, whatever number the answer has.
                self.at += self.sent;
                self.size = smaller.unwrap_or(self.size);
                Ok(Next::Send)
            }
            (_, Stage::More) => Err(Fault::Unexpected),
        }
    }

    /// Writes the request that asks for another block of the answer: as before, without Block1, Size1, Observe
    /// and payload (B-2.7-1, B-2.6-1). `options` are those of the request as a whole, sorted, and nothing but
    /// the token is in `writer` yet. A FETCH that was not cut is nothing without its payload: there the caller
    /// adds that again.
    pub fn ask<'o, T: Buf + ?Sized>(
        &self,
        block: Block,
        writer: &mut Writer<'_, T>,
        options: impl Iterator<Item = (OptionNumber, &'o [u8])>,
    ) -> Result<(), SendError> {
        let left_out = |number| {
            let block = matches!(number, OptionNumber::BLOCK1 | OptionNumber::BLOCK2 | OptionNumber::SIZE1);
            block || matches!(number, OptionNumber::OBSERVE | OptionNumber::IF_NONE_MATCH)
        };
        let options = options.filter(|&(number, _)| !left_out(number));
        let tag = self.tag.filter(|_| self.is_cut());
        let extras = [
            Some(Extra::uint(OptionNumber::BLOCK2, Block { more: false, ..block }.value())),
            tag.map(|tag| Extra::uint(OptionNumber::REQUEST_TAG, tag)),
        ];
        Ok(write(writer, merge(options, &extras))?)
    }

    /// B-2.5-3: a 4.13 may want smaller blocks, or blocks at all. Where it names a Size1 below the body there
    /// is nothing to try.
    fn shrink(&mut self, response: &Message<'_>, block: Option<Block>) -> Next {
        let Some(Block { size, .. }) = block else {
            return Next::Over;
        };
        let hopeless = response.uint(OptionNumber::SIZE1).is_some_and(|most| most < self.length);
        let helps = size < self.size || self.stage == Stage::Whole;
        if hopeless || !helps {
            return Next::Over;
        }
        self.size = size;
        self.stage = Stage::Asked;
        Next::Send
    }
}

impl Default for Chunks {
    fn default() -> Self {
        Self::new()
    }
}
