//! Blocks received, of either kind, and put together in memory of the caller's.

use super::sequence::{Collected, Fault, Sequence};
use super::serve::Brief;
use super::terms::Terms;
use crate::buf::Buf;
use crate::wire::{Block, Code, Message, OptionNumber};

/// Gathers the blocks of one body in `B`, in their order.
#[derive(Clone, Debug)]
pub struct Collector<B> {
    body: B,
    limit: usize,
    sequence: Sequence,
}

impl<B: Buf> Collector<B> {
    /// Bodies up to `limit` bytes, and no longer than `body` can hold. What `body` holds is dropped.
    pub fn new(mut body: B, limit: usize) -> Self {
        body.truncate(0);
        let limit = limit.min(body.room());
        Self { body, limit, sequence: Sequence::new() }
    }

    /// What has come so far.
    pub fn body(&self) -> &[u8] {
        self.body.as_slice()
    }

    /// The memory with the body in it.
    pub fn into_body(self) -> B {
        self.body
    }

    /// [`Sequence::handle_request`] with the limit: 4.13 over it. The collector is of no use after an error.
    pub fn handle_request(
        &mut self,
        request: &Message<'_>,
        terms: &Terms,
    ) -> Result<Collected<Brief>, Brief> {
        let step = self.sequence.handle_request(request, terms)?;
        let block = match step {
            Collected::More(brief) => brief.block,
            Collected::Whole(block) => Some(block),
        };
        // A hint is enough to spare the peer the rest (B-2.5-3).
        let announced = request.uint(OptionNumber::SIZE1).filter(|_| matches!(step, Collected::More(_)));
        let length = announced.map_or(0, u64::from).max(self.sequence.position());
        if length > self.limit as u64 {
            return Err(Brief {
                code: Code::REQUEST_ENTITY_TOO_LARGE,
                block: block.map(|block| Block { more: false, ..block }),
                size1: u32::try_from(self.limit).ok(),
            });
        }
        match self.append(request.payload) {
            true => Ok(step),
            false => Err(Brief::BUSY),
        }
    }

    /// [`Sequence::handle_response`] with the limit.
    pub fn handle_response(
        &mut self,
        response: &Message<'_>,
        terms: &Terms,
    ) -> Result<Collected<Block>, Fault> {
        let too_large = Fault::TooLarge { limit: self.limit };
        let step = self.sequence.handle_response(response, terms).map_err(|fault| match fault {
            Fault::TooLarge { .. } => too_large,
            fault => fault,
        })?;
        if self.sequence.position() > self.limit as u64 {
            return Err(too_large);
        }
        match self.append(response.payload) {
            true => Ok(step),
            false => Err(Fault::OutOfMemory),
        }
    }

    /// What was there before a body began anew goes.
    fn append(&mut self, payload: &[u8]) -> bool {
        let before = self.sequence.position() - payload.len() as u64;
        self.body.truncate(usize::try_from(before).unwrap_or(usize::MAX));
        self.body.append(payload).is_ok()
    }
}
